//! Some images of a batch, brought in the order in which both products of the first layer take them: one quad of pixels after
//! another, and for each the images in which it is not 0.
//!
//! So a quad's weights, or the sums of its gradient, stay in registers or in the first cache while its images pass by. Pixels that
//! are 0 beside others that are not are computed with too: their 0 changes nothing, unless it meets an infinite value, of which it
//! would make a NaN. Where values are not finite, the products are computed again without these pixels.

use std::array::from_mut;
use std::borrow::Borrow;

use super::simd::{Instructions, LANES, Row, add_lanes, add_scaled, flat, kernel, multiply_add};
use super::sparse::{CHUNK, Sparse, WORD, words};
use super::strips::{QUAD, StripParams, W1};
use super::tiles::{StripTile, TILE};
use crate::net::Shape;
use crate::{NoMemory, memory};

/// Words with a bit for each image of a tile.
const WORDS: usize = TILE / WORD;
/// Strips that are computed side by side at most: as many as have the weights of a quad in registers, or its sums.
pub const MOST_STRIPS: usize = 4;
/// The most pixels of a tile: a power of two, so that no place needs a check.
const ROOM: usize = TILE * Shape::MAX_INPUT;
const _: () = assert!(ROOM.is_power_of_two());
/// Words that are transposed side by side: a cache line of them.
const COLUMNS: usize = 8;
/// Lanes that are computed of a strip with few units.
const HALF: usize = LANES / 2;
const HALF_QUAD: usize = QUAD / 2;
/// Whether the pixels of a quad that are 0 are computed with.
const ALL: usize = 0;
const NONZEROS: usize = 1;

/// Up to [`TILE`] images in the order of the products.
pub struct Gathered {
    count: usize,
    /// Quads of a block.
    quads: usize,
    /// x of the quads, image after image.
    x: Box<[f32; ROOM + CHUNK]>,
    /// Where each image begins there.
    starts: [u32; TILE],
    /// The images that have a quad, one bit each: `[columns / COLUMNS, WORD, COLUMNS]`. Of the columns the first have the bits
    /// of the first [`WORD`] images, each column those of [`WORD`] quads.
    images: Vec<[[u64; COLUMNS]; WORD]>,
    /// Columns that all quads need.
    columns: usize,
}

