#![allow(clippy::float_cmp, reason = "the numbers compared are powers of two, or copies")]

use pollster::block_on;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::backend::{Backend, Evaluation};
use crate::devices::Device;
use crate::net::{Activation, Output};

/// A network, a batch, and the CPU backend's results for it.
struct Case {
    net: Net,
    params: Params,
    set: Dataset,
    batch: Vec<u32>,
    learning_rate: f32,
    found: Found,
    evaluation: Evaluation,
}

impl Case {
    fn new([input, hidden, classes]: [usize; 3], batch_size: usize, activation: Activation, output: Output) -> Self {
        let shape = Shape { input, hidden, classes };
        let net = Net { shape, activation, output };
        let params = params(shape);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let images = 2 * batch_size;
        let pixels = (0..images * input).map(|_| rng.random::<u8>()).collect();
        let labels = (0..images).map(|_| rng.random_range(0..classes) as u8).collect();
        let set = Dataset::new(pixels, labels, 1, input).unwrap();
        let batch: Vec<u32> = (0..batch_size).map(|_| rng.next_u32() % images as u32).collect();
        let mut backend = block_on(Backend::new(&Device::Cpu { threads: 1 }, net, batch_size, &params)).unwrap();
        let resident = block_on(backend.upload(&set)).unwrap();
        let evaluation = block_on(backend.evaluate(resident)).unwrap();
        let intermediates = block_on(backend.intermediates(resident, &batch)).unwrap();
        let (loss, gradient) = block_on(backend.gradient(resident, &batch)).unwrap();
        let learning_rate = learning_rate(&params, &gradient);
        block_on(backend.train(resident, &batch, learning_rate)).unwrap();
        let after = block_on(backend.params()).unwrap();
        let found = Found { intermediates, loss, gradient, after };
        Self { net, params, set, batch, learning_rate, found, evaluation }
    }

    fn small() -> Self {
        Self::new([784, 50, 10], 100, Activation::Sigmoid, Output::Softmax)
    }

    /// A case for [`Case::check_samples`]: every product of it is sampled.
    fn wide() -> Self {
        Self::new([20, 300, 200], 300, Activation::Relu, Output::Identity)
    }

    fn check(&self, found: &Found) -> Result<Errors, Wrong> {
        check(&self.net, &self.params, &self.set, &self.batch, self.learning_rate, found)
    }

    fn check_samples(&self, found: &Found) -> Result<Errors, Wrong> {
        let batch = Batch { set: &self.set, indices: &self.batch };
        let check = Check { net: &self.net, params: &self.params, batch, max_products: 0 };
        check.stages(self.learning_rate, found)
    }
}

const STAGES: [&str; 16] = [
    "a1",
    "z1",
    "a2",
    "y",
    "dy",
    "dz1",
    "da1",
    "loss",
    "the gradient of W1",
    "the gradient of b1",
    "the gradient of W2",
    "the gradient of b2",
    "W1 after a step",
    "b1 after a step",
    "W2 after a step",
    "b2 after a step",
];

/// The values of one stage, and the length of a row.
fn values<'a>(found: &'a mut Found, stage: &str) -> (&'a mut [f32], usize) {
    let Found { intermediates: values, loss, gradient, after } = found;
    let Shape { hidden, classes, .. } = after.shape;
    match stage {
        "a1" => (&mut values.a1, hidden),
        "z1" => (&mut values.z1, hidden),
        "a2" => (&mut values.a2, classes),
        "y" => (&mut values.y, classes),
        "dy" => (&mut values.dy, classes),
        "dz1" => (&mut values.dz1, hidden),
        "da1" => (&mut values.da1, hidden),
        "loss" => (std::slice::from_mut(loss), 1),
        "the gradient of W1" => (&mut gradient.w1, hidden),
        "the gradient of b1" => (&mut gradient.b1, hidden),
        "the gradient of W2" => (&mut gradient.w2, classes),
        "the gradient of b2" => (&mut gradient.b2, classes),
        "W1 after a step" => (&mut after.w1, hidden),
        "b1 after a step" => (&mut after.b1, hidden),
        "W2 after a step" => (&mut after.w2, classes),
        "b2 after a step" => (&mut after.b2, classes),
        _ => panic!("no stage {stage}"),
    }
}

fn stage_of(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Length { stage, .. } | Wrong::Values { stage, .. } => stage,
        other => panic!("{other}"),
    }
}

