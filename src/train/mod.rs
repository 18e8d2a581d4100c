//! The training loop. It reports losses and accuracies as events, and uses no terminal and no file.
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
//! let [train_images, test_images] = [backend.upload(&train_set).await?, backend.upload(&test_set).await?];
//! let sets = Sets { train: train_images.into(), validation: None, test: test_images.into() };
//!
//! let mut batches = Batches::new(seed, Sampling::Replacement, batch_size, train_set.len());
//! let steps_per_epoch = Settings::steps_per_epoch(train_set.len(), batch_size);
//! let settings = Settings::new(500, steps_per_epoch, 0.5);
//! let outcome = train(&mut backend, sets, &mut batches, &settings, &mut |_| ControlFlow::Continue(())).await?;
//!
//! let last = outcome.last.expect("evaluated, as nothing interrupted the run");
//! assert!(last.test.accuracy() > 0.7);
//! # Ok(())
//! # })
//! # }
//! ```

mod events;
mod images;
mod naive;
mod plateau;
mod replica;
mod run;
#[cfg(not(target_family = "wasm"))]
mod several;
mod stream;

pub use events::{Best, Checkpoint, Done, End, EpochAccuracy, Error, Evaluations, Event, Outcome, Settings, Snapshot};
pub use images::{Images, Sets};
pub use naive::train_naive;
pub use plateau::Plateau;
pub use replica::{Replica, ReplicaImages, SplitStores};
pub use run::{continue_training, lead, train};
#[cfg(not(target_family = "wasm"))]
pub use several::{Device as ReplicaDevice, Several, train_on_several};
pub use stream::Stream;
