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
use twolayer::gpu::plan::{Blocks, Plan};
use twolayer::net::Activation::{Relu, Sigmoid, Tanh};
use twolayer::net::Output::{Identity, Softmax};
use twolayer::net::{Activation, Output, Shape};
use twolayer::reference::TwoLayerNet;

/// f32 sums of a few thousand products, against f64.
const TOLERANCE: f64 = 5e-6;

/// (batch, input, hidden, classes), and the functions.
type Size = (usize, usize, usize, usize, Activation, Output);

/// Whether a plan runs a size.
type Runs = fn(Plan) -> bool;

/// Each odd size in each place, each limit once, and no two alike in a case but the last.
const SIZES: [Size; 17] = [
    (1, 7, 50, 10, Sigmoid, Softmax),
    (7, 1, 65, 2, Relu, Softmax),
    (50, 65, 1, 7, Sigmoid, Identity),
    (65, 129, 7, 255, Relu, Identity),
    (129, 50, 1000, 10, Sigmoid, Softmax),
    (1000, 7, 129, 7, Relu, Softmax),
    (7, 1000, 50, 129, Sigmoid, Softmax),
    (100, 784, 50, 10, Sigmoid, Softmax),
    (65, 50, 129, 7, Tanh, Softmax),
    (100, 784, 50, 10, Tanh, Softmax),
    (7, 129, 1000, 65, Tanh, Identity),
    (64, 256, 128, 16, Sigmoid, Softmax),
    (8192, 65, 7, 2, Sigmoid, Softmax),
    (7, 4096, 65, 10, Relu, Softmax),
    (65, 7, 4096, 129, Sigmoid, Identity),
    (1, 1, 1, 255, Sigmoid, Softmax),
    // The longest sums over a batch, with the most of everything else that goes with them; see also LARGEST.
    (8192, 784, 50, 10, Sigmoid, Softmax),
];

/// Sizes for which some plans have nothing of their own, and which plans run them: a software GPU takes seconds to compile a plan's
/// kernels for a size.
const FEWER_PLANS: [(Size, Runs); 7] = [
    LARGEST,
    // Other functions, which blocks of any kind compute alike.
    ((100, 784, 50, 10, Relu, Softmax), is_unlike_others),
    ((100, 784, 50, 10, Sigmoid, Identity), is_unlike_others),
    ((100, 784, 50, 10, Relu, Identity), is_unlike_others),
    // The narrowest windows of `tiled`, of 4 words and of 16 images.
    ((28, 50, 960, 7, Sigmoid, Softmax), is_tiled),
    // So few units that two or four invocations of `tiled` share images, not eight.
    ((129, 65, 13, 7, Tanh, Softmax), is_tiled),
    ((65, 129, 27, 10, Relu, Identity), is_tiled),
];

/// More bytes of z1 than WebGPU promises for a buffer. Of 64 x 64 blocks there are enough, so that no pass splits its sums.
const LARGEST: (Size, Runs) =
    ((8192, 16, 4096, 2, Sigmoid, Softmax), |plan| is_unlike_others(plan) || is_half_wide(plan));

fn is_tiled(plan: Plan) -> bool {
    plan == Plan::Tiled
}

fn is_unlike_others(plan: Plan) -> bool {
    matches!(plan, Plan::Tiled | Plan::Fused | Plan::Blocked(Blocks::ANY))
}

fn is_half_wide(plan: Plan) -> bool {
    matches!(plan, Plan::Blocked(blocks) if blocks.columns < Blocks::ANY.columns)
}

fn main() -> ExitCode {
    let named = |(size, runs): (Size, Runs)| {
        let (batch, input, hidden, classes, activation, output) = size;
        let shape = Shape { input, hidden, classes };
        let name = format!("{shape}, batch {batch}, {activation}, {output}");
        let check: Check = Arc::new(move |device| stages(device, size, runs));
        (name, check)
    };
    let every_plan: Runs = |_| true;
    // The largest first: at the end one core would wait for them.
    let sizes = FEWER_PLANS.into_iter().chain(SIZES.into_iter().rev().map(|size| (size, every_plan)));
    run_on_every_device(&sizes.map(named).collect::<Vec<_>>())
}

/// The stages by the plans that run this size.
fn stages(device: &Device, size: Size, runs: Runs) -> Result<(), backend::Error> {
    let (batch_size, input, hidden, classes, activation, output) = size;
    let shape = Shape { input, hidden, classes };
    let case = || Case::new(shape, batch_size, activation, output, 300);
    let plan_of = |device: &Device| match device {
        Device::Gpu(gpu) => Some(gpu.plan(shape)),
        Device::Cpu { .. } => None,
    };
    let mut plans = with_every_plan(device, shape);
    plans.retain(|(_, device)| plan_of(device).is_none_or(runs));
    assert!(!plans.is_empty(), "no plan runs this size");
    for case in with_every_density(device, case) {
        stages_of(&plans, case)?;
    }
    // Of a GPU's kernels only these skip what is 0.
    plans.retain(|(_, device)| plan_of(device).is_some_and(is_tiled));
    // The derivatives of two classes nearly cancel in b2 where images are alike: the sum over 8,192 has an error of 1e-5.
    if !plans.is_empty() && shape.classes > 2 {
        stages_of(&plans, case().blanked())?;
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