/// Corrupts each stage in turn and asserts that the check names it. `corrupt` receives the values and the length of a row.
fn assert_refused(
    case: &Case,
    check: impl Fn(&Found) -> Result<Errors, Wrong>,
    corruption: &str,
    corrupt: impl Fn(&mut [f32], usize),
) {
    for stage in STAGES {
        let mut found = case.found.clone();
        let (values, width) = values(&mut found, stage);
        corrupt(values, width);
        match check(&found) {
            Ok(errors) => panic!("{corruption} in {stage} passes with {:.1e}", errors.largest()),
            Err(wrong) => assert_eq!(stage_of(wrong), stage, "{corruption}"),
        }
    }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The faults that a kernel could have, down to a single element.
fn every_corruption_is_refused(case: &Case, check: impl Fn(&Found) -> Result<Errors, Wrong> + Copy) {
    for eighth in 0..=8 {
        // Too small to show in the norm of thousands of elements.
        assert_refused(case, check, "one element", |values, _| {
            let by = 1e-4 * largest(values);
            values[(values.len() - 1) * eighth / 8] += by;
        });
        assert_refused(case, check, "NaN", |values, _| values[(values.len() - 1) * eighth / 8] = f32::NAN);
    }
    assert_refused(case, check, "an infinity", |values, _| values[values.len() / 3] = f32::NEG_INFINITY);
    assert_refused(case, check, "a row of zeros", |values, width| {
        let middle = values.len() / width / 2;
        values[middle * width..][..width].fill(0.0);
    });
    assert_refused(case, check, "two elements exchanged", |values, width| match values {
        [one] => *one = -*one,
        // Across the diagonal of a matrix, or the ends of a vector.
        _ if values.len() == width => values.swap(0, width - 1),
        _ => {
            let different = |k: &usize| values[k * width + k + 1] != values[(k + 1) * width + k];
            let k = (0..width - 1).filter(|k| (k + 2) * width <= values.len()).rfind(different).unwrap();
            values.swap(k * width + k + 1, (k + 1) * width + k);
        }
    });
}

#[test]
fn the_cpu_backend_passes() {
    for case in [
        Case::small(),
        Case::new([37, 65, 7], 129, Activation::Relu, Output::Softmax),
        Case::new([1, 1, 2], 1, Activation::Sigmoid, Output::Identity),
    ] {
        let errors = case.check(&case.found).unwrap();
        assert_eq!(errors.stages.iter().map(|(stage, _)| *stage).collect::<Vec<_>>(), STAGES);
        assert_eq!(errors.largest(), errors.stages.iter().map(|(_, error)| *error).fold(0.0, f64::max));
        check_evaluation(&case.net, &case.params, &case.set, &case.evaluation).unwrap();
    }
    let case = Case::wide();
    case.check_samples(&case.found).unwrap();
}

#[test]
fn every_corruption_is_refused_by_its_stage() {
    let case = Case::small();
    every_corruption_is_refused(&case, |found| case.check(found));
}

#[test]
fn samples_find_every_corruption() {
    let case = Case::wide();
    every_corruption_is_refused(&case, |found| case.check_samples(found));
}

#[test]
fn a_small_error_of_every_element_is_refused() {
    let case = Case::small();
    let scale = |values: &mut [f32], _| values.iter_mut().for_each(|value| *value *= 1.000_03);
    assert_refused(&case, |found| case.check(found), "a relative error of 3e-5", scale);
}

#[test]
fn a_tensor_of_another_length_is_refused() {
    let case = Case::small();
    let mut found = case.found.clone();
    found.intermediates.dz1.pop();
    let wrong = case.check(&found).unwrap_err().to_string();
    assert_eq!(wrong, "dz1 is wrong: it has 4999 values, the reference has 5000");
    found = case.found.clone();
    found.after.b2.push(0.0);
    assert_eq!(stage_of(case.check(&found).unwrap_err()), "b2 after a step");
}

#[test]
fn the_message_names_stage_error_and_place() {
    let case = Case::small();
    let mut found = case.found.clone();
    let right = found.intermediates.dz1[17 * 50 + 3];
    found.intermediates.dz1[17 * 50 + 3] = 0.5;
    let wrong = case.check(&found).unwrap_err().to_string();
    let (start, end) = wrong.split_once(", the reference has ").unwrap();
    assert!(
        start.starts_with("dz1 is wrong: relative error ") && start.ends_with(" (at most 1e-5), worst at [17, 3]: 0.5")
    );
    assert!((end.parse::<f32>().unwrap() - right).abs() < 1e-6);
    found = case.found.clone();
    found.loss = f32::NAN;
    let wrong = case.check(&found).unwrap_err().to_string();
    assert!(wrong.starts_with("loss is wrong: relative error inf (at most 1e-5), worst: NaN, the reference has "));
    found = case.found.clone();
    found.gradient.b1[7] = 3.0;
    assert!(case.check(&found).unwrap_err().to_string().contains("the gradient of b1 is wrong"));
    assert!(case.check(&found).unwrap_err().to_string().contains("worst at [7]: 3,"));
}

#[test]
fn the_learning_rate_makes_the_update_as_large_as_the_tensor() {
    let shape = Shape { input: 2, hidden: 1, classes: 2 };
    let params = Params { shape, w1: vec![3.0, 4.0], b1: vec![1.0], w2: vec![1.0, 0.0], b2: vec![0.0, 1.0] };
    let mut gradient = Params { shape, w1: vec![0.0, 0.5], b1: vec![1.0], w2: vec![0.0, 0.0], b2: vec![1.0, 1.0] };
    assert_eq!(learning_rate(&params, &gradient), 1.0, "a gradient of 0 has no rate");
    gradient.w2 = vec![0.25, 0.0];
    assert_eq!(learning_rate(&params, &gradient), 10.0);
    gradient.b1 = vec![f32::NAN];
    assert!(learning_rate(&params, &gradient).is_finite());
    assert_eq!(learning_rate(&params, &Params::zeros(shape)), 1.0);
}

#[test]
fn a_wrong_evaluation_is_refused() {
    let case = Case::small();
    let wrong = |corrupt: &dyn Fn(&mut Evaluation)| {
        let mut found = case.evaluation.clone();
        corrupt(&mut found);
        check_evaluation(&case.net, &case.params, &case.set, &found).unwrap_err()
    };
    assert!(matches!(wrong(&|found| found.loss *= 1.000_03), Wrong::Values { stage: "the evaluation's loss", .. }));
    assert!(matches!(wrong(&|found| found.loss = f64::NAN), Wrong::Values { stage: "the evaluation's loss", .. }));
    assert!(matches!(wrong(&|found| found.images += 1), Wrong::Values { stage: "the number of images", .. }));
    assert!(matches!(wrong(&|found| found.confusion.truncate(99)), Wrong::Length { found: 99, expected: 100, .. }));
    let one = case.evaluation.confusion.iter().position(|&count| count > 0).unwrap();
    let (label, predicted) = (one / 10, one % 10);
    let moved = wrong(&|found| {
        found.confusion[one] -= 1;
        found.confusion[label * 10 + (predicted + 1) % 10] += 1;
    });
    assert!(matches!(moved, Wrong::Confusion { label: of, .. } if of == label), "{moved}");
    let transposed = wrong(&|found| {
        found.confusion = (0..100).map(|place| case.evaluation.confusion[place % 10 * 10 + place / 10]).collect();
    });
    assert!(matches!(transposed, Wrong::Confusion { .. }));
}

#[test]
fn a_tie_may_count_for_either_class_but_only_once() {
    // The weights are 0. The biases make the logits of the first two classes equal, and that of the third smaller.
    let shape = Shape { input: 2, hidden: 1, classes: 3 };
    let net = Net { shape, activation: Activation::Sigmoid, output: Output::Identity };
    let params = Params { b2: vec![1.0, 1.0, 0.5], ..Params::zeros(shape) };
    let set = Dataset::new(vec![9; 8], vec![0, 0, 0, 2], 1, 2).unwrap();
    let check = |confusion: [u32; 9]| {
        let loss = (3.0 * (0.0 + 1.0 + 0.25) + (1.0 + 1.0 + 0.25)) / 2.0 / 4.0;
        check_evaluation(&net, &params, &set, &Evaluation { images: 4, loss, classes: 3, confusion: confusion.into() })
    };
    assert!(check([3, 0, 0, 0, 0, 0, 1, 0, 0]).is_ok());
    assert!(check([1, 2, 0, 0, 0, 0, 0, 1, 0]).is_ok());
    assert_eq!(check([3, 1, 0, 0, 0, 0, 1, 0, 0]), Err(Wrong::Count { label: 0, found: 4, expected: 3 }));
    assert_eq!(check([2, 0, 0, 0, 0, 0, 1, 0, 0]), Err(Wrong::Count { label: 0, found: 2, expected: 3 }));
    let third = Wrong::Confusion { label: 2, predicted: 2, found: 1, min: 0, max: 0 };
    assert_eq!(check([3, 0, 0, 0, 0, 0, 0, 0, 1]), Err(third));
}
