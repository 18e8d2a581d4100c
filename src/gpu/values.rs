//! What one kernel leaves for the next.

use wgpu::Buffer;

use super::device::Device;
use super::layout::{BLOCK, NONZERO_IMAGES, ROW_WORDS, Slice, VEC4, bytes, padded};
use crate::backend::Error;
use crate::net::Shape;

/// Bytes of z1 that a tile of images may take: enough to fill a large GPU, little beside the data.
const TILE_BYTES: u64 = 16 << 20;

/// Images that a tile may have, however small they are.
const MOST_IMAGES: usize = 8192;

// Rows fill whole words of bits.
const _: () = assert!(BLOCK.is_multiple_of(NONZERO_IMAGES));

/// What one kernel leaves for the next, for as many images as a batch or a tile has.
#[derive(Clone)]
pub struct Values {
    /// Images in a tile: what one pass of an evaluation or a prediction takes.
    pub tile: usize,
    rows: usize,
    shape: Shape,
    z1: Buffer,
    dy: Buffer,
    da1: Buffer,
    nonzero: Buffer,
}

impl Values {
    pub fn new(device: &Device, shape: Shape, batch_size: usize) -> Result<Self, Error> {
        let most = (TILE_BYTES / bytes(padded(shape.hidden))) as usize;
        let tile = most.clamp(ROW_WORDS, MOST_IMAGES) / ROW_WORDS * ROW_WORDS;
        // Kernels that take several images at once leave something for all of them.
        let rows = tile.max(batch_size).next_multiple_of(BLOCK);
        let values = |label, width| {
            let bytes = bytes(rows * padded(width));
            device.check_size("a layer's values", bytes, "a smaller batch or hidden layer")?;
            Ok::<_, Error>(device.windowed(label, bytes))
        };
        let nonzero = bytes(shape.input.div_ceil(VEC4) * rows / NONZERO_IMAGES);
        let nonzero = device.storage("nonzero", nonzero);
        Ok(Self {
            tile,
            z1: values("z1", shape.hidden)?,
            dy: values("dy", shape.classes)?,
            da1: values("da1", shape.hidden)?,
            nonzero,
            rows,
            shape,
        })
    }

    /// `[rows, hidden]`: the hidden layer's output.
    pub fn z1(&self) -> Slice<'_> {
        Slice::new(&self.z1, 0, self.rows * padded(self.shape.hidden) / VEC4)
    }

    /// `[rows, classes]`: the logits' derivative; or the logits, or y, as a pass leaves it.
    pub fn dy(&self) -> Slice<'_> {
        Slice::new(&self.dy, 0, self.rows * padded(self.shape.classes) / VEC4)
    }

    /// `[rows, hidden]`: the derivative by the hidden layer's input.
    pub fn da1(&self) -> Slice<'_> {
        Slice::new(&self.da1, 0, self.rows * padded(self.shape.hidden) / VEC4)
    }

    /// A bit for each word of each row's pixels, as `shaders/shared/nonzero_bits.wgsl` says. Only `shaders/tiled/` has a use for it.
    pub fn nonzero(&self) -> &Buffer {
        &self.nonzero
    }

    /// The same buffers, those of z1 and da1 in each other's places.
    pub fn swapped(&self) -> Self {
        let Self { z1, da1, .. } = self.clone();
        Self { z1: da1, da1: z1, ..self.clone() }
    }

    /// The buffers of z1, dy and da1, to read them back.
    pub fn buffers(&self) -> [&Buffer; 3] {
        [&self.z1, &self.dy, &self.da1]
    }
}
