//! The images of the checked batch, and their losses.

use ndarray::{Array2, ArrayRef2, ArrayView1};

use crate::data::Dataset;
use crate::net::{Net, Output};

/// A batch as a matrix with a row for each image.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub set: &'a Dataset,
    pub indices: &'a [u32],
}

impl Batch<'_> {
    /// The inputs x of these images, `[rows, input]`.
    pub fn rows(&self, rows: &[usize]) -> Array2<f64> {
        let indices: Vec<u32> = rows.iter().map(|&row| self.indices[row]).collect();
        self.set.inputs(&indices)
    }

    /// These pixels of every image, `[N, pixels]`.
    pub fn columns(&self, pixels: &[usize]) -> Array2<f64> {
        Array2::from_shape_fn((self.indices.len(), pixels.len()), |(n, i)| self.set.input(self.indices[n], pixels[i]))
    }

    pub fn labels(&self, rows: &[usize]) -> Vec<usize> {
        rows.iter().map(|&row| self.set.labels()[self.indices[row] as usize].into()).collect()
    }
}

/// The loss of each image from its logits a2 `[N, classes]`. Cross-entropy by log-softmax, as the backends compute it,
/// without the book's 1e-7; or half the squared error.
pub(super) fn losses(net: &Net, a2: &ArrayRef2<f64>, labels: &[usize]) -> Vec<f64> {
    let cross_entropy = |a2: ArrayView1<f64>, label: usize| {
        let max = a2.fold(f64::NEG_INFINITY, |max, &a| max.max(a));
        a2.mapv(|a| (a - max).exp()).sum().ln() - (a2[label] - max)
    };
    let squared_error = |y: ArrayView1<f64>, label: usize| {
        y.indexed_iter().map(|(k, y)| (y - f64::from(u8::from(k == label))).powi(2)).sum::<f64>() / 2.0
    };
    let images = a2.outer_iter().zip(labels);
    match net.output {
        Output::Softmax => images.map(|(a2, &label)| cross_entropy(a2, label)).collect(),
        Output::Identity => images.map(|(y, &label)| squared_error(y, label)).collect(),
    }
}
