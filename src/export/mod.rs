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
mod names;
mod onnx;
mod protobuf;
mod pytorch;

pub use c::write_c;
pub use names::output_name;
pub use onnx::{PixelType, write_onnx};
pub use pytorch::{PYTORCH_NAMES, write_pytorch};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::description::Description;
    use crate::model::{self, Model};
    use crate::net::{Activation, Net, Output, Params, Shape};

    const SHAPE: Shape = Shape { input: 3, hidden: 2, classes: 2 };

    proptest! {
        #[test]
        fn what_is_read_is_written_in_every_format(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let net = Net { shape: SHAPE, activation: Activation::Tanh, output: Output::Softmax };
            let description = Description { names: Some(vec!["a".to_owned(), "b".to_owned()]), preparation: None };
            let mut bytes = Vec::new();
            write_pytorch(&mut bytes, &net, &Params::init(SHAPE, 1.0, 1), &description).unwrap();
            for (index, byte) in changes {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            if let Ok(Model { params, description, .. }) = model::read(&bytes) {
                let net = Net { shape: params.shape, ..net };
                let mut out = Vec::new();
                write_c(&mut out, &net, &params, &description).unwrap();
                write_onnx(&mut out, &net, &params, &description, PixelType::U8).unwrap();
                let mut again = Vec::new();
                write_pytorch(&mut again, &net, &params, &description).unwrap();
                let read = model::read(&again).unwrap();
                prop_assert_eq!((read.params, read.description), (params, description));
            }
        }
    }
}
