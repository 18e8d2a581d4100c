//! The wgpu backend: any GPU that speaks Vulkan, Metal, Direct3D 12 or OpenGL, through the kernels in `shaders/`.
//!
//! [`adapters`] finds the GPUs, [`device`] opens one, [`plan`] says which kernels run a network on it, `kernels` holds the
//! host's side of each family of shaders, and `network` strings the kernels together into training, evaluation and
//! prediction.

pub mod adapters;
mod data;
pub mod device;
mod kernels;
mod layer;
pub(crate) mod network;
#[cfg(feature = "cli")]
pub(crate) mod peak;
pub mod plan;
mod timing;
mod values;

use crate::NoMemory;

/// What can go wrong on a GPU.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The adapter gave no device.
    #[error("{adapter} gave no device: {reason}; choose another device")]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// What wgpu said.
        reason: String,
    },
    /// The adapter lacks something that every kernel needs.
    #[error("{adapter} can't run the kernels: it has {has} {what}, and they need {needs}; choose another device")]
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
    /// The system gave no memory for what is sent to the device.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
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
        /// What the driver said.
        reason: String,
    },
    /// A kernel whose result is known exactly gave another.
    #[error("{adapter} computes {what} wrongly: {found}, where {expected} is right; choose another device")]
    Wrong {
        /// The adapter's name.
        adapter: String,
        /// What was computed.
        what: &'static str,
        /// What came of it.
        found: f64,
        /// What is right.
        expected: f64,
    },
    /// The driver refused a kernel or a command.
    #[error("{adapter} refused a command, which is a fault of this program or of the driver: {reason}; use the CPU")]
    Refused {
        /// The adapter's name.
        adapter: String,
        /// What wgpu said, on one line.
        reason: String,
    },
}
