//! How large an image may be, and how many classes there may be.

use crate::net::Shape;

/// Most pixels one image may have (64x64).
pub const MAX_PIXELS: usize = Shape::MAX_INPUT;

/// Most classes: a label is a byte, and one value stays free.
pub(super) const MAX_CLASSES: usize = Shape::MAX_CLASSES;

/// Pixels of an image of this size, if it is one that a set may have.
pub(super) fn pixels(rows: usize, cols: usize) -> Option<usize> {
    rows.checked_mul(cols).filter(|pixels| (1..=MAX_PIXELS).contains(pixels))
}
