//! A trained network in a safetensors file: f32 tensors W1 `[input, hidden]`, b1 `[hidden]`, W2 `[hidden, classes]`,
//! b2 `[classes]`. The metadata name its activation and output functions.

mod foreign;

use std::io::{self, Write};
#[cfg(not(target_family = "wasm"))]
use std::path::Path;
use std::path::PathBuf;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;

use crate::data::description::Description;
#[cfg(not(target_family = "wasm"))]
use crate::files::{read_at_most, write_atomic};
use crate::net::{Activation, Net, Output, Params, Shape, ShapeError, Tensor, UnknownName};

/// The content of a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its parameters, with their shape.
    pub params: Params,
    /// The hidden layer's function, if the file names it.
    pub activation: Option<Activation>,
    /// The output layer's function, if the file names it.
    pub output: Option<Output>,
    /// The names of its classes and the preparation of its pictures, if the file has them.
    pub description: Description,
}

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
    #[error("has no tensor {name}; a model holds W1, b1, W2 and b2, and this file holds {found}")]
    Missing {
        /// The tensor.
        name: &'static str,
        /// The names of the tensors in the file.
        found: String,
    },
    /// It is a two-layer network of another program. The text assigns its tensors to W1, b1, W2 and b2.
    #[error("holds another program's tensors; save them as {0}")]
    Foreign(String),
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
    /// A tensor is not of type F32.
    #[error("tensor {name} is {dtype}; convert it to F32")]
    Dtype {
        /// The tensor.
        name: &'static str,
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
        name: &'static str,
        /// The value's index, row by row.
        index: usize,
        /// The value.
        value: f32,
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
    /// The count of class names is not the count of classes.
    #[error("its metadata: {CLASSES} has {names} names for {classes} classes; remove it there")]
    Names {
        /// The count of names.
        names: usize,
        /// The count of classes.
        classes: usize,
    },
}

/// The bytes of the largest network, and some for the header.
const MAX_BYTES: u64 = 96 << 20;
/// The metadata's keys.
const ACTIVATION: &str = "activation";
const OUTPUT: &str = "output";
/// The values of these keys are JSON: a list of names, and a [`Preparation`](crate::data::description::Preparation).
const CLASSES: &str = "classes";
const PREPARATION: &str = "preparation";

/// Writes a network to a file, completely or not at all.
///
/// # Errors
/// [`Problem::Write`].
#[cfg(not(target_family = "wasm"))]
pub fn save(path: &Path, net: &Net, params: &Params, description: &Description) -> Result<(), Error> {
    write_atomic(path, |out| write(out, net, params, description))
        .map_err(|error| Error { path: path.into(), problem: Problem::Write(error) })
}

