//! A trained network in a safetensors file: f32 tensors W1 `[input, hidden]`, b1 `[hidden]`, W2 `[hidden, classes]`,
//! b2 `[classes]`, and in the metadata the names of its activation and output.

mod foreign;

use std::io::{self, Write};
#[cfg(not(target_family = "wasm"))]
use std::path::Path;
use std::path::PathBuf;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;

use crate::data::description::Description;
#[cfg(not(target_family = "wasm"))]
use crate::files::{read_at_most, write_whole};
use crate::net::{Activation, Net, Output, Params, Shape, ShapeError, Tensor, UnknownName};

/// A network as a file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its parameters, with their shape.
    pub params: Params,
    /// Its hidden layer's function, if the file says it.
    pub activation: Option<Activation>,
    /// Its output layer's function, if the file says it.
    pub output: Option<Output>,
    /// What its classes are called and how its pictures were prepared, as far as the file says it.
    pub description: Description,
}

/// Why a model can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a model's file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It can't be read.
    #[error("can't be read ({0}); give a model.safetensors")]
    Read(io::Error),
    /// It can't be written.
    #[error("can't be written ({0}); make room or choose another place")]
    Write(io::Error),
    /// It is larger than any network of ours.
    #[error(
        "is larger than {MAX_BYTES} bytes, which no two-layer network of this program is; give a model.safetensors"
    )]
    TooLarge,
    /// It is no safetensors file, or a cut one.
    #[error(
        "is no whole safetensors file ({0}); give a model.safetensors that this program or the safetensors library wrote"
    )]
    Format(safetensors::SafeTensorError),
    /// It lacks a tensor.
    #[error("has no tensor {name}; a model holds W1, b1, W2 and b2, where this file holds {found}")]
    Missing {
        /// The tensor.
        name: &'static str,
        /// The names of those that it holds.
        found: String,
    },
    /// It is such a network as another program saves it.
    #[error("holds another program's tensors; save them as {conversion}")]
    Foreign {
        /// What each of a model's tensors is among them.
        conversion: String,
    },
    /// It holds more than a network of two layers.
    #[error(
        "holds {names} beside W1, b1, W2 and b2, so it is more than a network of two layers; give one with these alone"
    )]
    Beyond {
        /// The names of what is more.
        names: String,
    },
    /// Weights lie the other way round, as the other tensors' shapes show.
    #[error(
        "seems to hold {} transposed: W1 has shape {:?}, b1 {:?}, W2 {:?}, b2 {:?}; transpose back, as weights are [in, out] here \
         ([out, in] in PyTorch)",
        names.join(" and "), shapes[0], shapes[1], shapes[2], shapes[3]
    )]
    Transposed {
        /// Which weights: W1, W2 or both.
        names: Vec<&'static str>,
        /// The shapes of W1, b1, W2 and b2.
        shapes: Box<[Vec<usize>; 4]>,
    },
    /// A tensor is of another type.
    #[error("tensor {name} is {dtype}; convert it to F32")]
    Dtype {
        /// The tensor.
        name: &'static str,
        /// Its type.
        dtype: Dtype,
    },
    /// A tensor's shape does not go with the others.
    #[error("tensor {name} has shape {dims:?}, where {expected} is needed")]
    Dims {
        /// The tensor.
        name: &'static str,
        /// Its shape.
        dims: Vec<usize>,
        /// What would fit.
        expected: &'static str,
    },
    /// The network is beyond the limits.
    #[error("{0}")]
    Shape(ShapeError),
    /// A value is infinite or not a number.
    #[error("tensor {name} holds {value} at index {index}; give a model whose values are all finite")]
    NotFinite {
        /// The tensor.
        name: &'static str,
        /// Which value, counted through its rows.
        index: usize,
        /// The value.
        value: f32,
    },
    /// The metadata names a function that there is not.
    #[error("its metadata: {0}")]
    Metadata(UnknownName),
    /// The metadata's names or preparation are something else.
    #[error("its metadata: {key} is not what this program writes ({reason}); remove it there")]
    Description {
        /// The metadata's key.
        key: &'static str,
        /// What is wrong.
        reason: serde_json::Error,
    },
    /// The metadata has not one name a class.
    #[error("its metadata: {CLASSES} has {names} names for {classes} classes; remove it there")]
    Names {
        /// The names.
        names: usize,
        /// The classes.
        classes: usize,
    },
}

