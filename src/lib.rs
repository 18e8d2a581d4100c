//! A two-layer neural network, 784-50-10 on MNIST as in *Deep Learning from Scratch*, without leaning on libraries for
//! it: the matrix products, activations, gradients and updates are WGSL kernels that run on any GPU, a CPU backend
//! takes over where there is no GPU, and a reference in f64 that reads like the book checks every result.
//!
//! - [`functions`] and [`reference`](mod@reference) are the book's code: start reading there.
//! - [`backend`] is the contract that [`gpu`] and [`cpu`] keep; [`devices`] finds what there is to run on.
//! - [`gradcheck`] says how right a device's gradients are.
//! - [`data`] has images, labels and batches; [`train`](mod@train) is the loop; [`model`] keeps a trained network.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use twolayer::backend::Backend;
//! use twolayer::data::{Dataset, batches::{Batches, Sampling}, digits};
//! use twolayer::devices::{self, Choice};
//! use twolayer::net::{Activation, Net, Output, Params, Shape};
//! use twolayer::train::{Sets, Settings, train};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! let digits = |count, seed| {
//!     let (images, labels) = digits::draw(count, seed);
//!     Dataset::new(images, labels, digits::SIDE, digits::SIDE)
//! };
//! let (train_set, test_set) = (digits(2000, 1)?, digits(500, 2)?);
//!
//! let shape = Shape { input: train_set.pixels(), hidden: 50, classes: digits::CLASSES };
//! let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
//! let (batch_size, seed) = (100, 0);
//! // `Choice::Gpu` takes the best GPU, or the CPU where there is none.
//! let (_, device, _) = devices::open(&Choice::Cpu, 1, true).await?;
//! let mut backend = Backend::new(&device, net, batch_size, &Params::init(shape, 0.01, seed)).await?;
//! let sets = Sets { train: backend.upload(&train_set).await?.into(), test: backend.upload(&test_set).await?.into() };
//!
//! let mut batches = Batches::new(seed, Sampling::Replacement, batch_size, train_set.len());
//! let steps_per_epoch = Settings::steps_per_epoch(train_set.len(), batch_size);
//! let settings = Settings { iterations: 500, steps_per_epoch, learning_rate: 0.5 };
//! let outcome = train(&mut backend, sets, &mut batches, &settings, &mut |_| ControlFlow::Continue(())).await?;
//!
//! let [_, test] = outcome.last.expect("evaluated, as nothing interrupted the run");
//! assert!(test.accuracy() > 0.7);
//! # Ok(())
//! # })
//! # }
//! ```

mod answers;
pub mod backend;
#[cfg(feature = "cli")]
pub mod bench;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod cpu;
pub mod data;
pub mod devices;
pub mod files;
pub mod functions;
pub mod gpu;
pub mod gradcheck;
pub mod machine;
mod memory;
pub mod model;
pub mod net;
mod random;
pub mod reference;
#[cfg(feature = "cli")]
pub mod report;
pub mod selftest;
mod threads;
pub mod train;
mod words;

pub use memory::NoMemory;
