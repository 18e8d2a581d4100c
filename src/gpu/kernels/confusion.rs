//! The confusion matrix: the host's side of `shaders/confusion.wgsl`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, list};
use crate::gpu::device::Device;
use crate::net::Net;

pub struct Confusion {
    kernel: Kernel,
}

/// What the shader binds, in its order.
pub struct Bindings<'a> {
    pub step: &'a Buffer,
    pub a2: &'a Buffer,
    pub batch: &'a Buffer,
    pub labels: &'a Buffer,
    pub confusion: &'a Buffer,
}

impl Confusion {
    pub fn new(device: &Device, net: &Net) -> Self {
        let source = include_str!("../../../shaders/confusion.wgsl");
        let access = &[Access::Uniform, Access::Read, Access::ReadRow, Access::Read, Access::Write];
        let kernel = Kernel::compile(device, "confusion", source, net, &[], access);
        Self { kernel }
    }

    pub fn bind(&self, device: &Device, b: &Bindings, batch_size: usize, row_words: usize) -> Dispatch {
        let buffers = [b.step, b.a2, b.batch, b.labels, b.confusion];
        self.kernel.bind(device, buffers, row_words, list(batch_size))
    }
}
