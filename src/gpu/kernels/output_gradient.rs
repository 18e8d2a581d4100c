//! The gradient of W2 and b2, or their update: the host's side of `shaders/output_gradient.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, grid, layer_rows};
use crate::gpu::device::Device;
use crate::net::Net;

pub struct OutputGradient {
    kernel: Kernel,
    classes: usize,
    rows: usize,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    pub z1: &'a Buffer,
    pub dy: &'a Buffer,
    /// W2, then b2; or what takes their gradient.
    pub layer: &'a Buffer,
}

impl OutputGradient {
    pub fn new(device: &Device, net: &Net) -> Self {
        let source = include_str!("../../../shaders/output_gradient.wgsl");
        let access = &[Access::Uniform, Access::Read, Access::Read, Access::Write];
        let kernel = Kernel::compile(device, "output_gradient", source, net, &[], access);
        Self { kernel, classes: net.shape.classes, rows: layer_rows(net.shape.hidden) }
    }

    pub fn bind(&self, device: &Device, b: &Bindings) -> Dispatch {
        let buffers = [b.step, b.z1, b.dy, b.layer];
        self.kernel.bind(device, buffers, 0, grid(self.classes, self.rows))
    }
}
