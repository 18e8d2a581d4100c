//! A data set on the device, and which of its images a pass takes.

use wgpu::Buffer;

use super::device::Device;
use super::layout::{DispatchParams, Slice, bytes, padded};
use crate::backend::Error;
use crate::data::Source;
use crate::memory;
use crate::net::Shape;

/// The images of a pass: a row of indices, and the buffer of their losses.
pub struct Rows<'a> {
    /// The rows of indices.
    pub indices: &'a Buffer,
    /// The losses of the same images, in the same places.
    pub losses: &'a Buffer,
    /// Images in a row.
    pub count: usize,
    /// Words from one row to the next.
    pub row_words: usize,
}

impl Rows<'_> {
    /// The indices, for a binding that takes one row.
    pub fn indices(&self) -> Slice<'_> {
        Slice::rows(self.indices, self.row_words)
    }

    /// The losses, for a binding that takes one row.
    pub fn losses(&self) -> Slice<'_> {
        Slice::rows(self.losses, self.row_words)
    }

    /// The uniform [`DispatchParams`] of a kernel that sums the terms `first..end`.
    pub fn params(&self, device: &Device, first: usize, end: usize) -> Buffer {
        let params = DispatchParams {
            batch_size: self.count as u32,
            row_words: self.row_words as u32,
            first: first as u32,
            end: end as u32,
        };
        let uniform = device.uniform("dispatch", size_of::<DispatchParams>() as u64);
        device.write(&uniform, &[params]);
        uniform
    }

    /// The uniform of a kernel that sums over the whole row.
    pub fn whole(&self, device: &Device) -> Buffer {
        self.params(device, 0, self.count)
    }
}

/// Images and labels, cut into tiles in file order.
pub struct Data {
    /// Images in the set.
    pub len: usize,
    /// Four pixels a word, each image in whole words.
    pub pixels: Buffer,
    /// One word a label.
    pub labels: Buffer,
    /// Images in a tile.
    pub tile: usize,
    /// One loss an image.
    pub losses: Buffer,
    /// `[classes, classes]` counts, by label and by prediction.
    pub confusion: Buffer,
    /// The indices 0, 1, 2 ...: a row a tile.
    order: Buffer,
}

impl Data {
    /// Sends images and their labels.
    pub fn new(device: &Device, shape: Shape, tile: usize, set: &Source) -> Result<Self, Error> {
        let len = set.labels().len();
        let rows = len.next_multiple_of(tile);
        let fewer = "fewer or smaller images";
        device.check_size("the images", (len * padded(shape.input)) as u64, fewer)?;
        device.check_size("the labels", bytes(rows), fewer)?;
        device.check()?;
        let mut order: Vec<u32> = memory::room(rows, "indices")?;
        order.extend(0..rows as u32);
        let data = Self {
            len,
            pixels: device.storage("pixels", (len * padded(shape.input)) as u64),
            labels: device.storage("labels", bytes(len)),
            tile,
            losses: device.storage("losses by image", bytes(rows)),
            confusion: device.storage("confusion", bytes(shape.classes * shape.classes)),
            order: device.constant("order", &order),
        };
        data.write(device, shape, set)?;
        Ok(data)
    }

    /// Puts these `len` images and their labels into the buffers.
    ///
    /// # Errors
    /// [`Error::Images`] or [`Error::NoMemory`]; then the buffers are as they were.
    pub fn write(&self, device: &Device, shape: Shape, set: &Source) -> Result<(), Error> {
        let mut words: Vec<u32> = memory::room(self.len, "labels")?;
        words.extend(set.labels().iter().map(|&label| u32::from(label)));
        let width = padded(shape.input);
        let images = |pixels: &[u8]| {
            if width == shape.input {
                device.write(&self.pixels, pixels);
                return Ok::<_, Error>(());
            }
            let mut padded = memory::zeroed(self.len * width, "images")?;
            for (to, from) in padded.chunks_mut(width).zip(pixels.chunks(shape.input)) {
                to[..shape.input].copy_from_slice(from);
            }
            device.write(&self.pixels, &padded);
            Ok(())
        };
        set.with_all(images)??;
        device.write(&self.labels, &words);
        Ok(())
    }

    /// The kinds of tile: a whole one, and the last one.
    pub fn tiles(&self) -> [Rows<'_>; 2] {
        [self.tile, self.len % self.tile].map(|count| Rows {
            indices: &self.order,
            losses: &self.losses,
            count,
            row_words: self.tile,
        })
    }

    /// Each tile's row, and the images in it.
    pub fn rows(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (len, tile) = (self.len, self.tile);
        (0..len.div_ceil(tile)).map(move |row| (row, tile.min(len - row * tile)))
    }
}
