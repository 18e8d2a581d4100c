//! What a backend answers.

/// A data set that a backend holds, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident(pub(crate) usize);

/// How well a network does on a whole set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Images in the set.
    pub images: usize,
    /// Mean loss.
    pub loss: f64,
    /// Classes the network tells apart.
    pub classes: usize,
    /// `[classes, classes]` counts of images: row by their label, column by the class predicted.
    pub confusion: Vec<u32>,
}

impl Evaluation {
    /// The share of images whose predicted class is their label.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: u32 = self.confusion.iter().step_by(self.classes + 1).sum();
        f64::from(right) / self.images as f64
    }
}

/// Every intermediate value of one batch's pass, row-major, under the reference's names.
#[derive(Clone, Debug, PartialEq)]
pub struct Intermediates {
    /// x W1 + b1, `[N, hidden]`.
    pub a1: Vec<f32>,
    /// activation(a1), `[N, hidden]`.
    pub z1: Vec<f32>,
    /// The logits z1 W2 + b2, `[N, classes]`.
    pub a2: Vec<f32>,
    /// softmax(a2), or a2 itself, `[N, classes]`.
    pub y: Vec<f32>,
    /// (y - t) / N, `[N, classes]`.
    pub dy: Vec<f32>,
    /// dy W2ᵀ, `[N, hidden]`.
    pub dz1: Vec<f32>,
    /// dz1 activation'(a1), `[N, hidden]`.
    pub da1: Vec<f32>,
}
