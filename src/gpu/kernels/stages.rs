//! A pass in two stages, as `tiled` and `blocked` run it: the hidden layer, then the output layer forward and back.

use super::operands::{Leave, Operands};
use super::{Dispatch, Kernel, Source, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layout::Slice;
use crate::net::Net;

/// The kernels of both stages.
pub struct Stages {
    sources: [Source; 2],
    pub hidden: Kernel,
    /// None where only a1 is left.
    output: Option<Kernel>,
    forward_only: bool,
}

impl Stages {
    /// Compiles both stages for training.
    pub fn compile(device: &Device, net: &Net, sources: [Source; 2]) -> Self {
        let leave = Leave::Derivatives;
        let hidden = Kernel::compile(device, &sources[0], net, &leave.hidden_layer(net));
        Self::with_hidden(device, net, sources, hidden, leave)
    }

    /// The same stages, with something else left. Only a1 takes another hidden layer.
    pub fn leaving(&self, device: &Device, net: &Net, leave: Leave) -> Self {
        let hidden = match leave {
            Leave::HiddenInput => Kernel::compile(device, &self.sources[0], net, &leave.hidden_layer(net)),
            _ => self.hidden.clone(),
        };
        Self::with_hidden(device, net, self.sources, hidden, leave)
    }

    fn with_hidden(device: &Device, net: &Net, sources: [Source; 2], hidden: Kernel, leave: Leave) -> Self {
        let compile = || Kernel::compile(device, &sources[1], net, &leave.both_layers(net));
        let output = (leave != Leave::HiddenInput).then(compile);
        Self { sources, hidden, output, forward_only: leave.forward_only() }
    }

    /// The output layer, whose workgroups take `images` each; none where only a1 is left.
    pub fn bind_output(
        &self,
        on: &Operands,
        data: &Data,
        rows: &Rows,
        layer: Slice,
        images: usize,
    ) -> Option<Dispatch> {
        let &Operands { device, net, values, .. } = on;
        let part = rows.whole(device);
        let buffers = [
            (&part).into(),
            rows.batch.into(),
            (&data.labels).into(),
            layer,
            values.z1(),
            values.dy(),
            values.da1(),
            rows.losses.into(),
        ];
        let workgroups = [rows.images.div_ceil(images), 1, 1];
        let work = work::output(net.shape, rows.images, self.forward_only);
        Some(self.output.as_ref()?.bind(device, buffers, rows.row_words, workgroups, work))
    }
}
