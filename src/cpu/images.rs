//! The images of a set as the CPU wants them.

use std::borrow::Borrow;
use std::ops::Range;

use super::dense::{Dense, Panel};
use super::gathered::Gathered;
use super::pixels::Nonzero;
use super::simd::{Instructions, LANES};
use super::sparse::Sparse;
use super::strips::{Blocks, StripParams, W1};
use super::team::Team;
use super::tiles::{StripTile, TILE, tiles};
use crate::NoMemory;
use crate::backend::Error;
use crate::data::Source;

/// The share of pixels in quads that are not 0, from which on it is faster to compute with all of them, as times at 50 and 512
/// hidden units have shown (AVX2, AVX-512).
const DENSE_FROM: f64 = 0.8;

/// The largest batch whose values leave room in the cache for a block of W1.
const DENSE_BATCH: usize = 256;

/// A data set.
#[derive(Debug)]
pub struct Set {
    pub images: Images,
    pub labels: Vec<u8>,
}

/// What the products of one thread write to beside their results; made by [`Images::reserve`].
#[derive(Default)]
pub struct Workspace {
    panel: Option<Panel>,
    gathered: Option<Gathered>,
}

impl Workspace {
    fn panel(&mut self) -> &mut Panel {
        self.panel.as_mut().expect("reserved before the products")
    }

    fn gathered(&mut self) -> &mut Gathered {
        self.gathered.as_mut().expect("reserved before the products")
    }
}

/// Some images of a set, and some blocks of their pixels.
#[derive(Clone, Debug)]
pub struct Visit<'a> {
    pub indices: &'a [u32],
    pub blocks: Range<usize>,
}

/// The images of a set.
#[derive(Debug)]
pub enum Images {
    Sparse(Sparse),
    Dense(Dense),
}

impl Images {
    /// Takes images in the form that is faster to compute with.
    ///
    /// # Errors
    /// [`Error::Images`] or [`Error::NoMemory`].
    pub fn new(kind: Instructions, team: &Team, set: &Source) -> Result<Self, Error> {
        let sparse = Sparse::new(kind, team, Blocks::new(set.pixels()), set)?;
        let all = set.labels().len() * set.pixels();
        Ok(if (sparse.pixels() as f64) < DENSE_FROM * all as f64 {
            Self::Sparse(sparse)
        } else {
            Self::Dense(Dense::new(*sparse.blocks(), sparse.into_pixels()?))
        })
    }

    /// The nonzero pixels of an image, block after block, and where each block's end, put into `pixels` and `ends`.
    pub fn nonzeros(&self, image: u32, pixels: &mut Vec<Nonzero>, ends: &mut Vec<usize>) {
        match self {
            Self::Sparse(sparse) => sparse.nonzeros(image, pixels, ends),
            Self::Dense(dense) => dense.nonzeros(image, pixels, ends),
        }
    }

    /// Multiply-adds of the first layer for one image and one strip, forward and back, in the mean.
    pub fn terms(&self) -> usize {
        match self {
            Self::Sparse(sparse) => 2 * LANES * sparse.pixels() / sparse.len(),
            Self::Dense(dense) => 2 * LANES * dense.blocks().pixels,
        }
    }

    /// Makes what the products of these images need.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn reserve(&self, workspace: &mut Workspace) -> Result<(), NoMemory> {
        let Workspace { panel, gathered } = workspace;
        match self {
            Self::Sparse(_) if gathered.is_none() => *gathered = Some(Gathered::new()?),
            Self::Dense(_) if panel.is_none() => *panel = Some(Panel::new()?),
            _ => {}
        }
        Ok(())
    }

    /// Brings a batch, the first `count` images of a stream, in the order of its products, unless it is so large that they do it
    /// tile by tile.
    pub fn gather(&self, kind: Instructions, stream: &[u32], count: usize, workspace: &mut Workspace) {
        if let Self::Sparse(sparse) = self
            && count <= TILE
        {
            workspace.gathered().gather(kind, sparse, stream, count);
        }
    }

    /// How many blocks of W1 a step of such a batch takes together. While a dense block is in the cache, it is changed for a step
    /// and used for the next; of a large batch the images' values are what should stay there.
    pub fn blocks_together(&self, blocks: usize, batch_size: usize) -> usize {
        match self {
            Self::Dense(_) if batch_size <= DENSE_BATCH => 1,
            _ => blocks,
        }
    }

    /// Adds to a1 what some blocks of x W1 + b1 give, of a batch that was gathered: a1 begins with the first block. W1 is `[blocks,
    /// strips]`, b1 in those strips' other parameters, and a1 `[tiles, strips]`. Sparse images take all blocks together.
    pub fn forward(
        &self,
        kind: Instructions,
        Visit { indices, blocks }: Visit,
        w1: &[Vec<impl Borrow<W1>>],
        strip_params: &[StripParams],
        a1: &mut [StripTile],
        workspace: &mut Workspace,
    ) {
        let a1_tiles = a1.chunks_exact_mut(strip_params.len());
        match self {
            Self::Sparse(sparse) => each_tile(kind, sparse, indices, workspace.gathered(), a1_tiles, |gathered, a1| {
                gathered.forward(kind, w1, strip_params, a1);
            }),
            Self::Dense(dense) => {
                for (indices, a1) in indices.chunks(TILE).zip(a1_tiles) {
                    if blocks.start == 0 {
                        a1.iter_mut().zip(strip_params).for_each(|(a1, strip)| a1[..indices.len()].fill(strip.b1));
                    }
                    dense.forward(kind, indices, &blocks, w1, a1, workspace.panel());
                }
            }
        }
    }

    /// Adds xᵀ da1 to some blocks of W1, of a batch that was gathered; da1 is `[tiles, strips]` and W1 `[blocks, strips]`.
    pub fn backward(
        &self,
        kind: Instructions,
        Visit { indices, blocks }: Visit,
        da1: &[StripTile],
        w1: &mut [Vec<&mut W1>],
        workspace: &mut Workspace,
    ) {
        let da1_tiles = da1.chunks_exact(w1[0].len());
        match self {
            Self::Sparse(sparse) => {
                each_tile(kind, sparse, indices, workspace.gathered(), da1_tiles, |gathered, da1| {
                    gathered.backward(kind, da1, w1);
                });
            }
            Self::Dense(dense) => {
                for (indices, da1) in indices.chunks(TILE).zip(da1_tiles) {
                    dense.backward(kind, indices, &blocks, da1, w1, workspace.panel());
                }
            }
        }
    }
}

/// Does a product for each tile of a batch, with its values. A batch of one tile was gathered before.
fn each_tile<V>(
    kind: Instructions,
    sparse: &Sparse,
    indices: &[u32],
    gathered: &mut Gathered,
    values: impl Iterator<Item = V>,
    mut product: impl FnMut(&Gathered, V),
) {
    for (images, values) in tiles(indices.len()).zip(values) {
        if indices.len() > TILE {
            gathered.gather(kind, sparse, &indices[images.start..], images.len());
        }
        product(gathered, values);
    }
}
