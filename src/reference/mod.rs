//! The readable reference: the book's `TwoLayerNet` in f64.
//!
//! Every backend is compared with it. It uses the book's names: a1, z1, a2, y in the forward pass, and dy, dz1, da1 in the
//! backward pass.

mod optimizer;
mod tensors;

pub use self::optimizer::Updates;
pub use self::tensors::Tensors;

use ndarray::{Array2, ArrayRef2, Axis};

use crate::functions::{EPSILON, Target, argmax, cross_entropy_error, identity, one_hot, softmax, sum_squared_error};
use crate::net::{Net, Output, Params};

/// The network of the book with its four parameters in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoLayerNet {
    /// Shape, activation and output.
    pub net: Net,
    /// The parameters: W1, b1, W2, b2.
    pub params: Tensors,
}

/// Every value of the forward and the backward pass of one batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// x W1 + b1, `[N, hidden]`.
    pub a1: Array2<f64>,
    /// activation(a1), `[N, hidden]`.
    pub z1: Array2<f64>,
    /// z1 W2 + b2, the logits, `[N, classes]`.
    pub a2: Array2<f64>,
    /// The output: softmax(a2) or a2 itself, `[N, classes]`.
    pub y: Array2<f64>,
    /// (y - t) / N, the derivative of the loss with respect to a2, `[N, classes]`.
    pub dy: Array2<f64>,
    /// dy W2ᵀ, the derivative of the loss with respect to z1, `[N, hidden]`.
    pub dz1: Array2<f64>,
    /// dz1 activation'(a1), the derivative of the loss with respect to a1, `[N, hidden]`.
    pub da1: Array2<f64>,
}

impl TwoLayerNet {
    /// A network with these parameters.
    ///
    /// # Panics
    /// If the length of a tensor does not fit the shape.
    #[must_use]
    pub fn new(net: Net, params: &Params) -> Self {
        let matrix = |rows, cols, values: &[f32]| {
            let values = values.iter().map(|&v| f64::from(v)).collect();
            Array2::from_shape_vec((rows, cols), values).expect("the length fits the shape")
        };
        let vector = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect();
        let shape = net.shape;
        let params = Tensors {
            w1: matrix(shape.input, shape.hidden, &params.w1),
            b1: vector(&params.b1),
            w2: matrix(shape.hidden, shape.classes, &params.w2),
            b2: vector(&params.b2),
        };
        Self { net, params }
    }

    /// The output y `[N, classes]` for the images x `[N, input]`.
    #[must_use]
    pub fn predict(&self, x: &ArrayRef2<f64>) -> Array2<f64> {
        let Tensors { w1, b1, w2, b2 } = &self.params;
        let a1 = x.dot(w1) + b1;
        let z1 = self.net.activation.function(&a1);
        let a2 = z1.dot(w2) + b2;
        self.output(&a2)
    }

    /// The mean loss of the batch x `[N, input]` with labels t: cross-entropy, or half the squared error.
    #[must_use]
    pub fn loss(&self, x: &ArrayRef2<f64>, t: &[usize]) -> f64 {
        let y = self.predict(x);
        match self.net.output {
            Output::Softmax => cross_entropy_error(&y, Target::Labels(t)),
            Output::Identity => sum_squared_error(&y, &one_hot(t, self.net.shape.classes)) / t.len() as f64,
        }
    }

    /// The share of images whose largest output is that of their label.
    #[must_use]
    pub fn accuracy(&self, x: &ArrayRef2<f64>, t: &[usize]) -> f64 {
        let y = self.predict(x);
        let correct = y.outer_iter().zip(t).filter(|(y, t)| argmax(y) == **t).count();
        correct as f64 / t.len() as f64
    }

    /// The confusion matrix `[classes, classes]`: the count of images with the row's label and the column's prediction.
    #[must_use]
    pub fn confusion(&self, x: &ArrayRef2<f64>, t: &[usize]) -> Vec<u32> {
        let classes = self.net.shape.classes;
        let mut confusion = vec![0; classes * classes];
        for (y, t) in self.predict(x).outer_iter().zip(t) {
            confusion[t * classes + argmax(&y)] += 1;
        }
        confusion
    }

