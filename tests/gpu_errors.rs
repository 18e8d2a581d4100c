//! What a GPU can't do comes back as an error, never as a panic.

mod common;

use std::fmt::Debug;
use std::process::ExitCode;
use std::sync::Arc;

use common::{Case, Check, Run, on_every_adapter};
use libtest_mimic::Arguments;
use pollster::block_on;
use twolayer::backend;
use twolayer::data::{Dataset, Store};
use twolayer::devices::Device;
use twolayer::net::Activation::Sigmoid;
use twolayer::net::Output::Softmax;
use twolayer::net::Shape;
use twolayer::train::Images;

const SHAPE: Shape = Shape { input: 4096, hidden: 3, classes: 2 };
/// More bytes than the 128 MiB that WebGPU promises for a binding.
const LARGE: usize = 129 << 20;

fn main() -> ExitCode {
    let checks: [(&str, Run); 2] = [
        ("a lost device is an error", lost),
        ("a set is bound or refused by its size, and the next one taken", oversized),
    ];
    let checks = checks.map(|(name, check)| (name.to_owned(), Arc::new(check) as Check));
    libtest_mimic::run(&Arguments::from_args(), on_every_adapter(&checks)).exit_code()
}

fn lost(device: &Device) -> Result<(), backend::Error> {
    let mut case = Case::new(SHAPE, 5, Sigmoid, Softmax, 10);
    let indices = case.indices(3);
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    let Device::Gpu(gpu) = device else { panic!("no GPU") };
    gpu.destroy();
    for _ in 0..2 {
        assert_lost("train", &block_on(backend.train(set, &indices, 0.1)));
        assert_lost("upload", &block_on(backend.upload(&case.set)));
        assert_lost("evaluate", &block_on(backend.evaluate(set)));
        assert_lost("predict", &block_on(backend.predict(case.set.images())));
        assert_lost("params", &block_on(backend.params()));
        assert_lost("set_params", &block_on(backend.set_params(&case.params)));
        assert_lost("new", &case.backend(device).map(drop));
    }
    Ok(())
}

fn assert_lost<T: Debug>(what: &str, result: &Result<T, backend::Error>) {
    assert!(matches!(result, Err(backend::Error::Lost { .. })), "{what} on a lost device: {result:?}");
}

fn oversized(device: &Device) -> Result<(), backend::Error> {
    let case = Case::new(SHAPE, 5, Sigmoid, Softmax, 10);
    let mut backend = case.backend(device)?;
    let images = LARGE / SHAPE.input;
    let set = Dataset::new(vec![255; images * SHAPE.input], vec![1; images], 64, 64).expect("a set");
    match block_on(backend.upload(&set)) {
        Err(backend::Error::TooLarge { what: "the images", .. }) => {}
        // An adapter that takes them has to read the last of them too.
        taken => assert_eq!(block_on(backend.evaluate(taken?))?.images, images),
    }
    // What is refused as a whole goes there as it is used.
    let is_refused = block_on(backend.upload(&set)).is_err();
    let mut streamed = block_on(Images::new(&mut backend, Store::Memory(set))).expect("a place for some images");
    assert_eq!(matches!(streamed, Images::Streamed(_)), is_refused);
    let evaluation = block_on(streamed.evaluate(&mut backend)).expect("images that can be read");
    assert_eq!(block_on(evaluation)?.images, images);
    let set = block_on(backend.upload(&case.set))?;
    assert_eq!(block_on(backend.evaluate(set))?.images, case.set.len());
    Ok(())
}
