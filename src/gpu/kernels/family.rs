//! The families of kernels that can run a step, and what they have in common.

use wgpu::Buffer;

use super::{Dispatch, blocked, fused, tiled};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::plan::Plan;
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
pub enum Leave {
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

impl Leave {
    /// The overrides of `shaders/shared/activation.wgsl`.
    pub fn hidden_layer(self, net: &Net) -> [(&'static str, f64); 2] {
        const IDENTITY: f64 = 0.0;
        let activation = match net.activation {
            Activation::Sigmoid => 1.0,
            Activation::Relu => 2.0,
        };
        let unless = |leave| if self == leave { IDENTITY } else { activation };
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
        [activation, activation_gradient, ("OUTPUT", output), ("LEAVE", left)]
    }

    /// Whether the way back is left out.
    pub fn forward_only(self) -> bool {
        matches!(self, Self::Logits | Self::Output | Self::HiddenInput)
    }
}

/// The kernels of a pass: images to what is left.
pub enum Pass {
    Tiled(tiled::Pass),
    Fused(fused::Pass),
    Blocked(blocked::Pass),
}

impl Pass {
    /// Compiles the kernels for training.
    pub fn compile(device: &Device, net: &Net, plan: Plan) -> Self {
        match plan {
            Plan::Tiled => Self::Tiled(tiled::Pass::compile(device, net)),
            Plan::Fused => Self::Fused(fused::Pass::compile(device, net, Leave::Derivatives)),
            Plan::Blocked { .. } => Self::Blocked(blocked::Pass::compile(device, net)),
        }
    }

    /// The same pass, with something else left.
    pub fn leaving(&self, device: &Device, net: &Net, leave: Leave) -> Self {
        match self {
            Self::Tiled(pass) => Self::Tiled(pass.leaving(device, net, leave)),
            Self::Fused(_) => Self::Fused(fused::Pass::compile(device, net, leave)),
            Self::Blocked(pass) => Self::Blocked(pass.leaving(device, net, leave)),
        }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows) -> Vec<Dispatch> {
        match self {
            Self::Tiled(pass) => pass.bind(on, data, rows),
            Self::Fused(pass) => pass.bind(on, data, rows),
            Self::Blocked(pass) => pass.bind(on, data, rows),
        }
    }
}

/// The kernels from a pass's derivatives to a gradient, or to updated parameters.
pub enum Gradients {
    Tiled(tiled::Gradients),
    Fused(fused::Gradients),
    Blocked(blocked::Gradients),
}

impl Gradients {
    pub fn compile(device: &Device, net: &Net, plan: Plan, batch_size: usize) -> Self {
        match plan {
            Plan::Tiled => Self::Tiled(tiled::Gradients::compile(device, net)),
            Plan::Fused => Self::Fused(fused::Gradients::compile(device, net)),
            Plan::Blocked { workgroups } => {
                Self::Blocked(blocked::Gradients::compile(device, net, batch_size, workgroups))
            }
        }
    }

    /// The gradients of both layers, ending in `target` as `rate` says.
    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows, rate: &Buffer, target: &Layers) -> Vec<Dispatch> {
        match self {
            Self::Tiled(gradients) => gradients.bind(on, data, rows, rate, target),
            Self::Fused(gradients) => gradients.bind(on, data, rows, rate, target),
            Self::Blocked(gradients) => gradients.bind(on, data, rows, rate, target),
        }
    }
}
