//! One step of training on a GPU, from an adapter to updated weights, with each value on the way compared with the f64
//! reference. Read it from top to bottom.
//!
//! ```sh
//! cargo run --release --example one_step
//! ```
//!
//! With no GPU it does the same on the CPU, and says so.

use std::error::Error;

use ndarray::Array2;
use pollster::block_on;
use twolayer::backend::Backend;
use twolayer::data::{Dataset, digits};
use twolayer::devices::Device;
use twolayer::gpu;
use twolayer::gpu::plan::Plan;
use twolayer::net::{Activation, Net, Output, Params, Shape};
use twolayer::reference::TwoLayerNet;

const BATCH_SIZE: usize = 100;
const LEARNING_RATE: f32 = 0.1;

/// What f32 sums of a thousand products may be off f64, of a tensor's norm.
const TOLERANCE: f64 = 5e-6;

fn main() -> Result<(), Box<dyn Error>> {
    block_on(step())
}

async fn step() -> Result<(), Box<dyn Error>> {
    // 1. An adapter is a GPU as a driver offers it; the best comes first. A device is an adapter that was opened.
    let device = if let Some(adapter) = gpu::adapters::list().await.first() {
        let info = adapter.get_info();
        println!("device: {} ({})", info.name, info.backend);
        // The plan says which of the three families of kernels runs. shaders/tiled/ is the one to read first.
        Device::Gpu(gpu::device::Device::open(adapter).await?.with_plan(Plan::Tiled))
    } else {
        println!("device: the CPU, because no GPU adapter was found");
        Device::Cpu { threads: 0 }
    };

    // 2. Images are bytes `[N, 28, 28]`, labels are bytes `[N]`.
    let (images, labels) = digits::draw(500, 1);
    let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE)?;

    // 3. The book's network. Weights are normal with deviation 0.01, biases are 0; the seed decides.
    let shape = Shape { input: set.pixels(), hidden: 50, classes: digits::CLASSES };
    let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
    let start = Params::init(shape, 0.01, 0);

    // 4. The same network twice: in f64, as the book writes it, and on the device. There, its kernels are compiled now.
    let mut reference = TwoLayerNet::new(net, &start);
    let mut backend = Backend::new(&device, net, BATCH_SIZE, &start).await?;

    // 5. The set goes to the device once. From here on a batch is a list of image numbers.
    let resident = backend.upload(&set).await?;
    let batch: Vec<u32> = (0..BATCH_SIZE as u32).collect();
    // The reference wants the images themselves: x `[N, 784]` from 0 to 1, and their labels t `[N]`.
    let (x, t) = set.batch(&batch);

    // 6. Forward and backward. x W1 + b1 = a1, the sigmoid z1, the logits a2, softmax y; then back: dy, dz1, da1.
    let pass = reference.pass(&x, &t);
    let found = backend.intermediates(resident, &batch).await?;
    println!("one batch, forward and backward; relative error of each value, by norm:");
    compare("a1", &found.a1, &pass.a1)?;
    compare("z1", &found.z1, &pass.z1)?;
    compare("a2", &found.a2, &pass.a2)?;
    compare("y", &found.y, &pass.y)?;
    compare("dy", &found.dy, &pass.dy)?;
    compare("dz1", &found.dz1, &pass.dz1)?;
    compare("da1", &found.da1, &pass.da1)?;

    // 7. The step: every parameter moves by -learning rate times its gradient. The device does all of 6 again, with no value
    //    between the stages leaving it, and answers the batch's mean loss before the update. The reference's learning rate is
    //    the same f32.
    let losses = backend.train(resident, &batch, LEARNING_RATE).await?;
    let loss = reference.train_step(&x, &t, LEARNING_RATE.into());
    println!("loss of the batch before the step: {:.6}, the reference's {loss:.6}", losses[0]);

    // 8. The parameters after it, relative to how far they have moved.
    let moved = backend.params().await?;
    println!("one step of SGD; relative error of what each tensor was changed by:");
    let expected = reference.params.rounded(shape);
    for ((before, after), expected) in start.tensors().iter().zip(moved.tensors()).zip(expected.tensors()) {
        let change = |to: &[f32]| to.iter().zip(before.values).map(|(to, from)| to - from).collect::<Vec<f32>>();
        let expected = change(expected.values).into_iter().map(f64::from).collect();
        // f32 has weights of 0.01 to 1e-9, which is 1e-5 of such small changes.
        compare_within(after.name, &change(after.values), &expected, 1e-4)?;
    }
    println!("all of it is the reference's");
    Ok(())
}

fn compare(name: &str, found: &[f32], expected: &Array2<f64>) -> Result<(), String> {
    compare_within(name, found, &expected.iter().copied().collect(), TOLERANCE)
}

/// |found - expected| / |expected|, over the whole tensor.
fn compare_within(name: &str, found: &[f32], expected: &Vec<f64>, tolerance: f64) -> Result<(), String> {
    let difference: f64 = found.iter().zip(expected).map(|(f, e)| (f64::from(*f) - e).powi(2)).sum();
    let norm: f64 = expected.iter().map(|e| e.powi(2)).sum();
    let error = (difference / norm).sqrt();
    println!("  {name:4} {error:.1e}");
    if error < tolerance {
        Ok(())
    } else {
        Err(format!("{name} is not the reference's: {error:.1e} is over {tolerance:.0e}"))
    }
}
