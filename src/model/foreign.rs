//! Networks that other programs saved: which of their tensors are W1, b1, W2 and b2.

use safetensors::tensor::{Dtype, SafeTensors};

use crate::net::Params;

/// How the tensors of a layer end in files of others, and whether the weights are `[out, in]` there: PyTorch's, and those of
/// Keras and Flax.
const CONVENTIONS: [(&str, &str, bool); 3] =
    [("weight", "bias", true), ("kernel", "bias", false), ("kernel:0", "bias:0", false)];
/// Most characters of a name from a file, and most names, that a message shows.
const MOST_SHOWN: usize = 40;
const MOST_NAMES: usize = 8;

/// A dense layer of another program.
struct Layer {
    weight: String,
    bias: String,
    /// Its inputs and outputs.
    sizes: (usize, usize),
    /// Whether its weights are `[out, in]`.
    is_transposed: bool,
    is_f32: bool,
}

impl Layer {
    /// The layer whose weights have this name, if it is one with a bias.
    fn of(tensors: &SafeTensors, name: &str) -> Option<Self> {
        CONVENTIONS.iter().find_map(|&(weight_end, bias_end, out_in)| {
            let bias_name = name.strip_suffix(weight_end)?.to_owned() + bias_end;
            let (weight, bias) = (tensors.tensor(name).ok()?, tensors.tensor(&bias_name).ok()?);
            let (&[rows, columns], &[outputs]) = (weight.shape(), bias.shape()) else { return None };
            let is_transposed = match (rows == outputs, columns == outputs) {
                (true, true) => out_in,
                (true, false) => true,
                (false, true) => false,
                (false, false) => return None,
            };
            let sizes = if is_transposed { (columns, rows) } else { (rows, columns) };
            let is_f32 = [weight.dtype(), bias.dtype()] == [Dtype::F32; 2];
            Some(Self { weight: shown(name), bias: shown(&bias_name), sizes, is_transposed, is_f32 })
        })
    }
}

/// How to make a model of a file's tensors, where they are a network of two layers under other names.
pub(super) fn conversion(tensors: &SafeTensors) -> Option<String> {
    let names = names(tensors);
    let mut layers: Vec<Layer> = names.iter().filter_map(|name| Layer::of(tensors, name)).collect();
    let follows = |a: &Layer, b: &Layer| a.sizes.1 == b.sizes.0;
    match &layers[..] {
        [first, second] if names.len() == 4 && follows(first, second) => {}
        [first, second] if names.len() == 4 && follows(second, first) => layers.reverse(),
        _ => return None,
    }
    let value = |layer: &Layer| format!("{}{}", layer.weight, if layer.is_transposed { ".T" } else { "" });
    let values = layers.iter().flat_map(|layer| [value(layer), layer.bias.clone()]);
    let pairs: Vec<String> =
        Params::NAMES.iter().zip(values).map(|(name, value)| format!("{name} = {value}")).collect();
    let dtype = if layers.iter().all(|layer| layer.is_f32) { "" } else { ", all as F32" };
    let order = if layers.iter().any(|layer| layer.is_transposed) {
        " (.T, as PyTorch keeps weights as [out, in])"
    } else {
        ""
    };
    Some(format!("{}{dtype}{order}", pairs.join(", ")))
}

/// The names of a file's tensors that are not a model's, if there are any.
pub(super) fn beyond(tensors: &SafeTensors) -> Option<String> {
    let names = names(tensors);
    let beyond: Vec<&str> = names.iter().map(String::as_str).filter(|name| !Params::NAMES.contains(name)).collect();
    if beyond.is_empty() { None } else { Some(listed(&beyond)) }
}

/// The names of all of a file's tensors.
pub(super) fn all(tensors: &SafeTensors) -> String {
    let names = names(tensors);
    if names.is_empty() { "none".to_owned() } else { listed(&names) }
}

/// In their order, numbers by what they count: `layers.10` comes after `layers.9`.
fn names(tensors: &SafeTensors) -> Vec<String> {
    let mut names: Vec<String> = tensors.names().into_iter().map(str::to_owned).collect();
    names.sort_by_cached_key(|name| {
        let bytes = name.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        let key = |part: &[u8]| (if part[0].is_ascii_digit() { part.len() } else { usize::MAX }, part.to_vec());
        bytes.map(key).collect::<Vec<_>>()
    });
    names
}

fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let first: Vec<String> = names.iter().take(MOST_NAMES).map(|name| shown(name.as_ref())).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    first.join(", ") + &if more == 0 { String::new() } else { format!(" and {more} more") }
}

