//! The families of kernels that can run a step.

use super::operands::{Operands, PassOutput};
use super::{Dispatch, blocked, fused, tiled};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::Slice;
use crate::gpu::plan::Plan;
use crate::net::Net;

/// The kernels of a pass: images to what is left.
pub enum Pass {
    Tiled(tiled::Pass),
    Fused(fused::Pass),
    Blocked(blocked::Pass),
}

impl Pass {
    /// Compiles the kernels for training.
    pub fn compile(device: &Device, net: &Net, plan: Plan, batch_size: usize) -> Self {
        match plan {
            Plan::Tiled => Self::Tiled(tiled::Pass::compile(device, net)),
            Plan::Fused => Self::Fused(fused::Pass::compile(device, net, PassOutput::Derivatives)),
            Plan::Blocked(blocks) => Self::Blocked(blocked::Pass::compile(device, net, batch_size, blocks)),
        }
    }

    /// The same pass, with something else left.
    pub fn with_output(&self, device: &Device, net: &Net, pass_output: PassOutput) -> Self {
        match self {
            Self::Tiled(pass) => Self::Tiled(pass.with_output(device, net, pass_output)),
            Self::Fused(_) => Self::Fused(fused::Pass::compile(device, net, pass_output)),
            Self::Blocked(pass) => Self::Blocked(pass.with_output(device, net, pass_output)),
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
            Plan::Blocked(blocks) => Self::Blocked(blocked::Gradients::compile(device, net, batch_size, blocks)),
        }
    }

    /// The gradients of both layers, ending in `target` as `axpby` says.
    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows, axpby: Slice, target: &Layers) -> Vec<Dispatch> {
        match self {
            Self::Tiled(gradients) => gradients.bind(on, data, rows, axpby, target),
            Self::Fused(gradients) => gradients.bind(on, data, rows, axpby, target),
            Self::Blocked(gradients) => gradients.bind(on, data, rows, axpby, target),
        }
    }
}
