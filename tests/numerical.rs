//! A numerical gradient is the naive central difference, not a derivative in disguise: on every device, against f64.
//!
//! Oracles: `TwoLayerNet::numerical_gradient` where two passes a parameter are few enough, else `TwoLayerNet::exact_gradient`.

mod common;

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use common::{Case, Check, Plans, Run, assert_close, relative_error, run_on_every_device, with_every_density};
use pollster::block_on;
use twolayer::backend::{self, Backend, Error};
use twolayer::data::batches::{Batches, Sampling};
use twolayer::data::{Dataset, digits};
use twolayer::devices::Device;
use twolayer::net::Activation::{Relu, Sigmoid, Tanh};
use twolayer::net::Output::{Identity, Softmax};
use twolayer::net::method::{Method, MethodError};
use twolayer::net::{Net, Params, Shape};
use twolayer::reference::TwoLayerNet;

/// (batch, input, hidden, classes): each odd size in each place, small enough for two passes a parameter.
const SMALL: [(usize, usize, usize, usize); 6] =
    [(1, 7, 50, 10), (7, 1, 65, 2), (50, 13, 1, 7), (13, 65, 7, 33), (129, 5, 16, 3), (3, 20, 17, 255)];
/// Sizes at and beyond the kernels' own, compared with the exact gradient.
const LARGE: [(usize, usize, usize, usize); 7] = [
    (100, 784, 50, 10),
    (129, 50, 1000, 10),
    (1000, 7, 129, 7),
    (300, 9, 65, 255),
    (2051, 2, 1, 255),
    (7, 4096, 65, 10),
    (65, 7, 4096, 129),
];
/// From tiny steps to those at which a difference is far from the derivative.
const STEP_SIZES: [f64; 5] = [1e-6, 1e-4, 1e-2, 0.5, 1.0];
/// The book's.
const STEP_SIZE: f64 = 1e-4;
const NUMERICAL: Method = Method::Numerical { step_size: STEP_SIZE };
/// f32 against f64.
const TOLERANCE: f64 = 5e-6;

fn main() -> ExitCode {
    let mut checks: Vec<(String, Check)> = Vec::new();
    for (batch_size, input, hidden, classes) in SMALL {
        let shape = Shape { input, hidden, classes };
        // Plans have but the passes of their own, which `stages` compares at more sizes than these.
        let plans = if input < 20 { Plans::Chosen } else { Plans::Every };
        let check: Check = Arc::new(move |device| naive(device, shape, batch_size, plans));
        checks.push((format!("the naive difference of {shape}, batch {batch_size}"), check));
    }
    for (batch_size, input, hidden, classes) in LARGE {
        let shape = Shape { input, hidden, classes };
        let check: Check = Arc::new(move |device| exact(device, shape, batch_size));
        checks.push((format!("the exact gradient of {shape}, batch {batch_size}"), check));
    }
    let whole: [(&str, Run); 9] = [
        ("a large batch whose labels are few of many classes", crowded),
        ("units that are all but saturated", saturated),
        ("moves that turn the output over", far),
        ("a coarse step gives the difference and not the derivative", coarse),
        ("one step of training by a coarse step", one_step),
        ("the gradient at the start, after 600 and after 10,000 iterations", while_training),
        ("20 steps are those of the reference", steps),
        ("the same bits, however the steps are cut, and backprop's afterwards", same_bits),
        ("what has no numerical gradient is an error", refused),
    ];
    checks.extend(whole.map(|(name, check)| (name.to_owned(), Arc::new(check) as Check)));
    run_on_every_device(&checks)
}

/// Every parameter, at every step size, against two whole passes in f64.
fn naive(device: &Device, shape: Shape, batch_size: usize, plans: Plans) -> Result<(), Error> {
    for mut case in with_every_density(device, || Case::new(shape, batch_size, Sigmoid, Softmax, 300)) {
        let batch = case.indices(1);
        let (x, t) = case.set.batch(&batch);
        let reference = case.reference();
        let expected = STEP_SIZES.map(|step_size| reference.numerical_gradient(&x, &t, step_size));
        for (plan, device) in plans.of(device, shape) {
            let mut backend = case.backend(&device)?;
            let set = block_on(backend.upload(&case.set))?;
            for (step_size, expected) in STEP_SIZES.into_iter().zip(&expected) {
                block_on(backend.set_method(Method::Numerical { step_size }))?;
                let (_, found) = block_on(backend.gradient(set, &batch))?;
                assert_close(&format!("{plan}, h = {step_size}"), &found, expected, TOLERANCE);
                assert_eq!(block_on(backend.params())?, case.params, "{plan}: a gradient changes no parameter");
            }
        }
    }
    Ok(())
}

