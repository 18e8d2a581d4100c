//! How gradients are computed: by the chain rule, or by differences.

use std::ops::RangeInclusive;

use super::{Activation, Output};

/// How gradients are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// By the chain rule, back through the network.
    #[default]
    Backprop,
    /// By the central difference (L(w + h) - L(w - h)) / 2h of every parameter w, computed as a change: see
    /// `docs/numerical-gradient.md`. L is the book's loss, with its 1e-7. For sigmoid and softmax alone.
    Numerical {
        /// h; the book's is 1e-4.
        step_size: f64,
    },
}

impl Method {
    /// Whether the gradient of a network with these functions can be computed so.
    ///
    /// # Errors
    /// [`MethodError::NoDifference`] or [`MethodError::StepSize`].
    pub fn check(self, activation: Activation, output: Output) -> Result<(), MethodError> {
        let Self::Numerical { step_size } = self else { return Ok(()) };
        if (activation, output) != (Activation::Sigmoid, Output::Softmax) {
            return Err(MethodError::NoDifference { activation, output });
        }
        if !STEP_SIZES.contains(&step_size) {
            return Err(MethodError::StepSize { step_size });
        }
        Ok(())
    }
}

/// The range of the step size: below it f32 loses digits of the smallest changes; above it the difference is far from any
/// derivative.
pub const STEP_SIZES: RangeInclusive<f64> = 1e-8..=1.0;

/// Up to which |v| a numerical gradient's e^v - 1 is computed by a short series: the first term that is left out is 3e-8 of
/// the first one at most, which is less than f32 rounds.
pub(crate) mod series {
    /// By v + v²/2.
    pub const SHORTEST_UP_TO: f64 = 4e-4;
    /// By four terms.
    pub const SHORT_UP_TO: f64 = 0.04;
}

/// Why a network's gradient cannot be computed by a method.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum MethodError {
    /// A numerical gradient of a network that has none.
    #[error(
        "no numerical gradient for {activation} with {output}: it is computed for sigmoid with softmax, the book's network\
         {}; use backprop, or naive",
        if *activation == Activation::Relu { " (at relu's kink a central difference is no derivative)" } else { "" }
    )]
    NoDifference {
        /// The network's activation.
        activation: Activation,
        /// The network's output.
        output: Output,
    },
    /// A step that is too small or too large.
    #[error("a step size of {step_size} is out of range; choose {} to {}", STEP_SIZES.start(), STEP_SIZES.end())]
    StepSize {
        /// The step given.
        step_size: f64,
    },
}
