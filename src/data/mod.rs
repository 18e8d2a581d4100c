//! Labelled images, from files, from the network or drawn, and the batches of a training run.
//!
//! Pixels are kept as bytes, as they are on disk. The users of a [`Dataset`] divide them by 255.

pub mod batches;
pub mod classes;
mod dataset;
pub mod description;
pub mod digits;
#[cfg(feature = "cli")]
pub mod download;
pub mod emnist;
mod error;
mod folder;
pub mod gzip;
pub mod idx;
#[cfg(feature = "cli")]
pub mod import;
mod limits;
mod locate;
#[cfg(feature = "cli")]
pub mod public;
pub mod sniff;
mod splits;
mod store;

pub use dataset::Dataset;
pub use error::Error;
pub use folder::{FILE_NAMES, Labels, Note, load_dir, load_mnist, open_dir, save_dir};
pub use limits::MAX_PIXELS;
pub use locate::{Location, occupied};
pub use splits::{Labelled, Splits, Stores};
pub use store::{Store, StoredSet};
