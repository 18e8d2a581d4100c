//! The vocabulary of the network: its shape, its functions' names, its parameters. Knows no device and no file.

mod activation;
pub mod method;
mod names;
pub mod optimizer;
pub mod schedule;
pub mod state;
mod weight_init;

use std::fmt;

use rand_distr::{Distribution, StandardNormal};

pub use self::activation::Activation;
pub use self::names::UnknownName;
pub(crate) use self::names::names;
pub use self::weight_init::WeightInit;
use crate::random::{Stream, stream};

/// The widths of the three layers of units: pixels in, hidden units, classes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Input units: the pixels of an image, 1 to [`Shape::MAX_INPUT`].
    pub input: usize,
    /// Hidden units, 1 to [`Shape::MAX_HIDDEN`].
    pub hidden: usize,
    /// Output units, one a class, 2 to [`Shape::MAX_CLASSES`].
    pub classes: usize,
}

impl Shape {
    /// The widest input layer that every backend takes.
    pub const MAX_INPUT: usize = 4096;
    /// The widest hidden layer that every backend takes.
    pub const MAX_HIDDEN: usize = 4096;
    /// The most classes: labels are bytes, and 255 is the largest count they can be told apart from.
    pub const MAX_CLASSES: usize = 255;
    /// The largest batch that every backend takes.
    pub const MAX_BATCH: usize = 8192;

    /// Checks every width, and the batch size with them, against the limits that all backends share.
    ///
    /// # Errors
    /// [`ShapeError`] names the first quantity that is out of its range.
    pub fn check(&self, batch_size: usize) -> Result<(), ShapeError> {
        let ranges = [
            ("input units", self.input, 1, Self::MAX_INPUT),
            ("hidden units", self.hidden, 1, Self::MAX_HIDDEN),
            ("classes", self.classes, 2, Self::MAX_CLASSES),
            ("batch size", batch_size, 1, Self::MAX_BATCH),
        ];
        for (what, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(ShapeError { what, value, least, most });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.input, self.hidden, self.classes)
    }
}

/// A width or a batch size that no backend takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {value} is out of range; choose {least} to {most}")]
pub struct ShapeError {
    what: &'static str,
    value: usize,
    least: usize,
    most: usize,
}

/// The output layer's function, and with it the loss that is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Softmax with the cross-entropy error: classification, as in the book.
    #[default]
    Softmax,
    /// Identity with half the squared error: regression (here on one-hot targets).
    Identity,
}

names!(Output, "output", { Softmax => "softmax", Identity => "identity" });

/// What makes a network, apart from its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// The widths of its layers.
    pub shape: Shape,
    /// The hidden layer's function.
    pub activation: Activation,
    /// The output layer's function and loss.
    pub output: Output,
}

/// One f32 for each trainable value of a network, all matrices row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// The widths that the lengths below follow from.
    pub shape: Shape,
    /// First layer's weights, `[input, hidden]`, as in `x.dot(W1) + b1`.
    pub w1: Vec<f32>,
    /// First layer's biases, `[hidden]`.
    pub b1: Vec<f32>,
    /// Second layer's weights, `[hidden, classes]`.
    pub w2: Vec<f32>,
    /// Second layer's biases, `[classes]`.
    pub b2: Vec<f32>,
}

/// The gradient of a loss: for each parameter, in the same place, the loss's derivative by it.
pub type Gradients = Params;

impl Params {
    /// What the four tensors are called, in their order.
    pub const NAMES: [&str; 4] = ["W1", "b1", "W2", "b2"];

    /// Every value 0.
    #[must_use]
    pub fn zeros(shape: Shape) -> Self {
        Self {
            shape,
            w1: vec![0.0; shape.input * shape.hidden],
            b1: vec![0.0; shape.hidden],
            w2: vec![0.0; shape.hidden * shape.classes],
            b2: vec![0.0; shape.classes],
        }
    }

    /// The book's start: weights drawn from `std` x N(0, 1), biases 0. One seed gives the same values on every
    /// machine whose `ln` and `exp` agree, and the tests pin them.
    #[must_use]
    pub fn init(shape: Shape, std: f32, seed: u64) -> Self {
        Self::init_by(shape, WeightInit::Normal { std }, seed)
    }

    /// As [`Params::init`], but with the deviations that `by` has for W1, by the input units, and for W2, by the hidden ones.
    #[must_use]
    pub fn init_by(shape: Shape, by: WeightInit, seed: u64) -> Self {
        let mut rng = stream(seed, &Stream::Weights);
        let mut params = Self::zeros(shape);
        for (weights, inputs) in [(&mut params.w1, shape.input), (&mut params.w2, shape.hidden)] {
            let std = by.std(inputs);
            for weight in weights {
                let normal: f64 = StandardNormal.sample(&mut rng);
                *weight = std * normal as f32;
            }
        }
        params
    }