    /// The gradient of the mean loss by backpropagation.
    #[must_use]
    pub fn gradient(&self, x: &ArrayRef2<f64>, t: &[usize]) -> Tensors {
        Self::gradient_of(x, &self.pass(x, t))
    }

    /// The gradient of the mean loss of [`TwoLayerNet::loss`], with the 1e-7 that the book's backpropagation leaves out. It is
    /// the limit of a central difference for small steps.
    ///
    /// d(-ln(y_t + 1e-7)) / da2 = (y - t) y_t / (y_t + 1e-7).
    #[must_use]
    pub fn exact_gradient(&self, x: &ArrayRef2<f64>, t: &[usize]) -> Tensors {
        let mut pass = self.pass(x, t);
        if self.net.output == Output::Softmax {
            for (n, &label) in t.iter().enumerate() {
                let share = pass.y[(n, label)] / (pass.y[(n, label)] + EPSILON);
                pass.dy.row_mut(n).mapv_inplace(|dy| dy * share);
                pass.da1.row_mut(n).mapv_inplace(|da1| da1 * share);
            }
        }
        Self::gradient_of(x, &pass)
    }

    /// The gradient of the mean loss from the batch x `[N, input]` and its pass.
    #[must_use]
    pub fn gradient_of(x: &ArrayRef2<f64>, Pass { z1, dy, da1, .. }: &Pass) -> Tensors {
        Tensors { w1: x.t().dot(da1), b1: da1.sum_axis(Axis(0)), w2: z1.t().dot(dy), b2: dy.sum_axis(Axis(0)) }
    }

    /// Every intermediate value of the forward and the backward pass.
    ///
    /// As in the book's backpropagation, dy leaves out the 1e-7 in the logarithm of the loss.
    #[must_use]
    pub fn pass(&self, x: &ArrayRef2<f64>, t: &[usize]) -> Pass {
        let Tensors { w1, b1, w2, b2 } = &self.params;
        let batch_size = t.len() as f64;
        // forward
        let a1 = x.dot(w1) + b1;
        let z1 = self.net.activation.function(&a1);
        let a2 = z1.dot(w2) + b2;
        let y = self.output(&a2);
        // backward
        let dy = (&y - &one_hot(t, self.net.shape.classes)) / batch_size;
        let dz1 = dy.dot(&w2.t());
        let da1 = &dz1 * &self.net.activation.derivative(&a1);
        Pass { a1, z1, a2, y, dy, dz1, da1 }
    }

    /// The gradient by central differences, (f(w + h) - f(w - h)) / 2h for every parameter w, with h = `step_size` (1e-4 in the
    /// book). Each parameter needs two forward passes.
    #[must_use]
    pub fn numerical_gradient(&self, x: &ArrayRef2<f64>, t: &[usize], step_size: f64) -> Tensors {
        let mut network = self.clone();
        let mut gradient = self.params.clone();
        for (index, slope) in gradient.values_mut().enumerate() {
            *slope = network.slope(x, t, index, step_size);
        }
        gradient
    }

    /// The central difference for one parameter, given by its index through W1, b1, W2, b2. The parameter is changed and
    /// restored.
    ///
    /// # Panics
    /// If the index is too large.
    #[must_use]
    pub fn slope(&mut self, x: &ArrayRef2<f64>, t: &[usize], index: usize, step_size: f64) -> f64 {
        let value = *self.params.value_mut(index);
        *self.params.value_mut(index) = value + step_size;
        let above = self.loss(x, t);
        *self.params.value_mut(index) = value - step_size;
        let below = self.loss(x, t);
        *self.params.value_mut(index) = value;
        (above - below) / (2.0 * step_size)
    }

    /// One step of SGD on the batch: subtracts `learning_rate` times the gradient. Returns the batch's loss before the update.
    pub fn train_step(&mut self, x: &ArrayRef2<f64>, t: &[usize], learning_rate: f64) -> f64 {
        let loss = self.loss(x, t);
        let mut gradient = self.gradient(x, t);
        for (value, slope) in self.params.values_mut().zip(gradient.values_mut()) {
            *value -= learning_rate * *slope;
        }
        loss
    }

    pub(crate) fn output(&self, a2: &ArrayRef2<f64>) -> Array2<f64> {
        match self.net.output {
            Output::Softmax => softmax(a2),
            Output::Identity => identity(a2),
        }
    }
}
