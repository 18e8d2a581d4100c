//! `twolayer export`, and networks of other programs, which every command reads.

use std::fs;

use safetensors::tensor::Dtype;
use twolayer::model;

use crate::place::*;

const READ_AS: &str = "note: net.safetensors: read as W1 = fc1.weight.T, b1 = fc1.bias, W2 = fc2.weight.T, b2 = fc2.bias \
                       (.T: transposed, from [out, in])";

/// A folder with a run.
fn trained(flags: &str) -> Place {
    let place = Place::new();
    place.train(&format!("--iterations 30 --hidden 5 --out run {flags}"));
    place
}

#[test]
fn says_what_was_written_and_how_to_use_it() {
    let place = trained("");
    for (line, says) in [
        ("run net.onnx", "net.onnx: image float32 [N, 36], byte / 255, to probabilities float32 [N, 3]\n"),
        ("run u8.onnx --input u8", "u8.onnx: image uint8 [N, 36] to probabilities float32 [N, 3]\n"),
        ("run net.c", "net.c: int predict(const uint8_t image[36], float probabilities[3])\n"),
        (
            "run/model.safetensors net.SafeTensors",
            "net.SafeTensors: fc1.weight [5, 36], fc1.bias, fc2.weight [3, 5], fc2.bias\n",
        ),
    ] {
        let said = place.ok(&format!("export {line}"));
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), (says, ""));
    }
    assert_ne!(fs::read(place.path("net.onnx")).unwrap(), fs::read(place.path("u8.onnx")).unwrap());
    let report = place.json("export run again.c");
    assert_eq!(keys(&report), ["bytes", "format", "model", "out"]);
    assert_eq!((&report["model"], &report["format"], &report["out"]), (&"run".into(), &"c".into(), &"again.c".into()));
    assert_eq!(report["bytes"], fs::metadata(place.path("again.c")).unwrap().len());
    assert_eq!(fs::read(place.path("again.c")).unwrap(), fs::read(place.path("net.c")).unwrap());
    let identity = trained("--output identity --learning-rate 0.01");
    let said = identity.ok("export run net.c").stdout;
    assert_eq!(said, "net.c: int predict(const uint8_t image[36], float outputs[3])\n");
}

#[test]
fn the_layout_of_pytorch_is_read_back_bit_for_bit() {
    let place = trained("--activation tanh");
    place.ok("export run net.safetensors");
    let (own, exported) = (place.model("run"), model::load(&place.path("net.safetensors")).unwrap());
    assert!(own.params == exported.params && own.description == exported.description);
    assert_eq!((own.activation, own.output), (exported.activation, exported.output));
    // Every command reads it, and says so.
    for (command, flags) in
        [("eval", "--data data --device cpu"), ("predict", "data/t10k-images-idx3-ubyte --device cpu")]
    {
        let said = [("run/model", ""), ("net", READ_AS)].map(|(file, note)| {
            let said = place.ok(&format!("{command} {file}.safetensors {flags}"));
            assert_eq!(
                said.stderr.lines().find(|line| line.contains("read as")),
                Some(note).filter(|note| !note.is_empty())
            );
            said.stdout
        });
        assert_eq!(said[0], said[1], "{command}");
    }
    let said = place.ok("export net.safetensors again.safetensors");
    assert_eq!(said.stderr, format!("{READ_AS}\n"));
    assert_eq!(fs::read(place.path("net.safetensors")).unwrap(), fs::read(place.path("again.safetensors")).unwrap());
    assert_holds(&place.ok("gradcheck net.safetensors --data data --device cpu --samples 2").stderr, READ_AS);
    assert_holds(&place.train("--iterations 9 --init net.safetensors --out from_exported").stderr, READ_AS);
    place.train("--iterations 9 --init run --out from_own");
    assert!(place.result("from_exported") == place.result("from_own"));
}

/// Two layers of PyTorch for the small data, without metadata.
fn state_dict(names: [&'static str; 4]) -> [NamedTensor; 4] {
    let value = |n: usize| (n * 7 % 19) as f32 / 19.0 - 0.4;
    let dims = [vec![4, PIXELS], vec![4], vec![CLASSES, 4], vec![CLASSES]];
    let mut tensors = names.into_iter().zip(dims).map(|(name, dims)| {
        let count = dims.iter().product();
        (name, dims, (0..count).map(value).collect())
    });
    std::array::from_fn(|_| tensors.next().unwrap())
}

#[test]
fn a_file_without_an_activation_gets_a_note() {
    let place = Place::new();
    let tensors = state_dict(["0.weight", "0.bias", "2.weight", "2.bias"]);
    fs::write(place.path("net.safetensors"), safetensors(Dtype::F64, &tensors)).unwrap();
    let said = place.ok("eval net.safetensors --data data --device cpu");
    assert_holds(
        &said.stderr,
        "W1 = 0.weight.T, b1 = 0.bias, W2 = 2.weight.T, b2 = 2.bias (.T: transposed, from [out, in]; F64 as F32)",
    );
    assert_holds(
        &said.stderr,
        "note: net.safetensors: names no activation: sigmoid is taken; --activation relu or tanh if it was trained with that",
    );
    for line in ["eval net.safetensors --data data --device cpu", "export net.safetensors net.c"] {
        let said = place.ok(&format!("{line} --activation relu"));
        assert!(said.stderr.contains("read as") && !said.stderr.contains("names no activation"), "{}", said.stderr);
    }
    assert_holds(&place.train("--iterations 1 --init net.safetensors --no-save").stderr, "names no activation");
    // The exported file names it.
    place.ok("export net.safetensors named.safetensors --activation relu");
    assert!(!place.ok("export named.safetensors named.onnx").stderr.contains("names no activation"));
}

#[test]
fn what_cannot_be_exported_is_an_error() {
    let place = trained("");
    for name in ["net", "net.txt", "net.onnx.gz", ".c", "onnx"] {
        let line = place.fails(2, &format!("export run {name}"));
        assert_holds(&line, "end the name of the file in .onnx, .c or .safetensors");
    }
    assert_holds(&place.fails(2, "export run net.c --input u8"), "--input is for .onnx files; leave it out for a .c");
    assert_holds(&place.fails(2, "export run net.onnx --input i8"), "'i8' is no type of pixels; choose f32 or u8");
    let line = place.fails(2, "export run net.c --activation relu");
    assert_holds(&line, "--activation relu, but the file says sigmoid");
    fs::write(place.path("net.c"), "mine").unwrap();
    fs::create_dir(place.path("folder.c")).unwrap();
    assert_holds(&place.fails(1, "export run net.c"), "net.c: already exists; choose another name, or add --overwrite");
    assert_holds(&place.fails(1, "export run run/model.safetensors"), "already exists");
    for name in ["folder.c", "missing/net.c"] {
        assert_holds(&place.fails(1, &format!("export run {name} --overwrite")), &format!("{name}: cannot be written"));
    }
    assert_holds(&place.fails(1, "export missing.safetensors net.onnx"), "missing.safetensors: cannot be read");
    assert_holds(&place.fails(1, "export data net.onnx"), "data/model.safetensors: cannot be read");
    place.ok("export run net.c --overwrite");
    assert!(fs::read_to_string(place.path("net.c")).unwrap().starts_with("/* "));
}
