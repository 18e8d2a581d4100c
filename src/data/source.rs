//! Labelled images as a device takes them.

use std::ops::Range;

use super::{Dataset, Error, Store};
use crate::memory;

/// Images for a device to take, in memory or in a file from which it reads a range at a time; at least one.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    images: Images<'a>,
    labels: &'a [u8],
    pixels: usize,
}

/// Where the images are.
#[derive(Clone, Copy, Debug)]
enum Images<'a> {
    /// In memory, `[N, pixels]`.
    Bytes(&'a [u8]),
    /// At these indices of a store.
    Stored(&'a Store, &'a [u32]),
}

/// Where a thread puts images that it reads. What this grows to is kept for the next ones.
#[derive(Debug, Default)]
pub(crate) struct Room {
    images: Vec<u8>,
    /// A piece of a file that has them, and others between them.
    window: Vec<u8>,
}

impl<'a> Source<'a> {
    /// Images in memory, `[N, pixels]`, and their labels, `[N]`.
    pub(crate) fn of_bytes(images: &'a [u8], labels: &'a [u8], pixels: usize) -> Self {
        debug_assert_eq!(images.len(), labels.len() * pixels);
        Self { images: Images::Bytes(images), labels, pixels }
    }

    /// All labels, `[N]`.
    #[must_use]
    pub fn labels(&self) -> &'a [u8] {
        self.labels
    }

    /// Pixels of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// The images of a range, `[N, pixels]`, read into `room` unless they are in memory. Several threads may read at once.
    ///
    /// # Errors
    /// When they can no longer be read; and [`Error::NoMemory`].
    pub(crate) fn read<'b>(&'b self, range: Range<usize>, room: &'b mut Room) -> Result<&'b [u8], Error> {
        match self.images {
            Images::Bytes(images) => Ok(&images[range.start * self.pixels..range.end * self.pixels]),
            Images::Stored(store, indices) => {
                let Room { images, window } = room;
                let bytes = range.len().saturating_mul(self.pixels);
                memory::resize(images, images.len().max(bytes), "images")?;
                store.fill(&indices[range], &mut images[..bytes], window)?;
                Ok(&images[..bytes])
            }
        }
    }

    /// Does something with all images, `[N, pixels]`, which are read by all threads unless they are in memory.
    ///
    /// # Errors
    /// As [`Source::read`].
    #[cfg(any(feature = "gpu", test))]
    pub(crate) fn with_all<R>(&self, then: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
        match self.images {
            Images::Bytes(images) => Ok(then(images)),
            Images::Stored(store, indices) => Ok(then(store.gather(indices)?.images())),
        }
    }
}

impl<'a> From<&'a Dataset> for Source<'a> {
    fn from(set: &'a Dataset) -> Self {
        Self::of_bytes(set.images(), set.labels(), set.pixels())
    }
}

/// Some images of a store, which are read when a device takes them.
#[derive(Debug)]
pub struct Selection<'a> {
    store: &'a Store,
    indices: &'a [u32],
    labels: Vec<u8>,
}

impl<'a> Selection<'a> {
    /// The images at these indices, in their order. They are read fastest in ascending order.
    ///
    /// # Errors
    /// [`Error::Empty`] for no indices, and [`Error::NoMemory`].
    ///
    /// # Panics
    /// When there is no image at an index.
    pub fn new(store: &'a Store, indices: &'a [u32]) -> Result<Self, Error> {
        if indices.is_empty() {
            return Err(Error::Empty);
        }
        Ok(Self { store, indices, labels: memory::gathered(store.labels(), indices, "labels")? })
    }
}

impl<'a> From<&'a Selection<'_>> for Source<'a> {
    fn from(Selection { store, indices, labels }: &'a Selection) -> Self {
        Self { images: Images::Stored(store, indices), labels, pixels: store.pixels() }
    }
}
