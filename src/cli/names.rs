//! The values of --gradient and --weight-init.

use crate::net::{Activation, WeightInit, names};
use crate::words::either;

/// The gradient method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gradient {
    #[default]
    Backprop,
    Numerical,
    Naive,
}

names!(Gradient, "gradient", {
    Backprop => "backprop", Numerical => "numerical", Naive => "naive",
});

/// The rule for the standard deviation of the initial weights. Of a wide layer each gives a larger one than the rule before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(super) enum WeightInitName {
    #[default]
    Normal,
    Xavier,
    He,
}

names!(WeightInitName, "weight init", {
    Normal => "normal", Xavier => "xavier", He => "he",
});

impl WeightInitName {
    /// Those that suit an activation.
    pub fn suited_to(activation: Activation) -> Self {
        match activation.weight_init() {
            WeightInit::Normal { .. } => Self::Normal,
            WeightInit::Xavier => Self::Xavier,
            WeightInit::He => Self::He,
        }
    }
}

/// The activations that some initial weights suit.
pub(super) fn suiting(weight_init: WeightInitName) -> String {
    let suited: Vec<Activation> = Activation::ALL
        .into_iter()
        .filter(|activation| WeightInitName::suited_to(*activation) == weight_init)
        .collect();
    either(&suited)
}
