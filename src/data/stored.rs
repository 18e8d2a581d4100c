//! Images in a file of which only those in use are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::idx::ImageFile;
use super::{Dataset, Error};
use crate::{memory, threads};

/// Images that a thread reads at a time.
const IMAGES_A_THREAD: usize = 256;

/// Images in a raw IDX file, and their labels in memory.
#[derive(Debug)]
pub struct StoredSet {
    path: PathBuf,
    images: Arc<ImageFile>,
    /// The places in the file of the images of a part of it; none for the whole file.
    places: Option<Vec<u32>>,
    labels: Vec<u8>,
    /// Whether rows and columns are exchanged as the images are read.
    is_transposed: bool,
}

impl StoredSet {
    /// Opens a raw IDX file of images with these labels.
    ///
    /// # Errors
    /// When it is no such file, or its count of images is not that of the labels.
    pub fn open(path: &Path, labels: Vec<u8>) -> Result<Self, Error> {
        let in_file = |reason| Error::File { path: path.to_owned(), reason };
        let images = ImageFile::open(path).map_err(in_file)?;
        if images.count != labels.len() {
            let reason = Box::new(Error::Counts { images: images.count, labels: labels.len() });
            return Err(Error::Set { path: path.to_owned(), reason });
        }
        Ok(Self { path: path.to_owned(), images: Arc::new(images), places: None, labels, is_transposed: false })
    }

    /// All labels, `[count]`.
    pub(super) fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Rows and columns of one image.
    pub(super) fn size(&self) -> (usize, usize) {
        let ImageFile { rows, cols, .. } = *self.images;
        if self.is_transposed { (cols, rows) } else { (rows, cols) }
    }

    /// The same images with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        Self { is_transposed: !self.is_transposed, ..self }
    }

    /// The set of the images at these indices, in their order.
    pub(super) fn part(&self, indices: &[u32]) -> Self {
        Self {
            path: self.path.clone(),
            images: self.images.clone(),
            places: Some(indices.iter().map(|&index| self.place(index)).collect()),
            labels: indices.iter().map(|&index| self.labels[index as usize]).collect(),
            is_transposed: self.is_transposed,
        }
    }

    /// Where in the file an image is.
    fn place(&self, index: u32) -> u32 {
        self.places.as_ref().map_or(index, |places| places[index as usize])
    }

    /// As [`Store::gather`](super::Store::gather).
    pub(super) fn gather(&self, indices: &[u32]) -> Result<Dataset, Error> {
        let ImageFile { rows, cols, .. } = *self.images;
        let pixels = rows * cols;
        let mut labels = memory::room(indices.len(), "labels")?;
        labels.extend(indices.iter().map(|&index| self.labels[index as usize]));
        let mut images = memory::zeroed(indices.len().saturating_mul(pixels), "images")?;
        let chunks = indices.chunks(IMAGES_A_THREAD).zip(images.chunks_mut(IMAGES_A_THREAD * pixels));
        let read = threads::map(chunks, |(indices, mut images)| {
            // Consecutive images are read at once.
            for run in indices.chunk_by(|&a, &b| self.place(a).checked_add(1) == Some(self.place(b))) {
                let (first, rest) = images.split_at_mut(run.len() * pixels);
                self.read(self.place(run[0]) as usize, first)?;
                images = rest;
            }
            Ok::<_, Error>(())
        });
        read.into_iter().collect::<Result<(), _>>()?;
        let set = Dataset::new(images, labels, rows, cols)?;
        Ok(if self.is_transposed { set.transposed() } else { set })
    }

    fn read(&self, first: usize, images: &mut [u8]) -> Result<(), Error> {
        self.images.read(first, images).map_err(|reason| Error::File { path: self.path.clone(), reason: reason.into() })
    }
}
