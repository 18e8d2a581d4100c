//! The host's side of `shaders/blocked/`: matrix products in blocks that share their operands in workgroup memory, for
//! nets large enough to keep a GPU busy.

use wgpu::Buffer;

use super::lists::Sgd;
use super::operands::{Operands, PassOutput};
use super::stages::Stages;
use super::{Dispatch, Kernel, Source, fused, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::{BLOCK, IMAGES, TEAM, VEC4, bytes, hidden_layer_vec4s};
use crate::net::{Net, Shape};

/// Invocations that compute a block, each 2 x 2 vec4s of its rows and columns.
const LANES: usize = (BLOCK / VEC4 / 2).pow(2);
/// The most parts that a batch is split into, and the fewest images that are worth one.
const MOST_SPLITS: usize = 8;
const FEWEST_IMAGES: usize = 128;

pub const HIDDEN: Source =
    Source { name: "hidden", text: include_str!("../../../shaders/blocked/hidden.wgsl"), lanes: LANES };

pub const OUTPUT: Source =
    Source { name: "output", text: include_str!("../../../shaders/blocked/output.wgsl"), lanes: TEAM };

pub const HIDDEN_GRADIENT: Source = Source {
    name: "hidden_gradient",
    text: include_str!("../../../shaders/blocked/hidden_gradient.wgsl"),
    lanes: LANES,
};

/// `hidden` and `output`.
pub struct Pass(Stages);

impl Pass {
    pub fn compile(device: &Device, net: &Net) -> Self {
        Self(Stages::compile(device, net, [HIDDEN, OUTPUT]))
    }

    pub fn with_output(&self, device: &Device, net: &Net, pass_output: PassOutput) -> Self {
        Self(self.0.with_output(device, net, pass_output))
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows) -> Vec<Dispatch> {
        let &Operands { device, net, parameters, values } = on;
        let params = rows.whole(device);
        let buffers = [
            ("dispatch", (&params).into()),
            ("pixels", (&data.pixels).into()),
            ("indices", rows.indices.into()),
            ("layer", parameters.hidden()),
            ("z1", values.z1()),
        ];
        let workgroups = [net.shape.hidden.div_ceil(BLOCK), rows.count.div_ceil(BLOCK), 1];
        let work = work::hidden(net.shape, rows.count);
        let hidden = self.0.hidden.bind(device, buffers, rows.row_words, workgroups, work);
        let output = self.0.bind_output(on, data, rows, parameters.output(), IMAGES);
        std::iter::once(hidden).chain(output).collect()
    }
}

/// `hidden_gradient`, and for the output layer that of `shaders/fused/gradients.wgsl`.
pub struct Gradients {
    hidden: Kernel,
    output: fused::Gradients,
    split: Option<Split>,
}

/// A batch that is split into parts, each with its own sum.
struct Split {
    parts: usize,
    gradients: Buffer,
    sum: Sgd,
}

impl Gradients {
    /// Splits the batch where there would be fewer than `workgroups` blocks.
    pub fn compile(device: &Device, net: &Net, batch_size: usize, workgroups: usize) -> Self {
        let [columns, rows] = blocks(net.shape);
        let most = (batch_size / FEWEST_IMAGES).clamp(1, MOST_SPLITS);
        let mut splits = workgroups.div_ceil(columns * rows).clamp(1, most);
        let part_bytes = bytes(hidden_layer_vec4s(net.shape) * VEC4);
        while splits > 1 && device.check_size("the parts of a gradient", part_bytes * splits as u64, "").is_err() {
            splits -= 1;
        }
        Self {
            hidden: Kernel::compile(device, &HIDDEN_GRADIENT, net, "", &[("SPLITS", splits as f64)]),
            output: fused::Gradients::compile_output(device, net),
            split: (splits > 1).then(|| Split {
                parts: splits,
                gradients: device.storage("parts of a gradient", part_bytes * splits as u64),
                sum: Sgd::compile(device, net, splits),
            }),
        }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows, axpby: &Buffer, target: &Layers) -> Vec<Dispatch> {
        let &Operands { device, net, values, .. } = on;
        let [columns, block_rows] = blocks(net.shape);
        let (layer, splits) =
            self.split.as_ref().map_or((target.hidden(), 1), |split| ((&split.gradients).into(), split.parts));
        let params = rows.whole(device);
        let buffers = [
            ("dispatch", (&params).into()),
            ("scalars", axpby.into()),
            ("pixels", (&data.pixels).into()),
            ("indices", rows.indices.into()),
            ("da1", values.da1()),
            ("layer", layer),
        ];
        let work = work::hidden_gradient(net.shape, rows.count);
        let mut dispatches = self.output.bind(on, data, rows, axpby, target);
        dispatches.push(self.hidden.bind(device, buffers, rows.row_words, [columns, block_rows, splits], work));
        dispatches.extend(self.split.as_ref().map(|split| {
            split.sum.bind(
                device,
                &params,
                axpby,
                (&split.gradients).into(),
                target.hidden(),
                hidden_layer_vec4s(net.shape),
            )
        }));
        dispatches
    }
}

/// The blocks of W1 and b1: columns, rows.
fn blocks(shape: Shape) -> [usize; 2] {
    // One more input: the bias.
    [shape.hidden.div_ceil(BLOCK), (shape.input.next_multiple_of(VEC4) + 1).div_ceil(BLOCK)]
}
