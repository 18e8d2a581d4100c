//! The host's side of `shaders/numerical/`: gradients by central differences, whatever family runs the pass before.

use wgpu::Buffer;

use super::operands::Operands;
use super::{Dispatch, Kernel, Source, Work};
use crate::functions::EPSILON;
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::{Slice, VEC4, image_window, windows};
use crate::net::method::series;
use crate::net::{Net, Shape};

/// Invocations of a workgroup: hidden units of a word of pixels; or vec4s of classes, times images.
const LANES: usize = 64;
/// Images that a dispatch takes at most, which bounds how often an invocation goes through its loops.
const MOST_IMAGES: usize = 2048;
// A workgroup of `output_difference` has all vec4s of a row.
const _: () = assert!(Shape::MAX_CLASSES.div_ceil(VEC4) <= LANES);

pub const HIDDEN_DIFFERENCE: Source = Source {
    name: "hidden_difference",
    text: include_str!("../../../shaders/numerical/hidden_difference.wgsl"),
    lanes: LANES,
};

pub const OUTPUT_DIFFERENCE: Source = Source {
    name: "output_difference",
    text: include_str!("../../../shaders/numerical/output_difference.wgsl"),
    lanes: LANES,
};

/// `hidden_difference` and `output_difference`.
pub struct Differences {
    hidden: Kernel,
    output: Kernel,
}

impl Differences {
    pub fn compile(device: &Device, net: &Net) -> Self {
        let constants =
            [("EPSILON", EPSILON), ("SHORTEST_UP_TO", series::SHORTEST_UP_TO), ("SHORT_UP_TO", series::SHORT_UP_TO)];
        let compile = |source| Kernel::compile(device, source, net, "", &constants);
        Self { hidden: compile(&HIDDEN_DIFFERENCE), output: compile(&OUTPUT_DIFFERENCE) }
    }

    /// From a1 (in the place of da1), z1 and y (in that of dy) of a row's images to both layers' gradients, ending in
    /// `target` as `axpby` says.
    pub fn bind(
        &self,
        on: &Operands,
        data: &Data,
        rows: &Rows,
        perturbation: &Buffer,
        axpby: Slice,
        target: &Layers,
    ) -> Vec<Dispatch> {
        let &Operands { device, net, parameters, values } = on;
        let Shape { input, hidden, classes } = net.shape;
        let workgroups = [input.div_ceil(VEC4) + 1, hidden.div_ceil(LANES), 1];
        // W2 changes last: W1's differences are of the pass that was.
        let mut dispatches: Vec<Dispatch> = windows(rows.count, image_window(classes).min(MOST_IMAGES))
            .map(|(first, end)| {
                let params = rows.params(device, first, end);
                let buffers = [
                    ("dispatch", (&params).into()),
                    ("scalars", axpby),
                    ("perturbation", perturbation.into()),
                    ("y", values.dy().window(first * classes.div_ceil(VEC4))),
                    ("pixels", (&data.pixels).into()),
                    ("indices", rows.indices()),
                    ("labels", (&data.labels).into()),
                    ("a1", values.da1()),
                    ("output_layer", parameters.output()),
                    ("layer", target.hidden()),
                ];
                self.hidden.bind(device, buffers, workgroups, Work::default())
            })
            .collect();
        dispatches.extend(windows(rows.count, MOST_IMAGES).map(|(first, end)| {
            let params = rows.params(device, first, end);
            let buffers = [
                ("dispatch", (&params).into()),
                ("scalars", axpby),
                ("perturbation", perturbation.into()),
                ("indices", rows.indices()),
                ("labels", (&data.labels).into()),
                ("z1", values.z1()),
                ("y", values.dy()),
                ("layer", target.output()),
            ];
            self.output.bind(device, buffers, [hidden + 1, 1, 1], Work::default())
        }));
        dispatches
    }
}