impl Gathered {
    /// Room for a tile.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new() -> Result<Self, NoMemory> {
        let x = memory::zeroed_box("a batch's pixels")?;
        Ok(Self { count: 0, quads: 0, x, starts: [0; TILE], images: Vec::new(), columns: 0 })
    }

    /// Gathers the first `count` images of a stream, at most [`TILE`]; those behind them are what comes next.
    pub fn gather(&mut self, kind: Instructions, sparse: &Sparse, stream: &[u32], count: usize) {
        self.count = count;
        self.quads = sparse.blocks().width / QUAD;
        self.columns = words(sparse.blocks());
        self.images.resize((WORDS * self.columns).div_ceil(COLUMNS), [[0; COLUMNS]; WORD]);
        self.images.fill([[0; COLUMNS]; WORD]);
        gather(kind, sparse, stream, self);
    }

    /// a1 = x W1 + b1; W1 is `[blocks, strips]`, b1 in those strips' other parameters, a1 `[strips]`.
    pub fn forward(
        &self,
        kind: Instructions,
        w1: &[Vec<impl Borrow<W1>>],
        strip_params: &[StripParams],
        a1: &mut [StripTile],
    ) {
        let together = strips_together(kind);
        let strips = (0..).step_by(together).zip(strip_params.chunks(together));
        for ((first, strip_params), a1) in strips.zip(a1.chunks_mut(together)) {
            match strip_params.len() {
                1 => self.forward_strips::<1>(kind, w1, first, strip_params, a1),
                2 => self.forward_strips::<2>(kind, w1, first, strip_params, a1),
                3 => self.forward_strips::<3>(kind, w1, first, strip_params, a1),
                _ => self.forward_strips::<MOST_STRIPS>(kind, w1, first, strip_params, a1),
            }
        }
    }

    /// Adds xᵀ da1 to W1; da1 is `[strips]`, W1 `[blocks, strips]`.
    pub fn backward(&self, kind: Instructions, da1: &[StripTile], w1: &mut [Vec<&mut W1>]) {
        let together = strips_together(kind);
        for (first, da1) in (0..).step_by(together).zip(da1.chunks(together)) {
            match da1.len() {
                1 => self.backward_strips::<1>(kind, da1, w1, first),
                2 => self.backward_strips::<2>(kind, da1, w1, first),
                3 => self.backward_strips::<3>(kind, da1, w1, first),
                _ => self.backward_strips::<MOST_STRIPS>(kind, da1, w1, first),
            }
        }
    }

    fn forward_strips<const SIZE: usize>(
        &self,
        kind: Instructions,
        w1: &[Vec<impl Borrow<W1>>],
        first: usize,
        strip_params: &[StripParams],
        a1: &mut [StripTile],
    ) {
        let a1: &mut [StripTile; SIZE] = a1.first_chunk_mut().expect("as many strips as the kernel is compiled for");
        let begin = |a1: &mut StripTile, strip: usize| a1[..self.count].fill(strip_params[strip].b1);
        let is_half = strip_params[SIZE - 1].units <= HALF;
        a1.iter_mut().zip(0..).for_each(|(a1, strip)| begin(a1, strip));
        let mut places = self.starts;
        for (block, w1) in w1.iter().enumerate() {
            let w1 = std::array::from_fn(|strip| w1[first + strip].borrow());
            if is_half {
                forward::<SIZE, HALF, ALL>(kind, self, block, &mut places, w1, a1);
            } else {
                forward::<SIZE, LANES, ALL>(kind, self, block, &mut places, w1, a1);
            }
        }
        if self.are_finite(kind, a1) {
            return;
        }
        for (strip, a1) in a1.iter_mut().enumerate() {
            begin(a1, strip);
            places = self.starts;
            for (block, w1) in w1.iter().enumerate() {
                let w1 = [w1[first + strip].borrow()];
                forward::<1, LANES, NONZEROS>(kind, self, block, &mut places, w1, from_mut(a1));
            }
        }
    }

    fn backward_strips<const SIZE: usize>(
        &self,
        kind: Instructions,
        da1: &[StripTile],
        w1: &mut [Vec<&mut W1>],
        first: usize,
    ) {
        if self.are_finite(kind, da1) {
            let mut places = self.starts;
            let is_whole = has_room_for_quad(kind, SIZE);
            for (block, w1) in w1.iter_mut().enumerate() {
                let w1 = &mut w1[first..];
                if is_whole {
                    backward::<SIZE, QUAD, ALL>(kind, self, block, &mut places, da1, w1);
                } else {
                    backward::<SIZE, HALF_QUAD, ALL>(kind, self, block, &mut places, da1, w1);
                }
            }
            return;
        }
        for (strip, da1) in (first..).zip(da1.chunks(1)) {
            let mut places = self.starts;
            for (block, w1) in w1.iter_mut().enumerate() {
                backward::<1, QUAD, NONZEROS>(kind, self, block, &mut places, da1, &mut w1[strip..]);
            }
        }
    }

    fn are_finite(&self, kind: Instructions, strips: &[StripTile]) -> bool {
        strips.iter().all(|rows| all_finite(kind, &rows[..self.count]))
    }

    /// The images that have a quad, one bit each.
    #[inline(always)]
    fn images_with(&self, quad: usize) -> [u64; WORDS] {
        let mut images = [0; WORDS];
        for (word, images) in images.iter_mut().enumerate() {
            let column = word * self.columns + quad / WORD;
            *images = self.images[column / COLUMNS][quad % WORD][column % COLUMNS];
        }
        images
    }
}

/// How many strips are computed side by side. For the next ones an image's pixels are read again, and its bit is looked for.
fn strips_together(kind: Instructions) -> usize {
    match kind {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => MOST_STRIPS,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => 2,
        Instructions::Baseline => 1,
    }
}

/// Whether the registers have room for the sums of a whole quad and so many strips, or else of half of it.
fn has_room_for_quad(kind: Instructions, strips: usize) -> bool {
    match kind {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => true,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => strips == 1,
        Instructions::Baseline => Instructions::BASELINE_FUSED,
    }
}

