//! A trained network in a safetensors file: f32 tensors W1 `[input, hidden]`, b1 `[hidden]`, W2 `[hidden, classes]`,
//! b2 `[classes]`. The metadata name its activation and output functions. Two dense layers of PyTorch, Keras or Flax are read
//! too, and F64, F16 and BF16.

mod error;
mod foreign;
mod values;

use std::io::{self, Write};
#[cfg(not(target_family = "wasm"))]
use std::path::Path;

use safetensors::tensor::SafeTensors;
use serde::de::DeserializeOwned;

use crate::data::description::Description;
#[cfg(not(target_family = "wasm"))]
use crate::files::{read_at_most, write_atomic};
use crate::net::{Activation, Net, Output, Params, Shape, Tensor};

use error::{CLASSES, MAX_BYTES};
pub use error::{Error, Problem};
pub use foreign::{Conversion, Source};
pub(crate) use values::transposed;

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
    /// What its tensors were in the file, unless they are the file's own: W1, b1, W2 and b2, F32.
    pub conversion: Option<Conversion>,
}

/// The version of a model's format. Files without it are older, and are read as well.
const FORMAT: u64 = 1;
/// The metadata's keys.
const VERSION: &str = "format";
const ACTIVATION: &str = "activation";
const OUTPUT: &str = "output";
/// Its value, as that of [`CLASSES`], is JSON: a [`Preparation`](crate::data::description::Preparation), and a list of names.
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
    write_tensors(out, net, description, &params.tensors())
}

