//! A batch is cut into tiles of images, and what is computed of a strip's units lies tile by tile.

use std::ops::Range;

use super::simd::Row;

/// Images that are computed with at a time: their values of a few strips stay in the first cache. Sums over images are begun
/// anew for each tile: one long chain over a batch would round too often.
pub const TILE: usize = 128;

/// A strip's values for a tile, a row an image: a1, z1, dz1 or da1. Those of a batch lie as `[tiles, strips]`. In the last tile only
/// the first rows are images.
pub type StripTile = [Row; TILE];

/// The images of each tile of a batch.
#[inline(always)]
pub fn tiles(batch_size: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    (0..batch_size).step_by(TILE).map(move |first| first..batch_size.min(first + TILE))
}