    /// The four tensors with their names and dimensions, in the order W1, b1, W2, b2.
    #[must_use]
    pub fn tensors(&self) -> [Tensor<'_>; 4] {
        let Shape { input, hidden, classes } = self.shape;
        let [w1, b1, w2, b2] = Self::NAMES;
        [
            Tensor { name: w1, dims: vec![input, hidden], values: &self.w1 },
            Tensor { name: b1, dims: vec![hidden], values: &self.b1 },
            Tensor { name: w2, dims: vec![hidden, classes], values: &self.w2 },
            Tensor { name: b2, dims: vec![classes], values: &self.b2 },
        ]
    }

    /// The values of the four tensors, in the same order.
    pub(crate) fn values_mut(&mut self) -> [&mut Vec<f32>; 4] {
        [&mut self.w1, &mut self.b1, &mut self.w2, &mut self.b2]
    }
}

/// One of the four parameter tensors, seen by name.
#[derive(Clone, Debug)]
pub struct Tensor<'a> {
    /// In a model's own file, one of [`Params::NAMES`].
    pub name: &'static str,
    /// Its dimensions: `[rows, columns]`, or `[length]` for a bias.
    pub dims: Vec<usize>,
    /// Its values, row-major.
    pub values: &'a [f32],
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { input: 3, hidden: 2, classes: 2 };

    #[test]
    fn a_seed_means_the_same_weights_for_ever() {
        let params = Params::init(SHAPE, 0.01, 0);
        assert_eq!((&params.w1[..], &params.w2[..]), (&PINNED_W1[..], &PINNED_W2[..]));
        assert_eq!(params.b1, [0.0; 2]);
        assert_ne!(params.w1, Params::init(SHAPE, 0.01, 1).w1);
    }

    const PINNED_W1: [f32; 6] =
        [0.006_999_607_7, -0.001_440_616_3, 0.003_028_862_6, -0.013_745_138, 0.012_003_417, 0.001_107_813_6];

    const PINNED_W2: [f32; 4] = [0.013_578_949_5, 0.009_929_16, 0.010_701_841, -0.020_594_582];

    #[test]
    fn every_layer_s_weights_are_normal_with_their_deviation() {
        let shape = Shape { input: 400, hidden: 100, classes: 200 };
        for (by, expected) in [
            (WeightInit::Normal { std: 0.01 }, [0.01, 0.01]),
            (WeightInit::Xavier, [0.05, 0.1]),
            (WeightInit::He, [0.05 * 2_f64.sqrt(), 0.1 * 2_f64.sqrt()]),
        ] {
            let Params { w1, w2, b1, b2, .. } = Params::init_by(shape, by, 7);
            for (weights, expected) in [w1, w2].iter().zip(expected) {
                let n = weights.len() as f64;
                let mean = weights.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
                let variance = weights.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
                assert!(mean.abs() < 0.03 * expected, "{by:?}: mean {mean}");
                assert!((variance.sqrt() / expected - 1.0).abs() < 0.02, "{by:?}: deviation {}", variance.sqrt());
            }
            assert!(b1.iter().chain(&b2).all(|&b| b == 0.0));
        }
    }

    #[test]
    fn limits_are_checked_by_name() {
        let at = |input, hidden, classes| Shape { input, hidden, classes };
        assert!(at(4096, 4096, 255).check(8192).is_ok());
        let cases = [
            (at(0, 1, 2), 1, "input units: 0"),
            (at(4097, 1, 2), 1, "input units: 4097"),
            (at(1, 0, 2), 1, "hidden units: 0"),
            (at(1, 1, 1), 1, "classes: 1"),
            (at(1, 1, 256), 1, "classes: 256"),
            (at(1, 1, 2), 0, "batch size: 0"),
            (at(1, 1, 2), 8193, "batch size: 8193"),
        ];
        for (shape, batch, message) in cases {
            let error = shape.check(batch).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn names_read_back() {
        for activation in Activation::ALL {
            assert_eq!(activation.to_string().to_uppercase().parse(), Ok(activation));
        }
        assert_eq!(Output::Identity.to_string().parse(), Ok(Output::Identity));
        let error = "linear".parse::<Output>().unwrap_err().to_string();
        assert_eq!(error, "'linear' is no output; choose softmax or identity");
    }
}
