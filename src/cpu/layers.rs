//! What a layer does to its rows, in f32.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayRef1, ArrayRef2, Zip};

use crate::net::{Activation, Output};

/// `out = x w + b`, for x `[N, inputs]`, w `[inputs, outputs]`, b `[outputs]`.
pub fn affine(x: &ArrayRef2<f32>, w: &ArrayRef2<f32>, b: &ArrayRef1<f32>, out: &mut ArrayRef2<f32>) {
    out.assign(b);
    general_mat_mul(1.0, x, w, 1.0, out);
}

/// The hidden layer's function, in place.
pub fn activation(activation: Activation, a: &mut ArrayRef2<f32>) {
    match activation {
        Activation::Sigmoid => a.mapv_inplace(sigmoid),
        // Written so that a NaN stays one.
        Activation::Relu => a.mapv_inplace(|a| if a <= 0.0 { 0.0 } else { a }),
    }
}

fn sigmoid(a: f32) -> f32 {
    let e = (-a.abs()).exp();
    if a >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// Multiplies d by the activation's gradient, known from its value z.
pub fn activation_gradient(activation: Activation, z: &ArrayRef2<f32>, d: &mut ArrayRef2<f32>) {
    match activation {
        Activation::Sigmoid => Zip::from(d).and(z).for_each(|d, &z| *d *= z * (1.0 - z)),
        Activation::Relu => Zip::from(d).and(z).for_each(|d, &z| *d *= if z > 0.0 { 1.0 } else { 0.0 }),
    }
}

/// The output layer's function of one row of logits, in place.
pub fn output(output: Output, row: &mut ArrayRef1<f32>) {
    if output == Output::Softmax {
        let max = largest(row);
        row.mapv_inplace(|a| (a - max).exp());
        let sum = row.sum();
        *row /= sum;
    }
}

/// The loss of one image: log-softmax of its logits a2 at the label, or half the square of its error y - t.
pub fn loss(output: Output, a2: &ArrayRef1<f32>, error: &ArrayRef1<f32>, label: usize) -> f32 {
    match output {
        Output::Softmax => {
            let max = largest(a2);
            let sum: f32 = a2.iter().map(|a| (a - max).exp()).sum();
            sum.ln() - (a2[label] - max)
        }
        Output::Identity => error.dot(error) / 2.0,
    }
}

fn largest(row: &ArrayRef1<f32>) -> f32 {
    row.fold(f32::NEG_INFINITY, |max, &a| max.max(a))
}

/// The place of the largest element, the first of equals.
pub fn argmax(row: &ArrayRef1<f32>) -> usize {
    let mut best = 0;
    for (k, a) in row.iter().enumerate() {
        if *a > row[best] {
            best = k;
        }
    }
    best
}
