//! y, the loss and dy: the host's side of `shaders/loss.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, list};
use crate::gpu::device::Device;
use crate::net::{Net, Output};

pub struct Loss {
    kernel: Kernel,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    pub a2: &'a Buffer,
    pub batch: &'a Buffer,
    pub labels: &'a Buffer,
    pub dy: &'a Buffer,
    pub losses: &'a Buffer,
}

impl Loss {
    /// With `derivative` it leaves dy, without it y.
    pub fn new(device: &Device, net: &Net, derivative: bool) -> Self {
        let output = match net.output {
            Output::Softmax => 0.0,
            Output::Identity => 1.0,
        };
        let constants = [("OUTPUT", output), ("DERIVATIVE", f64::from(u8::from(derivative)))];
        let source = include_str!("../../../shaders/loss.wgsl");
        let access = &[Access::Uniform, Access::Read, Access::ReadRow, Access::Read, Access::Write, Access::WriteRow];
        let kernel = Kernel::compile(device, "loss", source, net, &constants, access);
        Self { kernel }
    }

    pub fn bind(&self, device: &Device, b: &Bindings, batch_size: usize, row_words: usize) -> Dispatch {
        let buffers = [b.step, b.a2, b.batch, b.labels, b.dy, b.losses];
        self.kernel.bind(device, buffers, row_words, list(batch_size))
    }
}
