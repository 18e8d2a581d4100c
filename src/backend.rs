//! The one contract that the CPU and the GPU keep.
//!
//! Everything is async and nothing needs `Send`, because a browser can't block; the CPU's futures are ready at once.
//! Training, evaluating and reading the parameters are on their way when the call returns, in the order of the calls; what
//! comes out is waited for when the [`Pending`] answer is awaited. So a GPU need not wait for its host in between.
//! On one device the same calls give the same bits, run after run, for any number of threads and any cut into chunks.

use std::ops::RangeInclusive;
use std::pin::Pin;

#[cfg(feature = "cli")]
pub use crate::answers::Peak;
pub use crate::answers::{Evaluation, Intermediates, KernelTime, Kernels, Profile, Resident, Untimed};
use crate::data::Dataset;
use crate::gpu::plan::Class;
use crate::net::{Activation, Gradients, Net, Output, Params, Shape, Tensor};
use crate::{cpu, gpu};

/// A device that networks can be made on.
#[derive(Clone, Debug)]
pub enum Device {
    /// The CPU, with this many threads.
    Cpu {
        /// Threads to compute with, at most: no more than there is work for. 0 for one a core.
        threads: usize,
    },
    /// An opened GPU.
    Gpu(gpu::device::Device),
}

/// How gradients are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// By the chain rule, back through the network.
    #[default]
    Backprop,
    /// By the central difference (L(w + h) - L(w - h)) / 2h of every parameter w, computed as a change: see
    /// `docs/numerical-gradient.md`. L is the book's loss, with its 1e-7. For sigmoid and softmax alone.
    Numerical {
        /// h; the book's is 1e-4.
        step_size: f64,
    },
}

impl Method {
    /// Whether the gradient of a network with these functions can be computed so.
    ///
    /// # Errors
    /// [`Error::NoDifference`] or [`Error::StepSize`].
    pub fn check(self, activation: Activation, output: Output) -> Result<(), Error> {
        let Self::Numerical { step_size } = self else { return Ok(()) };
        if (activation, output) != (Activation::Sigmoid, Output::Softmax) {
            return Err(Error::NoDifference { activation, output });
        }
        if !STEP_SIZES.contains(&step_size) {
            return Err(Error::StepSize { step_size });
        }
        Ok(())
    }
}

/// Steps that a numerical gradient can be taken with: below, f32 would lose digits of the smallest changes; above, it is
/// nobody's derivative any more.
pub const STEP_SIZES: RangeInclusive<f64> = 1e-8..=1.0;

/// Up to which |v| a numerical gradient's e^v - 1 is computed by a short series: the first term that is left out is 3e-8 of
/// the first one at most, which is less than f32 rounds.
pub(crate) mod series {
    /// By v + v²/2.
    pub const SHORTEST_UP_TO: f64 = 4e-4;
    /// By four terms.
    pub const SHORT_UP_TO: f64 = 0.04;
}

/// What a backend can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The shape or the batch size is beyond what any backend takes.
    #[error(transparent)]
    Shape(#[from] crate::net::ShapeError),
    /// The parameters, or a gradient, are not of the network's shape.
    #[error("parameters of shape {found} for a network of shape {expected}; give those of one network")]
    Params {
        /// The shape of what was given.
        found: Shape,
        /// The network's.
        expected: Shape,
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
    /// The image numbers are no whole batches of the set.
    #[error("{count} image numbers up to {largest}; give batches of {batch_size}, of numbers under {images}")]
    Indices {
        /// How many there are.
        count: usize,
        /// The largest.
        largest: u32,
        /// Images in a batch.
        batch_size: usize,
        /// Images in the set.
        images: usize,
    },
    /// A numerical gradient of a network that has none.
    #[error(
        "no numerical gradient for {activation} with {output}: it is computed for sigmoid with softmax, the book's network\
         {}; use backprop, or naive",
        if *activation == Activation::Relu { " (at relu's kink a central difference is no derivative)" } else { "" }
    )]
    NoDifference {
        /// The network's activation.
        activation: Activation,
        /// The network's output.
        output: Output,
    },
    /// A step that is too small or too large.
    #[error("a step size of {step_size} is out of range; choose {} to {}", STEP_SIZES.start(), STEP_SIZES.end())]
    StepSize {
        /// The step given.
        step_size: f64,
    },
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
    /// The CPU backend failed.
    #[error(transparent)]
    Cpu(#[from] cpu::Error),
    /// The GPU backend failed.
    #[error(transparent)]
    Gpu(#[from] gpu::Error),
}

impl Error {
    /// Whether something needs a larger buffer than the device has.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Gpu(gpu::Error::TooLarge { .. }))
    }
}

/// A network of one shape on a device, for batches of one size.
pub struct Backend {
    net: Net,
    batch_size: usize,
    /// Images in each resident set.
    images: Vec<usize>,
    network: Network,
}

