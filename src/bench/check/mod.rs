//! Checks a backend's results for one batch against the f64 reference, stage by stage.
//!
//! Each stage is computed in f64 from the backend's own values of the previous stage, which are already checked. So the
//! first wrong stage is named, and errors of earlier stages do not add up. Every element is compared, except in matrix
//! products that are too large to repeat in f64. There, a sample of rows (of a gradient: columns) is computed in full.
//! All rows are also compared by their sums with random signs, which need only a matrix-vector product. The row or column
//! whose sum differs most is computed in full too.

mod batch;
mod compare;
mod evaluation;
mod sample;
#[cfg(test)]
mod tests;
mod wrong;

use ndarray::{Array1, Array2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::batch::{Batch, losses};
use self::compare::{Values, all, every, in_parts, total};
pub use self::evaluation::check_evaluation;
use self::sample::{farthest, sample, signs};
pub use self::wrong::{Errors, TOLERANCE, Wrong};
use self::wrong::{Stage, Stages};
use crate::backend::Intermediates;
use crate::data::Dataset;
use crate::functions::one_hot;
use crate::net::{Gradients, Net, Params, Shape, Tensor};
use crate::reference::{self, TwoLayerNet};

/// A backend's results for one batch.
#[derive(Clone, Debug)]
pub struct Found {
    /// The values of the pass, from `Backend::intermediates`.
    pub intermediates: Intermediates,
    /// The batch's mean loss, from `Backend::gradient`.
    pub loss: f32,
    /// The gradient, from `Backend::gradient`.
    pub gradient: Gradients,
    /// The parameters after one step of `Backend::train` on the batch.
    pub after: Params,
}

/// The largest number of multiplications in a matrix product of the check: about 0.1 s.
const MAX_PRODUCTS: usize = 1 << 30;

/// Random parameters for the check of a backend. They are small enough that no unit saturates, and no bias is 0, so that
/// exchanged values show.
#[must_use]
pub fn params(shape: Shape) -> Params {
    let mut params = Params::init(shape, 1.0, 1);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    params.w1.iter_mut().for_each(|w| *w *= 2.0 / (shape.input as f32).sqrt());
    params.w2.iter_mut().for_each(|w| *w *= 1.0 / (shape.hidden as f32).sqrt());
    params.b1.iter_mut().chain(&mut params.b2).for_each(|b| *b = rng.random::<f32>() - 0.5);
    params
}

/// The learning rate for the check's step. It makes the update of every tensor at least as large as the tensor, so that
/// the update is not lost in rounding.
#[must_use]
pub fn learning_rate(params: &Params, gradient: &Gradients) -> f32 {
    let norm = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let ratio = |(values, slopes): (&Tensor, &Tensor)| norm(values.values) / norm(slopes.values);
    let rate = params.tensors().iter().zip(&gradient.tensors()).map(ratio).fold(0.0, f64::max) as f32;
    // For a gradient of 0 there is no such rate, and the update is 0 at any rate.
    if rate.is_finite() && rate > 0.0 { rate } else { 1.0 }
}

/// Checks a backend's results for a batch with these parameters, and its parameters after a step at this learning rate.
///
/// # Errors
/// [`Wrong`] names the first wrong stage.
///
/// # Panics
/// If the parameters, the set or the batch do not fit a network of this shape, as `Backend` requires.
pub fn check(
    net: &Net,
    params: &Params,
    set: &Dataset,
    batch: &[u32],
    learning_rate: f32,
    found: &Found,
) -> Result<Errors, Wrong> {
    let check = Check { net, params, batch: Batch { set, indices: batch }, max_products: MAX_PRODUCTS };
    check.stages(learning_rate, found)
}

struct Check<'a> {
    net: &'a Net,
    params: &'a Params,
    batch: Batch<'a>,
    max_products: usize,
}

