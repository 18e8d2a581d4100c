//! The host's side of `shaders/tiled/`: register tiles with one operand in a uniform buffer, a window at a time.

use wgpu::Buffer;

use super::operands::{Leave, Operands};
use super::stages::Stages;
use super::{Access, Dispatch, Kernel, Source, shared, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::{QUAD, hidden_window, image_window, windows};
use crate::net::{Net, Shape};

/// A software GPU computes eight invocations at once, and shares a batch's workgroups out between few threads.
const LANES: usize = 8;
/// Rows of a tile: images in the hidden layer, quads of columns anywhere.
const TILE: usize = 4;
fn tiles(width: usize) -> usize {
    width.div_ceil(QUAD * TILE)
}

const HIDDEN: Source = Source {
    name: "hidden",
    shared: &[shared::ACTIVATION],
    text: include_str!("../../../shaders/tiled/hidden.wgsl"),
    lanes: LANES,
    access: &[Access::Uniform, Access::Read, Access::ReadRow, Access::Window, Access::Write],
};

const OUTPUT: Source = Source {
    name: "output",
    shared: &[shared::ACTIVATION, shared::LOSS],
    text: include_str!("../../../shaders/tiled/output.wgsl"),
    lanes: LANES,
    access: &[
        Access::Uniform,
        Access::ReadRow,
        Access::Read,
        Access::Window,
        Access::Read,
        Access::Write,
        Access::Write,
        Access::WriteRow,
    ],
};

/// `hidden` and `output`.
pub struct Pass(Stages);

impl Pass {
    pub fn compile(device: &Device, net: &Net) -> Self {
        Self(Stages::compile(device, net, [HIDDEN, OUTPUT]))
    }

    pub fn leaving(&self, device: &Device, net: &Net, leave: Leave) -> Self {
        Self(self.0.leaving(device, net, leave))
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows) -> Vec<Dispatch> {
        let &Operands { device, net, parameters, values } = on;
        let shape = net.shape;
        let words = shape.input.div_ceil(QUAD);
        let workgroups = [rows.images.div_ceil(TILE * LANES), tiles(shape.hidden), 1];
        let mut pass: Vec<Dispatch> = windows(words, hidden_window(shape))
            .map(|(first, end)| {
                let weights = parameters.hidden().window(first * QUAD * shape.hidden.div_ceil(QUAD));
                let part = rows.part(device, first, end);
                let buffers = [(&part).into(), (&data.images).into(), rows.batch.into(), weights, values.z1()];
                let work = work::hidden(shape, rows.images).part((end - first) as f64 / words as f64);
                self.0.hidden.bind(device, buffers, rows.row_words, workgroups, work)
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
        let shared = &[shared::UPDATE, shared::GRADIENT_TILE];
        let hidden = Source {
            name: "hidden_gradient",
            shared,
            text: include_str!("../../../shaders/tiled/hidden_gradient.wgsl"),
            lanes: LANES,
            access: &[Access::Uniform, Access::Uniform, Access::Window, Access::Write, Access::Read, Access::ReadRow],
        };
        let output = Source {
            name: "output_gradient",
            shared,
            text: include_str!("../../../shaders/tiled/output_gradient.wgsl"),
            lanes: LANES,
            access: &[Access::Uniform, Access::Uniform, Access::Window, Access::Write, Access::Read],
        };
        Self { hidden: Kernel::compile(device, &hidden, net, &[]), output: Kernel::compile(device, &output, net, &[]) }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows, rate: &Buffer, target: &Layers) -> Vec<Dispatch> {
        let &Operands { device, net, values, .. } = on;
        let Shape { input, hidden, classes } = net.shape;
        // A row of tiles for the bias.
        let workgroups = |inputs: usize, units| [(inputs.div_ceil(QUAD) + 1).div_ceil(LANES), tiles(units), 1];
        let share = |first: usize, end: usize| (end - first) as f64 / rows.images as f64;
        let output = windows(rows.images, image_window(classes)).map(|(first, end)| {
            let part = rows.part(device, first, end);
            let buffers = [
                (&part).into(),
                rate.into(),
                values.dy().window(first * classes.div_ceil(QUAD)),
                target.output(),
                values.z1(),
            ];
            let work = work::output_gradient(net.shape, rows.images).part(share(first, end));
            self.output.bind(device, buffers, 0, workgroups(hidden, classes), work)
        });
        let hidden = windows(rows.images, image_window(hidden)).map(|(first, end)| {
            let part = rows.part(device, first, end);
            let buffers = [
                (&part).into(),
                rate.into(),
                values.da1().window(first * hidden.div_ceil(QUAD)),
                target.hidden(),
                (&data.images).into(),
                rows.batch.into(),
            ];
            let work = work::hidden_gradient(net.shape, rows.images).part(share(first, end));
            self.hidden.bind(device, buffers, rows.row_words, workgroups(input, hidden), work)
        });
        output.chain(hidden).collect()
    }
}
