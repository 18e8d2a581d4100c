//! The whole computation of a network on one image, by the book's names: what each hidden unit gives to each class, and with a
//! label every derivative back to W1. In f64 by the reference, with a device's own values beside it.
//!
//! ```
//! use twolayer::devices::Device;
//! use twolayer::explain::Explanation;
//! use twolayer::net::{Activation, Net, Output, Params, Shape};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let shape = Shape { input: 4, hidden: 3, classes: 2 };
//! let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
//! let params = Params::init(shape, 1.0, 0);
//! let device = Device::Cpu { threads: 1 };
//! let explanation = pollster::block_on(Explanation::new(&device, net, &params, &[0, 255, 128, 0], Some(1)))?;
//!
//! let unit = explanation.ranking()[0];
//! println!("unit {unit} matters most: it gives {} to the classes", explanation.contributions.row(unit));
//! for difference in explanation.differences() {
//!     println!("{}: the device is off by {:e}", difference.name, difference.error());
//! }
//! # Ok(())
//! # }
//! ```

use ndarray::{Array1, Array2, Axis};

use crate::backend::{self, Backend, Intermediates};
use crate::data::{self, Dataset};
use crate::devices::Device;
use crate::functions::argmax;
use crate::net::{Gradients, Net, Output, Params, Tensor};
use crate::reference::{Pass, Tensors, TwoLayerNet};

/// An image that cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes or the label do not fit the network, or the device failed.
    #[error(transparent)]
    Backend(#[from] backend::Error),
    /// The image is larger than any network's.
    #[error(transparent)]
    Data(#[from] data::Error),
}

/// The forward pass of one image in f64, and with a label the backward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The network and its parameters.
    pub network: TwoLayerNet,
    /// The image: its bytes / 255, `[input]`.
    pub x: Array1<f64>,
    /// x W1 + b1, `[hidden]`.
    pub a1: Array1<f64>,
    /// activation(a1), `[hidden]`.
    pub z1: Array1<f64>,
    /// What each unit gives to each class, z1_j W2_jk, `[hidden, classes]`. The sum of a column and b2 is a2.
    pub contributions: Array2<f64>,
    /// z1 W2 + b2, the logits, `[classes]`.
    pub a2: Array1<f64>,
    /// softmax(a2), or a2 itself, `[classes]`.
    pub y: Array1<f64>,
    /// The derivatives, if there is a label.
    pub backward: Option<Backward>,
    /// What the device computed.
    pub device: OnDevice,
}

/// The loss of one image and its derivatives, in f64. The batch is this image alone: N = 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Backward {
    /// The image's class.
    pub label: usize,
    /// The book's loss: -log(y_t + 1e-7) for softmax, 1/2 sum (y - t)² for identity.
    pub loss: f64,
    /// The loss that a device computes: without the 1e-7.
    pub device_loss: f64,
    /// (y - t) / N, by a2, `[classes]`.
    pub dy: Array1<f64>,
    /// dy W2ᵀ, by z1, `[hidden]`.
    pub dz1: Array1<f64>,
    /// dz1 activation'(a1), by a1, `[hidden]`.
    pub da1: Array1<f64>,
    /// By the parameters: dW1 = xᵀ da1, db1 = da1, dW2 = z1ᵀ dy, db2 = dy.
    pub gradient: Tensors,
}

/// A device's values of the same passes.
#[derive(Clone, Debug, PartialEq)]
pub struct OnDevice {
    /// Those of the forward pass. Those of the backward pass mean something with a label alone.
    pub values: Intermediates,
    /// The loss and its derivatives by the parameters, if there is a label.
    pub backward: Option<(f32, Gradients)>,
}

/// Where a device and the reference differ most in one of the values.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The value's name, from `a1` to `db1`.
    pub name: &'static str,
    /// The place: a unit or a class; a pixel and a unit in dW1; a unit and a class in dW2; nothing for the loss.
    pub place: Vec<usize>,
    /// In f64.
    pub reference: f64,
    /// The device's, in f32.
    pub device: f32,
}

impl Difference {
    /// The device's value less that of the reference.
    #[must_use]
    pub fn error(&self) -> f64 {
        f64::from(self.device) - self.reference
    }
}

