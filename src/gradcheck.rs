//! Compares a device's gradients with f64: backpropagation and central differences.

use rand::seq::index;

use crate::backend::{self, Backend};
use crate::data::Dataset;
use crate::devices::Device;
use crate::net::method::Method;
use crate::net::{Activation, Net, Output, Params};
use crate::random::{Stream, stream};
use crate::reference::{Tensors, TwoLayerNet};

/// The largest relative error by norm of a tensor, for backpropagation.
pub const BACKPROP_TOLERANCE: f64 = 1e-5;
/// The largest relative error by norm of a tensor, for central differences at [`JUDGED_STEP_SIZE`].
pub const NUMERICAL_TOLERANCE: f64 = 5e-6;
/// The step size whose error is judged: the book's. Larger steps have a truncation error, which is no fault of a device.
pub const JUDGED_STEP_SIZE: f64 = 1e-4;

/// A gradient method.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gradient {
    /// The chain rule. Compared with the reference's backpropagation.
    Backprop,
    /// Central differences, computed as changes. Compared with the exact gradient of the loss with its 1e-7.
    Numerical {
        /// h in (f(w + h) - f(w - h)) / 2h.
        step_size: f64,
    },
    /// Central differences of two whole losses, for some parameters. Compared with the exact gradient too.
    Naive {
        /// h in (f(w + h) - f(w - h)) / 2h.
        step_size: f64,
    },
}

/// The error of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorError {
    /// `W1`, `b1`, `W2` or `b2`.
    pub name: &'static str,
    /// |found - expected| / |expected|, by norm.
    pub norm: f64,
    /// The largest |found - expected| over the largest |expected|.
    pub maximum: f64,
    /// The position of the largest |found - expected|: row and column, or the index in a bias.
    pub place: Vec<usize>,
}

/// The errors of a gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The method.
    pub gradient: Gradient,
    /// W1, b1, W2, b2.
    pub errors: [TensorError; 4],
}

impl Row {
    /// The largest error by norm that passes. `None` if the gradient is not judged.
    #[must_use]
    pub fn tolerance(&self) -> Option<f64> {
        match self.gradient {
            Gradient::Backprop => Some(BACKPROP_TOLERANCE),
            Gradient::Numerical { step_size } if step_size == JUDGED_STEP_SIZE => Some(NUMERICAL_TOLERANCE),
            _ => None,
        }
    }

    /// Whether every error is within the tolerance. `None` if the gradient is not judged.
    #[must_use]
    pub fn passed(&self) -> Option<bool> {
        let tolerance = self.tolerance()?;
        // A NaN does not pass.
        Some(self.errors.iter().all(|error| error.norm <= tolerance))
    }
}

/// A network and a batch whose gradients are compared.
pub struct Check {
    params: Params,
    batch: Dataset,
    reference: TwoLayerNet,
    backprop: Tensors,
    exact: Tensors,
    /// The indices, through all tensors, of the parameters with a naive difference.
    samples: Vec<usize>,
}

impl Check {
    /// Computes the reference's gradients. `samples` is the largest number of parameters of a tensor with a naive difference.
    ///
    /// # Panics
    /// If the images or labels of the batch do not fit the network.
    #[must_use]
    pub fn new(net: Net, params: Params, batch: Dataset, samples: usize) -> Self {
        let reference = TwoLayerNet::new(net, &params);
        let (x, t) = inputs(&batch);
        let (backprop, exact) = (reference.gradient(&x, &t), reference.exact_gradient(&x, &t));
        let mut rng = stream(0, &Stream::Samples);
        let mut first = 0;
        let mut indices = Vec::new();
        for tensor in params.tensors() {
            let length = tensor.values.len();
            let mut chosen = index::sample(&mut rng, length, samples.min(length)).into_vec();
            chosen.sort_unstable();
            indices.extend(chosen.into_iter().map(|index| first + index));
            first += length;
        }
        Self { params, batch, reference, backprop, exact, samples: indices }
    }

    /// The reference's mean loss of the batch.
    #[must_use]
    pub fn loss(&self) -> f64 {
        let (x, t) = inputs(&self.batch);
        self.reference.loss(&x, &t)
    }

