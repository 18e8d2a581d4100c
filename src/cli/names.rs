//! Names that --gradient and --weight-init take.

use crate::net::names;

/// How gradients are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gradient {
    #[default]
    Backprop,
    Numerical,
    Naive,
}

names!(Gradient, "gradient", "backprop, numerical or naive", {
    Backprop => "backprop", Numerical => "numerical", Naive => "naive",
});

/// Where the deviation of the initial weights comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WeightInitName {
    #[default]
    Normal,
    Xavier,
    He,
}

names!(WeightInitName, "weight init", "normal, xavier or he", {
    Normal => "normal", Xavier => "xavier", He => "he",
});