/// The bytes of the largest network, and room for a header.
const MAX_BYTES: u64 = 96 << 20;
/// The metadata's keys.
const ACTIVATION: &str = "activation";
const OUTPUT: &str = "output";
/// Its values are JSON: a list of names, and a [`Preparation`](crate::data::description::Preparation).
const CLASSES: &str = "classes";
const PREPARATION: &str = "preparation";

/// Writes a network to a file, whole or not at all.
///
/// # Errors
/// [`Problem::Write`].
#[cfg(not(target_family = "wasm"))]
pub fn save(path: &Path, net: &Net, params: &Params, description: &Description) -> Result<(), Error> {
    write_whole(path, |out| write(out, net, params, description))
        .map_err(|error| Error { path: path.into(), problem: Problem::Write(error) })
}

/// Writes a network as safetensors. The same network gives the same bytes, which the safetensors library, whose metadata
/// is a hash map, does not promise.
///
/// # Errors
/// What the writer gives.
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
    // Spaces at its end make the values begin at a multiple of 8 bytes.
    let spaces = " ".repeat(header.len().next_multiple_of(8) - header.len());
    out.write_all(&((header.len() + spaces.len()) as u64).to_le_bytes())?;
    write!(out, "{header}{spaces}")?;
    tensors.iter().try_for_each(|tensor| out.write_all(&to_bytes(tensor.values)))
}

/// Reads a network from a file.
///
/// # Errors
/// [`Problem`] says what is wrong with the file.
#[cfg(not(target_family = "wasm"))]
pub fn load(path: &Path) -> Result<Model, Error> {
    let model = read_at_most(path, MAX_BYTES + 1).map_err(Problem::Read).and_then(|bytes| read(&bytes));
    model.map_err(|problem| Error { path: path.into(), problem })
}

/// Reads a network from the bytes of a safetensors file.
///
/// # Errors
/// What is wrong with them.
pub fn read(bytes: &[u8]) -> Result<Model, Problem> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::TooLarge);
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(Problem::Format)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(Problem::Format)?;
    if let Some(name) = Params::NAMES.into_iter().find(|name| tensors.tensor(name).is_err()) {
        return Err(match foreign::conversion(&tensors) {
            Some(conversion) => Problem::Foreign { conversion },
            None => Problem::Missing { name, found: foreign::all(&tensors) },
        });
    }
    if let Some(names) = foreign::beyond(&tensors) {
        return Err(Problem::Beyond { names });
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
    let misfit = |name, view: &TensorView, expected| Problem::Dims { name, dims: view.shape().to_vec(), expected };
    let &[input, hidden] = w1.shape() else { return Err(misfit("W1", &w1, "[input, hidden]")) };
    let &[rows, classes] = w2.shape() else { return Err(misfit("W2", &w2, "[hidden, classes]")) };
    if b1.shape() != [hidden] {
        return Err(misfit("b1", &b1, "[hidden], W1's columns,"));
    }
    if rows != hidden {
        return Err(misfit("W2", &w2, "[hidden, classes] with W1's columns for hidden"));
    }
    if b2.shape() != [classes] {
        return Err(misfit("b2", &b2, "[classes], W2's columns,"));
    }
    let shape = Shape { input, hidden, classes };
    shape.check(1).map_err(Problem::Shape)?;
    let params = Params {
        shape,
        w1: to_floats(w1.data()),
        b1: to_floats(b1.data()),
        w2: to_floats(w2.data()),
        b2: to_floats(b2.data()),
    };
    for Tensor { name, values, .. } in params.tensors() {
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(Problem::NotFinite { name, index, value: values[index] });
        }
    }
    let named = |key| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
    let names: Option<Vec<String>> = from_json(CLASSES, named(CLASSES))?;
    match names.as_ref().map(Vec::len) {
        Some(names) if names != classes => return Err(Problem::Names { names, classes }),
        _ => {}
    }
    Ok(Model {
        params,
        activation: named(ACTIVATION).map(|name| name.parse()).transpose().map_err(Problem::Metadata)?,
        output: named(OUTPUT).map(|name| name.parse()).transpose().map_err(Problem::Metadata)?,
        description: Description { names, preparation: from_json(PREPARATION, named(PREPARATION))? },
    })
}

fn from_json<T: DeserializeOwned>(key: &'static str, text: Option<&String>) -> Result<Option<T>, Problem> {
    let value = text.map(|text| serde_json::from_str(text)).transpose();
    value.map_err(|reason| Problem::Description { key, reason })
}

