//! A picture's file as the image that a network gets.

use std::io::{self, Read};
use std::path::Path;

use crate::data::import::picture;
use crate::data::prepare::{Grey, Way};
use crate::files::read_at_most;

/// Most pixels of a picture: 8,192 x 8,192, more than cameras have.
const MAX_PIXELS: usize = 1 << 26;
/// Most bytes of a file: of a million images of MNIST's size.
const MAX_BYTES: u64 = 1 << 30;

/// An image for the network, or why a picture gave none.
pub(super) type Image = Result<Vec<u8>, String>;

/// Whether a path stands for stdin.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The bytes of a file, or of stdin.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let most = MAX_BYTES + 1;
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        io::stdin().lock().take(most).read_to_end(&mut bytes).map(|_| bytes)
    } else {
        read_at_most(path, most)
    };
    match read {
        Ok(bytes) if bytes.len() as u64 == most => Err(format!("more than {MAX_BYTES} bytes; give it in parts")),
        read => read.map_err(|error| error.to_string()),
    }
}

/// One picture's image.
pub(super) fn image(bytes: &[u8], way: &Way) -> Image {
    let picture = picture::read_up_to(bytes, MAX_PIXELS).map_err(|problem| match problem {
        picture::Problem::Size { .. } => format!("{problem}; give a picture of 1 to {MAX_PIXELS} pixels"),
        other => other.to_string(),
    })?;
    let (grey, alpha) = picture.to_scale(way.full(picture.grey.full()));
    let grey = Grey::new(picture.rows, picture.cols, grey).map_err(|error| error.to_string())?;
    way.image(grey, alpha.as_deref()).map_err(|problem| problem.to_string())
}
