//! What a GPU can't do comes back as an error, never as a panic.

mod common;

use std::process::ExitCode;

use common::Case;
use libtest_mimic::{Arguments, Failed, Trial};
use pollster::block_on;
use twolayer::backend::{self, Device};
use twolayer::data::Dataset;
use twolayer::gpu;
use twolayer::net::Activation::Sigmoid;
use twolayer::net::Output::Softmax;
use twolayer::net::Shape;

const SHAPE: Shape = Shape { input: 4096, hidden: 3, classes: 2 };
/// The largest set of images that this test makes.
const MOST_BYTES: u64 = 1 << 28;

fn main() -> ExitCode {
    let mut trials = Vec::new();
    let adapters = block_on(gpu::adapters::list());
    for (index, adapter) in (1..).zip(&adapters) {
        let info = adapter.get_info();
        let name = |what: &str| format!("{} {index}, {}: {what}", info.backend, info.name);
        let too_large = adapter.limits().max_storage_buffer_binding_size > MOST_BYTES;
        let trial = |what: &str, test: fn(&gpu::device::Device, u64) -> Result<(), Failed>| {
            let adapter = adapter.clone();
            let most = adapter.limits().max_storage_buffer_binding_size;
            Trial::test(name(what), move || test(&block_on(gpu::device::Device::open(&adapter))?, most))
        };
        trials.push(trial("a lost device is an error", lost));
        trials.push(trial("a set too large to bind is an error", oversized).with_ignored_flag(too_large));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn lost(device: &gpu::device::Device, _: u64) -> Result<(), Failed> {
    let mut case = Case::new(SHAPE, 5, Sigmoid, Softmax, 10);
    let indices = case.indices(3);
    let mut backend = case.backend(&Device::Gpu(device.clone()))?;
    let set = block_on(backend.upload(&case.set))?;
    device.destroy();
    for _ in 0..2 {
        match block_on(backend.train(set, &indices, 0.1)) {
            Err(backend::Error::Gpu(gpu::Error::Lost { .. })) => {}
            other => return Err(format!("training on a lost device gave {other:?}").into()),
        }
    }
    Ok(())
}

fn oversized(device: &gpu::device::Device, most: u64) -> Result<(), Failed> {
    let case = Case::new(SHAPE, 5, Sigmoid, Softmax, 10);
    let mut backend = case.backend(&Device::Gpu(device.clone()))?;
    let images = most as usize / SHAPE.input + 1;
    let set = Dataset::new(vec![0; images * SHAPE.input], vec![1; images], 64, 64)?;
    match block_on(backend.upload(&set)) {
        Err(backend::Error::Gpu(gpu::Error::TooLarge { what: "the images", .. })) => {}
        other => return Err(format!("a set of {images} images gave {other:?}").into()),
    }
    block_on(backend.upload(&case.set))?;
    Ok(())
}