    /// The errors of a device: of backpropagation, of differences computed as changes if the network has them, and of naive
    /// differences of the device's losses in f32. `on_row` receives each gradient before it is computed.
    ///
    /// # Errors
    /// The device's error.
    pub async fn of_device(
        &self,
        device: &Device,
        step_sizes: &[f64],
        on_row: &mut dyn FnMut(Gradient),
    ) -> Result<Vec<Row>, backend::Error> {
        let net = self.reference.net;
        let indices: Vec<u32> = (0..self.batch.len() as u32).collect();
        let mut backend = Backend::new(device, net, indices.len(), &self.params).await?;
        let set = backend.upload(&self.batch).await?;
        on_row(Gradient::Backprop);
        let (_, found) = backend.gradient(set, &indices).await?;
        let mut rows = vec![self.row(Gradient::Backprop, &found, &self.backprop)];
        if self.has_differences() {
            for &step_size in step_sizes {
                let gradient = Gradient::Numerical { step_size };
                on_row(gradient);
                backend.set_method(Method::Numerical { step_size }).await?;
                let (_, found) = backend.gradient(set, &indices).await?;
                rows.push(self.row(gradient, &found, &self.exact));
            }
            backend.set_method(Method::Backprop).await?;
        }
        for &step_size in step_sizes {
            let gradient = Gradient::Naive { step_size };
            on_row(gradient);
            let h = step_size as f32;
            let mut params = self.params.clone();
            let mut slopes = Vec::new();
            for &index in &self.samples {
                let value = *value_mut(&mut params, index);
                let mut losses = [0.0; 2];
                for (loss, shifted) in losses.iter_mut().zip([value + h, value - h]) {
                    *value_mut(&mut params, index) = shifted;
                    backend.set_params(&params).await?;
                    // A step with a learning rate of 0 returns the loss and changes nothing.
                    *loss = backend.train(set, &indices, 0.0).await?[0];
                }
                *value_mut(&mut params, index) = value;
                slopes.push(f64::from((losses[0] - losses[1]) / (2.0 * h)));
            }
            rows.push(self.naive_row(gradient, &slopes));
        }
        Ok(rows)
    }

    /// The errors of the reference's naive differences in f64.
    pub fn of_reference(&self, step_sizes: &[f64], on_row: &mut dyn FnMut(Gradient)) -> Vec<Row> {
        let (x, t) = inputs(&self.batch);
        let mut reference = self.reference.clone();
        let mut row = |&step_size: &f64| {
            let gradient = Gradient::Naive { step_size };
            on_row(gradient);
            let slopes: Vec<f64> =
                self.samples.iter().map(|&index| reference.slope(&x, &t, index, step_size)).collect();
            self.naive_row(gradient, &slopes)
        };
        step_sizes.iter().map(&mut row).collect()
    }

    /// Whether the network has differences computed as changes.
    #[must_use]
    pub fn has_differences(&self) -> bool {
        let Net { activation, output, .. } = self.reference.net;
        (activation, output) == (Activation::Sigmoid, Output::Softmax)
    }

    fn row(&self, gradient: Gradient, found: &Params, expected: &Tensors) -> Row {
        let found = found.tensors().into_iter().flat_map(|tensor| tensor.values.iter().map(|&value| f64::from(value)));
        let pairs: Vec<_> = found.zip(expected.values().copied()).enumerate().collect();
        Row { gradient, errors: self.errors(&pairs) }
    }

    fn naive_row(&self, gradient: Gradient, slopes: &[f64]) -> Row {
        let expected: Vec<f64> = self.exact.values().copied().collect();
        let pair = |(&index, &slope): (&usize, &f64)| (index, (slope, expected[index]));
        let pairs: Vec<_> = self.samples.iter().zip(slopes).map(pair).collect();
        Row { gradient, errors: self.errors(&pairs) }
    }

    /// The errors of some parameters, each given as its index through all tensors and its found and expected value.
    fn errors(&self, pairs: &[(usize, (f64, f64))]) -> [TensorError; 4] {
        let mut first = 0;
        self.params.tensors().map(|tensor| {
            let range = first..first + tensor.values.len();
            first = range.end;
            let pairs = || pairs.iter().filter(|(index, _)| range.contains(index));
            let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
            let largest = pairs().map(|(_, (_, expected))| expected.abs()).fold(0.0, f64::max);
            // A NaN is the worst.
            let difference =
                |(index, (found, expected)): &(usize, (f64, f64))| (index - range.start, (found - expected).abs());
            let worse = |a: (usize, f64), b: (usize, f64)| if a.1 >= b.1 || a.1.is_nan() { a } else { b };
            let (worst, difference) = pairs().map(difference).reduce(worse).unwrap_or_default();
            TensorError {
                name: tensor.name,
                norm: relative(
                    norm(&mut pairs().map(|(_, (found, expected))| found - expected)),
                    norm(&mut pairs().map(|(_, (_, expected))| *expected)),
                ),
                maximum: relative(difference, largest),
                place: match tensor.dims[..] {
                    [_, columns] => vec![worst / columns, worst % columns],
                    _ => vec![worst],
                },
            }
        })
    }
}

