//! A picture's file as the image that a network gets.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::data::import::picture;
use crate::data::prepare::{Grey, Way};

/// Most pixels of a picture: 8,192 x 8,192, more than cameras have.
const MAX_PIXELS: usize = 1 << 26;

/// An image for the network, or why a picture gave none.
pub(super) type Image = Result<Vec<u8>, String>;

/// The bytes of a file, or of stdin for `-`.
pub(super) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// One picture's image.
pub(super) fn image(bytes: &[u8], way: &Way) -> Image {
    let picture = picture::read_up_to(bytes, MAX_PIXELS).map_err(|problem| problem.to_string())?;
    let (grey, alpha) = picture.to_scale(way.full(picture.grey.full()));
    let grey = Grey::new(picture.rows, picture.cols, grey).map_err(|error| error.to_string())?;
    way.image(grey, alpha.as_deref()).map_err(|problem| problem.to_string())
}
