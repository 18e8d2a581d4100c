//! Every kernel against the f64 reference, stage by stage, on every device: a wrong one is found by its name.
//!
//! Oracles: `TwoLayerNet::pass` for the values, `TwoLayerNet::gradient_of` them, and `common::mean_loss`.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{
    Case, Check, assert_close, mean_loss, relative_error, run_on_every_device, with_every_density, with_every_plan,
};
use ndarray::Array2;
use pollster::block_on;
use twolayer::backend;
use twolayer::devices::Device;
use twolayer::gpu::plan::Plan;
use twolayer::net::Activation::{Relu, Sigmoid, Tanh};
use twolayer::net::Output::{Identity, Softmax};
use twolayer::net::{Activation, Output, Shape};
use twolayer::reference::TwoLayerNet;

/// f32 sums of a few thousand products, against f64.
const TOLERANCE: f64 = 5e-6;

/// (batch, input, hidden, classes), and the functions.
type Size = (usize, usize, usize, usize, Activation, Output);

/// Each odd size in each place, each limit once, and no two alike in a case but the last.
const SIZES: [Size; 21] = [
    (1, 7, 50, 10, Sigmoid, Softmax),
    (7, 1, 65, 2, Relu, Softmax),
    (50, 65, 1, 7, Sigmoid, Identity),
    (65, 129, 7, 255, Relu, Identity),
    (129, 50, 1000, 10, Sigmoid, Softmax),
    (1000, 7, 129, 7, Relu, Softmax),
    (7, 1000, 50, 129, Sigmoid, Softmax),
    (100, 784, 50, 10, Sigmoid, Softmax),
    (100, 784, 50, 10, Relu, Softmax),
    (100, 784, 50, 10, Sigmoid, Identity),
    (100, 784, 50, 10, Relu, Identity),
    (65, 50, 129, 7, Tanh, Softmax),
    (100, 784, 50, 10, Tanh, Softmax),
    (7, 129, 1000, 65, Tanh, Identity),
    (64, 256, 128, 16, Sigmoid, Softmax),
    (8192, 65, 7, 2, Sigmoid, Softmax),
    (7, 4096, 65, 10, Relu, Softmax),
    (65, 7, 4096, 129, Sigmoid, Identity),
    (1, 1, 1, 255, Sigmoid, Softmax),
    // The longest sums over a batch, with the most of everything else that goes with them.
    (8192, 784, 50, 10, Sigmoid, Softmax),
    (8192, 16, 4096, 2, Sigmoid, Softmax),
];

/// Sizes of which only `tiled` makes something of its own.
const TILED_SIZES: [Size; 3] = [
    // The narrowest windows, of 4 words and of 16 images.
    (28, 50, 960, 7, Sigmoid, Softmax),
    // So few units that two or four invocations share images, not eight.
    (129, 65, 13, 7, Tanh, Softmax),
    (65, 129, 27, 10, Relu, Identity),
];

fn main() -> ExitCode {
    let named = |(tiled_alone, &size): (bool, &Size)| {
        let (batch, input, hidden, classes, activation, output) = size;
        let shape = Shape { input, hidden, classes };
        let name = format!("{shape}, batch {batch}, {activation}, {output}");
        let check: Check = Arc::new(move |device| stages(device, size, tiled_alone));
        (name, check)
    };
    let sizes = SIZES.iter().map(|size| (false, size)).chain(TILED_SIZES.iter().map(|size| (true, size)));
    run_on_every_device(&sizes.map(named).collect::<Vec<_>>())
}

fn stages(device: &Device, size: Size, tiled_alone: bool) -> Result<(), backend::Error> {
    let (batch_size, input, hidden, classes, activation, output) = size;
    let shape = Shape { input, hidden, classes };
    let case = || Case::new(shape, batch_size, activation, output, 300);
    let is_tiled = |device: &Device| matches!(device, Device::Gpu(gpu) if gpu.plan(shape) == Plan::Tiled);
    let mut plans = with_every_plan(device, shape);
    plans.retain(|(_, plan)| !tiled_alone || is_tiled(plan) || matches!(plan, Device::Cpu { .. }));
    for case in with_every_density(device, case) {
        stages_of(&plans, case)?;
    }
    // Of a GPU's kernels only these skip what is 0.
    let tiled: Vec<_> = plans.into_iter().filter(|(_, device)| is_tiled(device)).collect();
    // The derivatives of two classes nearly cancel in b2 where images are alike: the sum over 8,192 has an error of 1e-5.
    if !tiled.is_empty() && shape.classes > 2 {
        stages_of(&tiled, case().blanked())?;
    }
    Ok(())
}

/// The stages of a case, by each of the plans.
fn stages_of(plans: &[(String, Device)], mut case: Case) -> Result<(), backend::Error> {
    let batch = case.indices(1);
    let (x, t) = case.set.batch(&batch);
    let reference = case.reference();
    // One pass for all: of the largest batch and layer it takes longer than a device does.
    let pass = reference.pass(&x, &t);
    let gradient = TwoLayerNet::gradient_of(&x, &pass);
    let mean_loss = mean_loss(&reference, &pass, &x, &t);

    for (plan, device) in plans {
        let mut backend = case.backend(device)?;
        let set = block_on(backend.upload(&case.set))?;
        let found = block_on(backend.intermediates(set, &batch))?;
        let stage = |name: &str, found: &[f32], expected: &Array2<f64>| {
            let error = relative_error(found, expected);
            assert!(error < TOLERANCE, "{plan} {name}: relative error {error:.1e}");
        };
        stage("a1", &found.a1, &pass.a1);
        stage("z1", &found.z1, &pass.z1);
        stage("a2", &found.a2, &pass.a2);
        stage("y", &found.y, &pass.y);
        stage("dy", &found.dy, &pass.dy);
        stage("dz1", &found.dz1, &pass.dz1);
        stage("da1", &found.da1, &pass.da1);

        // Twice, so that what the first run leaves behind would show in the second.
        for _ in 0..2 {
            let (loss, found) = block_on(backend.gradient(set, &batch))?;
            assert_close(plan, &found, &gradient, TOLERANCE);
            let error = relative_error(&[loss], &[mean_loss]);
            assert!(error < TOLERANCE, "{plan} loss: relative error {error:.1e}");
        }
        assert_eq!(block_on(backend.params())?, case.params, "{plan}: a gradient changes no parameter");
    }
    Ok(())
}
