//! The parameters as the kernels want them.

use std::slice::from_mut;

use super::simd::{LANES, Row, flat_mut, rows};
use crate::net::{Params, Shape};
use crate::{NoMemory, memory};

/// The most pixels of a block.
pub const MOST_PIXELS: usize = 208;
/// Rows of W1 in a block: as many as a byte can name, so that no number of a pixel needs a check, and 16 more, a quarter of
/// a page. Without these a pixel's rows in two strips would lie at the same place of two pages, and a CPU takes a load for
/// one of what was just stored at that place of another page, and lets it wait.
pub const ROWS: usize = 256 + 16;
/// Pixels that a block has a multiple of.
pub const OCTET: usize = 8;
/// Pixels of a square of four, which follow each other.
pub const QUAD: usize = 4;
/// Quads of two rows that are put in order together.
const GROUP: usize = 8;

/// One block's rows of W1, for one strip. Those behind the last pixel are 0.
pub type W1 = [Row; ROWS];

/// The order of an image's pixels, and the blocks that it is cut into.
///
/// Where an image is a square of an even side, its pixels come in squares of four, so that neighbours lie together: where one of
/// them is not 0, the others mostly are not either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    pub pixels: usize,
    pub count: usize,
    /// Pixels of a block; the last may have fewer.
    pub width: usize,
    /// Pixels in a row of an image, where they come in squares; 0 where they come in their order.
    side: usize,
}

impl Blocks {
    pub fn new(pixels: usize) -> Self {
        let count = pixels.div_ceil(MOST_PIXELS);
        let side = pixels.isqrt();
        let side = if side * side == pixels && side.is_multiple_of(2) { side } else { 0 };
        Self { pixels, count, width: pixels.div_ceil(count).next_multiple_of(OCTET), side }
    }

    /// A pixel's block, and its number there.
    pub fn place(&self, pixel: usize) -> (usize, usize) {
        let place = match self.side {
            0 => pixel,
            side => {
                let (row, column) = (pixel / side, pixel % side);
                (row / 2 * side + column / 2 * 2) * 2 + row % 2 * 2 + column % 2
            }
        };
        (place / self.width, place % self.width)
    }

    /// Pixels of all blocks, with those of the last that are none.
    pub fn padded(&self) -> usize {
        self.count * self.width
    }

    /// Puts an image's pixels in the order of the blocks. What is behind the last pixel stays as it is.
    #[inline(always)]
    pub fn order(&self, image: &[u8], ordered: &mut [u8]) {
        if self.side == 0 {
            ordered[..image.len()].copy_from_slice(image);
            return;
        }
        for (rows, quads) in image.chunks_exact(2 * self.side).zip(ordered.chunks_exact_mut(2 * self.side)) {
            let (above, below) = rows.split_at(self.side);
            let (above, below) = (above.as_chunks::<2>().0, below.as_chunks::<2>().0);
            let quads = quads.as_chunks_mut::<QUAD>().0;
            let turn = |above: &[[u8; 2]], below: &[[u8; 2]], quads: &mut [[u8; QUAD]]| {
                for ((above, below), quad) in above.iter().zip(below).zip(quads) {
                    *quad = [above[0], above[1], below[0], below[1]];
                }
            };
            // Of groups of one length the compiler makes vector instructions, so the last begins within the one before.
            match quads.len().checked_sub(GROUP) {
                None => turn(above, below, quads),
                Some(last) => {
                    for first in (0..quads.len()).step_by(GROUP).map(|first| first.min(last)) {
                        let range = first..first + GROUP;
                        turn(&above[range.clone()], &below[range.clone()], &mut quads[range]);
                    }
                }
            }
        }
    }
}

/// The parameters of a strip, 16 hidden units, without their columns of W1. One lane is one unit; in the last strip some may
/// be none: their weights are 0, and stay so because their z1 is kept at 0.
#[derive(Clone, Debug)]
pub struct StripParams {
    /// How many of the lanes are units.
    pub units: usize,
    pub b1: Row,
    /// A row a class.
    pub w2: Vec<Row>,
}

impl StripParams {
    /// How far two classes' weights of one unit lie apart, at the most.
    pub fn spread(&self) -> f64 {
        let mut spread = 0.0;
        for lane in 0..self.units {
            let weights = || self.w2.iter().map(|class| class.0[lane]);
            let [least, most] = [weights().fold(f32::INFINITY, f32::min), weights().fold(f32::NEG_INFINITY, f32::max)];
            spread = f64::max(spread, f64::from(most) - f64::from(least));
        }
        spread
    }
}

/// Every parameter, or a gradient by them.
#[derive(Clone, Debug)]
pub struct Strips {
    blocks: Blocks,
    /// `[blocks, strips]`.
    pub w1: Vec<Vec<W1>>,
    /// For each strip.
    pub strip_params: Vec<StripParams>,
    /// A lane a class. Those beyond the classes stay as they are.
    pub b2: Vec<Row>,
}

