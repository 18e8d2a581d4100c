//! A browser's page, where there are no files.

use std::convert::Infallible;

use super::{Dataset, Error};

/// Images in a file, with their labels: there are none.
#[derive(Debug)]
pub struct StoredSet(Infallible);

impl StoredSet {
    /// All labels, `[count]`.
    pub(super) fn labels(&self) -> &[u8] {
        match self.0 {}
    }

    /// Rows and columns of one image.
    pub(super) fn size(&self) -> (usize, usize) {
        match self.0 {}
    }

    /// The same images with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        self
    }

    /// The set of the images at these indices, in their order.
    pub(super) fn part(&self, _: &[u32]) -> Self {
        match self.0 {}
    }

    /// As [`Store::fill`](super::Store::fill).
    pub(super) fn fill(&self, _: &[u32], _: &mut [u8], _: &mut Vec<u8>) -> Result<(), Error> {
        match self.0 {}
    }

    /// As [`Store::gather`](super::Store::gather).
    pub(super) fn gather(&self, _: &[u32]) -> Result<Dataset, Error> {
        match self.0 {}
    }
}
