//! The host's side of the shaders that go through a list: `mean_loss`, `confusion` and `sgd`.

use wgpu::Buffer;

use super::{Dispatch, Kernel, Source, Work, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layout::{Slice, VEC4};
use crate::net::Net;

/// Invocations of a workgroup.
pub const LANES: usize = 64;
// The sums of `mean_loss` are halved until one is left.
const _: () = assert!(LANES.is_power_of_two());

/// The workgroups that cover a list, at most as many as WebGPU dispatches at once; a kernel whose list may be longer
/// goes through it in strides.
pub fn list(length: usize) -> [usize; 3] {
    const MOST_WORKGROUPS: usize = 65_535;
    [length.div_ceil(LANES).min(MOST_WORKGROUPS), 1, 1]
}

pub const MEAN_LOSS: Source =
    Source { name: "mean_loss", text: include_str!("../../../shaders/mean_loss.wgsl"), lanes: LANES };

/// The mean of each row of losses.
pub struct MeanLoss(Kernel);

impl MeanLoss {
    pub fn compile(device: &Device, net: &Net) -> Self {
        Self(Kernel::compile(device, &MEAN_LOSS, net, "", &[]))
    }

    /// The means of `batches` rows.
    pub fn bind(&self, device: &Device, rows: &Rows, means: &Buffer, batches: usize) -> Dispatch {
        let params = rows.whole(device);
        let buffers = [("dispatch", (&params).into()), ("all_losses", rows.losses.into()), ("means", means.into())];
        self.0.bind(device, buffers, [batches, 1, 1], Work::default())
    }
}

pub const CONFUSION: Source =
    Source { name: "confusion", text: include_str!("../../../shaders/confusion.wgsl"), lanes: LANES };

/// Counts by label and by prediction.
pub struct Confusion(Kernel);

impl Confusion {
    pub fn compile(device: &Device, net: &Net) -> Self {
        Self(Kernel::compile(device, &CONFUSION, net, "", &[]))
    }

    /// Counts the images of a row by their logits `[N, classes]`.
    pub fn bind(&self, device: &Device, data: &Data, rows: &Rows, logits: Slice) -> Dispatch {
        let params = rows.whole(device);
        let buffers = [
            ("dispatch", (&params).into()),
            ("a2", logits),
            ("indices", rows.indices()),
            ("labels", (&data.labels).into()),
            ("confusion", (&data.confusion).into()),
        ];
        self.0.bind(device, buffers, list(rows.count), Work::default())
    }
}

pub const SGD: Source = Source { name: "sgd", text: include_str!("../../../shaders/sgd.wgsl"), lanes: LANES };

/// A layer's update by a given gradient, or by the parts of one.
pub struct Sgd {
    kernel: Kernel,
    parts: usize,
}

impl Sgd {
    pub fn compile(device: &Device, net: &Net, parts: usize) -> Self {
        Self { kernel: Kernel::compile(device, &SGD, net, "", &[("PARTS", parts as f64)]), parts }
    }

    pub fn bind(
        &self,
        device: &Device,
        params: &Buffer,
        axpby: Slice,
        gradient: Slice,
        layer: Slice,
        vec4s: usize,
    ) -> Dispatch {
        let buffers = [("dispatch", params.into()), ("scalars", axpby), ("gradient", gradient), ("layer", layer)];
        self.kernel.bind(device, buffers, list(vec4s), work::sum(self.parts, vec4s * VEC4))
    }
}