/// What is wrong where the tensors are a network once W1, W2 or both are transposed. W1, b1, W2, b2 are given.
fn transposed(tensors: [&TensorView; 4]) -> Option<Problem> {
    let shapes = tensors.map(TensorView::shape);
    let (&[a, b], &[hidden], &[c, d], &[classes]) = (shapes[0], shapes[1], shapes[2], shapes[3]) else { return None };
    let fits = |first: [usize; 2], second: [usize; 2]| first[1] == hidden && second == [hidden, classes];
    let names = match () {
        () if fits([a, b], [c, d]) => return None,
        () if fits([b, a], [d, c]) => vec!["W1", "W2"],
        () if fits([b, a], [c, d]) => vec!["W1"],
        () if fits([a, b], [d, c]) => vec!["W2"],
        () => return None,
    };
    Some(Problem::Transposed { names, shapes: Box::new(shapes.map(<[usize]>::to_vec)) })
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn to_floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(size_of::<f32>()).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::description::{Paper, Preparation};
    use proptest::prelude::*;

    const SHAPE: Shape = Shape { input: 3, hidden: 2, classes: 4 };
    const NET: Net = Net { shape: SHAPE, activation: Activation::Relu, output: Output::Identity };

    fn file(params: &Params) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, &NET, params, &Description::default()).unwrap();
        bytes
    }

    fn problem(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        let params = Params::init(SHAPE, 1.0, 5);
        let model = read(&file(&params)).unwrap();
        let description = Description::default();
        let (activation, output) = (Some(Activation::Relu), Some(Output::Identity));
        assert_eq!(model, Model { params, activation, output, description });
    }

    #[test]
    fn names_and_preparation_go_with_it() {
        let names = ["a", "\"b\"", "\u{3042}\\", ""].map(str::to_owned);
        let preparation = Preparation { rows: 1, cols: 3, inverted: true, max: Some(16), paper: Some(Paper::White) };
        let description = Description { names: Some(names.into()), preparation: Some(preparation) };
        let written = |description: &Description| {
            let mut bytes = Vec::new();
            write(&mut bytes, &NET, &Params::zeros(SHAPE), description).unwrap();
            bytes
        };
        let bytes = written(&description);
        assert_eq!(read(&bytes).unwrap().description, description);
        assert_eq!(written(&description), bytes, "the same network gives the same bytes");
        let few = Description { names: Some(vec!["a".to_owned()]), preparation: None };
        assert!(problem(&written(&few)).starts_with("its metadata: classes has 1 names for 4 classes"));
        let (value, mut changed) = (b"inverted\\\":true", bytes.clone());
        let place = bytes.windows(value.len()).position(|bytes| bytes == value).unwrap() + value.len() - 4;
        changed[place..place + 4].copy_from_slice(b"null");
        let said = problem(&changed);
        assert!(said.starts_with("its metadata: preparation is not what this program writes"), "{said}");
    }

    #[test]
    fn a_cut_or_foreign_file_is_refused() {
        let bytes = file(&Params::init(SHAPE, 1.0, 5));
        for cut in 0..bytes.len() {
            assert!(problem(&bytes[..cut]).starts_with("is no whole safetensors file"), "cut at {cut}");
        }
        assert!(problem(b"PK\x03\x04 something else entirely").starts_with("is no whole safetensors file"));
    }

    #[test]
    fn values_that_are_not_finite_are_refused_by_place() {
        for value in [f32::NAN, f32::INFINITY] {
            let mut params = Params::init(SHAPE, 1.0, 5);
            params.w2[3] = value;
            let expected = format!("tensor W2 holds {value} at index 3;");
            assert!(problem(&file(&params)).starts_with(&expected));
        }
    }

    fn tensors(tensors: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
        let zeros = [0; 64];
        let view = |(name, dtype, dims): &(&'static str, Dtype, &[usize])| {
            let bytes = dims.iter().product::<usize>() * dtype.bitsize() / 8;
            (*name, TensorView::new(*dtype, dims.to_vec(), &zeros[..bytes]).unwrap())
        };
        let tensors: Vec<(&'static str, Dtype, &[usize])> =
            tensors.iter().map(|&(name, dtype, dims)| (&*name.to_owned().leak(), dtype, dims)).collect();
        safetensors::serialize(tensors.iter().map(view), None).unwrap()
    }

    #[test]
    fn shapes_that_do_not_go_together_are_refused() {
        use Dtype::{F32, F64};
        let good: [(&str, Dtype, &[usize]); 4] =
            [("W1", F32, &[3, 2]), ("b1", F32, &[2]), ("W2", F32, &[2, 4]), ("b2", F32, &[4])];
        let model = read(&tensors(&good)).unwrap();
        assert_eq!((model.params.shape, model.activation, model.output), (SHAPE, None, None));
        let with = |place: usize, tensor| {
            let mut changed = good;
            changed[place] = tensor;
            problem(&tensors(&changed))
        };
        assert!(with(0, ("W1", F64, &[3, 2])).starts_with("tensor W1 is F64; convert it"));
        assert!(with(0, ("W1", F32, &[6])).starts_with("tensor W1 has shape [6], where [input, hidden]"));
        assert!(with(1, ("b1", F32, &[3])).starts_with("tensor b1 has shape [3]"));
        assert!(with(2, ("W2", F32, &[3, 4])).starts_with("tensor W2 has shape [3, 4]"));
        assert!(with(3, ("b2", F32, &[2, 2])).starts_with("tensor b2 has shape [2, 2]"));
        let told = with(3, ("bias", F32, &[4]));
        assert!(told.starts_with("has no tensor b2;") && told.ends_with("this file holds W1, W2, b1, bias"), "{told}");
        let mut more = good.to_vec();
        more.extend([("W3", F32, &[4, 4][..]), ("b3", F32, &[4])]);
        assert!(problem(&tensors(&more)).starts_with("holds W3, b3 beside W1, b1, W2 and b2"));
        let one_class: [(&str, Dtype, &[usize]); 4] =
            [("W1", F32, &[3, 2]), ("b1", F32, &[2]), ("W2", F32, &[2, 1]), ("b2", F32, &[1])];
        assert!(problem(&tensors(&one_class)).starts_with("classes: 1 is out of range"));
    }

    #[test]
    fn weights_that_lie_the_other_way_round_are_told_by_the_other_shapes() {
        use Dtype::F32;
        let told = |w1: &[usize], b1, w2: &[usize], b2| {
            problem(&tensors(&[("W1", F32, w1), ("b1", F32, &[b1]), ("W2", F32, w2), ("b2", F32, &[b2])]))
        };
        assert_eq!(
            told(&[2, 3], 2, &[4, 2], 4),
            "seems to hold W1 and W2 transposed: W1 has shape [2, 3], b1 [2], W2 [4, 2], b2 [4]; transpose back, as weights are \
             [in, out] here ([out, in] in PyTorch)"
        );
        assert!(told(&[2, 3], 2, &[2, 4], 4).starts_with("seems to hold W1 transposed"));
        assert!(told(&[3, 2], 2, &[4, 2], 4).starts_with("seems to hold W2 transposed"));
        // Nothing shows how a square W1 lies, but who transposes one transposes both.
        assert!(told(&[2, 2], 2, &[4, 2], 4).starts_with("seems to hold W1 and W2 transposed"));
    }

    #[test]
    fn the_names_of_other_programs_are_told_with_their_conversion() {
        use Dtype::F32;
        let pytorch: [(&str, Dtype, &[usize]); 4] = [
            ("fc1.weight", F32, &[2, 3]),
            ("fc1.bias", F32, &[2]),
            ("fc2.weight", F32, &[4, 2]),
            ("fc2.bias", F32, &[4]),
        ];
        let told = problem(&tensors(&pytorch));
        assert!(
            told.contains("save them as W1 = fc1.weight.T, b1 = fc1.bias, W2 = fc2.weight.T, b2 = fc2.bias"),
            "{told}"
        );
    }

    #[test]
    fn a_path_that_takes_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error =
            save(&file.join("model"), &NET, &Params::zeros(SHAPE), &Description::default()).unwrap_err().to_string();
        assert!(error.contains("model: can't be written"), "{error}");
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("can't be read"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut: prop::sample::Index,
        ) {
            let _ = read(&bytes);
            let mut whole = file(&Params::zeros(SHAPE));
            for (place, byte) in changes {
                let place = place.index(whole.len());
                whole[place] = byte;
            }
            let _ = read(&whole);
            let _ = read(&whole[..cut.index(whole.len())]);
        }
    }
}
