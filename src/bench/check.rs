//! Whether a device computes what the f64 reference does.

use crate::backend::{Evaluation, Intermediates};
use crate::data::Dataset;
use crate::net::{Gradients, Net, Params, Shape};
use crate::reference::TwoLayerNet;

/// What a device computed of one batch.
#[derive(Clone, Debug)]
pub struct Found {
    /// The values of the batch's pass.
    pub intermediates: Intermediates,
    /// The batch's mean loss.
    pub loss: f32,
    /// The loss's gradient.
    pub gradient: Gradients,
    /// The parameters after one step of SGD.
    pub after: Params,
}

/// How near a device came to the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// The largest relative error of any tensor.
    pub largest: f64,
}

/// A tensor that is not the reference's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{tensor} is off by {error:.1e}, relative to the f64 reference")]
pub struct Wrong {
    tensor: &'static str,
    error: f64,
}

const TOLERANCE: f64 = 1e-3;

/// Compares a batch's pass and one step of SGD.
///
/// # Panics
/// If an image number is not of the set.
///
/// # Errors
/// [`Wrong`].
pub fn check(
    net: &Net,
    params: &Params,
    set: &Dataset,
    batch: &[u32],
    _learning_rate: f32,
    found: &Found,
) -> Result<Errors, Wrong> {
    let x = batch.iter().flat_map(|&image| set.image(image as usize).unwrap_or_default());
    let x = x.map(|&pixel| f64::from(pixel) / 255.0).collect();
    let x = ndarray::Array2::from_shape_vec((batch.len(), net.shape.input), x).expect("whole images");
    let t: Vec<usize> = batch.iter().map(|&image| usize::from(set.labels()[image as usize])).collect();
    let expected = TwoLayerNet::new(*net, params).gradient(&x, &t).w1;
    near("the gradient of W1", found.gradient.w1.iter().map(|&v| f64::from(v)), expected.iter().copied())
}

/// Compares the evaluation of a whole set.
///
/// # Panics
/// If the set's images are not the network's.
///
/// # Errors
/// [`Wrong`].
pub fn check_evaluation(net: &Net, params: &Params, set: &Dataset, found: &Evaluation) -> Result<Errors, Wrong> {
    let x = set.images().iter().map(|&pixel| f64::from(pixel) / 255.0).collect();
    let x = ndarray::Array2::from_shape_vec((set.len(), net.shape.input), x).expect("whole images");
    let t: Vec<usize> = set.labels().iter().map(|&label| usize::from(label)).collect();
    near("the loss", [found.loss].into_iter(), [TwoLayerNet::new(*net, params).loss(&x, &t)].into_iter())
}

fn near(
    tensor: &'static str,
    found: impl Iterator<Item = f64>,
    expected: impl Iterator<Item = f64>,
) -> Result<Errors, Wrong> {
    let (mut difference, mut norm) = (0.0, 0.0);
    for (found, expected) in found.zip(expected) {
        difference += (found - expected).powi(2);
        norm += expected.powi(2);
    }
    let error = (difference / norm).sqrt();
    if error < TOLERANCE { Ok(Errors { largest: error }) } else { Err(Wrong { tensor, error }) }
}

/// The rate of the step that is compared.
#[must_use]
pub fn learning_rate(_params: &Params, _gradient: &Gradients) -> f32 {
    0.1
}

/// The parameters that are compared with.
#[must_use]
pub fn params(shape: Shape) -> Params {
    Params::init(shape, 0.05, 0)
}