fn exact(device: &Device, shape: Shape, batch_size: usize) -> Result<(), Error> {
    for mut case in with_every_density(device, || Case::new(shape, batch_size, Sigmoid, Softmax, 300)) {
        let batch = case.indices(1);
        let (x, t) = case.set.batch(&batch);
        let expected = case.reference().exact_gradient(&x, &t);
        let mut backend = case.backend(device)?;
        let set = block_on(backend.upload(&case.set))?;
        block_on(backend.set_method(NUMERICAL))?;
        // Twice, so that what the first run leaves behind would show in the second.
        for _ in 0..2 {
            let (_, found) = block_on(backend.gradient(set, &batch))?;
            assert_close("", &found, &expected, TOLERANCE);
        }
    }
    Ok(())
}

/// The gradient by the book's step beside the exact one.
fn assert_exact(device: &Device, mut case: Case, batch_size: usize) -> Result<(), Error> {
    case.batch_size = batch_size;
    let batch = case.indices(1);
    let (x, t) = case.set.batch(&batch);
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    block_on(backend.set_method(NUMERICAL))?;
    let (_, found) = block_on(backend.gradient(set, &batch))?;
    assert_close("", &found, &case.reference().exact_gradient(&x, &t), TOLERANCE);
    Ok(())
}

/// The largest batch, where one invocation in a few has all the work that a label makes.
fn crowded(device: &Device) -> Result<(), Error> {
    let mut case = Case::new(Shape { input: 2, hidden: 1, classes: 255 }, 1, Sigmoid, Softmax, 300);
    let labels = case.set.labels().iter().map(|label| label % 32).collect();
    case.set = Dataset::new(case.set.images().to_vec(), labels, 1, 2).expect("a set");
    assert_exact(device, case, Shape::MAX_BATCH)
}

/// z is so near to 1 that z (1 - z) would have few digits.
fn saturated(device: &Device) -> Result<(), Error> {
    for bias in [-8.0, 8.0, 12.0] {
        let mut case = Case::new(Shape { input: 30, hidden: 21, classes: 5 }, 1, Sigmoid, Softmax, 200);
        case.params.b1.iter_mut().for_each(|b| *b += bias);
        case.params.w1.iter_mut().for_each(|w| *w *= 0.2);
        assert_exact(device, case, 60)?;
    }
    Ok(())
}

/// Weights so large that a move takes an output from near 0 to near 1, and the reverse.
fn far(device: &Device) -> Result<(), Error> {
    let shape = Shape { input: 6, hidden: 9, classes: 4 };
    for mut case in with_every_density(device, || Case::new(shape, 10, Sigmoid, Softmax, 100)) {
        case.params.w2.iter_mut().for_each(|w| *w *= 90.0);
        let batch = case.indices(1);
        let (x, t) = case.set.batch(&batch);
        let y = case.reference().predict(&x);
        assert!(t.iter().enumerate().any(|(n, &t)| y[[n, t]] < 1e-12), "no output is near 0");
        for step_size in [0.5, 1.0] {
            let mut backend = case.backend(device)?;
            let set = block_on(backend.upload(&case.set))?;
            block_on(backend.set_method(Method::Numerical { step_size }))?;
            let (_, found) = block_on(backend.gradient(set, &batch))?;
            let expected = case.reference().numerical_gradient(&x, &t, step_size);
            // Logits of a hundred and more are rounded in f32 before anything is moved.
            assert_close(&format!("h = {step_size}"), &found, &expected, 1e-4);
        }
    }
    Ok(())
}

/// The book's network on the built-in digits.
struct Book {
    net: Net,
    params: Params,
    set: Dataset,
    batches: Batches,
}

impl Book {
    const BATCH_SIZE: usize = 100;

    fn new() -> Self {
        let (images, labels) = digits::draw(5000, 0);
        let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE).expect("a set");
        let shape = Shape { input: digits::PIXELS, hidden: 50, classes: digits::CLASSES };
        let net = Net { shape, activation: Sigmoid, output: Softmax };
        let batches = Batches::new(0, Sampling::Replacement, Self::BATCH_SIZE, set.len());
        Self { net, params: Params::init(shape, 0.01, 0), set, batches }
    }

    fn backend(&self, device: &Device, params: &Params) -> Result<Backend, Error> {
        block_on(Backend::new(device, self.net, Self::BATCH_SIZE, params))
    }
}

