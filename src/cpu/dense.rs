//! Images whose pixels are mostly not 0: products of whole matrices.
//!
//! The weights lie as such products want them, in strips. The images are brought in their order, a panel at a time.

use super::images::Visit;
use super::simd::{Instructions, Row, add_scaled, kernel};
use super::strips::{Blocks, LENT, MOST_BLOCK, OCTET, Strip, lent, lent_mut};

/// Images whose sums are in registers at a time.
const TILE: usize = 6;
/// Pixels whose gradients are, likewise.
const QUAD: usize = 4;
/// Images in a panel: it stays in the second cache while every strip is computed.
const PANEL: usize = 16 * TILE;

/// All pixels of a set.
#[derive(Debug)]
pub struct Dense {
    blocks: Blocks,
    /// `[N, pixels]`.
    images: Vec<u8>,
}

/// x for one block of some images, octet after octet of pixels, `[octets, PANEL]`.
pub struct Panel(Vec<[f32; OCTET]>);

impl Panel {
    pub fn new() -> Self {
        Self(vec![[0.0; OCTET]; MOST_BLOCK / OCTET * PANEL])
    }
}

impl Dense {
    pub fn new(blocks: Blocks, images: Vec<u8>) -> Self {
        Self { blocks, images }
    }

    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Adds x W1 to a1.
    pub fn forward(&self, kind: Instructions, visit: &Visit, strips: &[Strip], a1: &mut [Vec<Row>], panel: &mut Panel) {
        let start = self.blocks.start(visit.block);
        for (images, first) in visit.images.chunks(PANEL).zip((0..).step_by(PANEL)) {
            let octets = fill(kind, self, visit.block, images, panel);
            for (strip, a1) in strips.iter().zip(&mut *a1) {
                forward(kind, panel, octets, lent(&strip.w1, start), &mut a1[first..first + images.len()]);
            }
        }
    }

    /// Adds xᵀ da1 to W1.
    pub fn backward(
        &self,
        kind: Instructions,
        visit: &Visit,
        da1: &[Vec<Row>],
        strips: &mut [Strip],
        panel: &mut Panel,
    ) {
        let start = self.blocks.start(visit.block);
        for (images, first) in visit.images.chunks(PANEL).zip((0..).step_by(PANEL)) {
            let octets = fill(kind, self, visit.block, images, panel);
            for (strip, da1) in strips.iter_mut().zip(da1) {
                backward(kind, panel, octets, &da1[first..first + images.len()], lent_mut(&mut strip.w1, start));
            }
        }
    }

    fn of(&self, image: u32, block: usize) -> &[u8] {
        let Blocks { pixels, .. } = self.blocks;
        &self.images[image as usize * pixels..][..pixels][self.blocks.start(block)..][..self.blocks.length(block)]
    }
}

kernel! {
    /// Fills a panel with images, and returns how many octets of pixels they have.
    fn fill(dense: &Dense, block: usize, images: &[u32], panel: &mut Panel) -> usize {
        for (n, &image) in images.iter().enumerate() {
            let (octets, rest) = dense.of(image, block).as_chunks::<OCTET>();
            let mut places = panel.0.iter_mut().skip(n).step_by(PANEL);
            for (octet, place) in octets.iter().zip(&mut places) {
                *place = octet.map(|value| f32::from(value) / 255.0);
            }
            if let (false, Some(place)) = (rest.is_empty(), places.next()) {
                *place = std::array::from_fn(|pixel| f32::from(rest.get(pixel).copied().unwrap_or(0)) / 255.0);
            }
        }
        dense.blocks.length(block).div_ceil(OCTET)
    }
}

kernel! {
    fn forward(panel: &Panel, octets: usize, w1: &[Row; LENT], a1: &mut [Row]) {
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
    fn backward(panel: &Panel, octets: usize, da1: &[Row], w1: &mut [Row; LENT]) {
        let (w1, _) = w1.as_chunks_mut::<QUAD>();
        let octets = panel.0.chunks_exact(PANEL).take(octets);
        let quads = octets.flat_map(|octet| [(octet, 0), (octet, QUAD)]);
        for ((panel, first), w1) in quads.zip(w1) {
            let mut sums = [Row::ZERO; QUAD];
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
