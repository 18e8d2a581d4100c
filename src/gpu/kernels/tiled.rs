//! The host's side of `shaders/tiled/`: register tiles with one operand in a uniform buffer, a window at a time.

use super::operands::{Operands, PassOutput};
use super::stages::Stages;
use super::{Dispatch, Kernel, Source, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::{Slice, VEC4, hidden_window, image_window, windows};
use crate::net::{Net, Shape};

/// A software GPU computes eight invocations at once, and shares a batch's workgroups out between few threads.
const LANES: usize = 8;
/// Rows of a tile: images in the hidden layer, vec4s of columns anywhere.
const TILE: usize = 4;
fn tiles(width: usize) -> usize {
    width.div_ceil(VEC4 * TILE)
}

pub const HIDDEN: Source =
    Source { name: "hidden", text: include_str!("../../../shaders/tiled/hidden.wgsl"), lanes: LANES };

pub const OUTPUT: Source =
    Source { name: "output", text: include_str!("../../../shaders/tiled/output.wgsl"), lanes: LANES };

pub const HIDDEN_GRADIENT: Source =
    Source { name: "hidden_gradient", text: include_str!("../../../shaders/tiled/hidden_gradient.wgsl"), lanes: LANES };

pub const OUTPUT_GRADIENT: Source =
    Source { name: "output_gradient", text: include_str!("../../../shaders/tiled/output_gradient.wgsl"), lanes: LANES };

/// `hidden` and `output`.
pub struct Pass(Stages);

impl Pass {
    pub fn compile(device: &Device, net: &Net) -> Self {
        Self(Stages::compile(device, net, [HIDDEN, OUTPUT], &[]))
    }

    pub fn with_output(&self, device: &Device, net: &Net, pass_output: PassOutput) -> Self {
        Self(self.0.with_output(device, net, pass_output))
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows) -> Vec<Dispatch> {
        let &Operands { device, net, parameters, values } = on;
        let shape = net.shape;
        let words = shape.input.div_ceil(VEC4);
        let workgroups = [rows.count.div_ceil(TILE * LANES), tiles(shape.hidden), 1];
        let mut pass: Vec<Dispatch> = windows(words, hidden_window(shape))
            .map(|(first, end)| {
                let weights = parameters.hidden().window(first * VEC4 * shape.hidden.div_ceil(VEC4));
                let params = rows.params(device, first, end);
                let buffers = [
                    ("dispatch", (&params).into()),
                    ("pixels", (&data.pixels).into()),
                    ("indices", rows.indices()),
                    ("layer", weights),
                    ("z1", values.z1()),
                ];
                let work = work::hidden(shape, rows.count).part((end - first) as f64 / words as f64);
                self.0.hidden.bind(device, buffers, workgroups, work)
            })
            .collect();
        pass.extend(self.0.bind_output(on, data, rows, parameters.output().window(0), LANES));
        pass
    }
}

/// `hidden_gradient` and `output_gradient`.
pub struct Gradients {
    hidden: Kernel,
    output: Kernel,
}

impl Gradients {
    pub fn compile(device: &Device, net: &Net) -> Self {
        let compile = |source| Kernel::compile(device, source, net, "", &[]);
        Self { hidden: compile(&HIDDEN_GRADIENT), output: compile(&OUTPUT_GRADIENT) }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows, axpby: Slice, target: &Layers) -> Vec<Dispatch> {
        let &Operands { device, net, values, .. } = on;
        let Shape { input, hidden, classes } = net.shape;
        // A row of tiles for the bias.
        let workgroups = |inputs: usize, units| [(inputs.div_ceil(VEC4) + 1).div_ceil(LANES), tiles(units), 1];
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
            self.output.bind(device, buffers, workgroups(hidden, classes), work)
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
            ];
            let work = work::hidden_gradient(net.shape, rows.count).part(share(first, end));
            self.hidden.bind(device, buffers, workgroups(input, hidden), work)
        });
        output.chain(hidden).collect()
    }
}
