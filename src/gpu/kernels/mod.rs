//! The host's side of the shaders: a file for each folder of `shaders/`, a family of kernels that together run a step.
//!
//! A family's file says which buffers its kernels bind, by the names that their shaders have for them, and how many workgroups
//! cover the work.

mod bindings;
pub mod blocked;
pub mod family;
pub mod fused;
mod kernel;
pub mod lists;
pub mod numerical;
pub mod operands;
pub mod optimizers;
mod source;
mod stages;
pub mod tiled;
mod work;

#[cfg(feature = "cli")]
pub use bindings::Binding;
#[cfg(test)]
use kernel::MOST_ROWS;
pub use kernel::{Dispatch, Kernel, Work};
pub use source::Source;

/// Every kernel of this folder.
#[cfg(test)]
const SOURCES: [&Source; 20] = [
    &tiled::NONZERO,
    &tiled::HIDDEN,
    &tiled::OUTPUT,
    &tiled::HIDDEN_GRADIENT,
    &tiled::OUTPUT_GRADIENT,
    &fused::FORWARD_BACKWARD,
    &fused::GRADIENTS,
    &blocked::HIDDEN,
    &blocked::HIDDEN_SUM,
    &blocked::OUTPUT,
    &blocked::HIDDEN_GRADIENT,
    &numerical::HIDDEN_DIFFERENCE,
    &numerical::OUTPUT_DIFFERENCE,
    &lists::MEAN_LOSS,
    &lists::CONFUSION,
    &lists::SGD,
    &optimizers::DECAYED_SGD,
    &optimizers::MOMENTUM,
    &optimizers::ADAGRAD,
    &optimizers::ADAM,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernels::operands::PassOutput::{self, Derivatives, HiddenDerivative, HiddenInput, Logits};
    use crate::net::{Activation, Net, Output, Shape};

    /// Every network of a shape, with everything that a pass may leave.
    pub fn choices(shape: Shape) -> impl Iterator<Item = (Net, PassOutput)> {
        let nets = Activation::ALL
            .into_iter()
            .flat_map(move |activation| Output::ALL.map(move |output| Net { shape, activation, output }));
        let left = [Derivatives, Logits, PassOutput::Output, HiddenInput, HiddenDerivative];
        nets.flat_map(move |net| left.map(move |pass_output| (net, pass_output)))
    }

    /// What a kernel is compiled from.
    pub fn whole_text(source: &Source, net: &Net, pass_output: PassOutput) -> String {
        let text = source.resolved("");
        if text.contains("output_sums(") {
            source.resolved(&pass_output.both_layers(net))
        } else if text.contains("activated(") {
            source.resolved(&pass_output.hidden_layer(net))
        } else {
            text
        }
    }
}
