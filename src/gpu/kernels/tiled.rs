//! The host's side of `shaders/tiled/`: register tiles with one operand in a uniform buffer, a window at a time, and without the words
//! of pixels that are 0.

use super::operands::{Operands, PassOutput};
use super::stages::Stages;
use super::{Dispatch, Kernel, Source, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::{NONZERO_IMAGES, Slice, VEC4, hidden_window, image_window, windows};
use crate::net::{Net, Shape};

/// A software GPU computes four or eight invocations at once, and shares a batch's workgroups out between few threads.
const LANES: usize = 8;
/// Images of an invocation of `hidden`, and words of pixels of one of `hidden_gradient`.
const TILE_IMAGES: usize = 8;
const TILE_WORDS: usize = 2;
/// Vec4s of hidden units of each of their invocations.
const TILE_UNITS: usize = 2;
/// Vec4s of classes of an invocation of `output_gradient`.
const TILE_CLASSES: usize = 4;

/// How many invocations of a workgroup of `hidden` or `hidden_gradient` share images or words: so many that each has units. One
/// without any would be an idle part of each vector instruction.
fn sharing(shape: Shape) -> usize {
    shape.hidden.div_ceil(VEC4 * TILE_UNITS).next_power_of_two().min(LANES)
}

/// The overrides of both.
fn constants(shape: Shape) -> [(&'static str, f64); 1] {
    [("SHARING", sharing(shape) as f64)]
}

/// The workgroups of either, for so many tiles of images or words.
fn tile_workgroups(shape: Shape, tiles: usize) -> [usize; 3] {
    let sharing = sharing(shape);
    [tiles.div_ceil(LANES / sharing), shape.hidden.div_ceil(VEC4 * TILE_UNITS * sharing), 1]
}

pub const NONZERO: Source =
    Source { name: "nonzero", text: include_str!("../../../shaders/tiled/nonzero.wgsl"), lanes: LANES };

pub const HIDDEN: Source =
    Source { name: "hidden", text: include_str!("../../../shaders/tiled/hidden.wgsl"), lanes: LANES };

pub const OUTPUT: Source =
    Source { name: "output", text: include_str!("../../../shaders/tiled/output.wgsl"), lanes: LANES };

pub const HIDDEN_GRADIENT: Source =
    Source { name: "hidden_gradient", text: include_str!("../../../shaders/tiled/hidden_gradient.wgsl"), lanes: LANES };

pub const OUTPUT_GRADIENT: Source =
    Source { name: "output_gradient", text: include_str!("../../../shaders/tiled/output_gradient.wgsl"), lanes: LANES };

/// `nonzero`, `hidden` and `output`.
pub struct Pass {
    nonzero: Kernel,
    stages: Stages,
}

impl Pass {
    pub fn compile(device: &Device, net: &Net) -> Self {
        Self {
            nonzero: Kernel::compile(device, &NONZERO, net, "", &[]),
            stages: Stages::compile(device, net, [HIDDEN, OUTPUT], &constants(net.shape)),
        }
    }

    pub fn with_output(&self, device: &Device, net: &Net, pass_output: PassOutput) -> Self {
        Self { nonzero: self.nonzero.clone(), stages: self.stages.with_output(device, net, pass_output) }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows) -> Vec<Dispatch> {
        let &Operands { device, net, parameters, values } = on;
        let shape = net.shape;
        let words = shape.input.div_ceil(VEC4);
        let params = rows.whole(device);
        let buffers = [
            ("dispatch", (&params).into()),
            ("pixels", (&data.pixels).into()),
            ("indices", rows.indices()),
            ("nonzero", values.nonzero().into()),
        ];
        let workgroups = [words.div_ceil(LANES), rows.count.div_ceil(NONZERO_IMAGES), 1];
        let nonzero = self.nonzero.bind(device, buffers, workgroups, work::nonzero(shape, rows.count));
        let workgroups = tile_workgroups(shape, rows.count.div_ceil(TILE_IMAGES));
        let hidden = windows(words, hidden_window(shape)).map(|(first, end)| {
            let weights = parameters.hidden().window(first * VEC4 * shape.hidden.div_ceil(VEC4));
            let params = rows.params(device, first, end);
            let buffers = [
                ("dispatch", (&params).into()),
                ("pixels", (&data.pixels).into()),
                ("indices", rows.indices()),
                ("nonzero", values.nonzero().into()),
                ("layer", weights),
                ("z1", values.z1()),
            ];
            let work = work::hidden(shape, rows.count).part((end - first) as f64 / words as f64);
            self.stages.hidden.bind(device, buffers, workgroups, work)
        });
        let output = self.stages.bind_output(on, data, rows, parameters.output().window(0), LANES);
        [nonzero].into_iter().chain(hidden).chain(output).collect()
    }
}

/// `hidden_gradient` and `output_gradient`.
pub struct Gradients {
    hidden: Kernel,
    output: Kernel,
}

impl Gradients {
    pub fn compile(device: &Device, net: &Net) -> Self {
        let compile = |source, constants| Kernel::compile(device, source, net, "", constants);
        Self { hidden: compile(&HIDDEN_GRADIENT, &constants(net.shape)), output: compile(&OUTPUT_GRADIENT, &[]) }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows, axpby: Slice, target: &Layers) -> Vec<Dispatch> {
        let &Operands { device, net, values, .. } = on;
        let Shape { input, hidden, classes } = net.shape;
        // A row of vec4s for the bias.
        let vec4s = |inputs: usize| inputs.div_ceil(VEC4) + 1;
        let share = |first: usize, end: usize| (end - first) as f64 / rows.count as f64;
        let output = windows(rows.count, image_window(classes)).map(|(first, end)| {
            let params = rows.params(device, first, end);
            let buffers = [
                ("dispatch", (&params).into()),
                ("scalars", axpby),
                ("d", values.dy().window(first * classes.div_ceil(VEC4))),
                ("layer", target.output()),
                ("z1", values.z1()),
            ];
            let work = work::output_gradient(net.shape, rows.count).part(share(first, end));
            let workgroups = [vec4s(hidden).div_ceil(LANES), classes.div_ceil(VEC4 * TILE_CLASSES), 1];
            self.output.bind(device, buffers, workgroups, work)
        });
        let hidden = windows(rows.count, image_window(hidden)).map(|(first, end)| {
            let params = rows.params(device, first, end);
            let buffers = [
                ("dispatch", (&params).into()),
                ("scalars", axpby),
                ("d", values.da1().window(first * hidden.div_ceil(VEC4))),
                ("layer", target.hidden()),
                ("pixels", (&data.pixels).into()),
                ("indices", rows.indices()),
                ("nonzero", values.nonzero().into()),
            ];
            let work = work::hidden_gradient(net.shape, rows.count).part(share(first, end));
            let workgroups = tile_workgroups(net.shape, vec4s(input).div_ceil(TILE_WORDS));
            self.hidden.bind(device, buffers, workgroups, work)
        });
        output.chain(hidden).collect()
    }
}
