//! Images in a file of which only those in use are read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dataset::transpose;
use super::idx::ImageFile;
use super::{Dataset, Error};
use crate::{memory, threads};

/// Images that a thread reads at a time.
const IMAGES_A_THREAD: usize = 256;
/// Bytes between two images that are read with them rather than left out: a second call to the system takes longer.
const GAP: usize = 4096;
/// The most bytes that are read at once.
const WINDOW: usize = 128 << 10;

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
            places: Some(indices.iter().map(|&index| self.place(index) as u32).collect()),
            labels: indices.iter().map(|&index| self.labels[index as usize]).collect(),
            is_transposed: self.is_transposed,
        }
    }

    /// Where in the file an image is.
    fn place(&self, index: u32) -> usize {
        self.places.as_ref().map_or(index, |places| places[index as usize]) as usize
    }

    /// As [`Store::gather`](super::Store::gather).
    pub(super) fn gather(&self, indices: &[u32]) -> Result<Dataset, Error> {
        let (rows, cols) = self.size();
        let labels = memory::gathered(&self.labels, indices, "labels")?;
        let mut images = memory::zeroed(indices.len().saturating_mul(rows * cols), "images")?;
        let chunks = indices.chunks(IMAGES_A_THREAD).zip(images.chunks_mut(IMAGES_A_THREAD * rows * cols));
        let fill = |window: &mut Vec<u8>, (indices, images)| self.fill(indices, images, window);
        let filled = threads::map_with(threads::cores(), chunks, Vec::new, fill);
        filled.into_iter().collect::<Result<(), _>>()?;
        Dataset::new(images, labels, rows, cols)
    }

    /// As [`Store::fill`](super::Store::fill). Those near each other in the file are read at once, through `window` if there are
    /// others between them.
    pub(super) fn fill(&self, indices: &[u32], images: &mut [u8], window: &mut Vec<u8>) -> Result<(), Error> {
        let ImageFile { rows, cols, .. } = *self.images;
        let pixels = rows * cols;
        let (nearest, most) = (1 + GAP / pixels, WINDOW / pixels);
        let in_file = |reason: io::Error| Error::File { path: self.path.clone(), reason: reason.into() };
        let (mut left, mut to) = (indices, &mut *images);
        while let Some(&first) = left.first() {
            let first = self.place(first);
            let is_near = |pair: &&[u32]| {
                let [a, b] = [self.place(pair[0]), self.place(pair[1])];
                a <= b && b - a <= nearest && b - first < most
            };
            let (run, images);
            (run, left) = left.split_at(1 + left.windows(2).take_while(is_near).count());
            (images, to) = to.split_at_mut(run.len() * pixels);
            let places = || run.iter().map(|&index| self.place(index));
            if places().eq(first..first + run.len()) {
                self.images.read(first, images).map_err(in_file)?;
                continue;
            }
            memory::resize(window, most * pixels, "images")?;
            let last = places().next_back().unwrap_or(first);
            let window = &mut window[..(last + 1 - first) * pixels];
            self.images.read(first, window).map_err(in_file)?;
            for (place, image) in places().zip(images.chunks_exact_mut(pixels)) {
                image.copy_from_slice(&window[(place - first) * pixels..][..pixels]);
            }
        }
        if self.is_transposed {
            transpose(images, rows, cols);
        }
        Ok(())
    }
}
