//! The images of a set as the CPU wants them.

use std::borrow::Borrow;

use super::dense::{Dense, Panel};
use super::pixels::{Nonzero, Visit};
use super::simd::{Instructions, LANES, Row};
use super::sparse::Sparse;
use super::strips::{Blocks, W1};
use super::team::Team;
use crate::NoMemory;

/// The share of pixels that are not 0, from which on it is faster to compute with all of them, as times at 16 to 2,048
/// hidden units have shown (AVX2, AVX-512).
const DENSE_FROM: f64 = 0.5;

/// A data set.
#[derive(Debug)]
pub struct Set {
    pub images: Images,
    pub labels: Vec<u8>,
}

/// The images of a set.
#[derive(Debug)]
pub enum Images {
    Sparse(Sparse),
    Dense(Dense),
}

impl Images {
    /// Takes images, `[N, pixels]`, in the form that is faster to compute with.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(team: &Team, width: usize, pixels: &[u8]) -> Result<Self, NoMemory> {
        let blocks = Blocks::new(width);
        Ok(match Sparse::new(team, blocks, pixels, DENSE_FROM)? {
            Some(sparse) => Self::Sparse(sparse),
            None => Self::Dense(Dense::new(blocks, pixels)?),
        })
    }

    pub fn blocks(&self) -> &Blocks {
        match self {
            Self::Sparse(sparse) => sparse.blocks(),
            Self::Dense(dense) => dense.blocks(),
        }
    }

    /// The nonzero pixels of one block of an image; `room` is where they are put if they do not lie together.
    pub fn pixels<'a>(&'a self, image: u32, block: usize, room: &'a mut Vec<Nonzero>) -> &'a [Nonzero] {
        match self {
            Self::Sparse(sparse) => sparse.of(image, block),
            Self::Dense(dense) => {
                dense.nonzeros(image, block, room);
                room
            }
        }
    }

    /// Multiply-adds of the first layer for one image and one strip, forward and back, in the mean.
    pub fn terms(&self) -> usize {
        match self {
            Self::Sparse(sparse) => 2 * LANES * sparse.nonzeros_in_an_image(),
            Self::Dense(dense) => 2 * LANES * dense.blocks().pixels,
        }
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
        match self {
            Self::Sparse(sparse) => sparse.forward(kind, visit, w1, a1),
            Self::Dense(dense) => dense.forward(kind, visit, w1, a1, panel),
        }
    }

    /// Adds xᵀ da1 to W1; da1 is `[strips, N]` and W1 `[blocks, strips]`.
    pub fn backward(&self, kind: Instructions, visit: &Visit, da1: &[Row], w1: &mut [Vec<&mut W1>], panel: &mut Panel) {
        match self {
            Self::Sparse(sparse) => sparse.backward(kind, visit, da1, w1),
            Self::Dense(dense) => dense.backward(kind, visit, da1, w1, panel),
        }
    }
}
