//! `--init` with files that hold no network, or none that matches the data.

use std::fs;

use safetensors::tensor::Dtype;
use twolayer::data::description::Description;
use twolayer::model;
use twolayer::net::{Activation, Net, Output, Params, Shape};

use crate::place::*;

const HIDDEN: usize = 4;

/// Four tensors of zeros that make a model for the small data.
fn zeros() -> [NamedTensor; 4] {
    let zeros = |name, dims: &[usize]| (name, dims.to_vec(), vec![0.0; dims.iter().product()]);
    [zeros("W1", &[PIXELS, HIDDEN]), zeros("b1", &[HIDDEN]), zeros("W2", &[HIDDEN, CLASSES]), zeros("b2", &[CLASSES])]
}

/// The error for an --init file with this content.
fn error(code: i32, content: &[u8], flags: &str) -> String {
    let place = Place::new();
    fs::write(place.path("init"), content).unwrap();
    place.train_fails(code, &format!("--iterations 1 --init init {flags}"))
}

#[test]
fn a_value_that_is_not_finite_is_named_with_its_index() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for (place, (name, ..)) in zeros().iter().enumerate() {
            let mut tensors = zeros();
            tensors[place].2[2] = value;
            let line = error(1, &safetensors(Dtype::F32, &tensors), "");
            assert_holds(&line, &format!("init: tensor {name} holds {value} at index 2"));
        }
    }
}

#[test]
fn another_dtype_is_named() {
    assert_holds(&error(1, &safetensors(Dtype::I32, &zeros()), ""), "init: tensor W1 is I32; convert it to F32");
}

#[test]
fn tensors_that_make_no_network_are_named() {
    let with = |place: usize, name: &'static str, dims: &[usize]| {
        let mut tensors = zeros();
        tensors[place] = (name, dims.to_vec(), vec![0.0; dims.iter().product()]);
        error(1, &safetensors(Dtype::F32, &tensors), "")
    };
    assert_holds(&with(0, "W1", &[PIXELS * HIDDEN]), "init: tensor W1 has shape [144]");
    assert_holds(&with(1, "b1", &[HIDDEN + 1]), "init: tensor b1 has shape [5]");
    assert_holds(&with(2, "W2", &[HIDDEN + 1, CLASSES]), "init: tensor W2 has shape [5, 3]");
    assert_holds(&with(3, "b2", &[1, CLASSES]), "init: tensor b2 has shape [1, 3]");
    assert_holds(&with(3, "bias", &[CLASSES]), "init: has no tensor b2");
}

#[test]
fn layers_whose_order_nothing_tells_are_named() {
    let square = |name| (name, vec![3, 3], vec![0.0; 9]);
    let bias = |name| (name, vec![3], vec![0.0; 3]);
    let tensors = [square("encoder.weight"), bias("encoder.bias"), square("decoder.weight"), bias("decoder.bias")];
    assert_holds(
        &error(1, &safetensors(Dtype::F32, &tensors), ""),
        "init: holds two layers, decoder.weight and encoder.weight, and neither their shapes nor their names tell",
    );
}

#[test]
fn a_file_that_is_truncated_or_of_another_kind_is_named() {
    let content = safetensors(Dtype::F32, &zeros());
    for content in [&content[..content.len() - 1], &content[..20], &[], b"PK\x03\x04 and so on"] {
        assert_holds(&error(1, content, ""), "init: is no whole safetensors file");
    }
}

#[test]
fn a_path_that_is_neither_a_file_nor_a_run_is_named() {
    let place = Place::new();
    for (path, file) in [("missing", "missing"), ("data", "data/model.safetensors")] {
        let line = place.train_fails(1, &format!("--init {path}"));
        assert_holds(&line, &format!("{file}: cannot be read"));
    }
}

#[test]
fn a_run_and_its_model_file_give_the_same_network() {
    let place = Place::new();
    place.train("--hidden 7 --iterations 20 --out first");
    place.train("--iterations 20 --init first --out of_run");
    place.train("--iterations 20 --init first/model.safetensors --out of_file");
    assert!(place.result("of_run") == place.result("of_file"));
}

#[test]
fn a_model_of_another_shape_is_refused() {
    let content = safetensors(Dtype::F32, &zeros());
    let line = error(2, &content, "--hidden 5");
    assert_holds(&line, "--hidden 5, but the file says 4; leave out --hidden");
    let place = Place::new();
    fs::write(place.path("init"), content).unwrap();
    let line = place.fails(2, "--device cpu --data synthetic --init init");
    assert_holds(&line, "--init is 36-4-3, but the data needs 784-4-10");
}

#[test]
fn an_unknown_function_in_its_metadata_is_named() {
    let shape = Shape { input: PIXELS, hidden: HIDDEN, classes: CLASSES };
    let net = Net { shape, activation: Activation::Relu, output: Output::Softmax };
    let mut content = Vec::new();
    model::write(&mut content, &net, &Params::zeros(shape), &Description::default()).unwrap();
    let relu = content.windows(4).position(|bytes| bytes == b"relu").unwrap();
    content[relu..relu + 4].copy_from_slice(b"gelu");
    assert_holds(&error(1, &content, ""), "init: its metadata: 'gelu' is no activation; choose sigmoid, relu or tanh");
}