kernel! {
    fn all_finite(rows: &[Row]) -> bool {
        flat(rows).iter().fold(true, |all, value| all & value.is_finite())
    }
}

/// x = value / 255.
#[inline(always)]
fn x_of<const FUSED: bool>(value: u8) -> f32 {
    const INVERSE: f32 = 1.0 / 255.0;
    /// What [`INVERSE`] is rounded by: with it two operations give what a division would.
    const REST: f32 = (1.0 / 255.0 - INVERSE as f64) as f32;
    let value = f32::from(value);
    if FUSED { multiply_add::<FUSED>(value, INVERSE, value * REST) } else { value / 255.0 }
}

kernel! {
    fn gather(sparse: &Sparse, stream: &[u32], gathered: &mut Gathered) {
        let Gathered { count, x, starts, images, columns, .. } = gathered;
        let mut place = 0;
        for (n, &image) in stream.iter().take(*count).enumerate() {
            sparse.prefetch(stream, n);
            starts[n % TILE] = place as u32;
            let mut pixels = 0;
            let (words, values) = sparse.of(image);
            for (column, word) in (n / WORD * *columns..).zip(words) {
                let word = u64::from_le_bytes(*word);
                images[column / COLUMNS][n % WORD][column % COLUMNS] = word;
                pixels += word.count_ones() as usize * QUAD;
            }
            // What is behind the last pixel is overwritten by the next image's.
            let (from, _) = values.as_chunks::<CHUNK>();
            let (to, _) = x[place % ROOM..].as_chunks_mut::<CHUNK>();
            for (from, to) in from[..pixels.div_ceil(CHUNK)].iter().zip(to) {
                for (value, x) in from.iter().zip(to) {
                    *x = x_of::<FUSED>(*value);
                }
            }
            place += pixels;
        }
        for words in images {
            transpose(words);
        }
    }
}

/// Bit k of word n goes to bit n of word k, in every column.
#[inline(always)]
fn transpose(words: &mut [[u64; COLUMNS]; WORD]) {
    let mut size = WORD / 2;
    let mut low = u64::MAX >> size;
    while size > 0 {
        for first in (0..WORD).step_by(2 * size) {
            for place in first..first + size {
                let (mut above, mut below) = (words[place], words[place + size]);
                for (above, below) in above.iter_mut().zip(&mut below) {
                    let swapped = ((*above >> size) ^ *below) & low;
                    *below ^= swapped;
                    *above ^= swapped << size;
                }
                (words[place], words[place + size]) = (above, below);
            }
        }
        size /= 2;
        low ^= low << size;
    }
}

/// Adds x times a row to a sum, for each strip; of the last only so many lanes.
#[inline(always)]
fn add_rows<const FUSED: bool, const SIZE: usize, const LAST: usize>(
    sums: &mut [Row; SIZE],
    x: f32,
    rows: &[Row; SIZE],
) {
    for (strip, (sum, row)) in sums.iter_mut().zip(rows).enumerate() {
        if strip < SIZE - 1 {
            add_scaled::<FUSED>(sum, x, row);
        } else {
            add_lanes::<FUSED>(&mut sum.0[..LAST], x, &row.0[..LAST]);
        }
    }
}

kernel! {
    fn forward<const SIZE: usize, const LAST: usize, const WHICH: usize>(
        gathered: &Gathered,
        block: usize,
        places: &mut [u32; TILE],
        w1: [&W1; SIZE],
        a1: &mut [StripTile; SIZE],
    ) {
        let Gathered { quads, x: all_x, .. } = gathered;
        for (first, quad) in (0..).step_by(QUAD).zip(block * quads..(block + 1) * quads) {
            let images = gathered.images_with(quad);
            if images == [0; WORDS] {
                continue;
            }
            let mut weights = [[Row::ZERO; SIZE]; QUAD];
            for (pixel, weights) in weights.iter_mut().enumerate() {
                for (w1, weights) in w1.iter().zip(weights) {
                    *weights = w1[first + pixel];
                }
            }
            for (word, mut left) in images.into_iter().enumerate() {
                while left != 0 {
                    let n = (word * WORD + left.trailing_zeros() as usize) % TILE;
                    left &= left - 1;
                    let x = &all_x[places[n] as usize % ROOM..][..QUAD];
                    places[n] += QUAD as u32;
                    let mut sums = [Row::ZERO; SIZE];
                    for (sum, a1) in sums.iter_mut().zip(&*a1) {
                        *sum = a1[n];
                    }
                    for (x, weights) in x.iter().zip(&weights) {
                        if WHICH == ALL || *x != 0.0 {
                            add_rows::<FUSED, SIZE, LAST>(&mut sums, *x, weights);
                        }
                    }
                    for (a1, sum) in a1.iter_mut().zip(&sums) {
                        a1[n] = *sum;
                    }
                }
            }
        }
    }
}

