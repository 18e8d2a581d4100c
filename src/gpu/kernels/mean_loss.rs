//! The mean of each batch's losses: the host's side of `shaders/mean_loss.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel};
use crate::gpu::device::Device;
use crate::net::Net;

pub struct MeanLoss {
    kernel: Kernel,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    /// One row a batch.
    pub losses: &'a Buffer,
    pub means: &'a Buffer,
}

impl MeanLoss {
    pub fn new(device: &Device, net: &Net) -> Self {
        let source = include_str!("../../../shaders/mean_loss.wgsl");
        let access = &[Access::Uniform, Access::Read, Access::Write];
        let kernel = Kernel::compile(device, "mean_loss", source, net, &[], access);
        Self { kernel }
    }

    pub fn bind(&self, device: &Device, b: &Bindings, batches: usize) -> Dispatch {
        let buffers = [b.step, b.losses, b.means];
        self.kernel.bind(device, buffers, 0, [batches, 1])
    }
}
