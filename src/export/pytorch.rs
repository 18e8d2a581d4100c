//! A network as the tensors of a PyTorch `state_dict`, in a safetensors file.

use std::io::{self, Write};

use crate::data::description::Description;
use crate::model::{transposed, write_tensors};
use crate::net::{Net, Params, Shape, Tensor};

/// The names of the tensors: those of a module whose layers `torch.nn.Linear` are called fc1 and fc2.
pub const PYTORCH_NAMES: [&str; 4] = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"];

/// Writes a network as safetensors with PyTorch's names and shapes: fc1.weight `[hidden, input]`, fc1.bias `[hidden]`, fc2.weight
/// `[classes, hidden]`, fc2.bias `[classes]`, and the metadata of [`model::write`](crate::model::write()).
/// [`model::read`](crate::model::read) gives the same parameters, bit for bit.
///
/// # Errors
/// Those of `out`.
pub fn write_pytorch(out: &mut dyn Write, net: &Net, params: &Params, description: &Description) -> io::Result<()> {
    let Shape { input, hidden, classes } = params.shape;
    let [fc1_weight, fc1_bias, fc2_weight, fc2_bias] = PYTORCH_NAMES;
    let (w1, w2) = (transposed(&params.w1, hidden), transposed(&params.w2, classes));
    let tensors = [
        Tensor { name: fc1_weight, dims: vec![hidden, input], values: &w1 },
        Tensor { name: fc1_bias, dims: vec![hidden], values: &params.b1 },
        Tensor { name: fc2_weight, dims: vec![classes, hidden], values: &w2 },
        Tensor { name: fc2_bias, dims: vec![classes], values: &params.b2 },
    ];
    write_tensors(out, net, description, &tensors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use crate::net::{Activation, Output};
    use safetensors::SafeTensors;

    #[test]
    fn weights_are_out_in_and_read_back_bit_for_bit() {
        for shape in [Shape { input: 5, hidden: 3, classes: 2 }, Shape { input: 2, hidden: 2, classes: 2 }] {
            let params = Params::init(shape, 1.0, 3);
            let net = Net { shape, activation: Activation::Tanh, output: Output::Identity };
            let description = Description { names: Some(vec!["a".to_owned(), "é".to_owned()]), preparation: None };
            let mut bytes = Vec::new();
            write_pytorch(&mut bytes, &net, &params, &description).unwrap();
            let file = SafeTensors::deserialize(&bytes).unwrap();
            for (name, weights, [inputs, outputs]) in [
                ("fc1.weight", &params.w1, [shape.input, shape.hidden]),
                ("fc2.weight", &params.w2, [shape.hidden, shape.classes]),
            ] {
                let found = file.tensor(name).unwrap();
                assert_eq!(found.shape(), [outputs, inputs]);
                for (n, value) in found.data().chunks(size_of::<f32>()).enumerate() {
                    let (output, input) = (n / inputs, n % inputs);
                    assert_eq!(value, weights[input * outputs + output].to_le_bytes(), "{name}[{output}, {input}]");
                }
            }
            let read = model::read(&bytes).unwrap();
            assert_eq!(
                (read.params, read.activation, read.output, read.description),
                (params, Some(net.activation), Some(net.output), description)
            );
        }
    }
}
