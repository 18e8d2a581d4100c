//! The table of the hidden layer's functions. Only the f32 code is elsewhere: `src/cpu/layers.rs` and
//! `shaders/shared/activation.wgsl`, by the activation's name.

use ndarray::{Array2, ArrayRef2};

use super::names::names;
use super::weight_init::WeightInit;
use crate::functions::{relu, relu_grad, sigmoid, sigmoid_grad, tanh, tanh_grad};

/// The hidden layer's function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// 1 / (1 + exp(-x)), as in the book.
    #[default]
    Sigmoid,
    /// max(0, x); its gradient at 0 is taken as 0.
    Relu,
    /// (exp(x) - exp(-x)) / (exp(x) + exp(-x)).
    Tanh,
}

names!(Activation, "activation", { Sigmoid => "sigmoid", Relu => "relu", Tanh => "tanh" });

/// A row of the table.
struct Row {
    function: fn(&ArrayRef2<f64>) -> Array2<f64>,
    derivative: fn(&ArrayRef2<f64>) -> Array2<f64>,
    /// The derivative at a, from z = function(a): a device keeps no a.
    derivative_of_value: fn(f64) -> f64,
    weight_init: WeightInit,
    high_rate: f32,
}

impl Activation {
    fn row(self) -> Row {
        match self {
            Self::Sigmoid => Row {
                function: sigmoid,
                derivative: sigmoid_grad,
                derivative_of_value: |z| z * (1.0 - z),
                weight_init: WeightInit::Xavier,
                high_rate: 2.0,
            },
            Self::Relu => Row {
                function: relu,
                derivative: relu_grad,
                derivative_of_value: |z| if z > 0.0 { 1.0 } else { 0.0 },
                weight_init: WeightInit::He,
                high_rate: 0.5,
            },
            Self::Tanh => Row {
                function: tanh,
                derivative: tanh_grad,
                derivative_of_value: |z| (1.0 - z) * (1.0 + z),
                weight_init: WeightInit::Xavier,
                high_rate: 1.0,
            },
        }
    }

    /// z1 of a1, in f64.
    #[must_use]
    pub fn function(self, a1: &ArrayRef2<f64>) -> Array2<f64> {
        (self.row().function)(a1)
    }

    /// The function's derivative at each of a1, in f64.
    #[must_use]
    pub fn derivative(self, a1: &ArrayRef2<f64>) -> Array2<f64> {
        (self.row().derivative)(a1)
    }

    /// The function's derivative where its value is each of z1, in f64.
    #[must_use]
    pub fn derivative_of_value(self, z1: &ArrayRef2<f64>) -> Array2<f64> {
        z1.mapv(self.row().derivative_of_value)
    }

    /// The initial weights that suit it.
    #[must_use]
    pub fn weight_init(self) -> WeightInit {
        self.row().weight_init
    }

    /// The learning rate above which some runs on drawn pictures of 2, 4 and 10 classes failed.
    #[must_use]
    pub fn high_rate(self) -> f32 {
        self.row().high_rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_the_slopes_and_known_from_the_value() {
        let h = 1e-6;
        let a = ndarray::array![[-5.0, -2.0, -0.3, -1e-3], [1e-3, 0.4, 3.0, 5.0]];
        for activation in Activation::ALL {
            let derivative = activation.derivative(&a);
            let slope = (activation.function(&(&a + h)) - activation.function(&(&a - h))) / (2.0 * h);
            assert!((&derivative - slope).iter().all(|d| d.abs() < 1e-9), "{activation}");
            let of_value = activation.derivative_of_value(&activation.function(&a));
            assert!((derivative - of_value).iter().all(|d| d.abs() < 1e-15), "{activation}");
        }
    }
}