impl Check<'_> {
    fn stages(&self, learning_rate: f32, found: &Found) -> Result<Errors, Wrong> {
        let stages = [self.pass(found)?, self.gradient(found)?, self.update(learning_rate, found)?].concat();
        Ok(Errors { stages })
    }

    /// Checks the values of the forward and the backward pass, and the loss.
    fn pass(&self, found: &Found) -> Result<Stages, Wrong> {
        let Shape { hidden, classes, .. } = self.net.shape;
        let count = self.batch.indices.len();
        let values = &found.intermediates;
        let a1 = Values::new("a1", &values.a1, &[count, hidden])?;
        let z1 = Values::new("z1", &values.z1, &[count, hidden])?;
        let a2 = Values::new("a2", &values.a2, &[count, classes])?;
        let y = Values::new("y", &values.y, &[count, classes])?;
        let dy = Values::new("dy", &values.dy, &[count, classes])?;
        let dz1 = Values::new("dz1", &values.dz1, &[count, hidden])?;
        let da1 = Values::new("da1", &values.da1, &[count, hidden])?;
        let loss = Values::new("loss", std::slice::from_ref(&found.loss), &[])?;

        let reference = TwoLayerNet::new(*self.net, self.params);
        let reference::Tensors { w1, b1, w2, b2 } = &reference.params;
        let (w2_transposed, no_bias) = (w2.t().to_owned(), Array1::zeros(hidden));
        let target = |rows: &[usize]| one_hot(&self.batch.labels(rows), classes);
        let losses = |rows: &[usize]| losses(self.net, &a2.select_rows(rows), &self.batch.labels(rows));
        let mean_loss = || in_parts(&all(count), losses).concat().iter().sum::<f64>() / count as f64;
        Ok(vec![
            self.product(a1, |rows| self.batch.rows(rows), w1, b1)?,
            every(z1, |rows| self.net.activation.function(&a1.select_rows(rows)))?,
            self.product(a2, |rows| z1.select_rows(rows), w2, b2)?,
            every(y, |rows| reference.output(&a2.select_rows(rows)))?,
            every(dy, |rows| (y.select_rows(rows) - target(rows)) / count as f64)?,
            self.product(dz1, |rows| dy.select_rows(rows), &w2_transposed, &no_bias)?,
            every(da1, |rows| dz1.select_rows(rows) * self.net.activation.derivative_of_value(&z1.select_rows(rows)))?,
            every(loss, |_| Array2::from_elem((1, 1), mean_loss()))?,
        ])
    }

    /// Checks the gradient, from the values of the pass.
    fn gradient(&self, found: &Found) -> Result<Stages, Wrong> {
        let Shape { input, hidden, classes } = self.net.shape;
        let count = self.batch.indices.len();
        let (values, gradient) = (&found.intermediates, &found.gradient);
        let z1 = Values::new("z1", &values.z1, &[count, hidden])?;
        let dy = Values::new("dy", &values.dy, &[count, classes])?;
        let da1 = Values::new("da1", &values.da1, &[count, hidden])?;
        let w1 = Values::new("the gradient of W1", &gradient.w1, &[input, hidden])?;
        let b1 = Values::new("the gradient of b1", &gradient.b1, &[hidden])?;
        let w2 = Values::new("the gradient of W2", &gradient.w2, &[hidden, classes])?;
        let b2 = Values::new("the gradient of b2", &gradient.b2, &[classes])?;

        let sum = |rows: Values| total(count, |n| rows.select_rows(n).sum_axis(Axis(0))).insert_axis(Axis(0));
        Ok(vec![
            self.transposed_product(w1, |pixels| self.batch.columns(pixels), da1)?,
            every(b1, |_| sum(da1))?,
            self.transposed_product(w2, |units| z1.select_columns(units), dy)?,
            every(b2, |_| sum(dy))?,
        ])
    }

    /// Checks the parameters after one step along the gradient.
    fn update(&self, learning_rate: f32, found: &Found) -> Result<Stages, Wrong> {
        let stages = ["W1 after a step", "b1 after a step", "W2 after a step", "b2 after a step"];
        let tensors = self.params.tensors().into_iter().zip(found.gradient.tensors()).zip(found.after.tensors());
        let update = |(stage, ((before, slopes), after)): (&'static str, ((Tensor, Tensor), Tensor))| {
            let before_step = Values::new(stage, before.values, &before.dims)?;
            let slopes = Values::new(stage, slopes.values, &before.dims)?;
            let after = Values::new(stage, after.values, &before.dims)?;
            let learning_rate = f64::from(learning_rate);
            every(after, |rows| before_step.select_rows(rows) - learning_rate * slopes.select_rows(rows))
        };
        stages.into_iter().zip(tensors).map(update).collect()
    }

    /// Checks `found = left weights + bias`. `left` returns some of its rows.
    fn product(
        &self,
        found: Values,
        left: impl Fn(&[usize]) -> Array2<f64> + Sync,
        weights: &Array2<f64>,
        bias: &Array1<f64>,
    ) -> Stage {
        let mut rows = sample(found.rows(), self.max_products / weights.len());
        if rows.len() < found.rows() {
            let signs = signs(found.width());
            let (weights, bias) = (weights.dot(&signs), bias.dot(&signs));
            let sums = in_parts(&all(found.rows()), |rows| {
                (found.select_rows(rows).dot(&signs).to_vec(), (left(rows).dot(&weights) + bias).to_vec())
            });
            let (sums, expected): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
            rows.push(farthest(&sums.concat(), &expected.concat()));
        }
        found.compare(&rows, &all(found.width()), |rows| left(rows).dot(weights) + bias)
    }

    /// Checks `found = leftᵀ right`. `left` returns some of its columns.
    fn transposed_product(&self, found: Values, left: impl Fn(&[usize]) -> Array2<f64> + Sync, right: Values) -> Stage {
        let mut columns = sample(found.width(), self.max_products / (found.rows() * right.rows()));
        if columns.len() < found.width() {
            let signs = signs(found.rows());
            let sums = total(found.rows(), |rows| signs.select(Axis(0), rows).dot(&found.select_rows(rows)));
            let left = total(found.rows(), |columns| left(columns).dot(&signs.select(Axis(0), columns)));
            let expected = total(right.rows(), |rows| left.select(Axis(0), rows).dot(&right.select_rows(rows)));
            columns.push(farthest(&sums.to_vec(), &expected.to_vec()));
        }
        let right = right.select_columns(&columns);
        found.compare(&all(found.rows()), &columns, |rows| left(rows).t().dot(&right))
    }
}
