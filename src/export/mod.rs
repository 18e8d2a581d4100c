//! A trained network in the formats of other programs: ONNX, C, and the tensors of a PyTorch `state_dict`. The same network gives
//! the same bytes.
//!
//! ```
//! use twolayer::data::description::Description;
//! use twolayer::export;
//! use twolayer::net::{Activation, Net, Output, Params, Shape};
//!
//! # fn main() -> std::io::Result<()> {
//! let shape = Shape { input: 784, hidden: 50, classes: 10 };
//! let net = Net { shape, activation: Activation::Relu, output: Output::Softmax };
//! let mut source = Vec::new();
//! export::write_c(&mut source, &net, &Params::init(shape, 0.01, 0), &Description::default())?;
//! assert!(String::from_utf8_lossy(&source).contains("int predict(const uint8_t image[784], float probabilities[10])"));
//! # Ok(())
//! # }
//! ```

mod c;
mod onnx;
mod protobuf;
mod pytorch;

use crate::net::Output;

pub use c::write_c;
pub use onnx::{PixelType, write_onnx};
pub use pytorch::{PYTORCH_NAMES, write_pytorch};

/// What the outputs of a network are called: probabilities of a softmax, else outputs.
#[must_use]
pub fn output_name(output: Output) -> &'static str {
    match output {
        Output::Softmax => "probabilities",
        Output::Identity => "outputs",
    }
}
