//! The host's side of `shaders/blocked/`: matrix products in blocks that share their operands in workgroup memory, for
//! nets large enough to keep a GPU busy.

use wgpu::Buffer;

use super::lists::{LANES as LIST_LANES, Sgd, list};
use super::operands::{Operands, PassOutput};
use super::stages::Stages;
use super::{Dispatch, Kernel, Source, fused, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::{BLOCK, HALF_BLOCK, IMAGES, STEP, Slice, TEAM, VEC4, bytes, hidden_layer_vec4s};
use crate::gpu::plan::Blocks;
use crate::net::{Net, Shape};

/// Invocations that compute a block, each 2 x 1 or 2 x 2 vec4s of its rows and columns.
const LANES: usize = (BLOCK / VEC4 / 2).pow(2);
/// The most parts that a sum is split into, and the fewest terms that are worth one.
const MOST_SPLITS: usize = 8;
const FEWEST_TERMS: usize = 96;

pub const HIDDEN: Source =
    Source { name: "hidden", text: include_str!("../../../shaders/blocked/hidden.wgsl"), lanes: LANES };

pub const OUTPUT: Source =
    Source { name: "output", text: include_str!("../../../shaders/blocked/output.wgsl"), lanes: TEAM };

pub const HIDDEN_GRADIENT: Source = Source {
    name: "hidden_gradient",
    text: include_str!("../../../shaders/blocked/hidden_gradient.wgsl"),
    lanes: LANES,
};

pub const HIDDEN_SUM: Source =
    Source { name: "hidden_sum", text: include_str!("../../../shaders/blocked/hidden_sum.wgsl"), lanes: LIST_LANES };

impl Blocks {
    /// The blocks of a matrix: columns, rows.
    fn of_matrix(self, columns: usize, rows: usize) -> [usize; 2] {
        [columns.div_ceil(self.columns), rows.div_ceil(BLOCK)]
    }

    /// The blocks of W1 and b1.
    fn of_layer(self, shape: Shape) -> [usize; 2] {
        // One more input: the bias.
        self.of_matrix(shape.hidden, shape.input.next_multiple_of(VEC4) + 1)
    }

    /// How many parts the sums of so many terms are split into, none of them empty, for so many workgroups.
    fn splits(workgroups: usize, [columns, rows]: [usize; 2], terms: usize) -> usize {
        let most = (terms / FEWEST_TERMS).clamp(1, MOST_SPLITS);
        let splits = workgroups.div_ceil(columns * rows).clamp(1, most);
        let steps = terms.div_ceil(STEP);
        steps.div_ceil(steps.div_ceil(splits))
    }

    /// Where the gradient of W1 has fewer workgroups than this, its sums are split. Twice as many as the forward pass wants: more
    /// parts of these cost less than cores without work at the end (an H100: a step of 784-4096-10 at a batch of 8,192 in
    /// 3.16 ms instead of 3.59, where four times as many for both slow down 784-1024-10 at 1,024 by a tenth).
    fn gradient_workgroups(self) -> usize {
        if self == Self::ANY { 1 } else { 2 * self.workgroups }
    }

    /// The overrides of a kernel whose sums are split so.
    fn constants(self, splits: usize) -> [(&'static str, f64); 2] {
        [("HALVES", (self.columns / HALF_BLOCK) as f64), ("SPLITS", splits as f64)]
    }
}

/// The parts of split sums.
#[derive(Clone)]
struct Parts {
    count: usize,
    sums: Buffer,
}

impl Parts {
    /// Room for as many parts of `vec4s` as are wanted and the device allows; none where one is left.
    fn new(device: &Device, what: &'static str, vec4s: usize, wanted: usize) -> Option<Self> {
        let part_bytes = bytes(vec4s * VEC4);
        let fits = |&count: &usize| device.check_size(what, part_bytes * count as u64, "").is_ok();
        let count = (2..=wanted).rev().find(fits)?;
        Some(Self { count, sums: device.storage(what, part_bytes * count as u64) })
    }
}

/// `hidden` and `output`; and for batches, where `hidden` splits its sums, `hidden_sum` between them.
pub struct Pass {
    blocks: Blocks,
    stages: Stages,
    split: Option<Box<SplitPass>>,
}

/// The hidden layer of a batch whose blocks are too few.
struct SplitPass {
    batch_size: usize,
    parts: Parts,
    hidden: Kernel,
    sum: Kernel,
}

impl Pass {
    pub fn compile(device: &Device, net: &Net, batch_size: usize, blocks: Blocks) -> Self {
        let Shape { input, hidden, .. } = net.shape;
        let splits = Blocks::splits(blocks.workgroups, blocks.of_matrix(hidden, batch_size), input);
        let parts = Parts::new(device, "parts of a1", batch_size * hidden.div_ceil(VEC4), splits);
        let chosen = PassOutput::Derivatives.hidden_layer(net);
        let split = parts.map(|parts| {
            let hidden = Kernel::compile(device, &HIDDEN, net, &chosen, &blocks.constants(parts.count));
            let sum = hidden_sum(device, net, &chosen, parts.count);
            Box::new(SplitPass { batch_size, parts, hidden, sum })
        });
        Self { blocks, stages: Stages::compile(device, net, [HIDDEN, output(net.shape)], &blocks.constants(1)), split }
    }

    pub fn with_output(&self, device: &Device, net: &Net, pass_output: PassOutput) -> Self {
        let chosen = pass_output.hidden_layer(net);
        let split = self.split.as_ref().map(|split| {
            let sum = hidden_sum(device, net, &chosen, split.parts.count);
            Box::new(SplitPass { parts: split.parts.clone(), hidden: split.hidden.clone(), sum, ..**split })
        });
        Self { blocks: self.blocks, stages: self.stages.with_output(device, net, pass_output), split }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows) -> Vec<Dispatch> {
        let &Operands { device, net, parameters, values } = on;
        let params = rows.whole(device);
        let split = self.split.as_ref().filter(|split| split.batch_size == rows.count);
        let (kernel, splits, target) = split.map_or((&self.stages.hidden, 1, values.z1()), |split| {
            (&split.hidden, split.parts.count, (&split.parts.sums).into())
        });
        let buffers = [
            ("dispatch", (&params).into()),
            ("pixels", (&data.pixels).into()),
            ("indices", rows.indices()),
            ("layer", parameters.hidden()),
            ("z1", target),
        ];
        let [columns, block_rows] = self.blocks.of_matrix(net.shape.hidden, rows.count);
        let work = work::hidden(net.shape, rows.count);
        let mut pass = vec![kernel.bind(device, buffers, [columns, block_rows, splits], work)];
        pass.extend(split.map(|split| {
            let buffers = [
                ("dispatch", (&params).into()),
                ("parts", target),
                ("layer", parameters.hidden()),
                ("z1", values.z1()),
            ];
            let vec4s = rows.count * net.shape.hidden.div_ceil(VEC4);
            let work = work::sum(splits, vec4s * VEC4);
            split.sum.bind(device, buffers, list(vec4s), work)
        }));
        pass.extend(self.stages.bind_output(on, data, rows, parameters.output(), IMAGES));
        pass
    }
}

/// With an invocation for each vec4 of the logits of 4 images, at least.
fn output(shape: Shape) -> Source {
    let vec4s = IMAGES * shape.classes.div_ceil(VEC4);
    Source { lanes: OUTPUT.lanes.max(vec4s.next_power_of_two()), ..OUTPUT }
}

fn hidden_sum(device: &Device, net: &Net, chosen: &str, splits: usize) -> Kernel {
    Kernel::compile(device, &HIDDEN_SUM, net, chosen, &[("SPLITS", splits as f64)])
}

/// `hidden_gradient`, and for the output layer that of `shaders/fused/gradients.wgsl`.
pub struct Gradients {
    blocks: Blocks,
    hidden: Kernel,
    output: fused::Gradients,
    split: Option<SplitGradients>,
}

/// A batch that is split into parts, each with its own sum.
struct SplitGradients {
    parts: Parts,
    sum: Sgd,
}

impl Gradients {
    pub fn compile(device: &Device, net: &Net, batch_size: usize, blocks: Blocks) -> Self {
        let splits = Blocks::splits(blocks.gradient_workgroups(), blocks.of_layer(net.shape), batch_size);
        let parts = Parts::new(device, "parts of a gradient", hidden_layer_vec4s(net.shape), splits);
        let splits = parts.as_ref().map_or(1, |parts| parts.count);
        Self {
            blocks,
            hidden: Kernel::compile(device, &HIDDEN_GRADIENT, net, "", &blocks.constants(splits)),
            output: fused::Gradients::compile_output(device, net),
            split: parts.map(|parts| SplitGradients { sum: Sgd::compile(device, net, parts.count), parts }),
        }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows, axpby: Slice, target: &Layers) -> Vec<Dispatch> {
        let &Operands { device, net, values, .. } = on;
        let [columns, block_rows] = self.blocks.of_layer(net.shape);
        let parts = self.split.as_ref().map(|split| &split.parts);
        let (layer, splits) = parts.map_or((target.hidden(), 1), |parts| ((&parts.sums).into(), parts.count));
        let params = rows.whole(device);
        let buffers = [
            ("dispatch", (&params).into()),
            ("scalars", axpby),
            ("pixels", (&data.pixels).into()),
            ("indices", rows.indices()),
            ("da1", values.da1()),
            ("layer", layer),
        ];
        let work = work::hidden_gradient(net.shape, rows.count);
        let mut dispatches = self.output.bind(on, data, rows, axpby, target);
        dispatches.push(self.hidden.bind(device, buffers, [columns, block_rows, splits], work));
        dispatches.extend(self.split.as_ref().map(|split| {
            let vec4s = hidden_layer_vec4s(net.shape);
            split.sum.bind(device, &params, axpby, layer, target.hidden(), vec4s)
        }));
        dispatches
    }
}
