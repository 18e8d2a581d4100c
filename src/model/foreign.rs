//! Networks of other programs: their tensors are assigned to W1, b1, W2 and b2 for an error message.

use safetensors::tensor::{Dtype, SafeTensors};

use crate::net::Params;

/// The ends of the names of a layer's weights and bias in PyTorch, Flax and Keras, and whether the weights are `[out, in]`.
const CONVENTIONS: [(&str, &str, bool); 3] =
    [("weight", "bias", true), ("kernel", "bias", false), ("kernel:0", "bias:0", false)];
/// The most characters of a name, and the most names, that a message shows.
const MAX_CHARS: usize = 40;
const MAX_NAMES: usize = 8;

/// A dense layer of another program.
struct Layer {
    weight: String,
    bias: String,
    inputs: usize,
    outputs: usize,
    /// Whether its weights are `[out, in]`.
    is_transposed: bool,
    is_f32: bool,
}

impl Layer {
    /// The layer whose weights have this name, if there is a bias of the same layer.
    fn find(tensors: &SafeTensors, name: &str) -> Option<Self> {
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
            let inputs = if is_transposed { columns } else { rows };
            let is_f32 = [weight.dtype(), bias.dtype()] == [Dtype::F32; 2];
            Some(Self { weight: escaped(name), bias: escaped(&bias_name), inputs, outputs, is_transposed, is_f32 })
        })
    }
}

/// Assignments that make a model of a file's tensors, if they are a network of two layers under other names.
pub(super) fn conversion(tensors: &SafeTensors) -> Option<String> {
    let names = names(tensors);
    let mut layers: Vec<Layer> = names.iter().filter_map(|name| Layer::find(tensors, name)).collect();
    let follows = |first: &Layer, second: &Layer| first.outputs == second.inputs;
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

/// The names of the tensors that are not W1, b1, W2 or b2, if there are any.
pub(super) fn extra_names(tensors: &SafeTensors) -> Option<String> {
    let mut names = names(tensors);
    names.retain(|name| !Params::NAMES.contains(&name.as_str()));
    if names.is_empty() { None } else { Some(listed(&names)) }
}

/// The names of all tensors.
pub(super) fn all_names(tensors: &SafeTensors) -> String {
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
fn escaped(name: &str) -> String {
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

    /// The conversion of four F32 tensors.
    fn converted(tensors: [(&str, &[usize]); 4]) -> Option<String> {
        let bytes = zeros(&tensors.map(|(name, dims)| (name, Dtype::F32, dims)));
        conversion(&SafeTensors::deserialize(&bytes).unwrap())
    }

    #[test]
    fn the_layers_of_pytorch_are_recognised_under_any_name() {
        for [first, second] in [["fc1", "fc2"], ["0", "2"], ["z", "a"], ["_orig_mod.l.1", "out"]] {
            let [[w1, b1], [w2, b2]] =
                [first, second].map(|name| ["weight", "bias"].map(|end| format!("{name}.{end}")));
            let found = converted([(&b2, &[4]), (&w1, &[2, 3]), (&w2, &[4, 2]), (&b1, &[2])]).unwrap();
            let expected =
                format!("W1 = {w1}.T, b1 = {b1}, W2 = {w2}.T, b2 = {b2} (.T, as PyTorch keeps weights as [out, in])");
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn square_layers_are_in_the_order_of_their_names() {
        let square = |name| (name, &[2, 2][..]);
        let tensors = [square("l.10.weight"), ("l.10.bias", &[2]), square("l.9.weight"), ("l.9.bias", &[2])];
        let found = converted(tensors).unwrap();
        assert!(found.starts_with("W1 = l.9.weight.T, b1 = l.9.bias, W2 = l.10.weight.T"), "{found}");
    }

    #[test]
    fn kernels_need_no_transposing() {
        let found = converted([
            ("dense_1/kernel:0", &[2, 4]),
            ("dense_1/bias:0", &[4]),
            ("dense/kernel:0", &[3, 2]),
            ("dense/bias:0", &[2]),
        ]);
        let expected = "W1 = dense/kernel:0, b1 = dense/bias:0, W2 = dense_1/kernel:0, b2 = dense_1/bias:0";
        assert_eq!(found.as_deref(), Some(expected));
    }

    #[test]
    fn tensors_that_are_not_two_layers_have_no_conversion() {
        let (a, a_bias, b, b_bias) =
            (("a.weight", &[2, 3][..]), ("a.bias", &[2][..]), ("b.weight", &[4, 2][..]), ("b.bias", &[4][..]));
        assert!(converted([a, a_bias, b, b_bias]).is_some());
        assert_eq!(converted([a, a_bias, ("b.weight", &[4, 5]), b_bias]), None);
        assert_eq!(converted([a, a_bias, b, ("c.bias", &[4])]), None);
        assert_eq!(converted([("a.weight", &[2, 3, 1]), a_bias, b, b_bias]), None);
        assert_eq!(converted([("a.weight", &[5, 3]), a_bias, b, b_bias]), None);
    }

    #[test]
    fn another_type_is_named() {
        use Dtype::{F16, F32};
        let bytes = zeros(&[
            ("a.weight", F16, &[2, 3]),
            ("a.bias", F32, &[2]),
            ("b.weight", F32, &[4, 2]),
            ("b.bias", F32, &[4]),
        ]);
        let found = conversion(&SafeTensors::deserialize(&bytes).unwrap()).unwrap();
        assert!(found.contains("b2 = b.bias, all as F32 (.T"), "{found}");
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
