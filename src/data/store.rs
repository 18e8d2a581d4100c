//! Images wherever they lie: in memory, or in a file that is read at the places asked for.

use super::description::Description;
use super::stored::StoredSet;
use super::{Dataset, Error, Splits, classes};

/// A set of labelled images.
#[derive(Debug)]
pub enum Store {
    /// All in memory.
    Memory(Dataset),
    /// The labels in memory, the images in a raw IDX file.
    File(StoredSet),
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
            Self::File(set) => set.labels(),
        }
    }

    /// Rows and columns of one image.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Memory(set) => (set.rows(), set.cols()),
            Self::File(set) => set.size(),
        }
    }

    /// The same images with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        match self {
            Self::Memory(set) => Self::Memory(set.transposed()),
            Self::File(set) => Self::File(set.transposed()),
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::data::idx;

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
}
