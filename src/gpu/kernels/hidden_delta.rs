//! da1 = (dy W2ᵀ) activation'(a1): the host's side of `shaders/hidden_delta.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, activation_constant, grid};
use crate::gpu::device::Device;
use crate::net::{Activation, Net};

pub struct HiddenDelta {
    kernel: Kernel,
    units: usize,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    pub dy: &'a Buffer,
    /// W2, then b2.
    pub layer: &'a Buffer,
    pub z1: &'a Buffer,
    pub da1: &'a Buffer,
}

impl HiddenDelta {
    /// `activation` is the network's, or none to see dz1 in place of da1.
    pub fn new(device: &Device, net: &Net, activation: Option<Activation>) -> Self {
        let source = concat!(
            include_str!("../../../shaders/shared/activation.wgsl"),
            include_str!("../../../shaders/hidden_delta.wgsl")
        );
        let access = &[Access::Uniform, Access::Read, Access::Read, Access::Read, Access::Write];
        let kernel = Kernel::compile(device, "hidden_delta", source, net, &[activation_constant(activation)], access);
        Self { kernel, units: net.shape.hidden }
    }

    pub fn bind(&self, device: &Device, b: &Bindings, batch_size: usize) -> Dispatch {
        let buffers = [b.step, b.dy, b.layer, b.z1, b.da1];
        self.kernel.bind(device, buffers, 0, grid(self.units, batch_size))
    }
}