/// A name as a line of text can hold it.
fn shown(name: &str) -> String {
    let line: String = name.chars().flat_map(char::escape_debug).take(MOST_SHOWN + 1).collect();
    match line.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn file(tensors: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
        let zeros = [0; 512];
        let view = |&(name, dtype, dims): &(&str, Dtype, &[usize])| {
            let bytes = dims.iter().product::<usize>() * dtype.bitsize() / 8;
            (name.to_owned(), TensorView::new(dtype, dims.to_vec(), &zeros[..bytes]).unwrap())
        };
        safetensors::serialize(tensors.iter().map(view), None).unwrap()
    }

    /// How to convert four F32 tensors.
    fn of(tensors: [(&str, &[usize]); 4]) -> Option<String> {
        let bytes = file(&tensors.map(|(name, dims)| (name, Dtype::F32, dims)));
        conversion(&SafeTensors::deserialize(&bytes).unwrap())
    }

    #[test]
    fn the_layers_of_pytorch_are_recognised_under_any_name() {
        for [first, second] in [["fc1", "fc2"], ["0", "2"], ["z", "a"], ["_orig_mod.l.1", "out"]] {
            let [[w1, b1], [w2, b2]] =
                [first, second].map(|name| ["weight", "bias"].map(|end| format!("{name}.{end}")));
            let told = of([(&b2, &[4]), (&w1, &[2, 3]), (&w2, &[4, 2]), (&b1, &[2])]).unwrap();
            let expected =
                format!("W1 = {w1}.T, b1 = {b1}, W2 = {w2}.T, b2 = {b2} (.T, as PyTorch keeps weights as [out, in])");
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn square_layers_are_taken_in_the_order_of_their_names() {
        let square = |name| (name, &[2, 2][..]);
        let told = of([square("l.10.weight"), ("l.10.bias", &[2]), square("l.9.weight"), ("l.9.bias", &[2])]).unwrap();
        assert!(told.starts_with("W1 = l.9.weight.T, b1 = l.9.bias, W2 = l.10.weight.T"), "{told}");
    }

    #[test]
    fn kernels_need_no_transposing() {
        let told = of([
            ("dense_1/kernel:0", &[2, 4]),
            ("dense_1/bias:0", &[4]),
            ("dense/kernel:0", &[3, 2]),
            ("dense/bias:0", &[2]),
        ]);
        let expected = "W1 = dense/kernel:0, b1 = dense/bias:0, W2 = dense_1/kernel:0, b2 = dense_1/bias:0";
        assert_eq!(told.as_deref(), Some(expected));
    }

    #[test]
    fn what_is_no_two_layers_is_not_made_one() {
        assert_eq!(of([("a.weight", &[2, 3]), ("a.bias", &[2]), ("b.weight", &[4, 5]), ("b.bias", &[4])]), None);
        assert_eq!(of([("a.weight", &[2, 3]), ("a.bias", &[2]), ("b.weight", &[4, 2]), ("c.bias", &[4])]), None);
        assert_eq!(of([("a.weight", &[2, 3, 1]), ("a.bias", &[2]), ("b.weight", &[4, 2]), ("b.bias", &[4])]), None);
        assert_eq!(of([("a.weight", &[5, 3]), ("a.bias", &[2]), ("b.weight", &[4, 2]), ("b.bias", &[4])]), None);
    }

    #[test]
    fn other_types_are_told() {
        use Dtype::{F16, F32};
        let bytes = file(&[
            ("a.weight", F16, &[2, 3]),
            ("a.bias", F32, &[2]),
            ("b.weight", F32, &[4, 2]),
            ("b.bias", F32, &[4]),
        ]);
        let told = conversion(&SafeTensors::deserialize(&bytes).unwrap()).unwrap();
        assert!(told.contains("b2 = b.bias, all as F32 (.T"), "{told}");
    }

    #[test]
    fn names_of_any_kind_stay_in_a_line() {
        let long = "x".repeat(1000);
        let names = [long.as_str(), "a\nb", "c\u{1b}[2J", "", "1", "2", "3", "4", "5", "6"];
        let tensors: Vec<_> = names.iter().map(|name| (*name, Dtype::F32, &[1][..])).collect();
        let bytes = file(&tensors);
        let told = all(&SafeTensors::deserialize(&bytes).unwrap());
        assert!(!told.contains(char::is_control) && told.len() < 200, "{told}");
        assert!(told.ends_with(" and 2 more"), "{told}");
    }
}
