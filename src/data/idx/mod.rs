//! IDX, the file format of MNIST: a magic number that names the kind, the size of each dimension,
//! then the bytes; numbers are big-endian `u32`. Files may be compressed with gzip.
//!
//! A header is only a claim: memory grows with the bytes that are really there.

mod error;
#[cfg(not(target_family = "wasm"))]
mod file;
mod format;

pub use super::gzip::unpacked;
pub use error::{Contents, Element, Error, Kind};
#[cfg(not(target_family = "wasm"))]
pub use file::{ImageFile, promised_pixels, read_images_file, read_labels_file};
pub use format::{Images, read_images, read_labels, read_set, write_header, write_images, write_labels};
