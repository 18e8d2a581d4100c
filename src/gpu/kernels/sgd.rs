//! A layer's update by a given gradient: the host's side of `shaders/sgd.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, list};
use crate::gpu::device::Device;
use crate::net::Net;

pub struct Sgd {
    kernel: Kernel,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    pub gradient: &'a Buffer,
    pub layer: &'a Buffer,
}

impl Sgd {
    pub fn new(device: &Device, net: &Net) -> Self {
        let source = include_str!("../../../shaders/sgd.wgsl");
        let access = &[Access::Uniform, Access::Read, Access::Write];
        let kernel = Kernel::compile(device, "sgd", source, net, &[], access);
        Self { kernel }
    }

    pub fn bind(&self, device: &Device, b: &Bindings, quads: usize) -> Dispatch {
        let buffers = [b.step, b.gradient, b.layer];
        self.kernel.bind(device, buffers, 0, list(quads))
    }
}
