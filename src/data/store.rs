//! Labelled images in memory, or in a file of which only the images in use are read.

use std::path::{Path, PathBuf};

use super::idx::{self, ImageFile};
use super::{Dataset, Error};
use crate::{memory, threads};

/// Images that a thread reads at a time.
const IMAGES_A_THREAD: usize = 256;

/// A set of labelled images.
#[derive(Debug)]
pub enum Store {
    /// In memory.
    Memory(Dataset),
    /// The labels in memory, the images in a raw IDX file.
    File(StoredSet),
}

/// Images in a raw IDX file, and their labels in memory.
#[derive(Debug)]
pub struct StoredSet {
    path: PathBuf,
    images: ImageFile,
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
        Ok(Self { path: path.to_owned(), images, labels, is_transposed: false })
    }

    /// As [`Store::gather`].
    fn gather(&self, indices: &[u32]) -> Result<Dataset, Error> {
        let ImageFile { rows, cols, .. } = self.images;
        let pixels = rows * cols;
        let mut labels = memory::room(indices.len(), "labels")?;
        labels.extend(indices.iter().map(|&index| self.labels[index as usize]));
        let mut images = memory::zeroed(indices.len().saturating_mul(pixels), "images")?;
        let chunks = indices.chunks(IMAGES_A_THREAD).zip(images.chunks_mut(IMAGES_A_THREAD * pixels));
        let read = threads::map(chunks, |(indices, mut images)| {
            // Consecutive images are read at once.
            for run in indices.chunk_by(|&a, &b| a.checked_add(1) == Some(b)) {
                let (first, rest) = images.split_at_mut(run.len() * pixels);
                self.read(run[0] as usize, first)?;
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

impl Store {
    /// The count of images, at least 1.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no set is empty")]
    pub fn len(&self) -> usize {
        self.labels().len()
    }

    /// All labels, `[len]`.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        match self {
            Self::Memory(set) => set.labels(),
            Self::File(set) => &set.labels,
        }
    }

    /// Rows and columns of an image.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Memory(set) => (set.rows(), set.cols()),
            Self::File(StoredSet { images, is_transposed: false, .. }) => (images.rows, images.cols),
            Self::File(StoredSet { images, is_transposed: true, .. }) => (images.cols, images.rows),
        }
    }

    /// The same images with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        match self {
            Self::Memory(set) => Self::Memory(set.transposed()),
            Self::File(set) => Self::File(StoredSet { is_transposed: !set.is_transposed, ..set }),
        }
    }

    /// Pixels of an image: rows x columns.
    #[must_use]
    pub fn pixels(&self) -> usize {
        let (rows, cols) = self.size();
        rows * cols
    }

    /// Reads all images into memory.
    ///
    /// # Errors
    /// As [`Store::gather`].
    pub fn into_memory(self) -> Result<Dataset, Error> {
        match self {
            Self::Memory(set) => Ok(set),
            Self::File(_) => self.gather(&(0..self.len() as u32).collect::<Vec<_>>()),
        }
    }

    /// Sets of `count` images at a time, in file order.
    pub fn chunks(&self, count: usize) -> impl Iterator<Item = Result<Dataset, Error>> {
        let len = self.len();
        (0..len).step_by(count).map(move |first| {
            let indices: Vec<u32> = (first..len.min(first + count)).map(|index| index as u32).collect();
            self.gather(&indices)
        })
    }

    /// A set of the images at these indices, in their order.
    ///
    /// # Errors
    /// When the file can no longer be read; [`Error::Empty`] for no indices, and [`Error::NoMemory`].
    ///
    /// # Panics
    /// When there is no image at an index.
    pub fn gather(&self, indices: &[u32]) -> Result<Dataset, Error> {
        match self {
            Self::Memory(set) => set.gather(indices),
            Self::File(set) => set.gather(indices),
        }
    }
}

/// Opens the images at `path`: in memory if they have at most `max_bytes`, and else in their file.
pub(super) fn open(path: &Path, labels: Vec<u8>, max_bytes: u64) -> Result<Store, Error> {
    let in_file = |reason| Error::File { path: path.to_owned(), reason };
    let in_set = |reason| Error::Set { path: path.to_owned(), reason: Box::new(reason) };
    let (bytes, is_packed) = idx::promised_pixels(path).map_err(in_file)?;
    if bytes <= max_bytes {
        let images = idx::read_images_file(path).map_err(in_file)?;
        return Dataset::new(images.pixels, labels, images.rows, images.cols).map(Store::Memory).map_err(in_set);
    }
    if is_packed {
        return Err(Error::Packed { path: path.to_owned(), bytes, max_bytes });
    }
    StoredSet::open(path, labels).map(Store::File)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::gzip::tests::gzip;

    fn set() -> Dataset {
        Dataset::new((0..60).collect(), (0..10).map(|image| image % 3).collect(), 2, 3).unwrap()
    }

    fn written(folder: &Path) -> PathBuf {
        let path = folder.join("images");
        idx::write_images(&set(), fs::File::create(&path).unwrap()).unwrap();
        path
    }

    #[test]
    fn images_in_memory_and_in_a_file_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let stored = StoredSet::open(&written(folder.path()), set().labels().to_vec()).unwrap();
        let stores = [Store::Memory(set()), Store::File(stored)];
        for indices in [&[0][..], &[9, 9, 0], &[2, 3, 4, 7, 8, 1], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            let [memory, file] = stores.each_ref().map(|store| store.gather(indices).unwrap());
            assert_eq!(memory, file);
            for (position, &index) in indices.iter().enumerate() {
                assert_eq!(file.image(position), set().image(index as usize));
                assert_eq!(file.labels()[position], set().labels()[index as usize]);
            }
        }
        assert!(matches!(stores[1].gather(&[]), Err(Error::Empty)));
    }

    #[test]
    fn images_in_a_file_are_transposed() {
        let folder = tempfile::tempdir().unwrap();
        let stored = Store::File(StoredSet::open(&written(folder.path()), set().labels().to_vec()).unwrap());
        let stored = stored.transposed();
        assert_eq!(stored.size(), (3, 2));
        assert_eq!(stored.gather(&[9, 0]).unwrap(), set().transposed().gather(&[9, 0]).unwrap());
        assert_eq!(stored.transposed().into_memory().unwrap(), set());
    }

    #[test]
    fn a_file_that_is_truncated_later_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let store = Store::File(StoredSet::open(&path, set().labels().to_vec()).unwrap());
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(40).unwrap();
        assert!(store.gather(&[0, 1]).is_ok());
        let error = store.gather(&[0, 9]).unwrap_err().to_string();
        assert!(error.contains("images: cannot be read"), "{error}");
    }

    #[test]
    fn only_images_within_the_limit_are_read_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let labels = || set().labels().to_vec();
        assert!(matches!(open(&path, labels(), 60), Ok(Store::Memory(found)) if found == set()));
        assert!(matches!(open(&path, labels(), 59), Ok(Store::File(_))));
        assert!(matches!(open(&path, vec![0; 9], 59), Err(Error::Set { .. })));
        let packed = folder.path().join("images.gz");
        fs::write(&packed, gzip(&fs::read(&path).unwrap())).unwrap();
        assert!(matches!(open(&packed, labels(), 60), Ok(Store::Memory(_))));
        let error = open(&packed, labels(), 59).unwrap_err().to_string();
        assert!(error.contains("gunzip ") && error.contains("60 bytes"), "{error}");
    }
}