/// As [`write()`], with these tensors.
pub(crate) fn write_tensors(
    out: &mut dyn Write,
    net: &Net,
    description: &Description,
    tensors: &[Tensor; 4],
) -> io::Result<()> {
    let mut end = 0;
    let entries = tensors.each_ref().map(|Tensor { name, dims, values }| {
        let start = end;
        end += size_of_val(*values);
        format!(r#""{name}":{{"dtype":"F32","shape":{dims:?},"data_offsets":[{start},{end}]}}"#)
    });
    let quoted = |(key, value): &(&str, String)| Ok(format!(r#""{key}":{}"#, serde_json::to_string(value)?));
    let metadata = metadata(net, description)?.iter().map(quoted).collect::<io::Result<Vec<_>>>()?.join(",");
    let header = format!(r#"{{"__metadata__":{{{metadata}}},{}}}"#, entries.join(","));
    // The values begin at a multiple of 8 bytes.
    let spaces = " ".repeat(header.len().next_multiple_of(8) - header.len());
    out.write_all(&((header.len() + spaces.len()) as u64).to_le_bytes())?;
    write!(out, "{header}{spaces}")?;
    tensors.iter().try_for_each(|tensor| out.write_all(&to_bytes(tensor.values)))
}

/// The metadata of a network's file: keys and values.
pub(crate) fn metadata(net: &Net, description: &Description) -> io::Result<Vec<(&'static str, String)>> {
    let mut metadata =
        vec![(VERSION, FORMAT.to_string()), (ACTIVATION, net.activation.to_string()), (OUTPUT, net.output.to_string())];
    if let Some(names) = &description.names {
        metadata.push((CLASSES, serde_json::to_string(names)?));
    }
    if let Some(preparation) = &description.preparation {
        metadata.push((PREPARATION, serde_json::to_string(preparation)?));
    }
    Ok(metadata)
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
    let version = header.metadata().as_ref().and_then(|metadata| metadata.get(VERSION)?.parse().ok());
    if let Some(version) = version.filter(|version| *version > FORMAT) {
        return Err(Problem::Newer { version, known: FORMAT });
    }
    let sources = foreign::sources(&tensors)?;
    let mut dims: [Vec<usize>; 4] = Default::default();
    let mut values: [Vec<f32>; 4] = Default::default();
    for (n, source) in sources.iter().enumerate() {
        let view = tensors.tensor(&source.name).map_err(Problem::Format)?;
        let name = || foreign::escaped(&source.name);
        let floats = values::floats(&view).ok_or_else(|| Problem::Dtype { name: name(), dtype: view.dtype() })?;
        if let Some(index) = floats.iter().position(|value| !value.is_finite()) {
            return Err(Problem::NotFinite { name: name(), index, value: floats[index] });
        }
        dims[n] = view.shape().to_vec();
        values[n] = floats;
        if source.is_transposed {
            values[n] = transposed(&values[n], dims[n][1]);
            dims[n].reverse();
        }
    }
    let shape = shape(&dims)?;
    let [w1, b1, w2, b2] = values;
    let params = Params { shape, w1, b1, w2, b2 };
    let value = |key| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
    let names: Option<Vec<String>> = from_json(CLASSES, value(CLASSES))?;
    match names.as_ref().map(Vec::len) {
        Some(names) if names != shape.classes => return Err(Problem::Names { names, classes: shape.classes }),
        _ => {}
    }
    let description = Description { names, preparation: from_json(PREPARATION, value(PREPARATION))? };
    if !description.fits(shape.input, shape.classes) {
        return Err(Problem::Preparation { input: shape.input });
    }
    Ok(Model {
        params,
        activation: value(ACTIVATION).map(|name| name.parse()).transpose().map_err(Problem::Metadata)?,
        output: value(OUTPUT).map(|name| name.parse()).transpose().map_err(Problem::Metadata)?,
        description,
        conversion: Conversion::of(sources),
    })
}

fn from_json<T: DeserializeOwned>(key: &'static str, text: Option<&String>) -> Result<Option<T>, Problem> {
    let value = text.map(|text| serde_json::from_str(text)).transpose();
    value.map_err(|reason| Problem::Description { key, reason })
}

/// The shape of a network whose W1, b1, W2 and b2 have these.
fn shape(dims: &[Vec<usize>; 4]) -> Result<Shape, Problem> {
    if let Some(problem) = wrong_order(dims) {
        return Err(problem);
    }
    let mismatch = |n: usize, expected| Problem::Dims { name: Params::NAMES[n], dims: dims[n].clone(), expected };
    let [w1, b1, w2, b2] = dims;
    let &[input, hidden] = &w1[..] else { return Err(mismatch(0, "[input, hidden]")) };
    let &[rows, classes] = &w2[..] else { return Err(mismatch(2, "[hidden, classes]")) };
    if *b1 != [hidden] {
        return Err(mismatch(1, "[hidden], W1's columns,"));
    }
    if rows != hidden {
        return Err(mismatch(2, "[hidden, classes] with W1's columns for hidden"));
    }
    if *b2 != [classes] {
        return Err(mismatch(3, "[classes], W2's columns,"));
    }
    let shape = Shape { input, hidden, classes };
    shape.check(1).map_err(Problem::Shape)?;
    Ok(shape)
}

/// An error if W1, W2 or both must be transposed for the shapes of W1, b1, W2 and b2 to match.
fn wrong_order(shapes: &[Vec<usize>; 4]) -> Option<Problem> {
    let [&[a, b], &[hidden], &[c, d], &[classes]] = shapes.each_ref().map(Vec::as_slice) else { return None };
    let match_biases = |w1: [usize; 2], w2: [usize; 2]| w1[1] == hidden && w2 == [hidden, classes];
    let names = match () {
        () if match_biases([a, b], [c, d]) => return None,
        () if match_biases([b, a], [d, c]) => vec!["W1", "W2"],
        () if match_biases([b, a], [c, d]) => vec!["W1"],
        () if match_biases([a, b], [d, c]) => vec!["W2"],
        () => return None,
    };
    Some(Problem::Transposed { names, shapes: Box::new(shapes.clone()) })
}

/// Values as a file has them, little-endian.
pub(crate) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::foreign::tests::zeros;
    use super::*;
    use crate::data::description::{Paper, Preparation};
    use proptest::prelude::*;
    use safetensors::tensor::Dtype;

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
        assert_eq!(model, Model { params, activation, output, description, conversion: None });
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
    fn a_newer_format_is_refused_and_an_older_one_read() {
        let bytes = file(&Params::init(SHAPE, 1.0, 5), &Description::default());
        let (ours, model) = (br#""format":"1""#, read(&bytes).unwrap());
        let place = bytes.windows(ours.len()).position(|found| found == ours).unwrap();
        for (text, is_read) in [(br#""format":"2""#, false), (br#""farmat":"1""#, true), (br#""format":"p""#, true)] {
            let mut changed = bytes.clone();
            changed[place..place + text.len()].copy_from_slice(text);
            match read(&changed) {
                Ok(found) => assert!(is_read && found == model),
                Err(problem) => {
                    let expected =
                        "has format 2, and this twolayer reads up to 1; use the one that wrote it, or a newer one";
                    assert!(!is_read && problem.to_string() == expected, "{problem}");
                }
            }
        }
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
        use Dtype::{F32, I32};
        let good: [(&str, Dtype, &[usize]); 4] =
            [("W1", F32, &[3, 2]), ("b1", F32, &[2]), ("W2", F32, &[2, 4]), ("b2", F32, &[4])];
        let model = read(&zeros(&good)).unwrap();
        assert_eq!((model.params.shape, model.activation, model.output, model.conversion), (SHAPE, None, None, None));
        let with = |place: usize, tensor| {
            let mut changed = good;
            changed[place] = tensor;
            problem(&zeros(&changed))
        };
        assert!(with(0, ("W1", I32, &[3, 2])).starts_with("tensor W1 is I32; convert it"));
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

    /// A file of two layers as PyTorch has them, whose values are their indices in their tensors, apart from each sixth.
    fn of_pytorch(dtype: Dtype, sixth: f64) -> Vec<u8> {
        let number = |n: usize| if n == 5 { sixth } else { n as f64 };
        let bytes = |count: usize| -> Vec<u8> {
            match dtype {
                Dtype::F64 => (0..count).flat_map(|n| number(n).to_le_bytes()).collect(),
                _ => (0..count).flat_map(|n| (number(n) as f32).to_le_bytes()).collect(),
            }
        };
        let tensors: [(&str, &[usize]); 4] =
            [("l.0.weight", &[2, 3]), ("l.0.bias", &[2]), ("l.2.weight", &[4, 2]), ("l.2.bias", &[4])];
        let values = tensors.map(|(_, dims)| bytes(dims.iter().product()));
        let view = |((name, dims), values): ((&'static str, &[usize]), _)| {
            (name, safetensors::tensor::TensorView::new(dtype, dims.to_vec(), values).unwrap())
        };
        safetensors::serialize(tensors.into_iter().zip(values.iter().map(Vec::as_slice)).map(view), None).unwrap()
    }

    #[test]
    fn the_layers_of_other_programs_are_transposed_and_said() {
        for dtype in [Dtype::F32, Dtype::F64] {
            let Model { params, activation, conversion, .. } = read(&of_pytorch(dtype, 5.0)).unwrap();
            assert_eq!((params.shape, activation), (SHAPE, None));
            assert_eq!(params.w1, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
            assert_eq!(params.w2, [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
            assert_eq!((params.b1, params.b2), (vec![0.0, 1.0], vec![0.0, 1.0, 2.0, 3.0]));
            let conversion = conversion.unwrap();
            let expected = [("l.0.weight", true), ("l.0.bias", false), ("l.2.weight", true), ("l.2.bias", false)];
            assert_eq!(conversion.sources.each_ref().map(|s| (s.name.as_str(), s.is_transposed)), expected);
            assert_eq!(conversion.to_string().ends_with("; F64 as F32)"), dtype == Dtype::F64);
        }
        // A value and its index are those of the file.
        assert!(problem(&of_pytorch(Dtype::F64, 1e300)).starts_with("tensor l.0.weight holds inf at index 5;"));
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
