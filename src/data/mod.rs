//! Images and their labels, from files, from the network or drawn; and the batches they are trained in.
//!
//! Pixels stay the bytes they are on disk; what divides them by 255 is the reader of a [`Dataset`].

pub mod batches;
mod dataset;
pub mod digits;
mod error;
mod folder;
pub mod idx;
#[cfg(feature = "cli")]
pub mod mnist;

pub use dataset::{Dataset, MAX_PIXELS, Splits};
pub use error::Error;
pub use folder::{Labels, load_dir, load_mnist};
