//! z1 = activation(x W1 + b1): the host's side of `shaders/hidden.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, activation_constant, grid};
use crate::gpu::device::Device;
use crate::net::{Activation, Net};

pub struct Hidden {
    kernel: Kernel,
    units: usize,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    pub images: &'a Buffer,
    pub batch: &'a Buffer,
    /// W1, then b1.
    pub layer: &'a Buffer,
    pub z1: &'a Buffer,
}

impl Hidden {
    /// `activation` is the network's, or none to see a1 in place of z1.
    pub fn new(device: &Device, net: &Net, activation: Option<Activation>) -> Self {
        let source = concat!(
            include_str!("../../../shaders/shared/activation.wgsl"),
            include_str!("../../../shaders/hidden.wgsl")
        );
        let access = &[Access::Uniform, Access::Read, Access::ReadRow, Access::Read, Access::Write];
        let kernel = Kernel::compile(device, "hidden", source, net, &[activation_constant(activation)], access);
        Self { kernel, units: net.shape.hidden }
    }

    pub fn bind(&self, device: &Device, b: &Bindings, batch_size: usize, row_words: usize) -> Dispatch {
        let buffers = [b.step, b.images, b.batch, b.layer, b.z1];
        self.kernel.bind(device, buffers, row_words, grid(self.units, batch_size))
    }
}
