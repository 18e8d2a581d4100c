//! The host's side of `shaders/fused/`: two kernels a step, for nets so small that waiting between kernels would take
//! longer than computing.

use super::operands::{Operands, PassOutput};
use super::{Dispatch, Kernel, Source, Work, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::{FUSED_LANES, FUSED_TILES, IMAGES, Slice, VEC4};
use crate::net::{Net, Shape};

pub const FORWARD_BACKWARD: Source = Source {
    name: "forward_backward",
    text: include_str!("../../../shaders/fused/forward_backward.wgsl"),
    lanes: FUSED_LANES,
};

pub const GRADIENTS: Source =
    Source { name: "gradients", text: include_str!("../../../shaders/fused/gradients.wgsl"), lanes: FUSED_LANES };

/// `forward_backward`.
pub struct Pass {
    forward_backward: Kernel,
    forward_only: bool,
}

impl Pass {
    pub fn compile(device: &Device, net: &Net, pass_output: PassOutput) -> Self {
        Self {
            forward_backward: Kernel::compile(device, &FORWARD_BACKWARD, net, &pass_output.both_layers(net), &[]),
            forward_only: pass_output.forward_only(),
        }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows) -> Vec<Dispatch> {
        let &Operands { device, net, parameters, values } = on;
        let params = rows.whole(device);
        let buffers = [
            ("dispatch", (&params).into()),
            ("pixels", (&data.pixels).into()),
            ("indices", rows.indices()),
            ("labels", (&data.labels).into()),
            ("parameters", parameters.all()),
            ("z1", values.z1()),
            ("dy", values.dy()),
            ("da1", values.da1()),
            ("losses", rows.losses()),
        ];
        let work = work::hidden(net.shape, rows.count) + work::output(net.shape, rows.count, self.forward_only);
        let workgroups = [rows.count.div_ceil(IMAGES), 1, 1];
        vec![self.forward_backward.bind(device, buffers, workgroups, work)]
    }
}

/// `gradients`, of both layers or of the output layer alone.
pub struct Gradients {
    kernel: Kernel,
    tiles: usize,
    work: fn(Shape, usize) -> Work,
}

impl Gradients {
    pub fn compile(device: &Device, net: &Net) -> Self {
        let work = |shape, n| work::output_gradient(shape, n) + work::hidden_gradient(shape, n);
        Self::compile_from(device, net, 0, work)
    }

    pub fn compile_output(device: &Device, net: &Net) -> Self {
        Self::compile_from(device, net, tiles(net.shape.input, net.shape.hidden), work::output_gradient)
    }

    fn compile_from(device: &Device, net: &Net, first_tile: usize, work: fn(Shape, usize) -> Work) -> Self {
        let Shape { input, hidden, classes } = net.shape;
        let name = if first_tile == 0 { GRADIENTS.name } else { "output_gradient" };
        let source = Source { name, ..GRADIENTS };
        let kernel = Kernel::compile(device, &source, net, "", &[("FIRST_TILE", first_tile as f64)]);
        Self { kernel, tiles: tiles(input, hidden) + tiles(hidden, classes) - first_tile, work }
    }

    pub fn bind(&self, on: &Operands, data: &Data, rows: &Rows, axpby: Slice, target: &Layers) -> Vec<Dispatch> {
        let &Operands { device, net, values, .. } = on;
        let params = rows.whole(device);
        let buffers = [
            ("dispatch", (&params).into()),
            ("scalars", axpby),
            ("pixels", (&data.pixels).into()),
            ("indices", rows.indices()),
            ("z1", values.z1()),
            ("dy", values.dy()),
            ("da1", values.da1()),
            ("parameters", target.all()),
        ];
        let workgroups = [self.tiles.div_ceil(FUSED_TILES), 1, 1];
        vec![self.kernel.bind(device, buffers, workgroups, (self.work)(net.shape, rows.count))]
    }
}

/// The tiles of a layer, its bias's among them.
fn tiles(inputs: usize, units: usize) -> usize {
    (inputs.div_ceil(VEC4) + 1) * units.div_ceil(VEC4)
}
