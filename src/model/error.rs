//! What is wrong with a model file.

use std::io;
use std::path::PathBuf;

use safetensors::tensor::Dtype;

use crate::net::{ShapeError, UnknownName};

/// The bytes of the largest network in F64, and some for the header.
pub(super) const MAX_BYTES: u64 = 160 << 20;
/// The metadata's key of the class names.
pub(super) const CLASSES: &str = "classes";

/// A model file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// The error.
    pub problem: Problem,
}

/// An error in a model file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be read.
    #[error("cannot be read ({0}); give a model.safetensors")]
    Read(io::Error),
    /// It cannot be written.
    #[error("cannot be written ({0}); make room or choose another place")]
    Write(io::Error),
    /// It is larger than the largest network.
    #[error("is larger than {MAX_BYTES} bytes, the most for a two-layer network; give a model.safetensors")]
    TooLarge,
    /// It is no safetensors file, or a truncated one.
    #[error(
        "is no whole safetensors file ({0}); give a model.safetensors that this program or the safetensors library wrote"
    )]
    Format(safetensors::SafeTensorError),
    /// A tensor is missing.
    #[error(
        "has no tensor {name}; a model holds W1, b1, W2 and b2, or the weights and biases of two dense layers that follow each \
         other, and this file holds {found}"
    )]
    Missing {
        /// The tensor.
        name: &'static str,
        /// The names of the tensors in the file.
        found: String,
    },
    /// Each of its two layers may be the first, by their shapes and by their names.
    #[error(
        "holds two layers, {} and {}, and neither their shapes nor their names tell which is the first; name them fc1.weight, \
         fc1.bias, fc2.weight and fc2.bias",
        .0[0], .0[1]
    )]
    Order([String; 2]),
    /// Weights are square, and those of the other layer are not in the order of dimensions that their name has in its program.
    #[error(
        "holds {square}, which is square, and {other}, which has its dimensions in another order than its program, so nothing \
         tells the order of {square}; save them as W1, b1, W2 and b2, weights as [in, out]"
    )]
    Square {
        /// The square weights.
        square: String,
        /// Those of the other layer.
        other: String,
    },
    /// It holds tensors of these names beside those of a network of two layers.
    #[error(
        "holds {0} beside W1, b1, W2 and b2, so it is more than a network of two layers; give one with these alone"
    )]
    Extra(String),
    /// Weights are transposed, as the shapes of the other tensors show.
    #[error(
        "seems to hold {} transposed: W1 has shape {:?}, b1 {:?}, W2 {:?}, b2 {:?}; transpose back: weights are [in, out] here \
         ([out, in] in PyTorch)",
        names.join(" and "), shapes[0], shapes[1], shapes[2], shapes[3]
    )]
    Transposed {
        /// W1, W2 or both.
        names: Vec<&'static str>,
        /// The shapes of W1, b1, W2 and b2.
        shapes: Box<[Vec<usize>; 4]>,
    },
    /// A tensor holds no floats, or floats of 8 bits or less.
    #[error("tensor {name} is {dtype}; convert it to F32")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
    /// A tensor's shape does not match the others.
    #[error("tensor {name} has shape {dims:?}, where {expected} is needed")]
    Dims {
        /// The tensor.
        name: &'static str,
        /// Its shape.
        dims: Vec<usize>,
        /// The shape that matches.
        expected: &'static str,
    },
    /// The network exceeds the limits.
    #[error("{0}")]
    Shape(ShapeError),
    /// A value is infinite or not a number.
    #[error("tensor {name} holds {value} at index {index}; give a model whose values are all finite")]
    NotFinite {
        /// The tensor.
        name: String,
        /// The value's index, row by row.
        index: usize,
        /// The value, as an f32.
        value: f32,
    },
    /// A newer program wrote it.
    #[error("has format {version}, and this twolayer reads up to {known}; use the one that wrote it, or a newer one")]
    Newer {
        /// Its format.
        version: u64,
        /// The newest format that is read.
        known: u64,
    },
    /// The metadata name an unknown function.
    #[error("its metadata: {0}")]
    Metadata(UnknownName),
    /// The metadata's class names or preparation cannot be parsed.
    #[error("its metadata: {key} is not in this program's format ({reason}); remove it there")]
    Description {
        /// The metadata's key.
        key: &'static str,
        /// The parser's error.
        reason: serde_json::Error,
    },
    /// The preparation is that of other images.
    #[error("its metadata: preparation is not for images of {input} pixels; remove it there")]
    Preparation {
        /// The pixels of an image.
        input: usize,
    },
    /// The count of class names is not the count of classes.
    #[error("its metadata: {CLASSES} has {names} names for {classes} classes; remove it there")]
    Names {
        /// The count of names.
        names: usize,
        /// The count of classes.
        classes: usize,
    },
}
