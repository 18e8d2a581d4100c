//! Networks of other programs: which of their tensors are W1, b1, W2 and b2.

use std::cmp::Ordering;
use std::fmt;

use safetensors::tensor::{Dtype, SafeTensors};

use super::error::Problem;
use crate::net::Params;

/// The ends of the names of a layer's weights and bias in PyTorch, Flax and Keras, and whether the weights are `[out, in]`.
const CONVENTIONS: [(&str, &str, bool); 3] =
    [("weight", "bias", true), ("kernel", "bias", false), ("kernel:0", "bias:0", false)];
/// The most characters of a name, and the most names, that a message shows.
const MAX_CHARS: usize = 40;
const MAX_NAMES: usize = 8;

/// What a model's tensors were in its file. As text it is a clause: `read as W1 = fc1.weight.T, ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// The file's tensors, in the order of [`Params::NAMES`].
    pub sources: [Source; 4],
}

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name in the file.
    pub name: String,
    /// Its type in the file.
    pub dtype: Dtype,
    /// Whether it was transposed, from `[out, in]`.
    pub is_transposed: bool,
}

impl Conversion {
    /// None if the sources have a model's own names, order and type.
    pub(super) fn of(sources: [Source; 4]) -> Option<Self> {
        let is_plain = !has_other_names(&sources) && sources.iter().all(|source| source.dtype == Dtype::F32);
        (!is_plain).then_some(Self { sources })
    }
}

fn has_other_names(sources: &[Source; 4]) -> bool {
    sources.iter().zip(Params::NAMES).any(|(source, name)| source.name != name)
}

impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sources } = self;
        let mut dtypes: Vec<String> =
            sources.iter().filter(|source| source.dtype != Dtype::F32).map(|source| source.dtype.to_string()).collect();
        dtypes.sort();
        dtypes.dedup();
        let rounded = (!dtypes.is_empty()).then(|| format!("{} as F32", dtypes.join(" and ")));
        if !has_other_names(sources) {
            return write!(f, "read {}", rounded.unwrap_or_default());
        }
        let pair = |(name, source): (&str, &Source)| {
            format!("{name} = {}{}", escaped(&source.name), if source.is_transposed { ".T" } else { "" })
        };
        let pairs: Vec<String> = Params::NAMES.into_iter().zip(sources).map(pair).collect();
        write!(f, "read as {}", pairs.join(", "))?;
        let is_transposed = sources.iter().any(|source| source.is_transposed);
        let remarks: Vec<String> =
            is_transposed.then(|| ".T: transposed, from [out, in]".to_owned()).into_iter().chain(rounded).collect();
        if remarks.is_empty() { Ok(()) } else { write!(f, " ({})", remarks.join("; ")) }
    }
}

/// A dense layer of another program.
struct Layer {
    weight: Source,
    bias: Source,
    /// The name of both, without their ends.
    name: String,
    inputs: usize,
    outputs: usize,
    /// Whether its name says that its weights are `[out, in]`.
    is_out_in: bool,
}

impl Layer {
    /// The layer whose weights have this name, if there is a bias of the same layer.
    fn find(tensors: &SafeTensors, name: &str) -> Option<Self> {
        CONVENTIONS.iter().find_map(|&(weight_end, bias_end, is_out_in)| {
            let layer = name.strip_suffix(weight_end)?;
            let bias_name = layer.to_owned() + bias_end;
            let (weight, bias) = (tensors.tensor(name).ok()?, tensors.tensor(&bias_name).ok()?);
            let (&[rows, columns], &[outputs]) = (weight.shape(), bias.shape()) else { return None };
            let is_transposed = match (rows == outputs, columns == outputs) {
                (true, true) => is_out_in,
                (true, false) => true,
                (false, true) => false,
                (false, false) => return None,
            };
            Some(Self {
                weight: Source { name: name.to_owned(), dtype: weight.dtype(), is_transposed },
                bias: Source { name: bias_name, dtype: bias.dtype(), is_transposed: false },
                name: layer.to_owned(),
                inputs: if is_transposed { columns } else { rows },
                outputs,
                is_out_in,
            })
        })
    }

    fn is_square(&self) -> bool {
        self.inputs == self.outputs
    }
}

