//! What an exported file calls things.

use crate::net::Output;

/// What the outputs of a network are called: probabilities of a softmax, else outputs.
#[must_use]
pub fn output_name(output: Output) -> &'static str {
    match output {
        Output::Softmax => "probabilities",
        Output::Identity => "outputs",
    }
}
