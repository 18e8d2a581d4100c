//! The errors of every backend.

use std::sync::Arc;

use crate::data;
use crate::memory::NoMemory;
use crate::net::method::MethodError;
use crate::net::optimizer::OptimizerError;
use crate::net::{Shape, ShapeError};
use crate::threads;

/// An error of a backend.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The shape or the batch size is beyond what any backend takes.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The parameters, or a gradient, are not of the network's shape.
    #[error("parameters of shape {found} for a network of shape {expected}; give those of one network")]
    Params {
        /// The shape of what was given.
        found: Shape,
        /// The network's.
        expected: Shape,
    },
    /// An optimiser with a number that none has.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// A state that another optimiser has left.
    #[error("a state with {found} slots for an optimiser with {expected}; give one that the same optimiser has left")]
    Slots {
        /// The number given.
        found: usize,
        /// The optimiser's number.
        expected: usize,
    },
    /// More or fewer learning rates than batches.
    #[error("{found} learning rates for {batches} batches; give one for each")]
    Rates {
        /// The number of rates.
        found: usize,
        /// The number of batches.
        batches: usize,
    },
    /// A data set does not go with the network.
    #[error(
        "images of {pixels} pixels with labels up to {largest_label} for a network of shape {shape}; give its own data"
    )]
    Set {
        /// Pixels of an image.
        pixels: usize,
        /// The set's largest label.
        largest_label: u8,
        /// The network's shape.
        shape: Shape,
    },
    /// The images of a set can no longer be read.
    #[error(transparent)]
    Images(Arc<data::Error>),
    /// The indices are not whole batches of the set.
    #[error("{count} indices up to {largest}; give batches of {batch_size} indices below {images}")]
    Indices {
        /// How many were given.
        count: usize,
        /// The largest.
        largest: u32,
        /// Images in a batch.
        batch_size: usize,
        /// Images in the set.
        images: usize,
    },
    /// A gradient that is not computed for such a network, or not so.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// A data set of another network.
    #[error("the set is not resident on this network; upload it first")]
    NotResident,
    /// Bytes that are no whole images.
    #[error("{bytes} bytes are no whole images of {pixels} pixels; give whole ones")]
    PartImage {
        /// The bytes given.
        bytes: usize,
        /// Pixels of an image.
        pixels: usize,
    },
    /// The system gave no memory.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// The system gave no threads.
    #[error("cannot start {threads} threads to compute with: {reason}; allow more, or use one (--threads 1)")]
    Threads {
        /// How many threads were to be started.
        threads: usize,
        /// The system's error.
        reason: String,
    },
    /// The adapter gave no device.
    #[error("{adapter} gave no device: {reason}; choose another device")]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// wgpu's message.
        reason: String,
    },
    /// The adapter lacks something that every kernel needs.
    #[error("{adapter} cannot run the kernels: it has {has} {what}, and they need {needs}; choose another device")]
    Unfit {
        /// The adapter's name.
        adapter: String,
        /// What there is too little of.
        what: &'static str,
        /// How much the adapter has.
        has: u64,
        /// How much the kernels need.
        needs: u64,
    },
    /// A buffer would be larger than the adapter allows.
    #[error("{what} would take {bytes} bytes, and {adapter} binds at most {most}; use {instead}, or the CPU")]
    TooLarge {
        /// What the buffer is for.
        what: &'static str,
        /// The bytes it needs.
        bytes: u64,
        /// The adapter's name.
        adapter: String,
        /// The most bytes that the adapter binds.
        most: u64,
        /// What would make it smaller.
        instead: &'static str,
    },
    /// The device's memory is used up.
    #[error("{adapter} is out of memory; use a smaller batch or hidden layer, or the CPU")]
    OutOfMemory {
        /// The adapter's name.
        adapter: String,
    },
    /// The device went away: unplugged, reset by its driver, or crashed.
    #[error("{adapter} was lost: {reason}; start again, or use the CPU")]
    Lost {
        /// The adapter's name.
        adapter: String,
        /// The driver's message.
        reason: String,
    },
    /// A computation whose result is known exactly gave another.
    #[error("{device} computes {what} wrongly: {found}, where {expected} is right; choose another device")]
    Wrong {
        /// The adapter's name, or "the CPU".
        device: String,
        /// What was computed.
        what: &'static str,
        /// The device's result.
        found: f64,
        /// The right result.
        expected: f64,
    },
    /// A device's result is far from the reference: see [`selftest`](crate::selftest).
    #[error(
        "the device computes wrongly: {what} of a small test differs from the f64 reference by {}; choose another --device, \
         or update its driver (`twolayer bench` says which kernel is wrong)",
        percent(*.error)
    )]
    SelfTest {
        /// What was compared.
        what: &'static str,
        /// |found - expected| / |expected|, by norm.
        error: f64,
    },
    /// The driver refused a kernel or a command.
    #[error("{adapter} refused a command, which is a fault of this program or of the driver: {reason}; use the CPU")]
    Refused {
        /// The adapter's name.
        adapter: String,
        /// wgpu's message, on one line.
        reason: String,
    },
}

fn percent(error: f64) -> String {
    if error.is_finite() { format!("{:.0} %", 100.0 * error) } else { "no finite number".to_owned() }
}

impl Error {
    /// Whether something needs a larger buffer than the device has.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }
}

impl From<data::Error> for Error {
    fn from(error: data::Error) -> Self {
        match error {
            data::Error::NoMemory(reason) => reason.into(),
            error => Self::Images(Arc::new(error)),
        }
    }
}

impl From<threads::Error> for Error {
    fn from(threads::Error { threads, reason, .. }: threads::Error) -> Self {
        Self::Threads { threads, reason }
    }
}