/// The tensors of a file that are W1, b1, W2 and b2: those of these names, or those of two dense layers.
pub(super) fn sources(tensors: &SafeTensors) -> Result<[Source; 4], Problem> {
    let own = Params::NAMES.map(|name| {
        let dtype = tensors.tensor(name).map_err(|_| name)?.dtype();
        Ok(Source { name: name.to_owned(), dtype, is_transposed: false })
    });
    if let [Ok(w1), Ok(b1), Ok(w2), Ok(b2)] = own {
        return match extra_names(tensors) {
            None => Ok([w1, b1, w2, b2]),
            Some(names) => Err(Problem::Extra(names)),
        };
    }
    let missing = own.into_iter().find_map(Result::err).unwrap_or_default();
    let [first, second] =
        layers(tensors)?.ok_or_else(|| Problem::Missing { name: missing, found: all_names(tensors) })?;
    Ok([first.weight, first.bias, second.weight, second.bias])
}

/// The two layers of a file that holds nothing else, the first one first. None if it holds no two layers that follow each other.
fn layers(tensors: &SafeTensors) -> Result<Option<[Layer; 2]>, Problem> {
    let names = names(tensors);
    if names.len() != 4 {
        return Ok(None);
    }
    let layers: Vec<Layer> = names.iter().filter_map(|name| Layer::find(tensors, name)).collect();
    let Ok([a, b]) = <[Layer; 2]>::try_from(layers) else { return Ok(None) };
    let is_first_a = match (a.outputs == b.inputs, b.outputs == a.inputs) {
        (true, true) => {
            let weights = || [&a, &b].map(|layer| escaped(&layer.weight.name));
            order(&a.name, &b.name).ok_or_else(|| Problem::Order(weights()))? == Ordering::Less
        }
        (false, false) => return Ok(None),
        (is_first_a, _) => is_first_a,
    };
    for (square, other) in [(&a, &b), (&b, &a)] {
        // The name alone tells the order of a square matrix, in a file that keeps to its names.
        if square.is_square() && !other.is_square() && other.weight.is_transposed != other.is_out_in {
            let [square, other] = [square, other].map(|layer| escaped(&layer.weight.name));
            return Err(Problem::Square { square, other });
        }
    }
    Ok(Some(if is_first_a { [a, b] } else { [b, a] }))
}

/// The order of two names that differ in their numbers alone (`fc1`, `fc2`), or in a number that only the second has, as in
/// Keras (`dense`, `dense_1`).
fn order(a: &str, b: &str) -> Option<Ordering> {
    let [(a_text, a_numbers), (b_text, b_numbers)] = [a, b].map(text_and_numbers);
    if a_text == b_text {
        return Some(a_numbers.cmp(&b_numbers)).filter(|order| order.is_ne());
    }
    let without_number = |text: &[&str], numbers: &[_]| match text {
        [before, after @ ..] if numbers.len() == 1 => {
            Some(before.strip_suffix('_').unwrap_or(before).to_owned() + &after.concat())
        }
        _ => None,
    };
    match () {
        () if without_number(&b_text, &b_numbers).is_some_and(|text| text == a) => Some(Ordering::Less),
        () if without_number(&a_text, &a_numbers).is_some_and(|text| text == b) => Some(Ordering::Greater),
        () => None,
    }
}

/// The parts of a name between its numbers, and the numbers, as their lengths and digits: they sort by value.
fn text_and_numbers(name: &str) -> (Vec<&str>, Vec<(usize, &str)>) {
    let (mut text, mut numbers) = (Vec::new(), Vec::new());
    let mut rest = name;
    while !rest.is_empty() {
        let (before, digits) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        text.push(before);
        let (digits, after) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
        let value = digits.trim_start_matches('0');
        numbers.extend((!digits.is_empty()).then_some((value.len(), value)));
        rest = after;
    }
    (text, numbers)
}

/// The names of the tensors that are not W1, b1, W2 or b2, if there are any.
fn extra_names(tensors: &SafeTensors) -> Option<String> {
    let mut names = names(tensors);
    names.retain(|name| !Params::NAMES.contains(&name.as_str()));
    if names.is_empty() { None } else { Some(listed(&names)) }
}

/// The names of all tensors.
fn all_names(tensors: &SafeTensors) -> String {
    let names = names(tensors);
    if names.is_empty() { "none".to_owned() } else { listed(&names) }
}