impl Strips {
    /// The parameters, with `beyond` in the lanes of b2 that are no class.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(params: &Params, beyond: f32) -> Result<Self, NoMemory> {
        let Shape { input, hidden, classes } = params.shape;
        let blocks = Blocks::new(input);
        let block = |_| memory::zeroed::<W1>(rows(hidden), "weights");
        let w1 = (0..blocks.count).map(block).collect::<Result<_, _>>()?;
        let strip_params = |b1: &[f32]| StripParams { units: b1.len(), b1: Row::ZERO, w2: vec![Row::ZERO; classes] };
        let strip_params = params.b1.chunks(LANES).map(strip_params).collect();
        let mut strips = Self { blocks, w1, strip_params, b2: vec![Row::ZERO; rows(classes)] };
        strips.set(params, beyond);
        Ok(strips)
    }

    /// Takes on other parameters of the same shape, as [`Self::new`]: all else may have become a NaN.
    pub fn set(&mut self, params: &Params, beyond: f32) {
        let Shape { hidden, classes, .. } = params.shape;
        self.w1.iter_mut().flatten().for_each(|w1| w1.fill(Row::ZERO));
        for (pixel, weights) in params.w1.chunks_exact(hidden).enumerate() {
            let (block, place) = self.blocks.place(pixel);
            for (strip, weights) in self.w1[block].iter_mut().zip(weights.chunks(LANES)) {
                strip[place].0[..weights.len()].copy_from_slice(weights);
            }
        }
        let of_strips = params.b1.chunks(LANES).zip(params.w2.chunks(LANES * classes));
        for (strip_params, (b1, w2)) in self.strip_params.iter_mut().zip(of_strips) {
            strip_params.b1 = lanes(b1);
            for (class, row) in strip_params.w2.iter_mut().enumerate() {
                *row = lanes(w2.iter().skip(class).step_by(classes));
            }
        }
        self.b2.fill(Row([beyond; LANES]));
        flat_mut(&mut self.b2)[..classes].copy_from_slice(&params.b2);
    }

    /// All its rows, in an order that is the same for all of one shape.
    pub fn rows_mut(&mut self) -> Vec<&mut [Row]> {
        let Self { w1, strip_params, b2, .. } = self;
        let w1 = w1.iter_mut().flatten().map(|w1| &mut w1[..]);
        let strips = strip_params.iter_mut().flat_map(|strip| [from_mut(&mut strip.b1), &mut strip.w2[..]]);
        w1.chain(strips).chain([&mut b2[..]]).collect()
    }

    /// The parameters of a network of this shape.
    pub fn params(&self, shape: Shape) -> Params {
        let mut params = Params::zeros(shape);
        let Shape { hidden, classes, .. } = shape;
        for (pixel, weights) in params.w1.chunks_exact_mut(hidden).enumerate() {
            let (block, place) = self.blocks.place(pixel);
            for (weights, strip) in weights.chunks_mut(LANES).zip(&self.w1[block]) {
                weights.copy_from_slice(&strip[place].0[..weights.len()]);
            }
        }
        for ((b1, w2), strip_params) in
            params.b1.chunks_mut(LANES).zip(params.w2.chunks_mut(LANES * classes)).zip(&self.strip_params)
        {
            b1.copy_from_slice(&strip_params.b1.0[..b1.len()]);
            for (lane, weights) in w2.chunks_exact_mut(classes).enumerate() {
                weights.iter_mut().zip(&strip_params.w2).for_each(|(w, class)| *w = class.0[lane]);
            }
        }
        params.b2.iter_mut().zip(self.b2.iter().flat_map(|row| &row.0)).for_each(|(b, lane)| *b = *lane);
        params
    }
}

/// A row of these values, and 0 behind them.
fn lanes<'a>(values: impl IntoIterator<Item = &'a f32>) -> Row {
    let mut row = Row::ZERO;
    row.0.iter_mut().zip(values).for_each(|(lane, value)| *lane = *value);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_in_the_order_of_places() {
        // Even squares, odd ones, and no squares; the last quad or octet whole and not; less than a group of quads in two rows, one, and
        // more.
        for pixels in [1, 4, 7, 9, 36, 50, 64, 196, 225, 256, 324, 784, 4095, 4096] {
            let blocks = Blocks::new(pixels);
            let image: Vec<u8> = (0..pixels).map(|pixel| (pixel % 251 + 1) as u8).collect();
            let mut ordered = vec![0; blocks.padded()];
            blocks.order(&image, &mut ordered);
            assert!(blocks.width <= MOST_PIXELS && blocks.width.is_multiple_of(OCTET), "{pixels}: {}", blocks.width);
            for (pixel, value) in image.iter().enumerate() {
                let (block, number) = blocks.place(pixel);
                assert!(number < blocks.width);
                assert_eq!(std::mem::take(&mut ordered[block * blocks.width + number]), *value, "{pixels}: {pixel}");
            }
            assert!(ordered.iter().all(|value| *value == 0), "{pixels}: what is no pixel is 0");
        }
    }

    #[test]
    fn a_quad_is_a_square_of_neighbours() {
        let mut ordered = [0; 16];
        Blocks::new(16).order(&(0..16).collect::<Vec<u8>>(), &mut ordered);
        assert_eq!(ordered, [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]);
    }
}
