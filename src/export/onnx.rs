//! A network as ONNX: the message `ModelProto` of
//! [onnx.proto](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), whose names and numbers of fields these are.

use std::io::{self, Write};

use super::names::output_name;
use super::protobuf::Message;
use crate::data::description::Description;
use crate::model::{metadata, to_bytes};
use crate::net::{Activation, Net, Output, Params, Shape, Tensor, names};

/// The type of an image's pixels in an ONNX graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PixelType {
    /// float32, byte / 255.
    #[default]
    F32,
    /// uint8, 0 to 255. The graph divides by 255.
    U8,
}

names!(PixelType, "type of pixels", { F32 => "f32", U8 => "u8" });

/// The versions of the format and of the operators. Runtimes since 2021 know them.
const IR_VERSION: u64 = 7;
const OPERATORS: u64 = 13;

/// `TensorProto.DataType`.
const FLOAT: u64 = 1;
const UINT8: u64 = 2;
/// `AttributeProto.AttributeType`.
const INT: u64 = 2;

const INPUT: &str = "image";

/// A message has at most 2 GiB, and the largest network is far below.
const _: () = assert!(Shape::MAX_HIDDEN * (Shape::MAX_INPUT + Shape::MAX_CLASSES + 2) * size_of::<f32>() < 1 << 28);

/// Writes a network as the bytes of an .onnx file (operators of version 13). Its input `image` is `[N, input]`, row by row of each
/// image, its output `[N, classes]`, named by [`output_name`](super::output_name). Its metadata are those of a model's file.
///
/// # Errors
/// Those of `out`.
pub fn write_onnx(
    out: &mut dyn Write,
    net: &Net,
    params: &Params,
    description: &Description,
    pixels: PixelType,
) -> io::Result<()> {
    let pair = |(key, value): (&str, String)| Message::new().text(1, key).text(2, &value);
    let model = Message::new()
        .number(1, IR_VERSION)
        .text(2, env!("CARGO_PKG_NAME"))
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(7, &graph(net, params, pixels))
        .message(8, &Message::new().text(1, "").number(2, OPERATORS))
        .messages(14, metadata(net, description)?.into_iter().map(pair));
    out.write_all(model.encoded())
}

/// `GraphProto`.
fn graph(net: &Net, params: &Params, pixels: PixelType) -> Message {
    let Shape { input, classes, .. } = params.shape;
    let output = output_name(net.output);
    let activation = match net.activation {
        Activation::Sigmoid => "Sigmoid",
        Activation::Relu => "Relu",
        Activation::Tanh => "Tanh",
    };
    let mut nodes = Vec::new();
    let mut tensors: Vec<Message> = params.tensors().iter().map(tensor).collect();
    let (pixel_type, x) = match pixels {
        PixelType::F32 => (FLOAT, INPUT),
        PixelType::U8 => {
            nodes.push(node("Cast", &[INPUT], "byte").message(5, &attribute("to", FLOAT)));
            nodes.push(node("Div", &["byte", "largest"], "x"));
            tensors.push(tensor(&Tensor { name: "largest", dims: Vec::new(), values: &[255.0] }));
            (UINT8, "x")
        }
    };
    let [w1, b1, w2, b2] = Params::NAMES;
    nodes.push(node("Gemm", &[x, w1, b1], "a1"));
    nodes.push(node(activation, &["a1"], "z1"));
    let logits = if net.output == Output::Softmax { "a2" } else { output };
    nodes.push(node("Gemm", &["z1", w2, b2], logits));
    if net.output == Output::Softmax {
        nodes.push(node("Softmax", &[logits], output).message(5, &attribute("axis", 1)));
    }
    Message::new()
        .messages(1, nodes)
        .text(2, env!("CARGO_PKG_NAME"))
        .messages(5, tensors)
        .message(11, &rows(INPUT, pixel_type, input))
        .message(12, &rows(output, FLOAT, classes))
}

/// `NodeProto`: an operator with one output. It has no name, because some runtimes keep names of nodes and values together.
fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs.iter().fold(Message::new(), |node, input| node.text(1, input));
    node.text(2, output).text(4, operator)
}

/// `AttributeProto` of an integer.
fn attribute(name: &str, value: u64) -> Message {
    Message::new().text(1, name).number(3, value).number(20, INT)
}

/// `TensorProto` of f32.
fn tensor(tensor: &Tensor) -> Message {
    let dims = tensor.dims.iter().fold(Message::new(), |message, &dim| message.number(1, dim as u64));
    dims.number(2, FLOAT).text(8, tensor.name).bytes(9, &to_bytes(tensor.values))
}

/// `ValueInfoProto` of shape `[N, columns]`.
fn rows(name: &str, element_type: u64, columns: usize) -> Message {
    let dims = [Message::new().text(2, "N"), Message::new().number(1, columns as u64)];
    let tensor = Message::new().number(1, element_type).message(2, &Message::new().messages(1, dims));
    Message::new().text(1, name).message(2, &Message::new().message(1, &tensor))
}
