//! A short test of a device before it trains or evaluates a network.
//!
//! Some drivers return zeros or wrong values without an error. The test runs every kernel of a step or of an evaluation on a
//! few random images, and compares the results with the f64 reference. For the book's network it takes a few ms, apart from
//! compiling. It finds large errors. `twolayer bench` and the tests compare every stage to the last digits.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::backend::{Backend, Error, Evaluation, Resident};
use crate::data::Dataset;
use crate::net::optimizer::Optimizer;
use crate::net::state::State;
use crate::net::{Net, Params, Tensor};
use crate::reference::{TwoLayerNet, Updates};

/// The largest relative error. The rounding error of f32 is far below it (1e-5), and so is the truncation error of a numerical
/// gradient with the largest step.
const TOLERANCE: f64 = 0.2;

/// The largest number of images. The reference computes them on one thread.
const IMAGES: usize = 4;

/// The learning rate of the step. The update must not be lost in rounding.
const LEARNING_RATE: f32 = 1.0;

/// Tests an evaluation and one step of training. Returns the backend's state, which is the same as before. All kernels are
/// warm afterwards: some drivers compile a kernel in its first run.
///
/// # Errors
/// [`Error::SelfTest`], or the device's error.
pub async fn training(backend: &mut Backend) -> Result<State, Error> {
    let batch_size = backend.batch_size();
    let test = Test::new(backend.net(), batch_size);
    let before = backend.state().await?;
    let set = test.begin(backend).await?;
    let evaluation = backend.evaluate(set).await?;
    let indices = test.indices(batch_size);
    let optimizer = backend.optimizer();
    // Plain SGD stores no gradient.
    let stored = if optimizer.is_plain() { None } else { Some(backend.gradient(set, &indices).await?.1) };
    let losses = backend.train(set, &indices, LEARNING_RATE).await?;
    let after = backend.params().await?;
    backend.set_state(&before).await?;
    test.check_evaluation(&evaluation)?;
    test.check_loss(losses[0])?;
    match stored {
        None => test.check_gradient(&test.change(&after))?,
        Some(gradient) => {
            test.check_gradient(&gradient)?;
            test.check_update(optimizer, &gradient, &after)?;
        }
    }
    Ok(before)
}

/// Tests an evaluation. The backend's state is the same afterwards.
///
/// # Errors
/// [`Error::SelfTest`], or the device's error.
pub async fn evaluation(backend: &mut Backend) -> Result<(), Error> {
    let test = Test::new(backend.net(), backend.batch_size());
    let before = backend.state().await?;
    let set = test.begin(backend).await?;
    let evaluation = backend.evaluate(set).await?;
    backend.set_state(&before).await?;
    test.check_evaluation(&evaluation)
}

/// The input of the test, and the reference.
struct Test {
    params: Params,
    set: Dataset,
    reference: TwoLayerNet,
    x: Array2<f64>,
    t: Vec<usize>,
}

impl Test {
    /// The number of images divides the batch size, so that a batch holds each image equally often.
    fn new(net: Net, batch_size: usize) -> Self {
        let images = (1..=IMAGES).rev().find(|images| batch_size.is_multiple_of(*images)).unwrap_or(1);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut params = Params::zeros(net.shape);
        // The weights are small enough that no unit saturates. The biases are not 0, so that a missing one shows.
        let size = |inputs: usize| 2.0 / (inputs as f32).sqrt();
        let (first, second) = (size(net.shape.input), size(net.shape.hidden));
        let Params { w1, b1, w2, b2, .. } = &mut params;
        for (values, size) in [(w1, first), (b1, 0.5), (w2, second), (b2, 0.5)] {
            for value in values {
                *value = size * (2.0 * rng.random::<f32>() - 1.0);
            }
        }
        let pixels = (0..images * net.shape.input).map(|_| rng.random::<u8>()).collect();
        let labels = (0..images).map(|image| ((image + 1) % net.shape.classes) as u8).collect();
        let set = Dataset::new(pixels, labels, 1, net.shape.input).expect("whole images, each with a label");
        let (x, t) = set.batch(&(0..images as u32).collect::<Vec<_>>());
        let reference = TwoLayerNet::new(net, &params);
        Self { params, set, reference, x, t }
    }

    /// Uploads the images and the parameters.
    async fn begin(&self, backend: &mut Backend) -> Result<Resident, Error> {
        let set = backend.upload(&self.set).await?;
        backend.set_params(&self.params).await?;
        Ok(set)
    }

    fn indices(&self, batch_size: usize) -> Vec<u32> {
        (0..self.set.len() as u32).cycle().take(batch_size).collect()
    }

