//! Whether a device computes at all what it should, found out before it is trusted with a network.
//!
//! Some drivers answer zeros or nonsense and no error. A few made-up images go through every kernel of a step or of an
//! evaluation, and what comes out is compared with the f64 reference: for the book's network that takes a few ms beside
//! compiling. It finds what would ruin a result; `twolayer bench` and the tests compare every stage to the last digits.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::backend::{Backend, Error, Evaluation, Resident};
use crate::data::Dataset;
use crate::net::state::State;
use crate::net::{Net, Params};
use crate::reference::TwoLayerNet;

/// The relative error that is no rounding any more: far above what f32 has (1e-5), and above what a numerical gradient by
/// the largest step differs from backpropagation here.
const TOLERANCE: f64 = 0.2;

/// Most images: they are computed in f64 on one thread.
const IMAGES: usize = 4;

/// The learning rate of the one step: its update must not be lost in the rounding of the parameters.
const LEARNING_RATE: f32 = 1.0;

/// An evaluation of the made-up images, and one step of training on them. Returns the state, which is the same as before;
/// all kernels are warm then: some drivers compile one only when it first runs.
///
/// # Errors
/// [`Error::SelfTest`], or what the device reports.
pub async fn training(backend: &mut Backend) -> Result<State, Error> {
    let batch_size = backend.batch_size();
    let test = Test::new(backend.net(), batch_size);
    let before = backend.state().await?;
    let set = test.begin(backend).await?;
    let evaluation = backend.evaluate(set).await?;
    let losses = backend.train(set, &test.indices(batch_size), LEARNING_RATE).await?;
    let after = backend.params().await?;
    backend.set_state(&before).await?;
    test.judge_evaluation(&evaluation)?;
    test.judge_step(losses[0], &after)?;
    Ok(before)
}

/// An evaluation alone. The state is the same afterwards.
///
/// # Errors
/// [`Error::SelfTest`], or what the device reports.
pub async fn evaluation(backend: &mut Backend) -> Result<(), Error> {
    let test = Test::new(backend.net(), backend.batch_size());
    let before = backend.state().await?;
    let set = test.begin(backend).await?;
    let evaluation = backend.evaluate(set).await?;
    backend.set_state(&before).await?;
    test.judge_evaluation(&evaluation)
}

/// What a device is given, and what the reference says of it.
struct Test {
    params: Params,
    set: Dataset,
    reference: TwoLayerNet,
    x: Array2<f64>,
    t: Vec<usize>,
}