/// A step at which the difference is no derivative.
const COARSE: f64 = 0.5;
/// Every so many parameters of the book's network, the naive differences of its first batch by a coarse step.
static COARSE_DIFFERENCES: LazyLock<Vec<(usize, f64)>> = LazyLock::new(|| {
    let book = Book::new();
    let (x, t) = book.set.batch(&book.batches.clone().indices(0, 1));
    let mut reference = TwoLayerNet::new(book.net, &book.params);
    let Shape { input, hidden, classes } = book.net.shape;
    // Few of the many first weights, all biases, and many of the few others.
    let first = (0..input * hidden).step_by(97).chain(input * hidden..(input + 1) * hidden);
    let second = (input + 1) * hidden..(input + 1) * hidden + (hidden + 1) * classes;
    let places = first.chain(second.clone().step_by(3)).chain(second.rev().take(classes));
    places.map(|place| (place, reference.slope(&x, &t, place, COARSE))).collect()
});

/// The relative error of a gradient beside the coarse differences, in each tensor.
fn coarse_errors(found: &Params) -> [f64; 4] {
    let mut first = 0;
    found.tensors().map(|tensor| {
        let places = first..first + tensor.values.len();
        first = places.end;
        let here: Vec<_> = COARSE_DIFFERENCES.iter().filter(|(place, _)| places.contains(place)).collect();
        assert!(here.len() >= 10, "{}", tensor.name);
        let found: Vec<f32> = here.iter().map(|(place, _)| tensor.values[place - places.start]).collect();
        relative_error(&found, here.iter().map(|(_, slope)| slope))
    })
}

fn coarse(device: &Device) -> Result<(), Error> {
    let book = Book::new();
    let batch = book.batches.clone().indices(0, 1);
    let mut backend = book.backend(device, &book.params)?;
    let set = block_on(backend.upload(&book.set))?;
    let (_, derivative) = block_on(backend.gradient(set, &batch))?;
    block_on(backend.set_method(Method::Numerical { step_size: COARSE }))?;
    let (_, difference) = block_on(backend.gradient(set, &batch))?;
    let errors = coarse_errors(&difference);
    assert!(errors.iter().all(|error| *error < 1e-5), "W1, b1, W2, b2: {errors:?}");
    let [w1, ..] = coarse_errors(&derivative);
    assert!(w1 > 1e-2, "the derivative must not be so near: {w1:.1e}");
    Ok(())
}

fn one_step(device: &Device) -> Result<(), Error> {
    let book = Book::new();
    let learning_rate = 0.1_f32;
    let change = |method| -> Result<Params, Error> {
        let mut backend = book.backend(device, &book.params)?;
        let set = block_on(backend.upload(&book.set))?;
        block_on(backend.set_method(method))?;
        block_on(backend.train(set, &book.batches.clone().indices(0, 1), learning_rate))?;
        let mut after = block_on(backend.params())?;
        for (after, before) in [
            (&mut after.w1, &book.params.w1),
            (&mut after.b1, &book.params.b1),
            (&mut after.w2, &book.params.w2),
            (&mut after.b2, &book.params.b2),
        ] {
            after.iter_mut().zip(before).for_each(|(after, before)| *after = (*after - before) / -learning_rate);
        }
        Ok(after)
    };
    let errors = coarse_errors(&change(Method::Numerical { step_size: COARSE })?);
    assert!(errors.iter().all(|error| *error < 1e-4), "W1, b1, W2, b2: {errors:?}");
    let errors = coarse_errors(&change(Method::Backprop)?);
    assert!(errors.iter().all(|error| *error > 1e-2), "backprop must not be so near: {errors:?}");
    Ok(())
}

/// The parameters of the book's network after so many iterations of backpropagation, each with the batch that follows.
static TRAINED: LazyLock<Vec<(u64, Params, Vec<u32>)>> = LazyLock::new(|| {
    let mut book = Book::new();
    let mut backend = book.backend(&Device::Cpu { threads: 0 }, &book.params).expect("a CPU");
    let set = block_on(backend.upload(&book.set)).expect("its own set");
    let mut done = 0;
    [0, 600, 10_000]
        .into_iter()
        .map(|iterations| {
            let indices = book.batches.indices(done, (iterations - done) as usize);
            block_on(backend.train(set, &indices, 0.1)).expect("steps");
            done = iterations;
            (iterations, block_on(backend.params()).expect("parameters"), book.batches.indices(iterations, 1))
        })
        .collect()
});

