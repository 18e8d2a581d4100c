//! Images whose pixels are mostly not 0: products of whole matrices.
//!
//! The weights lie as such products want them, in strips. The images are brought in their order, a tile at a time.

use std::borrow::Borrow;
use std::ops::Range;

use super::pixels::Nonzero;
use super::simd::{Instructions, Row, add_scaled, kernel};
#[cfg(target_arch = "x86_64")]
use super::strips::OCTET;
use super::strips::{Blocks, MOST_PIXELS, QUAD, W1};
use super::tiles::{StripTile, TILE};
use crate::{NoMemory, memory};

/// Images whose sums are in registers at a time: 12 of the 16 registers of AVX2, where a row takes two. Of pixels a quad.
const NARROW: usize = 6;
/// With AVX-512, where a row takes one register of 32; of pixels an octet. Fewer sums would wait for their own last term.
const WIDE: usize = 2 * NARROW;

/// All pixels of a set.
#[derive(Debug)]
pub struct Dense {
    blocks: Blocks,
    /// `[N, blocks, width]`: block by block, with 0 behind the last pixel of a block that has fewer than others.
    pixels: Vec<u8>,
}

/// x of one block for a tile's images, an image after another, and rows that fill up the last group whose sums are in registers together.
/// It stays in the second cache while every strip is computed.
pub struct Panel(Vec<[f32; MOST_PIXELS]>);

impl Panel {
    /// # Errors
    /// [`NoMemory`].
    pub fn new() -> Result<Self, NoMemory> {
        memory::zeroed(TILE.next_multiple_of(WIDE), "a batch's pixels").map(Self)
    }
}

impl Dense {
    /// Images as `[N, blocks, width]`.
    pub fn new(blocks: Blocks, pixels: Vec<u8>) -> Self {
        Self { blocks, pixels }
    }

    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// The nonzero pixels of an image, block after block, and where each block's end, put into `pixels` and `ends`.
    pub fn nonzeros(&self, image: u32, pixels: &mut Vec<Nonzero>, ends: &mut Vec<usize>) {
        pixels.clear();
        ends.clear();
        let blocks = self.pixels.chunks_exact(self.blocks.width).skip(image as usize * self.blocks.count);
        for values in blocks.take(self.blocks.count) {
            let nonzeros = (0..=u8::MAX).zip(values).filter(|(_, value)| **value != 0);
            pixels.extend(nonzeros.map(|(index, &value)| Nonzero { index, value }));
            ends.push(pixels.len());
        }
    }

    /// Adds x W1 of a tile and some blocks to a1; W1 is `[blocks, strips]` and a1 `[strips]`.
    pub fn forward(
        &self,
        kind: Instructions,
        indices: &[u32],
        blocks: &Range<usize>,
        w1: &[Vec<impl Borrow<W1>>],
        a1: &mut [StripTile],
        panel: &mut Panel,
    ) {
        for (block, w1) in blocks.clone().zip(&w1[blocks.clone()]) {
            fill(kind, self, block, indices, panel);
            for (w1, a1) in w1.iter().zip(&mut *a1) {
                let a1 = &mut a1[..indices.len()];
                match kind {
                    #[cfg(target_arch = "x86_64")]
                    Instructions::Avx512 => forward::<WIDE>(kind, panel, self.blocks.width, w1.borrow(), a1),
                    _ => forward::<NARROW>(kind, panel, self.blocks.width, w1.borrow(), a1),
                }
            }
        }
    }

    /// Adds xᵀ da1 of a tile to some blocks of W1; da1 is `[strips]` and W1 `[blocks, strips]`.
    pub fn backward(
        &self,
        kind: Instructions,
        indices: &[u32],
        blocks: &Range<usize>,
        da1: &[StripTile],
        w1: &mut [Vec<&mut W1>],
        panel: &mut Panel,
    ) {
        for (block, w1) in blocks.clone().zip(&mut w1[blocks.clone()]) {
            fill(kind, self, block, indices, panel);
            for (w1, da1) in w1.iter_mut().zip(da1) {
                let da1 = &da1[..indices.len()];
                match kind {
                    #[cfg(target_arch = "x86_64")]
                    Instructions::Avx512 => backward::<OCTET>(kind, panel, self.blocks.width, da1, w1),
                    _ => backward::<QUAD>(kind, panel, self.blocks.width, da1, w1),
                }
            }
        }
    }
}

kernel! {
    /// Fills a panel with one block of some images.
    fn fill(dense: &Dense, block: usize, indices: &[u32], panel: &mut Panel) {
        for (&image, row) in indices.iter().zip(&mut panel.0) {
            let place = image as usize * dense.blocks.count + block;
            for (value, x) in dense.pixels[place * dense.blocks.width..][..dense.blocks.width].iter().zip(row) {
                *x = f32::from(*value) / 255.0;
            }
        }
    }
}

kernel! {
    fn forward<const IMAGES: usize>(panel: &Panel, width: usize, w1: &W1, a1: &mut [Row]) {
        let (panel, _) = panel.0.as_chunks::<IMAGES>();
        for (a1, x) in a1.chunks_mut(IMAGES).zip(panel) {
            let mut sums = [Row::ZERO; IMAGES];
            sums[..a1.len()].copy_from_slice(a1);
            for (pixel, w1) in w1[..MOST_PIXELS].iter().enumerate().take(width) {
                for (sum, x) in sums.iter_mut().zip(x) {
                    add_scaled::<FUSED>(sum, x[pixel], w1);
                }
            }
            a1.copy_from_slice(&sums[..a1.len()]);
        }
    }
}

kernel! {
    fn backward<const PIXELS: usize>(panel: &Panel, width: usize, da1: &[Row], w1: &mut W1) {
        let (w1, _) = w1.as_chunks_mut::<PIXELS>();
        for (w1, first) in w1.iter_mut().zip((0..width).step_by(PIXELS)) {
            let mut sums = [Row::ZERO; PIXELS];
            for (x, da1) in panel.0.iter().zip(da1) {
                for (sum, x) in sums.iter_mut().zip(&x[first..first + PIXELS]) {
                    add_scaled::<FUSED>(sum, *x, da1);
                }
            }
            // Two short loops: of one long one the compiler makes other instructions, for which it keeps the sums in memory.
            let (w1, sums) = (w1.split_at_mut(PIXELS / 2), sums.split_at(PIXELS / 2));
            for (w1, sum) in w1.0.iter_mut().zip(sums.0) {
                add_scaled::<FUSED>(w1, 1.0, sum);
            }
            for (w1, sum) in w1.1.iter_mut().zip(sums.1) {
                add_scaled::<FUSED>(w1, 1.0, sum);
            }
        }
    }
}
