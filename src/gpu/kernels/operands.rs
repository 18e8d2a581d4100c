//! What the kernels of every family work on, and what a pass of them leaves.

use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::values::Values;
use crate::net::{Activation, Net, Output};

/// What the kernels of a network work on.
pub struct Operands<'a> {
    pub device: &'a Device,
    pub net: &'a Net,
    pub parameters: &'a Layers,
    pub values: &'a Values,
}

/// What a pass leaves for each image. What training has no use for is for evaluation, predictions and tests, and comes
/// from the same kernels with an override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassOutput {
    /// z1, dy, da1 and the loss.
    Derivatives,
    /// The logits in the place of dy, and the loss; nothing of the way back.
    Logits,
    /// y in the place of dy; nothing of the way back.
    Output,
    /// a1 in the place of z1; nothing else that means anything.
    HiddenInput,
    /// dz1 in the place of da1.
    HiddenDerivative,
}

impl PassOutput {
    /// The overrides of `shaders/shared/activation.wgsl`.
    pub fn hidden_layer(self, net: &Net) -> [(&'static str, f64); 2] {
        const IDENTITY: f64 = 0.0;
        let activation = match net.activation {
            Activation::Sigmoid => 1.0,
            Activation::Relu => 2.0,
        };
        let unless = |pass_output| if self == pass_output { IDENTITY } else { activation };
        [("ACTIVATION", unless(Self::HiddenInput)), ("ACTIVATION_GRADIENT", unless(Self::HiddenDerivative))]
    }

    /// The overrides of `shaders/shared/activation.wgsl` and `shaders/shared/loss.wgsl`.
    pub fn both_layers(self, net: &Net) -> [(&'static str, f64); 4] {
        let [activation, activation_gradient] = self.hidden_layer(net);
        let output = match net.output {
            Output::Softmax => 0.0,
            Output::Identity => 1.0,
        };
        let left = match self {
            Self::Derivatives | Self::HiddenDerivative => 0.0,
            Self::Logits | Self::HiddenInput => 1.0,
            Self::Output => 2.0,
        };
        [activation, activation_gradient, ("OUTPUT", output), ("PASS_OUTPUT", left)]
    }

    /// Whether the way back is left out.
    pub fn forward_only(self) -> bool {
        matches!(self, Self::Logits | Self::Output | Self::HiddenInput)
    }
}