    fn check_loss(&self, loss: f32) -> Result<(), Error> {
        check("the loss", [f64::from(loss)], [self.reference.loss(&self.x, &self.t)])
    }

    /// What a step has subtracted from each parameter, for each unit of the learning rate.
    fn change(&self, after: &Params) -> Params {
        let mut change = self.params.clone();
        let Params { w1, b1, w2, b2, .. } = &mut change;
        for (values, after) in [w1, b1, w2, b2].into_iter().zip(after.tensors()) {
            values.iter_mut().zip(after.values).for_each(|(value, after)| *value = (*value - after) / LEARNING_RATE);
        }
        change
    }

    fn check_gradient(&self, found: &Params) -> Result<(), Error> {
        let names = ["the gradient of W1", "the gradient of b1", "the gradient of W2", "the gradient of b2"];
        check_tensors(names, found, &self.reference.gradient(&self.x, &self.t).rounded(self.params.shape))
    }

    /// Checks one update by this gradient. An optimiser may divide it by its size, so that another gradient, however near, would
    /// give another update.
    fn check_update(&self, optimizer: Optimizer, gradient: &Params, after: &Params) -> Result<(), Error> {
        let names = ["the update of W1", "the update of b1", "the update of W2", "the update of b2"];
        let mut expected = self.reference.params.clone();
        let gradient = TwoLayerNet::new(self.reference.net, gradient).params;
        Updates::new(optimizer, &expected).step(&mut expected, &gradient, LEARNING_RATE.into());
        check_tensors(names, &self.change(after), &self.change(&expected.rounded(self.params.shape)))
    }

    fn check_evaluation(&self, found: &Evaluation) -> Result<(), Error> {
        let Self { reference, x, t, .. } = self;
        check("the loss of an evaluation", [found.loss], [reference.loss(x, t)])?;
        let counts = |confusion: &[u32]| confusion.iter().copied().map(f64::from).collect::<Vec<_>>();
        check("the confusion matrix", counts(&found.confusion), counts(&reference.confusion(x, t)))
    }
}