impl Test {
    /// As many images as fill a batch without a rest: each then counts alike.
    fn new(net: Net, batch_size: usize) -> Self {
        let images = (1..=IMAGES).rev().find(|images| batch_size.is_multiple_of(*images)).unwrap_or(1);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut params = Params::zeros(net.shape);
        // Of a size that keeps units away from saturation; with biases, so that a missing one is seen.
        let by_inputs = |inputs: usize| 2.0 / (inputs as f32).sqrt();
        let (first, second) = (by_inputs(net.shape.input), by_inputs(net.shape.hidden));
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

    /// Gives a device the images and the parameters.
    async fn begin(&self, backend: &mut Backend) -> Result<Resident, Error> {
        let set = backend.upload(&self.set).await?;
        backend.set_params(&self.params).await?;
        Ok(set)
    }

    fn indices(&self, batch_size: usize) -> Vec<u32> {
        (0..self.set.len() as u32).cycle().take(batch_size).collect()
    }

    /// Judges the loss of the batch, and the parameters after one step.
    fn judge_step(&self, loss: f32, after: &Params) -> Result<(), Error> {
        let Self { params, reference, x, t, .. } = self;
        judge("the loss", [f64::from(loss)], [reference.loss(x, t)])?;
        let expected = reference.gradient(x, t).rounded(params.shape);
        let names = ["the gradient of W1", "the gradient of b1", "the gradient of W2", "the gradient of b2"];
        let before = params.tensors();
        for (((what, before), after), expected) in
            names.into_iter().zip(before).zip(after.tensors()).zip(expected.tensors())
        {
            let found = before.values.iter().zip(after.values);
            let found = found.map(|(before, after)| f64::from(before - after) / f64::from(LEARNING_RATE));
            judge(what, found, expected.values.iter().map(|slope| f64::from(*slope)))?;
        }
        Ok(())
    }

    fn judge_evaluation(&self, found: &Evaluation) -> Result<(), Error> {
        let Self { reference, x, t, .. } = self;
        judge("the loss of an evaluation", [found.loss], [reference.loss(x, t)])?;
        let counts = |confusion: &[u32]| confusion.iter().copied().map(f64::from).collect::<Vec<_>>();
        judge("the confusion matrix", counts(&found.confusion), counts(&reference.confusion(x, t)))
    }
}

/// Compares by norm.
fn judge(
    what: &'static str,
    found: impl IntoIterator<Item = f64>,
    expected: impl IntoIterator<Item = f64>,
) -> Result<(), Error> {
    let (mut difference, mut norm) = (0.0, 0.0);
    for (found, expected) in found.into_iter().zip(expected) {
        difference += (found - expected) * (found - expected);
        norm += expected * expected;
    }
    // Where all is 0 rounding must be small by itself.
    let error = if norm > 0.0 { (difference / norm).sqrt() } else { difference.sqrt() };
    if error <= TOLERANCE { Ok(()) } else { Err(Error::SelfTest { what, error }) }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::devices::Device;
    use crate::net::method::Method;
    use crate::net::{Activation, Output, Shape};

    const SHAPE: Shape = Shape { input: 129, hidden: 65, classes: 7 };

    fn nets(shape: Shape) -> impl Iterator<Item = Net> {
        let both =
            move |activation| [Output::Softmax, Output::Identity].map(move |output| Net { shape, activation, output });
        Activation::ALL.into_iter().flat_map(both)
    }

    #[test]
    fn the_cpu_is_right_and_its_parameters_stay() {
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
    fn numerical_gradients_of_any_step_pass() {
        let net = nets(Shape { input: 784, hidden: 50, classes: 10 }).next().unwrap();
        let params = Params::zeros(net.shape);
        for step_size in [1e-8, 1e-4, 0.5, 1.0] {
            let mut backend = block_on(Backend::new(&Device::Cpu { threads: 1 }, net, 100, &params)).unwrap();
            block_on(backend.set_method(Method::Numerical { step_size })).unwrap();
            block_on(training(&mut backend)).unwrap();
        }
    }

    /// What is said of a step after which a device answers this.
    fn judged(spoil: impl Fn(&mut f32, &mut Params, &Params)) -> Vec<String> {
        let said = nets(SHAPE).map(|net| {
            let test = Test::new(net, 100);
            let mut moved = test.reference.clone();
            let mut loss = moved.train_step(&test.x, &test.t, f64::from(LEARNING_RATE)) as f32;
            let mut after = moved.params.rounded(SHAPE);
            spoil(&mut loss, &mut after, &test.params);
            test.judge_step(loss, &after).map_or_else(|error| error.to_string(), |()| "right".to_owned())
        });
        said.collect()
    }

    #[test]
    fn zeros_and_nonsense_are_found_out() {
        assert!(judged(|_, _, _| ()).iter().all(|said| said == "right"));
        for said in judged(|loss, _, _| *loss = 0.0) {
            assert!(said.contains("the loss of a small test differs from the f64 reference by 100 %"), "{said}");
        }
        for said in judged(|loss, _, _| *loss = f32::NAN) {
            assert!(said.contains("by no finite number"), "{said}");
        }
        // Nothing was written; zeros were; half of them; rows and columns mixed up.
        for said in judged(|_, after, before| after.w1.clone_from(&before.w1)) {
            assert!(said.contains("the gradient of W1"), "{said}");
        }
        for said in judged(|_, after, _| after.b1.fill(0.0)) {
            assert!(said.contains("the gradient of b1"), "{said}");
        }
        for said in judged(|_, after, before| after.w2[..200].copy_from_slice(&before.w2[..200])) {
            assert!(said.contains("the gradient of W2"), "{said}");
        }
        for said in judged(|_, after, _| after.w1.reverse()) {
            assert!(said.contains("the gradient of W1"), "{said}");
        }
        for said in judged(|_, after, _| after.b2[0] = f32::INFINITY) {
            assert!(said.contains("the gradient of b2"), "{said}");
        }
    }

    #[test]
    fn an_evaluation_that_counts_nothing_is_found_out() {
        for net in nets(SHAPE) {
            let test = Test::new(net, 100);
            let confusion = test.reference.confusion(&test.x, &test.t);
            let loss = test.reference.loss(&test.x, &test.t);
            let right = Evaluation { images: IMAGES, loss, classes: SHAPE.classes, confusion };
            test.judge_evaluation(&right).unwrap();
            assert!(test.judge_evaluation(&Evaluation { loss: 0.0, ..right.clone() }).is_err());
            assert!(test.judge_evaluation(&Evaluation { loss: f64::NAN, ..right.clone() }).is_err());
            let nothing = vec![0; SHAPE.classes * SHAPE.classes];
            assert!(test.judge_evaluation(&Evaluation { confusion: nothing, ..right }).is_err());
        }
    }
}