/// The relative error, or the absolute one if the expected value is 0.
fn relative(error: f64, expected: f64) -> f64 {
    if expected == 0.0 { error } else { error / expected }
}

/// The inputs x and the labels t of all images.
fn inputs(set: &Dataset) -> (ndarray::Array2<f64>, Vec<usize>) {
    let all: Vec<u32> = (0..set.len() as u32).collect();
    set.batch(&all)
}

/// A parameter by its index through all tensors.
fn value_mut(params: &mut Params, mut index: usize) -> &mut f32 {
    let Params { w1, b1, w2, b2, .. } = params;
    for tensor in [w1, b1, w2] {
        if index < tensor.len() {
            return &mut tensor[index];
        }
        index -= tensor.len();
    }
    &mut b2[index]
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::devices::Device;
    use crate::net::Shape;

    fn check() -> Check {
        let shape = Shape { input: 6, hidden: 5, classes: 3 };
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let batch = Dataset::new((0..24).map(|i| (i * 37 % 256) as u8).collect(), vec![2, 2, 1, 0], 2, 3);
        Check::new(net, Params::init(shape, 0.5, 1), batch.unwrap(), 4)
    }

    fn rounded(check: &Check) -> Params {
        check.exact.rounded(check.params.shape)
    }

    #[test]
    fn a_correct_gradient_passes_and_a_wrong_element_is_named() {
        let check = check();
        let gradient = Gradient::Numerical { step_size: JUDGED_STEP_SIZE };
        let row = check.row(gradient, &rounded(&check), &check.exact);
        assert_eq!(row.passed(), Some(true));
        assert!(row.errors.iter().all(|error| error.norm < 1e-7), "{row:?}");

        let mut wrong = rounded(&check);
        wrong.w2[7] *= 1.001;
        let row = check.row(gradient, &wrong, &check.exact);
        assert_eq!(row.passed(), Some(false));
        assert!(row.errors[2].norm > 5e-6 && row.errors[3].norm < 1e-7, "{row:?}");
        assert_eq!((row.errors[2].name, &row.errors[2].place[..]), ("W2", &[2, 1][..]));

        for bad in [f32::NAN, f32::INFINITY] {
            let mut wrong = rounded(&check);
            wrong.b1[3] = bad;
            let row = check.row(gradient, &wrong, &check.exact);
            assert_eq!((row.passed(), &row.errors[1].place[..]), (Some(false), &[3][..]), "{bad}");
        }
    }

    #[test]
    fn only_backprop_and_one_step_size_are_judged() {
        let check = check();
        let judged = |gradient| check.row(gradient, &rounded(&check), &check.exact).tolerance();
        assert_eq!(judged(Gradient::Backprop), Some(BACKPROP_TOLERANCE));
        assert_eq!(judged(Gradient::Numerical { step_size: 1e-4 }), Some(NUMERICAL_TOLERANCE));
        assert_eq!(judged(Gradient::Numerical { step_size: 1e-2 }), None);
        assert_eq!(judged(Gradient::Naive { step_size: 1e-4 }), None);
    }

    #[test]
    fn naive_differences_use_a_few_parameters_of_each_tensor() {
        let check = check();
        assert_eq!(check.samples.len(), 4 + 4 + 4 + 3, "b2 has only 3");
        for row in check.of_reference(&[1e-4], &mut |_| {}) {
            assert!(row.errors.iter().all(|error| error.norm < 1e-7), "{row:?}");
        }
        let rows = block_on(check.of_device(&Device::Cpu { threads: 1 }, &[1e-2], &mut |_| {})).unwrap();
        let kinds: Vec<Gradient> = rows.iter().map(|row| row.gradient).collect();
        let step_size = 1e-2;
        assert_eq!(kinds, [Gradient::Backprop, Gradient::Numerical { step_size }, Gradient::Naive { step_size }]);
        // They have rounding errors, but the right parameters were shifted.
        assert!(rows[2].errors.iter().all(|error| error.norm < 1e-2), "{:?}", rows[2]);
    }
}
