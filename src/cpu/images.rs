//! The images of a set as the CPU wants them.

use super::dense::{Dense, Panel};
use super::simd::{Instructions, LANES, Row};
use super::sparse::Sparse;
use super::strips::{Blocks, Strip};
use super::team::Team;

/// The share of pixels that are not 0, from which on computing with all of them is faster.
const DENSE: f64 = 0.4;

/// A data set.
#[derive(Debug)]
pub struct Set {
    pub images: Images,
    pub labels: Vec<u8>,
}

impl Set {
    /// a1 = x W1 + b1, for each strip: `[strips, N]`.
    pub fn hidden_input(
        &self,
        kind: Instructions,
        images: &[u32],
        strips: &[Strip],
        a1: &mut [Vec<Row>],
        panel: &mut Panel,
    ) {
        for (strip, a1) in strips.iter().zip(&mut *a1) {
            a1.fill(strip.b1);
        }
        for block in 0..self.images.blocks().count {
            self.images.forward(kind, &Visit { images, block }, strips, a1, panel);
        }
    }
}

/// Some images of a set, and one block of their pixels.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    pub images: &'a [u32],
    pub block: usize,
}

/// The images of a set.
#[derive(Debug)]
pub enum Images {
    Sparse(Sparse),
    Dense(Dense),
}

impl Images {
    /// Takes images, `[N, pixels]`, in the form that is faster to compute with.
    pub fn new(team: &Team, pixels: usize, images: &[u8]) -> Self {
        let blocks = Blocks::new(pixels);
        let nonzeros = images.iter().filter(|value| **value != 0).count();
        let sparse = (nonzeros as f64) < DENSE * images.len() as f64;
        match sparse.then(|| Sparse::new(team, blocks, images)).flatten() {
            Some(sparse) => Self::Sparse(sparse),
            None => Self::Dense(Dense::new(blocks, images.to_vec())),
        }
    }

    pub fn blocks(&self) -> &Blocks {
        match self {
            Self::Sparse(sparse) => sparse.blocks(),
            Self::Dense(dense) => dense.blocks(),
        }
    }

    /// Multiply-adds of the first layer for one image and one strip, forward and back, in the mean.
    pub fn terms(&self) -> usize {
        match self {
            Self::Sparse(sparse) => 2 * LANES * sparse.nonzeros_in_an_image(),
            Self::Dense(dense) => 2 * LANES * dense.blocks().pixels,
        }
    }

    /// Says which images are needed soon.
    pub fn prefetch(&self, images: &[u32]) {
        if let Self::Sparse(sparse) = self {
            sparse.prefetch(images);
        }
    }

    /// Adds x W1 to a1, for each strip.
    pub fn forward(&self, kind: Instructions, visit: &Visit, strips: &[Strip], a1: &mut [Vec<Row>], panel: &mut Panel) {
        match self {
            Self::Sparse(sparse) => sparse.forward(kind, visit, strips, a1),
            Self::Dense(dense) => dense.forward(kind, visit, strips, a1, panel),
        }
    }

    /// Adds xᵀ da1 to W1, for each strip.
    pub fn backward(
        &self,
        kind: Instructions,
        visit: &Visit,
        da1: &[Vec<Row>],
        strips: &mut [Strip],
        panel: &mut Panel,
    ) {
        match self {
            Self::Sparse(sparse) => sparse.backward(kind, visit, da1, strips),
            Self::Dense(dense) => dense.backward(kind, visit, da1, strips, panel),
        }
    }
}
