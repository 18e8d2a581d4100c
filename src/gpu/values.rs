//! What one kernel leaves for the next.

use wgpu::Buffer;

use super::Error;
use super::device::Device;
use super::kernels::{QUAD, ROW_WORDS};
use super::layer::{bytes, padded};
use crate::net::Shape;

/// Bytes of z1 that a tile of images may take: enough to fill a large GPU, little beside the data.
const TILE_BYTES: u64 = 16 << 20;

/// Images that a tile may have, however small they are.
const MOST_IMAGES: usize = 8192;

/// What one kernel leaves for the next, for as many images as a batch or a tile has.
pub struct Values {
    /// Images in a tile: what one pass of an evaluation or a prediction takes.
    pub tile: usize,
    /// The hidden layer's output.
    pub z1: Buffer,
    /// The logits.
    pub a2: Buffer,
    /// Their derivative; for predictions and tests, y.
    pub dy: Buffer,
    /// The derivative by the hidden layer's input.
    pub da1: Buffer,
}

impl Values {
    pub fn new(device: &Device, shape: Shape, batch_size: usize) -> Result<Self, Error> {
        let most = (TILE_BYTES / bytes(padded(shape.hidden))) as usize;
        let tile = most.clamp(ROW_WORDS, MOST_IMAGES) / ROW_WORDS * ROW_WORDS;
        let rows = tile.max(batch_size).next_multiple_of(QUAD);
        let values = |label, width| {
            let bytes = bytes(rows * padded(width));
            device.check_size("a layer's values", bytes, "a smaller batch or hidden layer")?;
            Ok(device.storage(label, bytes))
        };
        Ok(Self {
            tile,
            z1: values("z1", shape.hidden)?,
            a2: values("a2", shape.classes)?,
            dy: values("dy", shape.classes)?,
            da1: values("da1", shape.hidden)?,
        })
    }
}
