//! A pass in two stages, as `tiled` and `blocked` run it: the hidden layer, then the output layer forward and back.

use super::operands::{Operands, PassOutput};
use super::{Dispatch, Kernel, Source, work};
use crate::gpu::data::{Data, Rows};
use crate::gpu::device::Device;
use crate::gpu::layout::Slice;
use crate::net::Net;

/// The kernels of both stages.
pub struct Stages {
    sources: [Source; 2],
    /// Overrides of the hidden layer's kernel.
    constants: Vec<(&'static str, f64)>,
    pub hidden: Kernel,
    /// None if the pass stores a1 alone.
    output: Option<Kernel>,
    forward_only: bool,
}

impl Stages {
    /// Compiles both stages for training; `constants` are overrides of the hidden layer's kernel.
    pub fn compile(device: &Device, net: &Net, sources: [Source; 2], constants: &[(&'static str, f64)]) -> Self {
        let pass_output = PassOutput::Derivatives;
        Self {
            hidden: Kernel::compile(device, &sources[0], net, &pass_output.hidden_layer(net), constants),
            output: output_layer(device, net, &sources[1], pass_output),
            forward_only: pass_output.forward_only(),
            constants: constants.to_vec(),
            sources,
        }
    }

    /// The same stages with another pass output. Only a1 needs another hidden layer.
    pub fn with_output(&self, device: &Device, net: &Net, pass_output: PassOutput) -> Self {
        let &Self { sources, ref constants, .. } = self;
        let hidden = match pass_output {
            PassOutput::HiddenInput => {
                Kernel::compile(device, &sources[0], net, &pass_output.hidden_layer(net), constants)
            }
            _ => self.hidden.clone(),
        };
        let output = output_layer(device, net, &sources[1], pass_output);
        Self { hidden, output, forward_only: pass_output.forward_only(), constants: constants.clone(), sources }
    }

    /// The output layer, whose workgroups take `images` each; none if the pass stores a1 alone.
    pub fn bind_output(
        &self,
        on: &Operands,
        data: &Data,
        rows: &Rows,
        layer: Slice,
        images: usize,
    ) -> Option<Dispatch> {
        let &Operands { device, net, values, .. } = on;
        let params = rows.whole(device);
        let buffers = [
            ("dispatch", (&params).into()),
            ("indices", rows.indices()),
            ("labels", (&data.labels).into()),
            ("layer", layer),
            ("z1", values.z1()),
            ("dy", values.dy()),
            ("da1", values.da1()),
            ("losses", rows.losses()),
        ];
        let workgroups = [rows.count.div_ceil(images), 1, 1];
        let work = work::output(net.shape, rows.count, self.forward_only);
        Some(self.output.as_ref()?.bind(device, buffers, workgroups, work))
    }
}

/// None if the pass stores a1 alone.
fn output_layer(device: &Device, net: &Net, source: &Source, pass_output: PassOutput) -> Option<Kernel> {
    let compile = || Kernel::compile(device, source, net, &pass_output.both_layers(net), &[]);
    (pass_output != PassOutput::HiddenInput).then(compile)
}
