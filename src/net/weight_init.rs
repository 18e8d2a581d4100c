//! The standard deviation of the initial weights.

/// The rule for the standard deviation of each layer's initial weights, drawn from a normal distribution. The biases begin at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WeightInit {
    /// One deviation for both layers: the book trains MNIST by 0.01.
    Normal {
        /// The deviation, finite and not below 0.
        std: f32,
    },
    /// sqrt(1 / n) for a layer that n units lead into: Glorot and Bengio 2010, in the form of the book's chapter 6.
    Xavier,
    /// sqrt(2 / n) for a layer that n units lead into, for ReLU: He et al. 2015.
    He,
}

impl WeightInit {
    /// The deviation of the weights between `inputs` units, at least 1, and the next layer.
    #[must_use]
    pub fn std(self, inputs: usize) -> f32 {
        let of = |scale: f64| (scale / inputs as f64).sqrt() as f32;
        match self {
            Self::Normal { std } => std,
            Self::Xavier => of(1.0),
            Self::He => of(2.0),
        }
    }
}