impl Explanation {
    /// Computes the network's passes of an image in f64 and on a device. `pixels` are the image's bytes, `[input]`, prepared as
    /// the training images were. Without a label there is no backward pass.
    ///
    /// # Errors
    /// Bytes that are not one image of the network's size, a label that is no class, or an error of the device.
    pub async fn new(
        device: &Device,
        net: Net,
        params: &Params,
        pixels: &[u8],
        label: Option<u8>,
    ) -> Result<Self, Error> {
        let mut backend = Backend::new(device, net, 1, params).await?;
        // Any label does for the forward pass.
        let image = Dataset::new(pixels.to_vec(), vec![label.unwrap_or(0)], 1, pixels.len())?;
        let resident = backend.upload(&image).await?;
        let values = backend.intermediates(resident, &[0]).await?;
        let backward = match label {
            Some(_) => Some(backend.gradient(resident, &[0]).await?),
            None => None,
        };
        let (x, t) = image.batch(&[0]);
        let network = TwoLayerNet::new(net, params);
        let pass = network.pass(&x, &t);
        let contributions = &network.params.w2 * &pass.z1.row(0).insert_axis(Axis(1));
        let derivatives = label.map(|_| {
            let device_loss = match net.output {
                // log-softmax loses no digits where y_t is small.
                Output::Softmax => log_sum_exp(&pass.a2.row(0).to_owned()) - pass.a2[(0, t[0])],
                Output::Identity => network.loss(&x, &t),
            };
            Backward {
                label: t[0],
                loss: network.loss(&x, &t),
                device_loss,
                gradient: TwoLayerNet::gradient_of(&x, &pass),
                dy: only_row(&pass.dy),
                dz1: only_row(&pass.dz1),
                da1: only_row(&pass.da1),
            }
        });
        let Pass { a1, z1, a2, y, .. } = &pass;
        Ok(Self {
            x: only_row(&x),
            a1: only_row(a1),
            z1: only_row(z1),
            contributions,
            a2: only_row(a2),
            y: only_row(y),
            backward: derivatives,
            device: OnDevice { values, backward },
            network,
        })
    }

    /// The class of the largest output.
    #[must_use]
    pub fn class(&self) -> usize {
        argmax(&self.y)
    }

    /// The units, the one that matters most first: by the difference between the most and the least that it gives to a class.
    /// (What a unit gives to all classes alike changes no probability.)
    #[must_use]
    pub fn ranking(&self) -> Vec<usize> {
        let spread = |row: ndarray::ArrayView1<f64>| {
            row.fold(f64::NEG_INFINITY, |max, &v| max.max(v)) - row.fold(f64::INFINITY, |min, &v| min.min(v))
        };
        let spreads: Vec<f64> = self.contributions.outer_iter().map(spread).collect();
        let mut units: Vec<usize> = (0..spreads.len()).collect();
        units.sort_by(|&one, &other| spreads[other].total_cmp(&spreads[one]));
        units
    }

    /// For each value, in the order of the computation, where the device differs most from the reference.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        let Self { a1, z1, a2, y, device: OnDevice { values, backward }, .. } = self;
        let vectors = [("a1", a1, &values.a1), ("z1", z1, &values.z1), ("a2", a2, &values.a2), ("y", y, &values.y)];
        let vector = |(name, reference, device): (_, &Array1<f64>, &Vec<f32>)| {
            largest(name, &[reference.len()], reference.iter(), device)
        };
        let mut found: Vec<Difference> = vectors.into_iter().map(vector).collect();
        if let (Some(reference), Some((loss, gradients))) = (&self.backward, backward) {
            let [w1, b1, w2, b2] = gradients.tensors();
            let Backward { device_loss, dy, dz1, da1, gradient, .. } = reference;
            let tensor = |name, Tensor { dims, values, .. }: &Tensor, reference: &mut dyn Iterator<Item = &f64>| {
                largest(name, dims, reference, values)
            };
            found.extend([
                Difference { name: "loss", place: Vec::new(), reference: *device_loss, device: *loss },
                vector(("dy", dy, &values.dy)),
                tensor("dW2", &w2, &mut gradient.w2.iter()),
                tensor("db2", &b2, &mut gradient.b2.iter()),
                vector(("dz1", dz1, &values.dz1)),
                vector(("da1", da1, &values.da1)),
                tensor("dW1", &w1, &mut gradient.w1.iter()),
                tensor("db1", &b1, &mut gradient.b1.iter()),
            ]);
        }
        found
    }
}

/// The row of a batch of one.
fn only_row(batch: &Array2<f64>) -> Array1<f64> {
    batch.row(0).to_owned()
}

/// log(sum over k of exp(a2_k)), from the largest exponent.
fn log_sum_exp(a2: &Array1<f64>) -> f64 {
    let max = a2[argmax(a2)];
    max + a2.mapv(|a| (a - max).exp()).sum().ln()
}

