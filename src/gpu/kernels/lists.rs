//! The host's side of the shaders that go through a list: `mean_loss`, `confusion` and `sgd`.

use wgpu::Buffer;

use super::{Access, Dispatch, Kernel, Source, Work, shared, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layout::{Slice, VEC4};
use crate::net::Net;

/// Invocations of a workgroup.
const LANES: usize = 64;
// The sums of `mean_loss` are halved until one is left.
const _: () = assert!(LANES.is_power_of_two());

/// The workgroups that cover a list, at most as many as WebGPU dispatches at once; a kernel whose list may be longer
/// goes through it in strides.
fn list(length: usize) -> [usize; 3] {
    const MOST_WORKGROUPS: usize = 65_535;
    [length.div_ceil(LANES).min(MOST_WORKGROUPS), 1, 1]
}

/// The mean of each row of losses.
pub struct MeanLoss(Kernel);

impl MeanLoss {
    pub fn compile(device: &Device, net: &Net) -> Self {
        let source = Source {
            name: "mean_loss",
            shared: &[],
            text: include_str!("../../../shaders/mean_loss.wgsl"),
            lanes: LANES,
            access: &[Access::Uniform, Access::Read, Access::Write],
        };
        Self(Kernel::compile(device, &source, net, &[]))
    }

    /// The means of `batches` rows.
    pub fn bind(&self, device: &Device, rows: &Rows, means: &Buffer, batches: usize) -> Dispatch {
        let params = rows.whole(device);
        let buffers = [(&params).into(), rows.losses.into(), means.into()];
        self.0.bind(device, buffers, 0, [batches, 1, 1], Work::default())
    }
}

/// Counts by label and by prediction.
pub struct Confusion(Kernel);

impl Confusion {
    pub fn compile(device: &Device, net: &Net) -> Self {
        let source = Source {
            name: "confusion",
            shared: &[],
            text: include_str!("../../../shaders/confusion.wgsl"),
            lanes: LANES,
            access: &[Access::Uniform, Access::Read, Access::ReadRow, Access::Read, Access::Write],
        };
        Self(Kernel::compile(device, &source, net, &[]))
    }

    /// Counts the images of a row by their logits `[N, classes]`.
    pub fn bind(&self, device: &Device, data: &Data, rows: &Rows, logits: Slice) -> Dispatch {
        let params = rows.whole(device);
        let buffers = [(&params).into(), logits, rows.indices.into(), (&data.labels).into(), (&data.confusion).into()];
        self.0.bind(device, buffers, rows.row_words, list(rows.count), Work::default())
    }
}

/// A layer's update by a given gradient, or by the parts of one.
pub struct Sgd {
    kernel: Kernel,
    parts: usize,
}

impl Sgd {
    pub fn compile(device: &Device, net: &Net, parts: usize) -> Self {
        let source = Source {
            name: "sgd",
            shared: &[shared::AXPBY],
            text: include_str!("../../../shaders/sgd.wgsl"),
            lanes: LANES,
            access: &[Access::Uniform, Access::Uniform, Access::Read, Access::Write],
        };
        Self { kernel: Kernel::compile(device, &source, net, &[("PARTS", parts as f64)]), parts }
    }

    pub fn bind(
        &self,
        device: &Device,
        part: &Buffer,
        axpby: &Buffer,
        gradient: Slice,
        layer: Slice,
        vec4s: usize,
    ) -> Dispatch {
        let buffers = [part.into(), axpby.into(), gradient, layer];
        self.kernel.bind(device, buffers, 0, list(vec4s), work::sum(self.parts, vec4s * VEC4))
    }
}