/// Compares tensor by tensor.
fn check_tensors(names: [&'static str; 4], found: &Params, expected: &Params) -> Result<(), Error> {
    for ((what, found), expected) in names.into_iter().zip(found.tensors()).zip(expected.tensors()) {
        let values = |tensor: &Tensor| tensor.values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        check(what, values(&found), values(&expected))?;
    }
    Ok(())
}

/// Compares by norm.
fn check(
    what: &'static str,
    found: impl IntoIterator<Item = f64>,
    expected: impl IntoIterator<Item = f64>,
) -> Result<(), Error> {
    let (mut difference, mut norm) = (0.0, 0.0);
    for (found, expected) in found.into_iter().zip(expected) {
        difference += (found - expected) * (found - expected);
        norm += expected * expected;
    }
    // If all expected values are 0, the absolute error counts.
    let error = if norm > 0.0 { (difference / norm).sqrt() } else { difference.sqrt() };
    if error <= TOLERANCE { Ok(()) } else { Err(Error::SelfTest { what, error }) }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::devices::Device;
    use crate::net::method::Method;
    use crate::net::optimizer::Rule;
    use crate::net::{Activation, Output, Shape};

    const SHAPE: Shape = Shape { input: 129, hidden: 65, classes: 7 };

    fn nets(shape: Shape) -> impl Iterator<Item = Net> {
        let both =
            move |activation| [Output::Softmax, Output::Identity].map(move |output| Net { shape, activation, output });
        Activation::ALL.into_iter().flat_map(both)
    }

    #[test]
    fn the_cpu_passes_and_keeps_its_parameters() {
        for (shape, batch_size) in [
            (Shape { input: 1, hidden: 1, classes: 2 }, 1),
            (SHAPE, 7),
            (SHAPE, 100),
            (Shape { input: 784, hidden: 1000, classes: 255 }, 33),
        ] {
            for net in nets(shape) {
                let params = Params::init(shape, 0.01, 3);
                let device = Device::Cpu { threads: 2 };
                let mut backend = block_on(Backend::new(&device, net, batch_size, &params)).unwrap();
                block_on(training(&mut backend)).unwrap();
                block_on(evaluation(&mut backend)).unwrap();
                assert_eq!(block_on(backend.params()).unwrap(), params);
            }
        }
    }

    #[test]
    fn a_wrong_update_is_refused() {
        let net = Net { shape: SHAPE, activation: Activation::Sigmoid, output: Output::Softmax };
        let test = Test::new(net, 100);
        let gradient = test.reference.gradient(&test.x, &test.t);
        for rule in Rule::ALL {
            let optimizer = Optimizer { weight_decay: 0.1, ..rule.into() };
            let after = |optimizer| {
                let mut after = test.reference.params.clone();
                Updates::new(optimizer, &after).step(&mut after, &gradient, LEARNING_RATE.into());
                after.rounded(SHAPE)
            };
            let check = |after| test.check_update(optimizer, &gradient.rounded(SHAPE), &after);
            check(after(optimizer)).unwrap();
            let error = check(after(Optimizer { weight_decay: 1.0, ..optimizer })).unwrap_err().to_string();
            assert!(error.contains("the update of "), "{rule}: {error}");
        }
    }

    #[test]
    fn every_optimizer_passes_and_keeps_its_state() {
        let net = Net { shape: SHAPE, activation: Activation::Relu, output: Output::Softmax };
        let params = Params::init(SHAPE, 0.1, 3);
        let mut backend = block_on(Backend::new(&Device::Cpu { threads: 2 }, net, 7, &params)).unwrap();
        for rule in Rule::ALL {
            block_on(backend.set_optimizer(Optimizer { weight_decay: 0.1, ..rule.into() })).unwrap();
            let slots = (1..).map(|seed| Params::init(SHAPE, 0.1, seed)).take(backend.optimizer().slots()).collect();
            let state = State { params: params.clone(), slots, steps: 5 };
            block_on(backend.set_state(&state)).unwrap();
            block_on(training(&mut backend)).unwrap();
            assert_eq!(block_on(backend.state()).unwrap(), state, "{rule}");
        }
    }

    #[test]
    fn numerical_gradients_of_any_step_pass() {
        let net = nets(Shape { input: 784, hidden: 50, classes: 10 }).next().unwrap();
        let params = Params::zeros(net.shape);
        for step_size in [1e-8, 1e-4, 0.5, 1.0] {
            let mut backend = block_on(Backend::new(&Device::Cpu { threads: 1 }, net, 100, &params)).unwrap();
            block_on(backend.set_method(Method::Numerical { step_size })).unwrap();
            block_on(training(&mut backend)).unwrap();
        }
    }

    /// Corrupts the results of a step of each network, and asserts that every error has this text.
    fn assert_refused(text: &str, corrupt: fn(&mut f32, &mut Params, &Params)) {
        for net in nets(SHAPE) {
            let test = Test::new(net, 100);
            let mut trained = test.reference.clone();
            let mut loss = trained.train_step(&test.x, &test.t, f64::from(LEARNING_RATE)) as f32;
            let mut after = trained.params.rounded(SHAPE);
            let check = |loss, after: &Params| test.check_loss(loss).and(test.check_gradient(&test.change(after)));
            check(loss, &after).unwrap();
            corrupt(&mut loss, &mut after, &test.params);
            let error = check(loss, &after).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn zeros_and_wrong_values_are_refused() {
        let wrong_loss = "the loss of a small test differs from the f64 reference by 100 %";
        assert_refused(wrong_loss, |loss, _, _| *loss = 0.0);
        assert_refused("by no finite number", |loss, _, _| *loss = f32::NAN);
        // Nothing is written, zeros are written, a part is not written, the order is wrong, a value is infinite.
        assert_refused("the gradient of W1", |_, after, before| after.w1.clone_from(&before.w1));
        assert_refused("the gradient of b1", |_, after, _| after.b1.fill(0.0));
        assert_refused("the gradient of W2", |_, after, before| after.w2[..200].copy_from_slice(&before.w2[..200]));
        assert_refused("the gradient of W1", |_, after, _| after.w1.reverse());
        assert_refused("the gradient of b2", |_, after, _| after.b2[0] = f32::INFINITY);
    }

    #[test]
    fn a_wrong_evaluation_is_refused() {
        for net in nets(SHAPE) {
            let test = Test::new(net, 100);
            let confusion = test.reference.confusion(&test.x, &test.t);
            let loss = test.reference.loss(&test.x, &test.t);
            let right = Evaluation { images: IMAGES, loss, classes: SHAPE.classes, confusion };
            test.check_evaluation(&right).unwrap();
            assert!(test.check_evaluation(&Evaluation { loss: 0.0, ..right.clone() }).is_err());
            assert!(test.check_evaluation(&Evaluation { loss: f64::NAN, ..right.clone() }).is_err());
            let zeros = vec![0; SHAPE.classes * SHAPE.classes];
            assert!(test.check_evaluation(&Evaluation { confusion: zeros, ..right }).is_err());
        }
    }
}
