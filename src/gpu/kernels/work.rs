//! What each stage of a step has to do, whatever the kernel: the operations of its formula, and every byte that goes in
//! or out once.

use super::Work;
use crate::gpu::layout::VEC4;
use crate::net::Shape;

const FLOAT: f64 = size_of::<f32>() as f64;

/// The product of `[rows, terms]` by `[terms, columns]`: a multiplication and an addition a term.
fn product(rows: usize, terms: usize, columns: usize) -> f64 {
    2.0 * rows as f64 * terms as f64 * columns as f64
}

fn floats(values: usize) -> f64 {
    values as f64 * FLOAT
}

/// A bit for each word of the pixels of `n` images: a stage of `tiled` alone.
pub fn nonzero(shape: Shape, n: usize) -> Work {
    let bits = n * shape.input.div_ceil(VEC4);
    Work { flops: 0.0, bytes: (n * shape.input) as f64 + bits as f64 / u8::BITS as f64 }
}

/// z1 of `n` images, from their pixels.
pub fn hidden(shape: Shape, n: usize) -> Work {
    let Shape { input, hidden, .. } = shape;
    Work { flops: product(n, input, hidden), bytes: (n * input) as f64 + floats((input + 1) * hidden + n * hidden) }
}

/// The logits, loss and dy of `n` images from z1, and da1 unless `forward_only`.
pub fn output(shape: Shape, n: usize, forward_only: bool) -> Work {
    let Shape { hidden, classes, .. } = shape;
    let ways = if forward_only { 1.0 } else { 2.0 };
    Work {
        flops: ways * product(n, hidden, classes),
        bytes: floats((hidden + 1) * classes + n * (hidden + classes)) + (ways - 1.0) * floats(n * hidden),
    }
}

/// The gradient of W1 and b1 by `n` images, added to them.
pub fn hidden_gradient(shape: Shape, n: usize) -> Work {
    let Shape { input, hidden, .. } = shape;
    Work { flops: product(input, n, hidden), bytes: (n * input) as f64 + floats(n * hidden + 2 * (input + 1) * hidden) }
}

/// The gradient of W2 and b2 by `n` images, added to them.
pub fn output_gradient(shape: Shape, n: usize) -> Work {
    let Shape { hidden, classes, .. } = shape;
    Work { flops: product(hidden, n, classes), bytes: floats(n * (hidden + classes) + 2 * (hidden + 1) * classes) }
}

/// A sum over `parts` of `values` each, added to as many.
pub fn sum(parts: usize, values: usize) -> Work {
    Work { flops: (parts * values) as f64, bytes: floats((parts + 2) * values) }
}

impl Work {
    /// A part of it.
    pub fn part(self, share: f64) -> Self {
        Self { flops: self.flops * share, bytes: self.bytes * share }
    }
}

impl std::ops::Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { flops: self.flops + other.flops, bytes: self.bytes + other.bytes }
    }
}
