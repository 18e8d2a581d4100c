//! A two-layer neural network, 784-50-10 on MNIST as in *Deep Learning from Scratch*, without leaning on libraries for
//! it: the matrix products, activations, gradients and updates are WGSL kernels that run on any GPU, a CPU backend
//! takes over where there is no GPU, and a reference in f64 that reads like the book checks every result.
//!
//! ```
//! use twolayer::{Classifier, classifier::Settings};
//! use twolayer::data::{Dataset, digits};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("digits.safetensors");
//! let (images, labels) = digits::draw(2000, 1); // bytes [2000, 28, 28], and what each image shows
//! let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE)?;
//! let classifier = Classifier::train(&set, &Settings::default())?;
//! classifier.save(&path)?;
//!
//! let (image, label) = digits::draw(1, 2);
//! let prediction = Classifier::load(&path)?.predict(&image)?;
//! println!("{} shows {} with a probability of {}", label[0], prediction.class, prediction.probabilities[prediction.class]);
//! # Ok(())
//! # }
//! ```
//!
//! [`Classifier`] waits for its device at every call. Beneath it:
//!
//! - [`functions`] and [`reference`](mod@reference) are the book's code: start reading there.
//! - [`backend`] is the contract that [`gpu`] and [`cpu`] keep; [`devices`] finds what there is to run on.
//! - [`train`](mod@train) is the loop, with an example; [`data`] has images, labels and batches; [`model`] keeps a trained network,
//!   and [`export`] writes it for other programs.
//! - [`explain`] has every value of a network on one image. [`gradcheck`] says how right a device's gradients are.
//!
//! All of it is asynchronous where a device is waited for. The folder `examples/` has it in use: `one_step.rs` from an adapter
//! to updated weights, `two_devices.rs` the same network on two devices.

pub mod backend;
#[cfg(feature = "cli")]
pub mod bench;
mod book;
pub mod classifier;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod clock;
pub mod cpu;
pub mod data;
pub mod devices;
pub mod explain;
pub mod export;
#[cfg(not(target_family = "wasm"))]
pub mod files;
pub mod functions;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod gradcheck;
pub mod machine;
mod memory;
pub mod model;
pub mod net;
pub mod peers;
mod random;
pub mod reference;
#[cfg(feature = "cli")]
pub mod report;
pub mod selftest;
mod threads;
pub mod train;
mod words;

pub use classifier::Classifier;
pub use memory::NoMemory;
