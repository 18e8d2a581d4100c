//! Images whose pixels are mostly not 0: products of whole matrices.
//!
//! The weights lie as such products want them, in strips. The images are brought in their order, a panel at a time.

use std::borrow::Borrow;

use super::images::Visit;
use super::simd::{Instructions, Row, add_scaled, kernel};
use super::strips::{Blocks, OCTET, ROWS, W1};

/// Images whose sums are in registers at a time: 12 of the 16 registers of AVX2, where a row takes two.
const TILE: usize = 6;
/// Pixels whose gradients are, likewise.
const QUAD: usize = 4;
/// With AVX-512, where a row takes one register of 32. Fewer sums would wait for their own last term.
const WIDE_TILE: usize = 2 * TILE;
/// Images in a panel: it stays in the second cache while every strip is computed.
const PANEL: usize = 8 * WIDE_TILE;

/// All pixels of a set.
#[derive(Debug)]
pub struct Dense {
    blocks: Blocks,
    /// `[N, pixels]`.
    images: Vec<u8>,
}

/// x for one block of some images, octet after octet of pixels, `[octets, PANEL]`.
pub struct Panel(Vec<[f32; OCTET]>);

impl Default for Panel {
    fn default() -> Self {
        Self(vec![[0.0; OCTET]; ROWS / OCTET * PANEL])
    }
}

impl Dense {
    pub fn new(blocks: Blocks, images: Vec<u8>) -> Self {
        Self { blocks, images }
    }

    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Adds x W1 to a1; W1 is `[blocks, strips]` and a1 `[strips, N]`.
    pub fn forward(
        &self,
        kind: Instructions,
        visit: &Visit,
        w1: &[Vec<impl Borrow<W1>>],
        a1: &mut [Row],
        panel: &mut Panel,
    ) {
        for (images, first) in visit.images.chunks(PANEL).zip((0..).step_by(PANEL)) {
            for (block, w1) in visit.blocks.clone().zip(w1) {
                let octets = fill(kind, self, block, images, panel);
                for (w1, a1) in w1.iter().zip(a1.chunks_exact_mut(visit.images.len())) {
                    let a1 = &mut a1[first..first + images.len()];
                    match kind {
                        #[cfg(target_arch = "x86_64")]
                        Instructions::Avx512 => forward::<WIDE_TILE>(kind, panel, octets, w1.borrow(), a1),
                        _ => forward::<TILE>(kind, panel, octets, w1.borrow(), a1),
                    }
                }
            }
        }
    }

    /// Adds xᵀ da1 to W1; da1 is `[strips, N]` and W1 `[blocks, strips]`.
    pub fn backward(&self, kind: Instructions, visit: &Visit, da1: &[Row], w1: &mut [Vec<&mut W1>], panel: &mut Panel) {
        for (images, first) in visit.images.chunks(PANEL).zip((0..).step_by(PANEL)) {
            for (block, w1) in visit.blocks.clone().zip(&mut *w1) {
                let octets = fill(kind, self, block, images, panel);
                for (w1, da1) in w1.iter_mut().zip(da1.chunks_exact(visit.images.len())) {
                    let da1 = &da1[first..first + images.len()];
                    match kind {
                        #[cfg(target_arch = "x86_64")]
                        Instructions::Avx512 => backward::<OCTET>(kind, panel, octets, da1, w1),
                        _ => backward::<QUAD>(kind, panel, octets, da1, w1),
                    }
                }
            }
        }
    }
}

kernel! {
    /// Fills a panel with one block of some images, and returns how many octets that is.
    fn fill(dense: &Dense, block: usize, images: &[u32], panel: &mut Panel) -> usize {
        let blocks = &dense.blocks;
        for (n, &image) in images.iter().enumerate() {
            let image = &dense.images[image as usize * blocks.pixels..][..blocks.pixels];
            for (octet, place) in blocks.octets(image, block).zip(panel.0.iter_mut().skip(n).step_by(PANEL)) {
                if let Some(octet) = octet.first_chunk::<OCTET>() {
                    place.iter_mut().zip(octet).for_each(|(x, value)| *x = f32::from(*value) / 255.0);
                } else {
                    *place = std::array::from_fn(|pixel| f32::from(octet.get(pixel).copied().unwrap_or(0)) / 255.0);
                }
            }
        }
        blocks.pixels.div_ceil(OCTET).saturating_sub(block).div_ceil(blocks.count)
    }
}

kernel! {
    fn forward<const TILE: usize>(panel: &Panel, octets: usize, w1: &W1, a1: &mut [Row]) {
        let (w1, _) = w1.as_chunks::<OCTET>();
        for (tile, first) in a1.chunks_mut(TILE).zip((0..).step_by(TILE)) {
            let mut sums = [Row::ZERO; TILE];
            sums[..tile.len()].copy_from_slice(tile);
            for (panel, w1) in panel.0.chunks_exact(PANEL).zip(w1).take(octets) {
                let x: &[[f32; OCTET]] = &panel[first..first + TILE];
                for (pixel, w1) in w1.iter().enumerate() {
                    for (sum, x) in sums.iter_mut().zip(x) {
                        add_scaled::<FUSED>(sum, x[pixel], w1);
                    }
                }
            }
            tile.copy_from_slice(&sums[..tile.len()]);
        }
    }
}

kernel! {
    fn backward<const PIXELS: usize>(panel: &Panel, octets: usize, da1: &[Row], w1: &mut W1) {
        let (w1, _) = w1.as_chunks_mut::<PIXELS>();
        let octets = panel.0.chunks_exact(PANEL).take(octets);
        let parts = octets.flat_map(|octet| (0..OCTET).step_by(PIXELS).map(move |first| (octet, first)));
        for ((panel, first), w1) in parts.zip(w1) {
            let mut sums = [Row::ZERO; PIXELS];
            for (x, da1) in panel.iter().zip(da1) {
                for (pixel, sum) in sums.iter_mut().enumerate() {
                    add_scaled::<FUSED>(sum, x[first + pixel], da1);
                }
            }
            for (w1, sum) in w1.iter_mut().zip(&sums) {
                add_scaled::<FUSED>(w1, 1.0, sum);
            }
        }
    }
}
