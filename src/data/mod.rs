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
#[cfg(feature = "cli")]
mod fingerprint;
#[cfg(not(target_family = "wasm"))]
mod folder;
pub mod gzip;
pub mod idx;
#[cfg(feature = "cli")]
pub mod import;
mod limits;
#[cfg(not(target_family = "wasm"))]
mod locate;
pub mod prepare;
#[cfg(feature = "cli")]
pub mod public;
pub mod sniff;
mod source;
mod splits;
mod store;
#[cfg(not(target_family = "wasm"))]
mod stored;
#[cfg(target_family = "wasm")]
mod unstored;

#[cfg(target_family = "wasm")]
use unstored as stored;

pub use dataset::{Dataset, transposed};
pub use error::Error;
#[cfg(feature = "cli")]
pub use fingerprint::fingerprint;
#[cfg(not(target_family = "wasm"))]
pub use folder::{FILE_NAMES, Labels, Note, load_dir, load_mnist, open_dir, save_dir};
pub use limits::MAX_PIXELS;
#[cfg(not(target_family = "wasm"))]
pub use locate::{Location, occupied};
pub(crate) use source::Room;
pub use source::{Selection, Source};
pub use splits::{Labelled, Splits, Stores};
pub use store::Store;
pub use stored::StoredSet;