/// The largest difference in a tensor of these dimensions; a device's NaN is larger than any.
fn largest<'a>(
    name: &'static str,
    dims: &[usize],
    reference: impl Iterator<Item = &'a f64>,
    device: &[f32],
) -> Difference {
    let pairs = reference.copied().zip(device.iter().copied()).enumerate();
    let error = |(_, (reference, device)): &(usize, (f64, f32))| (f64::from(*device) - reference).abs();
    let most = pairs.max_by(|one, other| error(one).total_cmp(&error(other)));
    let (index, (reference, device)) = most.unwrap_or((0, (f64::NAN, f32::NAN)));
    let place = match dims {
        [_, columns] => vec![index / columns, index % columns],
        _ => vec![index],
    };
    Difference { name, place, reference, device }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::net::{Activation, Shape};

    /// As many classes as units, so that a transposed W2 has its shape.
    const SHAPE: Shape = Shape { input: 3, hidden: 4, classes: 4 };
    const PIXELS: [u8; 3] = [0, 51, 255];

    fn explained(activation: Activation, output: Output, label: Option<u8>) -> Explanation {
        let net = Net { shape: SHAPE, activation, output };
        let mut params = Params::init(SHAPE, 1.0, 3);
        for (place, bias) in params.b1.iter_mut().chain(&mut params.b2).enumerate() {
            *bias = 0.125 * place as f32 - 0.4;
        }
        block_on(Explanation::new(&Device::Cpu { threads: 1 }, net, &params, &PIXELS, label)).unwrap()
    }

    #[test]
    fn every_value_is_the_formula_s() {
        for activation in Activation::ALL {
            let Explanation { network, x, a1, z1, contributions, a2, y, .. } =
                explained(activation, Output::Softmax, None);
            let Tensors { w1, b1, w2, b2 } = &network.params;
            assert_eq!(x, ndarray::array![0.0, 0.2, 1.0]);
            let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-14, "{found} {expected}");
            for j in 0..4 {
                close(a1[j], 0.2 * w1[(1, j)] + w1[(2, j)] + b1[j]);
                for k in 0..4 {
                    close(contributions[(j, k)], z1[j] * w2[(j, k)]);
                }
                close(a2[j], contributions.column(j).sum() + b2[j]);
            }
            close(y.sum(), 1.0);
        }
    }

    #[test]
    fn derivatives_are_the_slopes_of_the_loss() {
        for output in [Output::Softmax, Output::Identity] {
            for activation in [Activation::Sigmoid, Activation::Tanh] {
                let explanation = explained(activation, output, Some(2));
                let Backward { label, loss, dy, dz1, da1, gradient, .. } = explanation.backward.unwrap();
                let mut network = explanation.network;
                let x = explanation.x.insert_axis(Axis(0));
                assert_eq!((label, loss), (2, network.loss(&x, &[2])));
                for (index, derivative) in gradient.values().enumerate() {
                    let slope = network.slope(&x, &[2], index, 1e-5);
                    // The 1e-7 of the book's loss is in the slope alone.
                    assert!((derivative - slope).abs() < 1e-5, "{index}: {derivative} {slope}");
                }
                assert_eq!((&gradient.b2, &gradient.b1), (&dy, &da1));
                // By z1_1: W2's second row, not its column.
                let expected: f64 = (0..4).map(|k| dy[k] * network.params.w2[(1, k)]).sum();
                assert!((dz1[1] - expected).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn the_unit_that_tells_classes_apart_most_is_first() {
        let net = Net { shape: SHAPE, activation: Activation::Relu, output: Output::Softmax };
        let mut params = Params::zeros(SHAPE);
        params.b1.copy_from_slice(&[1.0, 1.0, 0.5, -1.0]);
        // To every class alike; to one a little; to one much, by a small z1; never.
        params.w2.copy_from_slice(&[9., 9., 9., 9., 0., 1., 0., 0., 0., 0., -8., 0., 7., 0., 0., 7.]);
        let explanation = block_on(Explanation::new(&Device::Cpu { threads: 1 }, net, &params, &PIXELS, None)).unwrap();
        assert_eq!(explanation.ranking(), [2, 1, 0, 3]);
        assert_eq!(explanation.class(), 1);
        assert_eq!(explanation.contributions.row(2), ndarray::array![0., 0., -4., 0.]);
    }

    #[test]
    fn a_device_that_errs_is_found_at_its_place() {
        let mut explanation = explained(Activation::Sigmoid, Output::Softmax, Some(1));
        let names = ["a1", "z1", "a2", "y", "loss", "dy", "dW2", "db2", "dz1", "da1", "dW1", "db1"];
        let differences = explanation.differences();
        assert!(differences.iter().map(|difference| difference.name).eq(names));
        for difference in &differences {
            assert!(difference.error().abs() < 1e-6, "{difference:?}");
        }
        explanation.device.values.a2[3] += 0.5;
        let (_, gradients) = explanation.device.backward.as_mut().unwrap();
        gradients.w2[4 * 2 + 1] = f32::NAN;
        gradients.w1[4 * 2 + 3] -= 1.0;
        let found = explanation.differences();
        assert!((found[2].error() - 0.5).abs() < 1e-6 && found[2].place == [3]);
        assert!(found[6].error().is_nan() && found[6].place == [2, 1]);
        assert!((found[10].error() + 1.0).abs() < 1e-6 && found[10].place == [2, 3]);
        assert_eq!(explained(Activation::Sigmoid, Output::Softmax, None).differences().len(), 4);
    }

    #[test]
    fn what_does_not_fit_the_network_is_an_error() {
        let net = Net { shape: SHAPE, activation: Activation::Sigmoid, output: Output::Softmax };
        let error = |pixels: &[u8], label| {
            let device = Device::Cpu { threads: 1 };
            block_on(Explanation::new(&device, net, &Params::zeros(SHAPE), pixels, label)).unwrap_err()
        };
        assert!(matches!(error(&[0; 4], None), Error::Backend(backend::Error::Set { pixels: 4, .. })));
        assert!(matches!(error(&PIXELS, Some(4)), Error::Backend(backend::Error::Set { largest_label: 4, .. })));
        assert!(matches!(error(&[], None), Error::Data(_)));
    }
}
