//! Images wherever they lie: in memory, or in a file that is read at the places asked for.

use std::path::{Path, PathBuf};

use super::description::Description;
use super::idx::{self, ImageFile};
use super::{Dataset, Error, Splits, classes};
use crate::{memory, threads};

/// Images that one thread reads at a time, where several read.
const READ_TOGETHER: usize = 256;

/// A set of labelled images.
#[derive(Debug)]
pub enum Store {
    /// All in memory.
    Memory(Dataset),
    /// The labels in memory, the images in a raw IDX file.
    File(StoredSet),
}

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

    /// As [`Store::gather`].
    fn gather(&self, numbers: &[u32]) -> Result<Dataset, Error> {
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

impl Store {
    /// Number of images, at least 1.
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

    /// Rows and columns of one image.
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

    /// Pixels of one image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        let (rows, cols) = self.size();
        rows * cols
    }

    /// All images in memory.
    ///
    /// # Errors
    /// As [`Store::gather`].
    pub fn into_memory(self) -> Result<Dataset, Error> {
        match self {
            Self::Memory(set) => Ok(set),
            Self::File(_) => self.gather(&(0..self.len() as u32).collect::<Vec<_>>()),
        }
    }

    /// All images in file order, so many at a time.
    pub fn parts(&self, images: usize) -> impl Iterator<Item = Result<Dataset, Error>> {
        let len = self.len();
        (0..len).step_by(images).map(move |first| {
            let numbers: Vec<u32> = (first..len.min(first + images)).map(|number| number as u32).collect();
            self.gather(&numbers)
        })
    }

    /// Some of the images, in this order, as a set of their own.
    ///
    /// # Errors
    /// When the file cannot be read any more; [`Error::Empty`] for no images, and [`Error::NoMemory`].
    ///
    /// # Panics
    /// When there is no image of such a number.
    pub fn gather(&self, numbers: &[u32]) -> Result<Dataset, Error> {
        match self {
            Self::Memory(set) => set.gather(numbers),
            Self::File(set) => set.gather(numbers),
        }
    }
}

/// A set to learn from and one to test with, wherever they lie.
#[derive(Debug)]
pub struct Stores {
    /// What is learned from.
    pub train: Store,
    /// What is only tested with.
    pub test: Store,
    /// Number of classes, 2 to 255: 1 + the largest training label, or what the set's class list says.
    pub classes: usize,
    /// What else is known of the set.
    pub description: Description,
}

impl Stores {
    /// Pairs two sets and counts their classes.
    ///
    /// # Errors
    /// As [`Splits::new`].
    pub fn new(train: Store, test: Store) -> Result<Self, Error> {
        let classes = classes::count(train.labels(), test.labels())?;
        Self::described(train, test, classes, Description::default())
    }

    /// Pairs two sets that have a class list, which also names classes without an image.
    ///
    /// # Errors
    /// As [`Splits::described`].
    pub fn described(train: Store, test: Store, classes: usize, description: Description) -> Result<Self, Error> {
        classes::check_pair(train.size(), test.size(), &description)?;
        classes::check(train.labels(), test.labels(), classes)?;
        Ok(Self { train, test, classes, description })
    }

    /// The same with rows and columns of every image exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        let Self { train, test, classes, description } = self;
        Self { train: train.transposed(), test: test.transposed(), classes, description }
    }
}

impl From<Splits> for Stores {
    fn from(Splits { train, test, classes, description }: Splits) -> Self {
        Self { train: Store::Memory(train), test: Store::Memory(test), classes, description }
    }
}

/// Opens the images at `path`: takes them into memory if they are at most `max_bytes`, and else leaves them in the file.
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
    use super::*;
    use std::fs;

    fn set() -> Dataset {
        Dataset::new((0..60).collect(), (0..10).map(|image| image % 3).collect(), 2, 3).unwrap()
    }

    fn written(folder: &Path) -> PathBuf {
        let path = folder.join("images");
        idx::write_images(&set(), fs::File::create(&path).unwrap()).unwrap();
        path
    }

    #[test]
    fn the_same_images_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let stored = StoredSet::open(&written(folder.path()), set().labels().to_vec()).unwrap();
        let stores = [Store::Memory(set()), Store::File(stored)];
        for numbers in [&[0][..], &[9, 9, 0], &[2, 3, 4, 7, 8, 1], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            let [memory, file] = stores.each_ref().map(|store| store.gather(numbers).unwrap());
            assert_eq!(memory, file);
            for (place, &number) in numbers.iter().enumerate() {
                assert_eq!(file.image(place), set().image(number as usize));
                assert_eq!(file.labels()[place], set().labels()[number as usize]);
            }
        }
        assert!(matches!(stores[1].gather(&[]), Err(Error::Empty)));
    }

    #[test]
    fn images_are_turned_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let stored = Store::File(StoredSet::open(&written(folder.path()), set().labels().to_vec()).unwrap());
        let stored = stored.transposed();
        assert_eq!(stored.size(), (3, 2));
        assert_eq!(stored.gather(&[9, 0]).unwrap(), set().transposed().gather(&[9, 0]).unwrap());
        assert_eq!(stored.transposed().into_memory().unwrap(), set());
    }

    #[test]
    fn a_file_that_is_cut_later_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let store = Store::File(StoredSet::open(&path, set().labels().to_vec()).unwrap());
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(40).unwrap();
        assert!(store.gather(&[0, 1]).is_ok());
        let error = store.gather(&[0, 9]).unwrap_err().to_string();
        assert!(error.contains("images: cannot be read"), "{error}");
    }

    #[test]
    fn what_fits_is_read_and_the_rest_stays_in_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let labels = || set().labels().to_vec();
        assert!(matches!(open(&path, labels(), 60), Ok(Store::Memory(found)) if found == set()));
        assert!(matches!(open(&path, labels(), 59), Ok(Store::File(_))));
        assert!(matches!(open(&path, vec![0; 9], 59), Err(Error::Set { .. })));
        let packed = folder.path().join("images.gz");
        let mut encoder =
            flate2::write::GzEncoder::new(fs::File::create(&packed).unwrap(), flate2::Compression::default());
        idx::write_images(&set(), &mut encoder).unwrap();
        encoder.finish().unwrap();
        assert!(matches!(open(&packed, labels(), 60), Ok(Store::Memory(_))));
        let error = open(&packed, labels(), 59).unwrap_err().to_string();
        assert!(error.contains("gunzip ") && error.contains("60 bytes"), "{error}");
    }
}
