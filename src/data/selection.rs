//! Some images of a store.

use std::ops::Range;

use super::source::{Labelled, Room, Source};
use super::{Error, Store};
use crate::memory;

/// Images of a store that are read when a device takes them.
#[derive(Debug)]
pub struct Selection<'a> {
    store: &'a Store,
    indices: &'a [u32],
    labels: Vec<u8>,
}

impl<'a> Selection<'a> {
    /// The images at these indices, in their order.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    ///
    /// # Panics
    /// When there is no image at an index.
    pub fn new(store: &'a Store, indices: &'a [u32]) -> Result<Self, Error> {
        let mut labels = memory::room(indices.len(), "labels")?;
        labels.extend(indices.iter().map(|&index| store.labels()[index as usize]));
        Ok(Self { store, indices, labels })
    }
}

impl Labelled for Selection<'_> {
    fn labels(&self) -> &[u8] {
        &self.labels
    }

    fn size(&self) -> (usize, usize) {
        self.store.size()
    }
}

impl Source for Selection<'_> {
    fn read<'a>(&'a self, range: Range<usize>, room: &'a mut Room) -> Result<&'a [u8], Error> {
        self.store.read(&self.indices[range], room)
    }
}
