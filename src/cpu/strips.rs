//! The parameters as the kernels want them.

use super::simd::{LANES, Row, rows};
use crate::net::{Params, Shape};

/// Pixels that are visited together: their rows of W1 for a few strips stay in the first cache meanwhile. A number
/// within the block is a byte.
pub const MOST_BLOCK: usize = 208;
/// Blocks begin at multiples of this many pixels.
pub const OCTET: usize = 8;
/// Rows that a block is lent: as many as a byte can name, so that no number needs a check.
pub const LENT: usize = 256;

/// How an image's pixels are cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    pub pixels: usize,
    /// Pixels in every block but the last.
    pub length: usize,
    pub count: usize,
}

impl Blocks {
    pub fn new(pixels: usize) -> Self {
        let length = pixels.div_ceil(pixels.div_ceil(MOST_BLOCK)).next_multiple_of(OCTET);
        Self { pixels, length, count: pixels.div_ceil(length) }
    }

    /// Where block `block` begins.
    pub fn start(&self, block: usize) -> usize {
        block * self.length
    }

    /// Pixels in block `block`.
    pub fn length(&self, block: usize) -> usize {
        self.length.min(self.pixels - self.start(block))
    }
}

/// All that belongs to 16 hidden units: their columns of W1, their b1, their rows of W2. One lane is one unit; in the
/// last strip some may be none: their weights are 0, and stay so because their z1 is kept at 0.
#[derive(Clone, Debug)]
pub struct Strip {
    /// How many of the lanes are units.
    pub units: usize,
    /// A row a pixel, and behind the last as many as let the last block be lent [`LENT`].
    pub w1: Vec<Row>,
    pub b1: Row,
    /// A row a class.
    pub w2: Vec<Row>,
}

/// Every parameter, or a gradient by them.
#[derive(Clone, Debug)]
pub struct Strips {
    pub strips: Vec<Strip>,
    /// A lane a class. Those beyond the classes stay as they are.
    pub b2: Vec<Row>,
}

impl Strips {
    /// The parameters, with `beyond` in the lanes of b2 that are no class.
    pub fn new(params: &Params, beyond: f32) -> Self {
        let Shape { input, hidden, classes } = params.shape;
        let strip = |first: usize| {
            let units = first..hidden.min(first + LANES);
            let lanes = |row: &[f32]| {
                let mut lanes = Row::ZERO;
                lanes.0[..units.len()].copy_from_slice(&row[units.clone()]);
                lanes
            };
            let mut w1: Vec<Row> = params.w1.chunks_exact(hidden).map(lanes).collect();
            w1.resize(input + LENT, Row::ZERO);
            let class = |class: usize| {
                let mut lanes = Row::ZERO;
                let column = params.w2.iter().skip(first * classes + class).step_by(classes);
                lanes.0[..units.len()].iter_mut().zip(column).for_each(|(lane, w)| *lane = *w);
                lanes
            };
            Strip { units: units.len(), w1, b1: lanes(&params.b1), w2: (0..classes).map(class).collect() }
        };
        let mut b2 = vec![Row([beyond; LANES]); rows(classes)];
        b2.iter_mut().flat_map(|row| &mut row.0).zip(&params.b2).for_each(|(lane, b)| *lane = *b);
        Self { strips: (0..hidden).step_by(LANES).map(strip).collect(), b2 }
    }

    /// The parameters of a network of this shape.
    pub fn params(&self, shape: Shape) -> Params {
        let mut params = Params::zeros(shape);
        let Shape { hidden, classes, .. } = shape;
        for (strip, first) in self.strips.iter().zip((0..hidden).step_by(LANES)) {
            let units = first..hidden.min(first + LANES);
            for (w1, row) in params.w1.chunks_exact_mut(hidden).zip(&strip.w1) {
                w1[units.clone()].copy_from_slice(&row.0[..units.len()]);
            }
            params.b1[units.clone()].copy_from_slice(&strip.b1.0[..units.len()]);
            for (unit, lane) in units.zip(0..) {
                for (class, row) in strip.w2.iter().enumerate() {
                    params.w2[unit * classes + class] = row.0[lane];
                }
            }
        }
        params.b2.iter_mut().zip(self.b2.iter().flat_map(|row| &row.0)).for_each(|(b, lane)| *b = *lane);
        params
    }
}

/// The rows of W1 from `start` on that a block of pixels may name.
pub fn lent(w1: &[Row], start: usize) -> &[Row; LENT] {
    w1[start..].first_chunk().expect("W1 ends with as many rows more")
}

/// The same, to be changed.
pub fn lent_mut(w1: &mut [Row], start: usize) -> &mut [Row; LENT] {
    w1[start..].first_chunk_mut().expect("W1 ends with as many rows more")
}
