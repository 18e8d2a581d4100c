//! The one contract that every backend keeps, and its checks.
//!
//! A backend is a [`Device`] that makes a [`Network`]. All other code uses a [`Backend`], a network that checks its inputs. This
//! room names no backend.
//!
//! Everything is async and nothing needs `Send`, because a browser cannot block; the CPU's futures are ready at once.
//! `train`, `evaluate` and `params` return when the work is submitted, in the order of the calls; the [`Pending`] answer is
//! awaited later. So a GPU does not wait for its host between calls.
//! On one device the same calls give the same bits, for any number of threads and any division into chunks.

pub(crate) mod answers;
mod error;

use std::pin::Pin;

#[cfg(feature = "cli")]
pub use answers::Peak;
#[cfg(feature = "cli")]
use answers::Timed;
pub use answers::{Evaluation, Intermediates, KernelTime, Kernels, Profile, Resident, Untimed};
pub use error::Error;

use crate::data::Source;
use crate::net::method::Method;
use crate::net::optimizer::{Optimizer, Update};
use crate::net::state::State;
use crate::net::{Gradients, Net, Params, Shape, Tensor};

/// A future answer of a backend, which borrows the backend.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

/// A future answer of a backend that borrows nothing, so that more work can be submitted before it is awaited. The work is done
/// even if the answer is dropped.
pub type Pending<T> = Answer<'static, T>;

