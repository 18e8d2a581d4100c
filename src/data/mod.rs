//! Images and their labels, from files, from the network or drawn; and the batches they are trained in.
//!
//! Pixels stay the bytes they are on disk; what divides them by 255 is the reader of a [`Dataset`].

pub mod batches;
mod dataset;
pub mod digits;
#[cfg(feature = "cli")]
pub mod download;
mod error;
mod folder;
pub mod idx;
#[cfg(feature = "cli")]
pub mod import;
#[cfg(feature = "cli")]
pub mod public;
mod store;

pub use dataset::{Dataset, MAX_PIXELS, Splits};
pub use error::Error;
pub use folder::{FILE_NAMES, Labels, load_dir, load_mnist, make_dir, open_dir, save_dir, write_file};
pub use store::{Store, StoredSet, Stores};
