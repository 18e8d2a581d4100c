//! The largest image and the most classes.

use crate::net::Shape;

/// The most pixels of an image (64x64).
pub const MAX_PIXELS: usize = Shape::MAX_INPUT;

/// The most classes: a label is a byte, and one value stays free.
pub(super) const MAX_CLASSES: usize = Shape::MAX_CLASSES;

/// The pixels of an image of this size, if that is 1 to [`MAX_PIXELS`].
pub(super) fn pixels(rows: usize, cols: usize) -> Option<usize> {
    rows.checked_mul(cols).filter(|pixels| (1..=MAX_PIXELS).contains(pixels))
}