/// An answer that is ready.
pub(crate) fn ready<'a, T: 'a>(answer: Result<T, Error>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

/// A device that makes networks.
pub trait Device {
    /// Makes a network of `net`'s shape for batches of `batch_size`, both within the limits, with parameters of that shape.
    ///
    /// # Errors
    /// An error of the device.
    fn network(&self, net: Net, batch_size: usize, params: &Params) -> Result<Box<dyn Network>, Error>;
}

/// A network of one shape on a device, for batches of one size.
///
/// What it is given has been checked by [`Backend`]: sets, parameters and gradients have the network's shape, indices are below
/// their set's length, and sets are its own.
pub trait Network: Portable {
    /// Computes gradients by this method from now on; at first it is backpropagation.
    ///
    /// # Errors
    /// An error of the device.
    fn set_method(&mut self, method: Method) -> Result<(), Error>;

    /// Updates the parameters by this optimiser from now on, with slots of 0; at first it is the book's SGD.
    ///
    /// # Errors
    /// An error of the device.
    fn set_optimizer(&mut self, optimizer: Optimizer) -> Result<(), Error>;

    /// Makes a data set resident.
    ///
    /// # Errors
    /// A set that does not fit the device, or cannot be read; or an error of the device. Then nothing is resident.
    fn upload(&mut self, set: Source) -> Result<Resident, Error>;

    /// Replaces the images of a resident set. Work submitted before uses the old images.
    ///
    /// # Errors
    /// As [`Network::upload`]; then the set is as it was.
    fn replace(&mut self, resident: Resident, set: Source) -> Result<(), Error>;

    /// Images in a set; none where no such set is resident.
    fn images(&self, set: Resident) -> Option<usize>;

    /// Trains on one batch after another, by an update each; `indices` are their images, `[steps, batch_size]`. Answers each
    /// batch's mean loss before its update.
    fn train(&mut self, set: Resident, indices: &[u32], updates: &[Update]) -> Pending<Vec<f32>>;

    /// The mean loss of one batch and its gradient.
    fn gradient<'a>(&'a mut self, set: Resident, batch: &'a [u32]) -> Answer<'a, (f32, Gradients)>;

    /// One update by a gradient that is given.
    ///
    /// # Errors
    /// An error of the device.
    fn apply(&mut self, gradient: &Gradients, update: &Update) -> Result<(), Error>;

    /// The parameters after all work submitted so far.
    fn params(&self) -> Pending<Params>;

    /// Sets every parameter.
    ///
    /// # Errors
    /// An error of the device.
    fn set_params(&mut self, params: &Params) -> Result<(), Error>;

    /// The optimiser's slots after all work submitted so far.
    fn slots(&self) -> Pending<Vec<Params>>;

    /// Sets the slots, as many as the optimiser has.
    ///
    /// # Errors
    /// An error of the device.
    fn set_slots(&mut self, slots: &[Params]) -> Result<(), Error>;

    /// Loss, accuracy and confusion matrix over a whole set.
    fn evaluate(&mut self, set: Resident) -> Pending<Evaluation>;

    /// The output y `[N, classes]` for images given as bytes, `[N, input]`, at least one.
    fn predict<'a>(&'a mut self, pixels: &'a [u8]) -> Answer<'a, Vec<f32>>;

    /// Every intermediate value of one batch's pass, for tests.
    fn intermediates<'a>(&'a mut self, set: Resident, batch: &'a [u32]) -> Answer<'a, Intermediates>;

    /// See [`Backend::ahead`].
    fn ahead(&self) -> usize;

    /// Which kernels run a step, in their order; none where there are no kernels.
    fn kernels(&self) -> Option<Kernels>;

    /// How long each kernel of a step on this batch takes. The parameters stay as they are.
    fn profile<'a>(&'a mut self, set: Resident, batch: &'a [u32]) -> Answer<'a, Profile>;
}

/// `Send`, but for a browser, where a GPU's handles stay on their thread.
#[cfg(not(target_arch = "wasm32"))]
pub trait Portable: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send> Portable for T {}
/// `Send`, but for a browser, where a GPU's handles stay on their thread.
#[cfg(target_arch = "wasm32")]
pub trait Portable {}
#[cfg(target_arch = "wasm32")]
impl<T> Portable for T {}

/// Measures the most that a device can do.
#[cfg(feature = "cli")]
pub(crate) trait Probe {
    /// How often the least work of either run can be doubled.
    fn most_doublings(&self) -> u32;

    /// Multiply-adds in registers.
    fn multiply_adds(&mut self, doublings: u32) -> Answer<'_, Timed>;

    /// A copy from one buffer to another.
    fn copies(&mut self, doublings: u32) -> Answer<'_, Timed>;
}

/// A network of one shape on a device, for batches of one size, whose inputs are checked.
pub struct Backend {
    net: Net,
    batch_size: usize,
    optimizer: Optimizer,
    /// The updates since the optimiser's slots were 0.
    steps: u64,
    network: Box<dyn Network>,
}

#[allow(clippy::unused_async, reason = "the contract is async throughout, so that a browser can keep it")]
impl Backend {
    /// Makes a network of `net`'s shape for batches of `batch_size`; on a GPU this compiles its kernels.
    ///
    /// # Errors
    /// A shape beyond the limits, before anything runs; or an error of the device.
    pub async fn new(device: &impl Device, net: Net, batch_size: usize, params: &Params) -> Result<Self, Error> {
        net.shape.check(batch_size)?;
        check_params(net.shape, params)?;
        let network = device.network(net, batch_size, params)?;
        Ok(Self { net, batch_size, optimizer: Optimizer::default(), steps: 0, network })
    }

    /// What it computes.
    #[must_use]
    pub fn net(&self) -> Net {
        self.net
    }

    /// Its optimiser.
    #[must_use]
    pub fn optimizer(&self) -> Optimizer {
        self.optimizer
    }

    /// Images in a batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Computes gradients by this method from now on; at first it is backpropagation.
    ///
    /// # Errors
    /// [`Error::Method`], or an error of the device.
    pub async fn set_method(&mut self, method: Method) -> Result<(), Error> {
        method.check(self.net.activation, self.net.output)?;
        self.network.set_method(method)
    }

    /// Updates the parameters by this optimiser from now on, as before its first step; at first it is the book's SGD.
    ///
    /// # Errors
    /// [`Error::Optimizer`], or an error of the device.
    pub async fn set_optimizer(&mut self, optimizer: Optimizer) -> Result<(), Error> {
        optimizer.check()?;
        self.network.set_optimizer(optimizer)?;
        (self.optimizer, self.steps) = (optimizer, 0);
        Ok(())
    }

    /// Makes a data set resident.
    ///
    /// # Errors
    /// A set whose pixels or labels are not the network's, that does not fit the device, or cannot be read; or an error of the
    /// device.
    pub async fn upload<'a>(&mut self, set: impl Into<Source<'a>>) -> Result<Resident, Error> {
        let set = set.into();
        self.check_set(&set)?;
        self.network.upload(set)
    }

    /// Replaces the images of a resident set, for example by the next ones of a set that is larger than memory.
    ///
    /// # Errors
    /// As [`Backend::upload`]; then the set is as it was.
    pub async fn replace<'a>(&mut self, resident: Resident, set: impl Into<Source<'a>>) -> Result<(), Error> {
        let set = set.into();
        self.images_in(resident)?;
        self.check_set(&set)?;
        self.network.replace(resident, set)
    }

    /// Trains on one batch after another by the optimiser; `indices` are their images, `[steps, batch_size]`. Returns each
    /// batch's mean loss before its update, by log-softmax (without the reference's 1e-7) or half the squared error.
    ///
    /// # Errors
    /// Indices that are not whole batches of the set, or an error of the device.
    pub fn train(&mut self, set: Resident, indices: &[u32], learning_rate: f32) -> Pending<Vec<f32>> {
        self.train_by(set, indices, &vec![learning_rate; indices.len() / self.batch_size])
    }

    /// As [`Backend::train`], with a learning rate for each batch.
    ///
    /// # Errors
    /// Those of [`Backend::train`]; and [`Error::Rates`].
    pub fn train_by(&mut self, set: Resident, indices: &[u32], learning_rates: &[f32]) -> Pending<Vec<f32>> {
        if let Err(error) = self.check_indices(set, indices, indices.len().is_multiple_of(self.batch_size)) {
            return ready(Err(error));
        }
        let (found, batches) = (learning_rates.len(), indices.len() / self.batch_size);
        if found != batches {
            return ready(Err(Error::Rates { found, batches }));
        }
        let first = self.steps + 1;
        self.steps += batches as u64;
        let update = |(step, &learning_rate)| self.optimizer.update(learning_rate, step);
        let updates: Vec<_> = (first..).zip(learning_rates).map(update).collect();
        self.network.train(set, indices, &updates)
    }

    /// The mean loss of one batch and its gradient.
    ///
    /// # Errors
    /// Indices that are not a batch of the set, or an error of the device.
    pub async fn gradient(&mut self, set: Resident, batch: &[u32]) -> Result<(f32, Gradients), Error> {
        self.check_indices(set, batch, batch.len() == self.batch_size)?;
        self.network.gradient(set, batch).await
    }

    /// One update of the optimiser by a gradient that is given.
    ///
    /// # Errors
    /// A gradient of another shape, or an error of the device.
    pub async fn apply(&mut self, gradient: &Gradients, learning_rate: f32) -> Result<(), Error> {
        check_params(self.net.shape, gradient)?;
        self.steps += 1;
        self.network.apply(gradient, &self.optimizer.update(learning_rate, self.steps))
    }

    /// The parameters as they are now.
    ///
    /// # Errors
    /// An error of the device.
    pub fn params(&mut self) -> Pending<Params> {
        self.network.params()
    }

    /// Sets every parameter; the optimiser begins anew.
    ///
    /// # Errors
    /// Parameters of another shape, or an error of the device.
    pub async fn set_params(&mut self, params: &Params) -> Result<(), Error> {
        check_params(self.net.shape, params)?;
        let slots = vec![Params::zeros(self.net.shape); self.optimizer.slots()];
        self.set_checked(params, &slots, 0)
    }

    /// The parameters and the optimiser's slots: training continues from them.
    ///
    /// # Errors
    /// An error of the device.
    pub fn state(&mut self) -> Pending<State> {
        let (params, slots, steps) = (self.network.params(), self.network.slots(), self.steps);
        Box::pin(async move { Ok(State { params: params.await?, slots: slots.await?, steps }) })
    }

    /// Continues from a state of [`Backend::state`], of this network or of one with the same shape and optimiser.
    ///
    /// # Errors
    /// A state of another shape or of another optimiser, or an error of the device.
    pub async fn set_state(&mut self, state: &State) -> Result<(), Error> {
        for values in [&state.params].into_iter().chain(&state.slots) {
            check_params(self.net.shape, values)?;
        }
        let (found, expected) = (state.slots.len(), self.optimizer.slots());
        if found != expected {
            return Err(Error::Slots { found, expected });
        }
        self.set_checked(&state.params, &state.slots, state.steps)
    }

    fn set_checked(&mut self, params: &Params, slots: &[Params], steps: u64) -> Result<(), Error> {
        self.network.set_params(params)?;
        self.network.set_slots(slots)?;
        self.steps = steps;
        Ok(())
    }

    /// Loss, accuracy and confusion matrix over a whole set.
    ///
    /// # Errors
    /// A set that is not resident, or an error of the device.
    pub fn evaluate(&mut self, set: Resident) -> Pending<Evaluation> {
        if let Err(error) = self.images_in(set) {
            return ready(Err(error));
        }
        self.network.evaluate(set)
    }

    /// How many answers to keep pending: 2 on a hardware GPU, where the host records the next work while one runs; 1 on the CPU
    /// and on a software GPU.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.network.ahead()
    }

    /// Which kernels run a step, in their order; none on the CPU.
    #[must_use]
    pub fn kernels(&self) -> Option<Kernels> {
        self.network.kernels()
    }

    /// How long each kernel of a step takes, by the GPU's own clock: the median of some steps that train on this batch and
    /// leave the parameters as they were.
    ///
    /// # Errors
    /// Indices that are not a batch of the set, or an error of the device.
    pub async fn profile(&mut self, set: Resident, batch: &[u32]) -> Result<Profile, Error> {
        self.check_indices(set, batch, batch.len() == self.batch_size)?;
        self.network.profile(set, batch).await
    }

    /// The output y `[N, classes]` for images given as bytes, `[N, input]`.
    ///
    /// # Errors
    /// Bytes that are no whole images, or an error of the device.
    pub async fn predict(&mut self, images: &[u8]) -> Result<Vec<f32>, Error> {
        let (bytes, pixels) = (images.len(), self.net.shape.input);
        if !bytes.is_multiple_of(pixels) {
            return Err(Error::PartImage { bytes, pixels });
        }
        if images.is_empty() {
            return Ok(Vec::new());
        }
        self.network.predict(images).await
    }

    /// Every intermediate value of one batch's pass, so that a test finds a wrong kernel by its stage.
    ///
    /// # Errors
    /// Indices that are not a batch of the set, or an error of the device.
    pub async fn intermediates(&mut self, set: Resident, batch: &[u32]) -> Result<Intermediates, Error> {
        self.check_indices(set, batch, batch.len() == self.batch_size)?;
        self.network.intermediates(set, batch).await
    }

    fn check_set(&self, set: &Source) -> Result<(), Error> {
        let shape = self.net.shape;
        let largest_label = set.labels().iter().copied().max().unwrap_or(0);
        if set.pixels() != shape.input || usize::from(largest_label) >= shape.classes {
            return Err(Error::Set { pixels: set.pixels(), largest_label, shape });
        }
        Ok(())
    }

    fn images_in(&self, set: Resident) -> Result<usize, Error> {
        self.network.images(set).ok_or(Error::NotResident)
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

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::data::Dataset;
    use crate::devices::Device;
    use crate::net::{Activation, Output};

    const SHAPE: Shape = Shape { input: 4, hidden: 3, classes: 2 };

    fn backend() -> (Backend, Resident) {
        let net = Net { shape: SHAPE, activation: Activation::Sigmoid, output: Output::Softmax };
        let device = Device::Cpu { threads: 1 };
        let mut backend = block_on(Backend::new(&device, net, 2, &Params::init(SHAPE, 0.5, 1))).unwrap();
        let set = Dataset::new((0..12).map(|pixel| 20 * pixel).collect(), vec![0, 1, 1], 2, 2).unwrap();
        let resident = block_on(backend.upload(&set)).unwrap();
        (backend, resident)
    }

    #[test]
    fn from_a_state_the_same_steps_follow() {
        let ((mut one, set), (mut other, same_set)) = (backend(), backend());
        block_on(one.train(set, &[0, 1, 2, 0], 0.5)).unwrap();
        let state = block_on(one.state()).unwrap();
        assert_eq!(state, State { params: block_on(one.params()).unwrap(), slots: Vec::new(), steps: 2 });
        block_on(other.set_state(&state)).unwrap();
        let steps = |backend: &mut Backend, set| block_on(backend.train(set, &[1, 2, 0, 1], 0.5)).unwrap();
        assert_eq!(steps(&mut one, set), steps(&mut other, same_set));
        assert_eq!(block_on(one.state()).unwrap(), block_on(other.state()).unwrap());
    }

    #[test]
    fn a_state_of_another_network_or_optimiser_is_refused() {
        let (mut backend, _) = backend();
        let state = block_on(backend.state()).unwrap();
        let other = Params::zeros(Shape { hidden: 2, ..SHAPE });
        for (params, slots) in [(other.clone(), Vec::new()), (state.params.clone(), vec![other])] {
            let error = block_on(backend.set_state(&State { params, slots, steps: 0 })).unwrap_err();
            assert!(matches!(error, Error::Params { expected: SHAPE, .. }), "{error}");
        }
        let slots = vec![Params::zeros(SHAPE)];
        let error = block_on(backend.set_state(&State { slots, ..state.clone() })).unwrap_err();
        assert!(error.to_string().starts_with("a state with 1 slots for an optimiser with 0;"), "{error}");
        assert_eq!(block_on(backend.state()).unwrap(), state, "as it was");
    }

    #[test]
    fn a_backend_may_go_to_another_thread() {
        fn is_send<T: Send>(_: &T) {}
        is_send(&backend().0);
    }
}