/// Writes a network as safetensors. The same network gives the same bytes. (The safetensors library keeps metadata in a hash
/// map and cannot promise that.)
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn Write, net: &Net, params: &Params, description: &Description) -> io::Result<()> {
    let Net { activation, output, .. } = net;
    let tensors = params.tensors();
    let mut end = 0;
    let entries = tensors.each_ref().map(|Tensor { name, dims, values }| {
        let start = end;
        end += size_of_val(*values);
        format!(r#""{name}":{{"dtype":"F32","shape":{dims:?},"data_offsets":[{start},{end}]}}"#)
    });
    let mut metadata = vec![(ACTIVATION, activation.to_string()), (OUTPUT, output.to_string())];
    if let Some(names) = &description.names {
        metadata.push((CLASSES, serde_json::to_string(names)?));
    }
    if let Some(preparation) = &description.preparation {
        metadata.push((PREPARATION, serde_json::to_string(preparation)?));
    }
    let quoted = |(key, value): &(&str, String)| Ok(format!(r#""{key}":{}"#, serde_json::to_string(value)?));
    let metadata = metadata.iter().map(quoted).collect::<io::Result<Vec<_>>>()?.join(",");
    let header = format!(r#"{{"__metadata__":{{{metadata}}},{}}}"#, entries.join(","));
    // The values begin at a multiple of 8 bytes.
    let spaces = " ".repeat(header.len().next_multiple_of(8) - header.len());
    out.write_all(&((header.len() + spaces.len()) as u64).to_le_bytes())?;
    write!(out, "{header}{spaces}")?;
    tensors.iter().try_for_each(|tensor| {
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        out.write_all(&bytes)
    })
}

/// Reads a network from a file.
///
/// # Errors
/// A [`Problem`] of the file.
#[cfg(not(target_family = "wasm"))]
pub fn load(path: &Path) -> Result<Model, Error> {
    let model = read_at_most(path, MAX_BYTES + 1).map_err(Problem::Read).and_then(|bytes| read(&bytes));
    model.map_err(|problem| Error { path: path.into(), problem })
}

/// Reads a network from the bytes of a safetensors file.
///
/// # Errors
/// A [`Problem`] of the bytes.
pub fn read(bytes: &[u8]) -> Result<Model, Problem> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::TooLarge);
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(Problem::Format)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(Problem::Format)?;
    if let Some(name) = Params::NAMES.into_iter().find(|name| tensors.tensor(name).is_err()) {
        return Err(match foreign::conversion(&tensors) {
            Some(conversion) => Problem::Foreign(conversion),
            None => Problem::Missing { name, found: foreign::all_names(&tensors) },
        });
    }
    if let Some(names) = foreign::extra_names(&tensors) {
        return Err(Problem::Extra(names));
    }
    let view = |name| {
        let view = tensors.tensor(name).map_err(Problem::Format)?;
        match view.dtype() {
            Dtype::F32 => Ok(view),
            dtype => Err(Problem::Dtype { name, dtype }),
        }
    };
    let [w1, b1, w2, b2] = [view("W1")?, view("b1")?, view("W2")?, view("b2")?];
    if let Some(problem) = transposed([&w1, &b1, &w2, &b2]) {
        return Err(problem);
    }
    let mismatch = |name, view: &TensorView, expected| Problem::Dims { name, dims: view.shape().to_vec(), expected };
    let &[input, hidden] = w1.shape() else { return Err(mismatch("W1", &w1, "[input, hidden]")) };
    let &[rows, classes] = w2.shape() else { return Err(mismatch("W2", &w2, "[hidden, classes]")) };
    if b1.shape() != [hidden] {
        return Err(mismatch("b1", &b1, "[hidden], W1's columns,"));
    }
    if rows != hidden {
        return Err(mismatch("W2", &w2, "[hidden, classes] with W1's columns for hidden"));
    }
    if b2.shape() != [classes] {
        return Err(mismatch("b2", &b2, "[classes], W2's columns,"));
    }
    let shape = Shape { input, hidden, classes };
    shape.check(1).map_err(Problem::Shape)?;
    let [w1, b1, w2, b2] = [w1, b1, w2, b2].map(|view| to_floats(view.data()));
    let params = Params { shape, w1, b1, w2, b2 };
    for Tensor { name, values, .. } in params.tensors() {
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(Problem::NotFinite { name, index, value: values[index] });
        }
    }
    let value = |key| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
    let names: Option<Vec<String>> = from_json(CLASSES, value(CLASSES))?;
    match names.as_ref().map(Vec::len) {
        Some(names) if names != classes => return Err(Problem::Names { names, classes }),
        _ => {}
    }
    Ok(Model {
        params,
        activation: value(ACTIVATION).map(|name| name.parse()).transpose().map_err(Problem::Metadata)?,
        output: value(OUTPUT).map(|name| name.parse()).transpose().map_err(Problem::Metadata)?,
        description: Description { names, preparation: from_json(PREPARATION, value(PREPARATION))? },
    })
}

fn from_json<T: DeserializeOwned>(key: &'static str, text: Option<&String>) -> Result<Option<T>, Problem> {
    let value = text.map(|text| serde_json::from_str(text)).transpose();
    value.map_err(|reason| Problem::Description { key, reason })
}

/// An error if W1, W2 or both must be transposed for the shapes of W1, b1, W2 and b2 to match.
fn transposed(tensors: [&TensorView; 4]) -> Option<Problem> {
    let shapes = tensors.map(TensorView::shape);
    let (&[a, b], &[hidden], &[c, d], &[classes]) = (shapes[0], shapes[1], shapes[2], shapes[3]) else { return None };
    let match_biases = |w1: [usize; 2], w2: [usize; 2]| w1[1] == hidden && w2 == [hidden, classes];
    let names = match () {
        () if match_biases([a, b], [c, d]) => return None,
        () if match_biases([b, a], [d, c]) => vec!["W1", "W2"],
        () if match_biases([b, a], [c, d]) => vec!["W1"],
        () if match_biases([a, b], [d, c]) => vec!["W2"],
        () => return None,
    };
    Some(Problem::Transposed { names, shapes: Box::new(shapes.map(<[usize]>::to_vec)) })
}

fn to_floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(size_of::<f32>()).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[cfg(test)]
mod tests {
    use super::foreign::tests::zeros;
    use super::*;
    use crate::data::description::{Paper, Preparation};
    use proptest::prelude::*;

    const SHAPE: Shape = Shape { input: 3, hidden: 2, classes: 4 };
    const NET: Net = Net { shape: SHAPE, activation: Activation::Relu, output: Output::Identity };

    fn file(params: &Params, description: &Description) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, &NET, params, description).unwrap();
        bytes
    }

    fn problem(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        let (params, description) = (Params::init(SHAPE, 1.0, 5), Description::default());
        let model = read(&file(&params, &description)).unwrap();
        let (activation, output) = (Some(Activation::Relu), Some(Output::Identity));
        assert_eq!(model, Model { params, activation, output, description });
    }

    #[test]
    fn names_and_preparation_go_with_it() {
        let names = ["a", "\"b\"", "\u{3042}\\", ""].map(str::to_owned);
        let preparation = Preparation { rows: 1, cols: 3, inverted: true, max: Some(16), paper: Some(Paper::White) };
        let description = Description { names: Some(names.into()), preparation: Some(preparation) };
        let written = |description: &Description| file(&Params::zeros(SHAPE), description);
        let bytes = written(&description);
        assert_eq!(read(&bytes).unwrap().description, description);
        assert_eq!(written(&description), bytes, "the same network gives the same bytes");
        let few = Description { names: Some(vec!["a".to_owned()]), preparation: None };
        assert!(problem(&written(&few)).starts_with("its metadata: classes has 1 names for 4 classes"));
        let (value, mut changed) = (b"inverted\\\":true", bytes.clone());
        let place = bytes.windows(value.len()).position(|bytes| bytes == value).unwrap() + value.len() - 4;
        changed[place..place + 4].copy_from_slice(b"null");
        let error = problem(&changed);
        assert!(error.starts_with("its metadata: preparation is not in this program's format"), "{error}");
    }

    #[test]
    fn a_cut_or_foreign_file_is_refused() {
        let bytes = file(&Params::init(SHAPE, 1.0, 5), &Description::default());
        for cut in 0..bytes.len() {
            assert!(problem(&bytes[..cut]).starts_with("is no whole safetensors file"), "cut at {cut}");
        }
        assert!(problem(b"PK\x03\x04 something else entirely").starts_with("is no whole safetensors file"));
    }

    #[test]
    fn values_that_are_not_finite_are_refused_with_their_index() {
        for value in [f32::NAN, f32::INFINITY] {
            let mut params = Params::init(SHAPE, 1.0, 5);
            params.w2[3] = value;
            let expected = format!("tensor W2 holds {value} at index 3;");
            assert!(problem(&file(&params, &Description::default())).starts_with(&expected));
        }
    }

    #[test]
    fn shapes_that_do_not_match_are_refused() {
        use Dtype::{F32, F64};
        let good: [(&str, Dtype, &[usize]); 4] =
            [("W1", F32, &[3, 2]), ("b1", F32, &[2]), ("W2", F32, &[2, 4]), ("b2", F32, &[4])];
        let model = read(&zeros(&good)).unwrap();
        assert_eq!((model.params.shape, model.activation, model.output), (SHAPE, None, None));
        let with = |place: usize, tensor| {
            let mut changed = good;
            changed[place] = tensor;
            problem(&zeros(&changed))
        };
        assert!(with(0, ("W1", F64, &[3, 2])).starts_with("tensor W1 is F64; convert it"));
        assert!(with(0, ("W1", F32, &[6])).starts_with("tensor W1 has shape [6], where [input, hidden]"));
        assert!(with(1, ("b1", F32, &[3])).starts_with("tensor b1 has shape [3]"));
        assert!(with(2, ("W2", F32, &[3, 4])).starts_with("tensor W2 has shape [3, 4]"));
        assert!(with(3, ("b2", F32, &[2, 2])).starts_with("tensor b2 has shape [2, 2]"));
        let error = with(3, ("bias", F32, &[4]));
        assert!(error.starts_with("has no tensor b2;"), "{error}");
        assert!(error.ends_with("this file holds W1, W2, b1, bias"), "{error}");
        let mut more = good.to_vec();
        more.extend([("W3", F32, &[4, 4][..]), ("b3", F32, &[4])]);
        assert!(problem(&zeros(&more)).starts_with("holds W3, b3 beside W1, b1, W2 and b2"));
        let [w1, b1, ..] = good;
        let one_class = [w1, b1, ("W2", F32, &[2, 1]), ("b2", F32, &[1])];
        assert!(problem(&zeros(&one_class)).starts_with("classes: 1 is out of range"));
    }

    #[test]
    fn transposed_weights_are_recognised_by_the_other_shapes() {
        use Dtype::F32;
        let error = |w1: &[usize], b1, w2: &[usize], b2| {
            problem(&zeros(&[("W1", F32, w1), ("b1", F32, &[b1]), ("W2", F32, w2), ("b2", F32, &[b2])]))
        };
        assert_eq!(
            error(&[2, 3], 2, &[4, 2], 4),
            "seems to hold W1 and W2 transposed: W1 has shape [2, 3], b1 [2], W2 [4, 2], b2 [4]; transpose back: weights are \
             [in, out] here ([out, in] in PyTorch)"
        );
        assert!(error(&[2, 3], 2, &[2, 4], 4).starts_with("seems to hold W1 transposed"));
        assert!(error(&[3, 2], 2, &[4, 2], 4).starts_with("seems to hold W2 transposed"));
        // A square W1 has the same shape transposed. A program that transposes W2 transposes W1 too.
        assert!(error(&[2, 2], 2, &[4, 2], 4).starts_with("seems to hold W1 and W2 transposed"));
    }

    #[test]
    fn the_tensors_of_other_programs_are_named_with_their_conversion() {
        use Dtype::F32;
        let error = problem(&zeros(&[
            ("fc1.weight", F32, &[2, 3]),
            ("fc1.bias", F32, &[2]),
            ("fc2.weight", F32, &[4, 2]),
            ("fc2.bias", F32, &[4]),
        ]));
        let conversion = "save them as W1 = fc1.weight.T, b1 = fc1.bias, W2 = fc2.weight.T, b2 = fc2.bias";
        assert!(error.contains(conversion), "{error}");
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error =
            save(&file.join("model"), &NET, &Params::zeros(SHAPE), &Description::default()).unwrap_err().to_string();
        assert!(error.contains("model: cannot be written"), "{error}");
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut: prop::sample::Index,
        ) {
            let _ = read(&bytes);
            let mut file = file(&Params::zeros(SHAPE), &Description::default());
            for (index, byte) in changes {
                let index = index.index(file.len());
                file[index] = byte;
            }
            let _ = read(&file);
            let _ = read(&file[..cut.index(file.len())]);
        }
    }
}
