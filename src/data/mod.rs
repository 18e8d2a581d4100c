//! Images and their labels, from files, from the network or drawn; and the batches they are trained in.
//!
//! Pixels stay the bytes they are on disk; what divides them by 255 is the reader of a [`Dataset`].

pub mod batches;
pub mod classes;
mod dataset;
pub mod description;
pub mod digits;
#[cfg(feature = "cli")]
pub mod download;
pub mod emnist;
mod error;
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
mod store;
#[cfg(not(target_family = "wasm"))]
mod stored;
#[cfg(target_family = "wasm")]
mod unstored;

#[cfg(target_family = "wasm")]
use unstored as stored;

pub use dataset::{Dataset, Splits};
pub use error::Error;
#[cfg(not(target_family = "wasm"))]
pub use folder::{FILE_NAMES, Labels, Note, load_dir, load_mnist, open_dir, save_dir};
pub use limits::MAX_PIXELS;
#[cfg(not(target_family = "wasm"))]
pub use locate::{Location, occupied};
pub use store::{Store, Stores};
pub use stored::StoredSet;
