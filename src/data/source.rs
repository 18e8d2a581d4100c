//! Images that a device takes a range at a time, wherever they are.

use std::ops::Range;

use super::{Dataset, Error};

/// Labelled images of one size, in memory or in a file.
pub trait Labelled {
    /// All labels, `[len]`.
    fn labels(&self) -> &[u8];

    /// Rows and columns of an image.
    fn size(&self) -> (usize, usize);
}

impl Labelled for Dataset {
    fn labels(&self) -> &[u8] {
        self.labels()
    }

    fn size(&self) -> (usize, usize) {
        (self.rows(), self.cols())
    }
}

/// Where images are put that are not in memory. What it grows to is kept for the next ones.
#[derive(Debug, Default)]
pub struct Room {
    pub(super) images: Vec<u8>,
    /// A piece of a file that has them, and others between them.
    pub(super) window: Vec<u8>,
}

/// Labelled images that are read a range at a time, by several threads at once.
pub trait Source: Labelled + Sync {
    /// The images of a range, `[N, pixels]` row-major: where they are in memory, or else read into `room`.
    ///
    /// # Errors
    /// When they can no longer be read; and [`Error::NoMemory`].
    ///
    /// # Panics
    /// When the range ends behind the last image.
    fn read<'a>(&'a self, range: Range<usize>, room: &'a mut Room) -> Result<&'a [u8], Error>;

    /// Pixels of an image: rows x columns.
    fn pixels(&self) -> usize {
        let (rows, cols) = self.size();
        rows * cols
    }
}

impl Source for Dataset {
    fn read<'a>(&'a self, range: Range<usize>, _: &'a mut Room) -> Result<&'a [u8], Error> {
        let pixels = Dataset::pixels(self);
        Ok(&self.images()[range.start * pixels..range.end * pixels])
    }
}

/// Images of any shape as bytes, `[N, pixels]`, and their labels.
pub(crate) struct Bytes<'a> {
    pub images: &'a [u8],
    pub labels: &'a [u8],
    pub pixels: usize,
}

impl Labelled for Bytes<'_> {
    fn labels(&self) -> &[u8] {
        self.labels
    }

    fn size(&self) -> (usize, usize) {
        (1, self.pixels)
    }
}

impl Source for Bytes<'_> {
    fn read<'a>(&'a self, range: Range<usize>, _: &'a mut Room) -> Result<&'a [u8], Error> {
        Ok(&self.images[range.start * self.pixels..range.end * self.pixels])
    }
}