/// An answer on its way. It borrows nothing, so that more can be asked for before it is awaited; dropped, what was asked
/// for is done all the same.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

fn ready<T: 'static>(answer: Result<T, Error>) -> Pending<T> {
    Box::pin(std::future::ready(answer))
}

fn pending<T: 'static>(answer: impl Future<Output = Result<T, gpu::Error>> + 'static) -> Pending<T> {
    Box::pin(async { Ok(answer.await?) })
}

enum Network {
    Cpu(Box<cpu::Network>),
    Gpu(Box<gpu::network::Network>),
}

/// Calls the same method on whichever network it is.
macro_rules! on {
    ($backend:expr, $network:ident => $cpu:expr, $gpu:expr) => {
        match &mut $backend.network {
            Network::Cpu($network) => Ok($cpu),
            Network::Gpu($network) => Ok($gpu?),
        }
    };
}

#[allow(clippy::unused_async, reason = "the contract is async throughout, so that a browser can keep it")]
impl Backend {
    /// Makes a network of `net`'s shape for batches of `batch_size`; on a GPU this compiles its kernels.
    ///
    /// # Errors
    /// A shape beyond the limits, before anything runs; or what the device reports.
    pub async fn new(device: &Device, net: Net, batch_size: usize, params: &Params) -> Result<Self, Error> {
        net.shape.check(batch_size)?;
        check_params(net.shape, params)?;
        let network = match device {
            Device::Cpu { threads } => Network::Cpu(Box::new(cpu::Network::new(net, batch_size, params, *threads)?)),
            Device::Gpu(device) => {
                Network::Gpu(Box::new(gpu::network::Network::new(device.clone(), net, batch_size, params)?))
            }
        };
        Ok(Self { net, batch_size, images: Vec::new(), network })
    }

    /// What it computes.
    #[must_use]
    pub fn net(&self) -> Net {
        self.net
    }

    /// Images in a batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Computes gradients by this method from now on; at first it is backpropagation.
    ///
    /// # Errors
    /// [`Error::NoDifference`] or [`Error::StepSize`], or what the device reports.
    pub async fn set_method(&mut self, method: Method) -> Result<(), Error> {
        method.check(self.net.activation, self.net.output)?;
        on!(self, network => network.set_method(method), network.set_method(method))
    }

    /// Makes a data set resident.
    ///
    /// # Errors
    /// A set whose pixels or labels are not the network's, or that does not fit the device; or what the device reports.
    pub async fn upload(&mut self, set: &Dataset) -> Result<Resident, Error> {
        self.check_set(set)?;
        let resident: Result<Resident, Error> = on!(self, network => network.upload(set)?, network.upload(set));
        // The network numbers its sets in this order, and a set that did not fit has no number.
        let resident = resident?;
        self.images.push(set.len());
        Ok(resident)
    }

    /// Puts other images in the place of a resident set's: of a set that is larger than the device's memory, the next ones.
    ///
    /// # Errors
    /// As [`Backend::upload`]; then the set is as it was.
    pub async fn replace(&mut self, resident: Resident, set: &Dataset) -> Result<(), Error> {
        self.images_in(resident)?;
        self.check_set(set)?;
        let replaced: Result<(), Error> =
            on!(self, network => network.replace(resident, set)?, network.replace(resident, set));
        replaced?;
        self.images[resident.0] = set.len();
        Ok(())
    }

    /// Trains on one batch after another by SGD; `indices` are their image numbers, `[steps, batch_size]`. Returns each
    /// batch's mean loss before its update, by log-softmax (without the reference's 1e-7) or half the squared error.
    ///
    /// # Errors
    /// Image numbers that are no whole batches of the set, or what the device reports.
    pub fn train(&mut self, set: Resident, indices: &[u32], learning_rate: f32) -> Pending<Vec<f32>> {
        if let Err(error) = self.check_indices(set, indices, indices.len().is_multiple_of(self.batch_size)) {
            return ready(Err(error));
        }
        match &mut self.network {
            Network::Cpu(network) => ready(network.train(set, indices, learning_rate).map_err(Error::Cpu)),
            Network::Gpu(network) => pending(network.train(set, indices, learning_rate)),
        }
    }

    /// The mean loss of one batch and its gradient.
    ///
    /// # Errors
    /// Image numbers that are no batch of the set, or what the device reports.
    pub async fn gradient(&mut self, set: Resident, batch: &[u32]) -> Result<(f32, Gradients), Error> {
        self.check_indices(set, batch, batch.len() == self.batch_size)?;
        on!(self, network => network.gradient(set, batch)?, network.gradient(set, batch).await)
    }

    /// One SGD update by a gradient that is given.
    ///
    /// # Errors
    /// A gradient of another shape, or what the device reports.
    pub async fn apply(&mut self, gradient: &Gradients, learning_rate: f32) -> Result<(), Error> {
        check_params(self.net.shape, gradient)?;
        on!(self, network => network.apply(gradient, learning_rate)?, network.apply(gradient, learning_rate))
    }

