//! a2 = z1 W2 + b2: the host's side of `shaders/output.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, grid};
use crate::gpu::device::Device;
use crate::net::Net;

pub struct Output {
    kernel: Kernel,
    classes: usize,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    pub z1: &'a Buffer,
    /// W2, then b2.
    pub layer: &'a Buffer,
    pub a2: &'a Buffer,
}

impl Output {
    pub fn new(device: &Device, net: &Net) -> Self {
        let source = include_str!("../../../shaders/output.wgsl");
        let access = &[Access::Uniform, Access::Read, Access::Read, Access::Write];
        let kernel = Kernel::compile(device, "output", source, net, &[], access);
        Self { kernel, classes: net.shape.classes }
    }

    pub fn bind(&self, device: &Device, b: &Bindings, batch_size: usize) -> Dispatch {
        let buffers = [b.step, b.z1, b.layer, b.a2];
        self.kernel.bind(device, buffers, 0, grid(self.classes, batch_size))
    }
}
