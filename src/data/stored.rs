//! Images that stay in their file and are read at the places asked for.

use std::path::{Path, PathBuf};

use super::idx::ImageFile;
use super::{Dataset, Error};
use crate::{memory, threads};

/// Images that one thread reads at a time, where several read.
const READ_TOGETHER: usize = 256;

/// Images in a file, with their labels.
#[derive(Debug)]
pub struct StoredSet {
    path: PathBuf,
    images: ImageFile,
    labels: Vec<u8>,
    /// Whether rows and columns are exchanged as the images are read.
    is_transposed: bool,
}

impl StoredSet {
    /// Opens a raw IDX file of images to which these labels belong.
    ///
    /// # Errors
    /// When the file is not one, or holds another number of images.
    pub fn open(path: &Path, labels: Vec<u8>) -> Result<Self, Error> {
        let in_file = |reason| Error::File { path: path.to_owned(), reason };
        let images = ImageFile::open(path).map_err(in_file)?;
        if images.count != labels.len() {
            let reason = Box::new(Error::Counts { images: images.count, labels: labels.len() });
            return Err(Error::Set { path: path.to_owned(), reason });
        }
        Ok(Self { path: path.to_owned(), images, labels, is_transposed: false })
    }

    /// All labels, `[count]`.
    pub(super) fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Rows and columns of one image.
    pub(super) fn size(&self) -> (usize, usize) {
        let ImageFile { rows, cols, .. } = self.images;
        if self.is_transposed { (cols, rows) } else { (rows, cols) }
    }

    /// The same images with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        Self { is_transposed: !self.is_transposed, ..self }
    }

    /// Some of the images, in this order, as a set of their own.
    pub(super) fn gather(&self, numbers: &[u32]) -> Result<Dataset, Error> {
        let ImageFile { rows, cols, .. } = self.images;
        let each = rows * cols;
        let mut labels = memory::room(numbers.len(), "labels")?;
        labels.extend(numbers.iter().map(|&number| self.labels[number as usize]));
        let mut images = memory::zeroed(numbers.len().saturating_mul(each), "images")?;
        let parts = numbers.chunks(READ_TOGETHER).zip(images.chunks_mut(READ_TOGETHER * each));
        let read = threads::map(parts, |(numbers, mut images)| {
            // Those that lie one after another are read at once.
            for run in numbers.chunk_by(|&a, &b| a.checked_add(1) == Some(b)) {
                let (part, behind) = images.split_at_mut(run.len() * each);
                self.read(run[0] as usize, part)?;
                images = behind;
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
