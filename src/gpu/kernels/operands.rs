//! The operands of every family's kernels, and the values that a pass of them stores.

use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::values::Values;
use crate::net::Net;

/// The operands of a network's kernels.
pub struct Operands<'a> {
    pub device: &'a Device,
    pub net: &'a Net,
    pub parameters: &'a Layers,
    pub values: &'a Values,
}

/// The values that a pass stores for each image. Training needs [`PassOutput::Derivatives`]; the others are for evaluation,
/// predictions and tests, from the same kernels with other functions chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassOutput {
    /// z1, dy, da1 and the loss.
    Derivatives,
    /// The logits in the place of dy, and the loss; no backward pass.
    Logits,
    /// y in the place of dy; no backward pass.
    Output,
    /// a1 in the place of z1; the other values mean nothing.
    HiddenInput,
    /// dz1 in the place of da1.
    HiddenDerivative,
}

impl PassOutput {
    /// The lines that choose the functions of `shaders/shared/activation.wgsl`.
    pub fn hidden_layer(self, net: &Net) -> String {
        let unless = |pass_output| if self == pass_output { "identity" } else { net.activation.as_str() };
        let (activation, gradient) = (unless(Self::HiddenInput), unless(Self::HiddenDerivative));
        format!(
            "fn activated(a: vec4f) -> vec4f {{ return {activation}_activation(a); }}\n\
             fn activation_gradient(z: vec4f) -> vec4f {{ return {gradient}_gradient(z); }}\n"
        )
    }

    /// The lines that choose the functions of `shaders/shared/activation.wgsl` and `shaders/shared/loss.wgsl`.
    pub fn both_layers(self, net: &Net) -> String {
        let (hidden_layer, output, forward_only) = (self.hidden_layer(net), net.output, self.forward_only());
        let stored = match self {
            Self::Derivatives | Self::HiddenDerivative => "dy",
            Self::Logits | Self::HiddenInput => "logits",
            Self::Output => "y",
        };
        format!(
            "{hidden_layer}\
             fn output_sums(row: u32) -> LogitSums {{ return {output}_sums(row); }}\n\
             fn output(row: u32, v4: u32, s: LogitSums) -> vec4f {{ return {output}_output(row, v4, s); }}\n\
             fn loss(row: u32, label: u32, s: LogitSums) -> f32 {{ return {output}_loss(row, label, s); }}\n\
             fn pass_output(row: u32, v4: u32, label: u32, s: LogitSums) -> vec4f {{ return pass_{stored}(row, v4, label, s); }}\n\
             const FORWARD_ONLY = {forward_only};\n"
        )
    }

    /// Whether there is no backward pass.
    pub fn forward_only(self) -> bool {
        matches!(self, Self::Logits | Self::Output | Self::HiddenInput)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernels::tests::{choices, whole_text};
    use crate::gpu::kernels::{SOURCES, blocked, fused};
    use crate::net::{Activation, Output, Shape};

    const NET: Net = Net {
        shape: Shape { input: 1, hidden: 1, classes: 2 },
        activation: Activation::Sigmoid,
        output: Output::Softmax,
    };

    fn compiled(text: &str) -> Result<naga::valid::ModuleInfo, String> {
        let module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
        let (flags, capabilities) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
        naga::valid::Validator::new(flags, capabilities).validate(&module).map_err(|error| error.emit_to_string(text))
    }

    #[test]
    fn every_kernel_compiles_with_every_choice() {
        for (net, pass_output) in choices(NET.shape) {
            for source in SOURCES {
                if let Err(error) = compiled(&whole_text(source, &net, pass_output)) {
                    panic!("{}, {net:?}, {pass_output:?}: {error}", source.name);
                }
            }
        }
    }

    #[test]
    fn a_name_without_a_function_is_no_shader() {
        let derivatives = PassOutput::Derivatives;
        // That of a WGSL function is no function here either.
        for name in ["unknown", "exp"] {
            let chosen = derivatives.hidden_layer(&NET).replace("sigmoid_", &format!("{name}_"));
            let error = compiled(&blocked::HIDDEN.resolved(&chosen)).unwrap_err();
            assert!(error.contains(&format!("no definition in scope for identifier: `{name}_activation`")), "{error}");
        }
        let chosen = derivatives.both_layers(&NET).replace("softmax_", "hinge_");
        let error = compiled(&fused::FORWARD_BACKWARD.resolved(&chosen)).unwrap_err();
        assert!(error.contains("no definition in scope for identifier: `hinge_sums`"), "{error}");
        // A kernel for which nothing was chosen.
        assert!(compiled(&blocked::HIDDEN.resolved("")).is_err());
    }
}
