//! The parameters, or a gradient, in f64.

use ndarray::{Array1, Array2};

use crate::net::{Params, Shape};

/// The parameters of a network, or a gradient with respect to them, in f64: W1 `[input, hidden]`, b1 `[hidden]`,
/// W2 `[hidden, classes]` and b2 `[classes]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensors {
    /// First layer's weights.
    pub w1: Array2<f64>,
    /// First layer's biases.
    pub b1: Array1<f64>,
    /// Second layer's weights.
    pub w2: Array2<f64>,
    /// Second layer's biases.
    pub b2: Array1<f64>,
}

impl Tensors {
    /// The values of the four arrays, flat, in the order W1, b1, W2, b2.
    pub fn values(&self) -> impl Iterator<Item = &f64> {
        let Self { w1, b1, w2, b2 } = self;
        w1.iter().chain(b1).chain(w2).chain(b2)
    }

    /// The values as [`values`](Self::values) returns them, mutable.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        let Self { w1, b1, w2, b2 } = self;
        w1.iter_mut().chain(b1).chain(w2).chain(b2)
    }

    /// The values rounded to f32.
    #[must_use]
    pub fn rounded(&self, shape: Shape) -> Params {
        let [w1, w2] = [&self.w1, &self.w2].map(|w| w.iter().map(|&v| v as f32).collect());
        let [b1, b2] = [&self.b1, &self.b2].map(|b| b.iter().map(|&v| v as f32).collect());
        Params { shape, w1, b1, w2, b2 }
    }

    /// A value by its index through W1, b1, W2, b2.
    ///
    /// # Panics
    /// If the index is too large.
    pub fn value_mut(&mut self, mut index: usize) -> &mut f64 {
        let Self { w1, b1, w2, b2 } = self;
        let arrays = [w1.as_slice_mut(), b1.as_slice_mut(), w2.as_slice_mut(), b2.as_slice_mut()];
        for array in arrays.map(|array| array.expect("all arrays are row-major")) {
            if index < array.len() {
                return &mut array[index];
            }
            index -= array.len();
        }
        panic!("the index is too large")
    }
}