/// Sorted, with numbers in numerical order: `layers.10` comes after `layers.9`.
fn names(tensors: &SafeTensors) -> Vec<String> {
    let mut names: Vec<String> = tensors.names().into_iter().map(str::to_owned).collect();
    names.sort_by_cached_key(|name| {
        let bytes = name.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        let key = |part: &[u8]| (if part[0].is_ascii_digit() { part.len() } else { usize::MAX }, part.to_vec());
        bytes.map(key).collect::<Vec<_>>()
    });
    names
}

fn listed(names: &[String]) -> String {
    let first: Vec<String> = names.iter().take(MAX_NAMES).map(|name| escaped(name)).collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    first.join(", ") + &if more == 0 { String::new() } else { format!(" and {more} more") }
}

/// A name without control characters, cut after [`MAX_CHARS`].
pub(super) fn escaped(name: &str) -> String {
    let line: String = name.chars().flat_map(char::escape_debug).take(MAX_CHARS + 1).collect();
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// A file of tensors of zeros.
    pub fn zeros(tensors: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
        let zeros = [0; 512];
        let view = |&(name, dtype, dims): &(&str, Dtype, &[usize])| {
            let bytes = dims.iter().product::<usize>() * dtype.bitsize() / 8;
            (name.to_owned(), TensorView::new(dtype, dims.to_vec(), &zeros[..bytes]).unwrap())
        };
        safetensors::serialize(tensors.iter().map(view), None).unwrap()
    }

    /// What is made of four tensors.
    fn read_of(tensors: &[(&str, Dtype, &[usize]); 4]) -> Result<String, String> {
        let bytes = zeros(tensors);
        let sources = sources(&SafeTensors::deserialize(&bytes).unwrap()).map_err(|problem| problem.to_string())?;
        Ok(Conversion::of(sources).map_or("plain".to_owned(), |conversion| conversion.to_string()))
    }

    /// What is made of two layers, given as the names and shapes of their weights and their outputs, in F32.
    fn layers_of(layers: [(&str, [usize; 2], usize); 2]) -> Result<String, String> {
        let ends = CONVENTIONS.map(|(weight, bias, _)| (weight, bias));
        let bias = |weight: &str| {
            let (end, bias) = ends.iter().find(|(end, _)| weight.ends_with(end)).unwrap();
            weight.strip_suffix(end).unwrap().to_owned() + bias
        };
        let [(a, a_dims, a_outputs), (b, b_dims, b_outputs)] = layers;
        read_of(&[
            (&bias(b), Dtype::F32, &[b_outputs]),
            (a, Dtype::F32, &a_dims),
            (b, Dtype::F32, &b_dims),
            (&bias(a), Dtype::F32, &[a_outputs]),
        ])
    }

    #[test]
    fn the_layers_of_pytorch_are_recognised_under_any_name() {
        for [first, second] in
            [["fc1", "fc2"], ["0", "2"], ["z", "a"], ["_orig_mod.l.1", "out"], ["module.x", "module.y"]]
        {
            let [w1, w2] = [first, second].map(|name| format!("{name}.weight"));
            let expected = format!(
                "read as W1 = {w1}.T, b1 = {first}.bias, W2 = {w2}.T, b2 = {second}.bias (.T: transposed, from [out, in])"
            );
            assert_eq!(layers_of([(&w1, [2, 3], 2), (&w2, [4, 2], 4)]), Ok(expected));
        }
    }

    #[test]
    fn kernels_are_not_transposed() {
        let expected = "read as W1 = dense/kernel:0, b1 = dense/bias:0, W2 = dense_1/kernel:0, b2 = dense_1/bias:0";
        let layers = [("dense_1/kernel:0", [2, 4], 4), ("dense/kernel:0", [3, 2], 2)];
        assert_eq!(layers_of(layers).as_deref(), Ok(expected));
    }

    #[test]
    fn numbers_tell_the_order_that_shapes_do_not() {
        let first = |a: &str, b: &str, dims: [[usize; 2]; 2]| {
            let read = layers_of([(a, dims[0], dims[0][0]), (b, dims[1], dims[1][0])]);
            read.map(|text| text.split_whitespace().nth(4).unwrap().trim_end_matches([',', 'T', '.']).to_owned())
        };
        // Squares, and a network with as many classes as pixels.
        for dims in [[[2, 2], [2, 2]], [[3, 4], [4, 3]]] {
            for [one, two] in
                [["l.9", "l.10"], ["0", "2"], ["fc1", "fc2"], ["a1.x2", "a2.x1"], ["dense", "dense_1"], ["l", "l2"]]
            {
                let [one, two] = [one, two].map(|name| format!("{name}.weight"));
                assert_eq!(first(&one, &two, dims).as_ref(), Ok(&one));
                assert_eq!(first(&two, &one, dims).as_ref(), Ok(&one));
            }
            for [one, two] in [["decoder", "encoder"], ["hidden", "out"], ["fc1", "out2"], ["fc1", "fc01"]] {
                let error = first(&format!("{one}.weight"), &format!("{two}.weight"), dims).unwrap_err();
                assert!(error.contains("neither their shapes nor their names tell which is the first"), "{error}");
            }
        }
    }

    #[test]
    fn a_square_matrix_has_the_order_of_its_name_if_the_other_has() {
        let names = ["fc1.weight", "fc2.weight"];
        let of = |names: [&str; 2], second: [usize; 2]| layers_of([(names[0], [3, 3], 3), (names[1], second, 2)]);
        assert!(of(names, [2, 3]).unwrap().starts_with("read as W1 = fc1.weight.T, "));
        let error = of(names, [3, 2]).unwrap_err();
        assert!(error.starts_with("holds fc1.weight, which is square, and fc2.weight, which has"), "{error}");
        let names = ["fc1.kernel", "fc2.kernel"];
        assert!(of(names, [3, 2]).unwrap().starts_with("read as W1 = fc1.kernel, "));
        assert!(of(names, [2, 3]).unwrap_err().contains("nothing tells the order of fc1.kernel"));
        // Where no matrix is square, the biases tell.
        let read = layers_of([("a.weight", [5, 3], 3), ("b.kernel", [2, 3], 2)]).unwrap();
        assert!(read.starts_with("read as W1 = a.weight, b1 = a.bias, W2 = b.kernel.T, "), "{read}");
    }

    #[test]
    fn tensors_that_are_not_two_layers_are_named() {
        let [a, a_bias, b, b_bias]: [(&str, &[usize]); 4] =
            [("a.weight", &[2, 3]), ("a.bias", &[2]), ("b.weight", &[4, 2]), ("b.bias", &[4])];
        let read = |tensors: [(&str, &[usize]); 4]| read_of(&tensors.map(|(name, dims)| (name, Dtype::F32, dims)));
        assert!(read([a, a_bias, b, b_bias]).is_ok());
        for tensors in [
            [a, a_bias, ("b.weight", &[4, 5]), b_bias],
            [a, a_bias, b, ("c.bias", &[4])],
            [("a.weight", &[2, 3, 1]), a_bias, b, b_bias],
            [("a.weight", &[5, 3]), a_bias, b, b_bias],
        ] {
            assert!(
                read(tensors).unwrap_err().starts_with("has no tensor W1; a model holds W1, b1, W2 and b2, or the")
            );
        }
    }

    #[test]
    fn another_type_is_said() {
        use Dtype::{BF16, F16, F32};
        let of = |dtypes: [Dtype; 2], names: [&str; 4]| {
            let dims: [&[usize]; 4] = [&[2, 3], &[2], &[4, 2], &[4]];
            let own: [&[usize]; 4] = [&[3, 2], &[2], &[2, 4], &[4]];
            let dims = if names[0] == "W1" { own } else { dims };
            let dtypes = [dtypes[0], F32, dtypes[1], F32];
            let tensor = |n: usize| (names[n], dtypes[n], dims[n]);
            read_of(&[tensor(0), tensor(1), tensor(2), tensor(3)]).unwrap()
        };
        let foreign = ["a.weight", "a.bias", "b.weight", "b.bias"];
        assert!(of([F16, F16], foreign).ends_with("b2 = b.bias (.T: transposed, from [out, in]; F16 as F32)"));
        assert_eq!(of([F16, BF16], Params::NAMES), "read BF16 and F16 as F32");
        assert_eq!(of([F32, F32], Params::NAMES), "plain");
    }

    #[test]
    fn names_stay_in_one_line() {
        let long = "x".repeat(1000);
        let names = [long.as_str(), "a\nb", "c\u{1b}[2J", "", "1", "2", "3", "4", "5", "6"];
        let tensors: Vec<_> = names.iter().map(|name| (*name, Dtype::F32, &[1][..])).collect();
        let bytes = zeros(&tensors);
        let found = all_names(&SafeTensors::deserialize(&bytes).unwrap());
        assert!(!found.contains(char::is_control) && found.len() < 200, "{found}");
        assert!(found.ends_with(" and 2 more"), "{found}");
    }
}