fn while_training(device: &Device) -> Result<(), Error> {
    let book = Book::new();
    for (iterations, params, batch) in TRAINED.iter() {
        let (x, t) = book.set.batch(batch);
        let expected = TwoLayerNet::new(book.net, params).exact_gradient(&x, &t);
        let mut backend = book.backend(device, params)?;
        let set = block_on(backend.upload(&book.set))?;
        block_on(backend.set_method(NUMERICAL))?;
        let (_, found) = block_on(backend.gradient(set, batch))?;
        assert_close(&format!("after {iterations} iterations"), &found, &expected, TOLERANCE);
    }
    Ok(())
}

fn steps(device: &Device) -> Result<(), Error> {
    let shape = Shape { input: 30, hidden: 21, classes: 5 };
    for mut case in with_every_density(device, || Case::new(shape, 20, Sigmoid, Softmax, 200)) {
        let indices = case.indices(20);
        let mut reference = case.reference();
        for batch in indices.chunks(case.batch_size) {
            let (x, t) = case.set.batch(batch);
            let gradient = reference.numerical_gradient(&x, &t, STEP_SIZE);
            for (value, slope) in reference.params.values_mut().zip(gradient.values()) {
                *value -= 0.5 * slope;
            }
        }
        let mut backend = case.backend(device)?;
        let set = block_on(backend.upload(&case.set))?;
        block_on(backend.set_method(NUMERICAL))?;
        block_on(backend.train(set, &indices, 0.5))?;
        assert_close("after 20 steps", &block_on(backend.params())?, &reference.params, 2e-6);
    }
    Ok(())
}

fn same_bits(device: &Device) -> Result<(), Error> {
    let mut case = Case::new(Shape { input: 65, hidden: 50, classes: 10 }, 33, Sigmoid, Softmax, 300);
    let indices = case.indices(20);
    let run = |method, cut: usize| -> Result<(Params, Vec<f32>), Error> {
        let mut backend = case.backend(device)?;
        let set = block_on(backend.upload(&case.set))?;
        // Another method before must leave no trace.
        let other = if method == NUMERICAL { Method::Backprop } else { NUMERICAL };
        block_on(backend.set_method(other))?;
        block_on(backend.gradient(set, &indices[..case.batch_size]))?;
        block_on(backend.set_method(method))?;
        let mut losses = Vec::new();
        for indices in indices.chunks(cut * case.batch_size) {
            losses.extend(block_on(backend.train(set, indices, 0.1))?);
        }
        Ok((block_on(backend.params())?, losses))
    };
    let whole = run(NUMERICAL, 20)?;
    assert_eq!(run(NUMERICAL, 20)?, whole, "again");
    assert_eq!(run(NUMERICAL, 7)?, whole, "cut every 7 steps");
    assert_ne!(run(Method::Backprop, 20)?.0, whole.0, "the two methods round differently");
    let mut fresh = case.backend(device)?;
    let set = block_on(fresh.upload(&case.set))?;
    block_on(fresh.train(set, &indices, 0.1))?;
    assert_eq!(run(Method::Backprop, 20)?.0, block_on(fresh.params())?);
    Ok(())
}

fn refused(device: &Device) -> Result<(), backend::Error> {
    let shape = Shape { input: 5, hidden: 4, classes: 3 };
    for (activation, output) in [(Relu, Softmax), (Tanh, Softmax), (Sigmoid, Identity), (Relu, Identity)] {
        let mut backend = Case::new(shape, 2, activation, output, 10).backend(device)?;
        let error = block_on(backend.set_method(NUMERICAL)).unwrap_err();
        assert!(matches!(error, Error::Method(MethodError::NoDifference { .. })), "{error}");
        block_on(backend.set_method(Method::Backprop))?;
    }
    let mut backend = Case::new(shape, 2, Sigmoid, Softmax, 10).backend(device)?;
    for step_size in [0.0, -1e-4, 1e-9, 1.1, f64::INFINITY, f64::NAN] {
        let error = block_on(backend.set_method(Method::Numerical { step_size })).unwrap_err();
        assert!(matches!(error, Error::Method(MethodError::StepSize { .. })), "{step_size}: {error}");
    }
    Ok(())
}
