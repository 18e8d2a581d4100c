//! The same network on two devices: the same weights and batches at the start, and how far they are apart at the end.
//!
//! ```sh
//! cargo run --release --example two_devices            # the CPU, and the best GPU if there is one
//! cargo run --release --example two_devices -- 1 2     # two of those that `twolayer devices` lists
//! ```

use std::error::Error;

use pollster::block_on;
use twolayer::backend::Backend;
use twolayer::data::batches::{Batches, Sampling};
use twolayer::data::{Dataset, digits};
use twolayer::devices::{self, Choice};
use twolayer::net::{Activation, Net, Output, Params, Shape};

const STEPS: usize = 100;
const BATCH_SIZE: usize = 100;
const LEARNING_RATE: f32 = 0.5;

fn main() -> Result<(), Box<dyn Error>> {
    let named = std::env::args().skip(1).map(|name| name.parse()).collect::<Result<Vec<Choice>, _>>()?;
    let choices = if named.is_empty() { vec![Choice::Cpu, Choice::Gpu] } else { named };

    let (images, labels) = digits::draw(1000, 1);
    let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE)?;
    let shape = Shape { input: set.pixels(), hidden: 50, classes: digits::CLASSES };
    let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
    let start = Params::init(shape, 0.01, 0);
    // Which images each step takes depends on the seed and the step alone: `[STEPS, BATCH_SIZE]`.
    let indices = Batches::new(0, Sampling::Replacement, BATCH_SIZE, set.len()).indices(0, STEPS);

    let mut ends = Vec::new();
    for choice in &choices {
        let (losses, params) = block_on(async {
            // The CPU takes the place of a GPU that is missing, and a notice says so.
            let (info, device, notices) = devices::open(choice, 0, true).await?;
            for notice in notices {
                println!("note: {notice}");
            }
            let mut backend = Backend::new(&device, net, BATCH_SIZE, &start).await?;
            let resident = backend.upload(&set).await?;
            let losses = backend.train(resident, &indices, LEARNING_RATE);
            // The device is at work from here on; nothing has been waited for yet.
            let (losses, evaluation, params) = (losses, backend.evaluate(resident), backend.params());
            let (losses, evaluation, params) = (losses.await?, evaluation.await?, params.await?);
            println!("{}: loss {:.6}, accuracy {:.4}", info.name, evaluation.loss, evaluation.accuracy());
            Ok::<_, Box<dyn Error>>((losses, params))
        })?;
        ends.push((losses, params));
    }

    let [(losses, params), others @ ..] = ends.as_slice() else { return Ok(()) };
    for (other_losses, other_params) in others {
        println!("after {STEPS} steps, the largest difference from the first device:");
        println!("  of a loss  {:.1e}", largest_difference(losses, other_losses));
        for (tensor, other) in params.tensors().iter().zip(other_params.tensors()) {
            println!("  of {}      {:.1e}", tensor.name, largest_difference(tensor.values, other.values));
        }
    }
    Ok(())
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