kernel! {
    fn backward<const SIZE: usize, const PIXELS: usize, const WHICH: usize>(
        gathered: &Gathered,
        block: usize,
        places: &mut [u32; TILE],
        da1: &[StripTile],
        w1: &mut [&mut W1],
    ) {
        let Gathered { quads, x: all_x, .. } = gathered;
        let da1: &[StripTile; SIZE] = da1.first_chunk().expect("as many strips as the kernel is compiled for");
        let w1: &mut [&mut W1; SIZE] = w1.first_chunk_mut().expect("as many strips as the kernel is compiled for");
        for (first, quad) in (0..).step_by(QUAD).zip(block * quads..(block + 1) * quads) {
            let images = gathered.images_with(quad);
            if images == [0; WORDS] {
                continue;
            }
            for start in (0..QUAD).step_by(PIXELS) {
                let is_last = start + PIXELS == QUAD;
                let mut sums = [[Row::ZERO; SIZE]; PIXELS];
                for (word, mut left) in images.into_iter().enumerate() {
                    while left != 0 {
                        let n = (word * WORD + left.trailing_zeros() as usize) % TILE;
                        left &= left - 1;
                        let x = &all_x[places[n] as usize % ROOM..][..QUAD][start..][..PIXELS];
                        places[n] += if is_last { QUAD as u32 } else { 0 };
                        let mut rows = [Row::ZERO; SIZE];
                        for (row, da1) in rows.iter_mut().zip(da1) {
                            *row = da1[n];
                        }
                        for (x, sums) in x.iter().zip(&mut sums) {
                            if WHICH == ALL || *x != 0.0 {
                                add_rows::<FUSED, SIZE, LANES>(sums, *x, &rows);
                            }
                        }
                    }
                }
                for (pixel, sums) in (first + start..).zip(&sums) {
                    for (w1, sum) in w1.iter_mut().zip(sums) {
                        // Written as a whole: the compiler cannot know that the strips' W1 lie apart.
                        let mut row = w1[pixel];
                        add_scaled::<FUSED>(&mut row, 1.0, sum);
                        w1[pixel] = row;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    kernel! {
        fn all_x(x: &mut [f32]) {
            for (value, x) in (0..=u8::MAX).zip(x) {
                *x = x_of::<FUSED>(value);
            }
        }
    }

    #[test]
    fn x_is_the_quotient() {
        for kind in Instructions::all() {
            let mut x = [0.0; 256];
            all_x(kind, &mut x);
            for (value, x) in (0..=u8::MAX).zip(x) {
                assert_eq!(x.to_bits(), (f32::from(value) / 255.0).to_bits(), "{kind:?}: {value}");
            }
        }
    }

    #[test]
    fn transposed_bits_are_where_their_columns_say() {
        let mut words = [[0; COLUMNS]; WORD];
        for (n, word) in words.iter_mut().enumerate() {
            for (column, bits) in word.iter_mut().enumerate() {
                // A few bits that depend on both, the same for no two words.
                *bits = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(column as u32 * 5);
            }
        }
        let before = words;
        transpose(&mut words);
        for (n, word) in before.iter().enumerate() {
            for (k, transposed) in words.iter().enumerate() {
                for column in 0..COLUMNS {
                    assert_eq!(
                        word[column] >> k & 1,
                        transposed[column] >> n & 1,
                        "bit {k} of word {n}, column {column}"
                    );
                }
            }
        }
    }
}