    /// The parameters as they are now.
    ///
    /// # Errors
    /// What the device reports.
    pub fn params(&mut self) -> Pending<Params> {
        match &self.network {
            Network::Cpu(network) => ready(Ok(network.params())),
            Network::Gpu(network) => pending(network.params()),
        }
    }

    /// Sets every parameter.
    ///
    /// # Errors
    /// Parameters of another shape, or what the device reports.
    pub async fn set_params(&mut self, params: &Params) -> Result<(), Error> {
        check_params(self.net.shape, params)?;
        on!(self, network => network.set_params(params)?, network.set_params(params))
    }

    /// Loss, accuracy and confusion matrix over a whole set.
    ///
    /// # Errors
    /// A set that is not resident, or what the device reports.
    pub fn evaluate(&mut self, set: Resident) -> Pending<Evaluation> {
        if let Err(error) = self.images_in(set) {
            return ready(Err(error));
        }
        match &mut self.network {
            Network::Cpu(network) => ready(Ok(network.evaluate(set))),
            Network::Gpu(network) => pending(network.evaluate(set)),
        }
    }

    /// How many answers are worth asking for before the first is awaited: on a GPU one runs while the next is recorded. On
    /// the CPU, and on a GPU that is a program there, nothing is gained.
    #[must_use]
    pub fn ahead(&self) -> usize {
        match &self.network {
            Network::Cpu(_) => 1,
            Network::Gpu(network) if network.class() == Class::Software => 1,
            Network::Gpu(_) => 2,
        }
    }

    /// Which kernels run a step, in their order; none on the CPU.
    #[must_use]
    pub fn kernels(&self) -> Option<Kernels> {
        match &self.network {
            Network::Cpu(_) => None,
            Network::Gpu(network) => Some(network.step_kernels()),
        }
    }

    /// How long each kernel of a step takes, by the GPU's own clock: the median of some steps that train on this batch and
    /// leave the parameters as they were.
    ///
    /// # Errors
    /// Image numbers that are no batch of the set, or what the device reports.
    pub async fn profile(&mut self, set: Resident, batch: &[u32]) -> Result<Profile, Error> {
        self.check_indices(set, batch, batch.len() == self.batch_size)?;
        match &mut self.network {
            Network::Cpu(_) => Ok(Untimed::Cpu.into()),
            Network::Gpu(network) => Ok(network.profile(set, batch).await?),
        }
    }

    /// The output y `[N, classes]` for images given as bytes, `[N, input]`.
    ///
    /// # Errors
    /// Bytes that are no whole images, or what the device reports.
    pub async fn predict(&mut self, images: &[u8]) -> Result<Vec<f32>, Error> {
        let (bytes, pixels) = (images.len(), self.net.shape.input);
        if !bytes.is_multiple_of(pixels) {
            return Err(Error::PartImage { bytes, pixels });
        }
        if images.is_empty() {
            return Ok(Vec::new());
        }
        on!(self, network => network.predict(images)?, network.predict(images).await)
    }

    /// Every intermediate value of one batch's pass, so that a test finds a wrong kernel by its stage.
    ///
    /// # Errors
    /// Image numbers that are no batch of the set, or what the device reports.
    pub async fn intermediates(&mut self, set: Resident, batch: &[u32]) -> Result<Intermediates, Error> {
        self.check_indices(set, batch, batch.len() == self.batch_size)?;
        on!(self, network => network.intermediates(set, batch), network.intermediates(set, batch).await)
    }

    fn check_set(&self, set: &Dataset) -> Result<(), Error> {
        let shape = self.net.shape;
        let largest_label = set.labels().iter().copied().max().unwrap_or(0);
        if set.pixels() != shape.input || usize::from(largest_label) >= shape.classes {
            return Err(Error::Set { pixels: set.pixels(), largest_label, shape });
        }
        Ok(())
    }

    fn images_in(&self, set: Resident) -> Result<usize, Error> {
        self.images.get(set.0).copied().ok_or(Error::NotResident)
    }

    fn check_indices(&self, set: Resident, indices: &[u32], whole_batches: bool) -> Result<(), Error> {
        let (batch_size, images) = (self.batch_size, self.images_in(set)?);
        let largest = indices.iter().copied().max().unwrap_or(0);
        if largest as usize >= images || !whole_batches {
            return Err(Error::Indices { count: indices.len(), largest, batch_size, images });
        }
        Ok(())
    }
}

fn check_params(expected: Shape, params: &Params) -> Result<(), Error> {
    let found = params.shape;
    let is_whole = |tensor: &Tensor| tensor.values.len() == tensor.dims.iter().product::<usize>();
    if found != expected || !params.tensors().iter().all(is_whole) {
        return Err(Error::Params { found, expected });
    }
    Ok(())
}
