//! The gradient of W1 and b1, or their update: the host's side of `shaders/hidden_gradient.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, grid, layer_rows};
use crate::gpu::device::Device;
use crate::net::Net;

pub struct HiddenGradient {
    kernel: Kernel,
    units: usize,
    rows: usize,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    pub images: &'a Buffer,
    pub batch: &'a Buffer,
    pub da1: &'a Buffer,
    /// W1, then b1; or what takes their gradient.
    pub layer: &'a Buffer,
}

impl HiddenGradient {
    pub fn new(device: &Device, net: &Net) -> Self {
        let source = include_str!("../../../shaders/hidden_gradient.wgsl");
        let access = &[Access::Uniform, Access::Read, Access::ReadRow, Access::Read, Access::Write];
        let kernel = Kernel::compile(device, "hidden_gradient", source, net, &[], access);
        Self { kernel, units: net.shape.hidden, rows: layer_rows(net.shape.input) }
    }

    pub fn bind(&self, device: &Device, b: &Bindings, row_words: usize) -> Dispatch {
        let buffers = [b.step, b.images, b.batch, b.da1, b.layer];
        self.kernel.bind(device, buffers, row_words, grid(self.units, self.rows))
    }
}
