//! Labelled images in memory, or in a file of which only the images in use are read.

use std::borrow::Cow;
use std::ops::Range;

use super::stored::StoredSet;
use super::{Dataset, Error, classes};
use crate::random::{Stream, stream};

/// A set of labelled images.
#[derive(Debug)]
pub enum Store {
    /// In memory.
    Memory(Dataset),
    /// The labels in memory, the images in a raw IDX file.
    File(StoredSet),
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
            Self::File(set) => set.labels(),
        }
    }

    /// Rows and columns of an image.
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

    /// Pixels of an image: rows x columns.
    #[must_use]
    pub fn pixels(&self) -> usize {
        let (rows, cols) = self.size();
        rows * cols
    }

    /// All images, read into memory.
    ///
    /// # Errors
    /// As [`Store::gather`].
    pub fn to_memory(&self) -> Result<Cow<'_, Dataset>, Error> {
        match self {
            Self::Memory(set) => Ok(Cow::Borrowed(set)),
            Self::File(_) => self.gather(&(0..self.len() as u32).collect::<Vec<_>>()).map(Cow::Owned),
        }
    }

    /// As [`Store::to_memory`], for a set that is used no more.
    ///
    /// # Errors
    /// As [`Store::gather`].
    pub fn into_memory(self) -> Result<Dataset, Error> {
        match self {
            Self::Memory(set) => Ok(set),
            Self::File(_) => self.to_memory().map(Cow::into_owned),
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

    /// Splits a training set into one to train and one for validation, both in file order. The seed draws this share of each class
    /// for validation. A class of two or more images keeps at least one in either; the only image of a class is trained on.
    ///
    /// # Errors
    /// [`Error::Validation`] if no class has two images; and [`Error::NoMemory`].
    pub fn with_validation(self, share: f64, seed: u64) -> Result<[Self; 2], Error> {
        let (validation, train) = classes::drawn(self.labels(), share, &mut stream(seed, &Stream::Validation));
        if validation.is_empty() {
            return Err(Error::Validation);
        }
        Ok(match self {
            Self::Memory(set) => [Self::Memory(set.gather(&train)?), Self::Memory(set.gather(&validation)?)],
            Self::File(set) => [train, validation].map(|indices| Self::File(set.part(&indices))),
        })
    }

    /// The images of this range, as a set of its own.
    ///
    /// # Errors
    /// Those of [`Store::gather`].
    pub(crate) fn slice(&self, range: Range<usize>) -> Result<Self, Error> {
        let indices: Vec<u32> = range.map(|index| index as u32).collect();
        Ok(match self {
            Self::Memory(set) => Self::Memory(set.gather(&indices)?),
            Self::File(set) => Self::File(set.part(&indices)),
        })
    }

    /// A set of up to `count` images at equal distances, from the first on.
    ///
    /// # Errors
    /// Those of [`Store::gather`].
    pub fn sample(&self, count: usize) -> Result<Dataset, Error> {
        let count = self.len().min(count);
        let indices: Vec<u32> = (0..count).map(|index| (index * self.len() / count) as u32).collect();
        self.gather(&indices)
    }

    /// Fills `images`, `[N, pixels]`, with those at these indices, in their order; `window` is room for what is read with them.
    ///
    /// # Errors
    /// When the file can no longer be read; and [`Error::NoMemory`].
    pub(super) fn fill(&self, indices: &[u32], images: &mut [u8], window: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Memory(set) => {
                set.fill(indices, images);
                Ok(())
            }
            Self::File(set) => set.fill(indices, images, window),
        }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::data::{Room, Selection, Source, idx};

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
        assert!(matches!(Selection::new(&stores[1], &[]), Err(Error::Empty)));
    }

    #[test]
    fn images_near_each_other_are_those_at_their_indices() {
        let folder = tempfile::tempdir().unwrap();
        let pixels = (0..600 * 900_u32).map(|pixel| (pixel.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let set = Dataset::new(pixels, (0..600_u32).map(|image| (image % 7) as u8).collect(), 25, 36).unwrap();
        let path = folder.path().join("images");
        idx::write_images(&set, fs::File::create(&path).unwrap()).unwrap();
        let stored = || Store::File(StoredSet::open(&path, set.labels().to_vec()).unwrap());
        // Of a part, neighbours are not neighbours in the file.
        let part = |store: Store| store.slice(20..590).unwrap().with_validation(0.4, 1).unwrap();
        let [memory, file] = [Store::Memory(set.clone()), stored()].map(|store| {
            let [train, validation] = part(store);
            [train, validation.transposed()]
        });
        let stores =
            [[Store::Memory(set.clone()), stored()]].into_iter().chain(std::iter::zip(memory, file).map(Into::into));
        for [memory, file] in stores {
            let last = memory.len() as u32 - 1;
            let every = |step: usize| (0..=last).step_by(step).collect::<Vec<_>>();
            // Together, with few and with many others between them, twice, backwards, further apart than a window.
            for indices in [
                every(1),
                every(3),
                every(6),
                [every(2), every(50)].concat(),
                every(1).into_iter().rev().collect(),
                vec![5, 5, 5, 6, 9, 9, 4, last, 0, last],
            ] {
                let expected = memory.gather(&indices).unwrap();
                assert_eq!(file.gather(&indices).unwrap(), expected);
                for store in [&memory, &file] {
                    let selection = Selection::new(store, &indices).unwrap();
                    let source = Source::from(&selection);
                    assert_eq!((source.labels(), source.pixels()), (expected.labels(), store.pixels()));
                    assert!(source.with_all(|images| images == expected.images()).unwrap());
                    let mut room = Room::default();
                    for range in [3..indices.len(), 0..2, 1..5] {
                        let pixels = expected.pixels();
                        let right = &expected.images()[range.start * pixels..range.end * pixels];
                        assert!(source.read(range.clone(), &mut room).unwrap() == right, "{range:?} of {indices:?}");
                    }
                }
            }
        }
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
    fn a_set_in_memory_and_one_in_a_file_are_split_alike() {
        let folder = tempfile::tempdir().unwrap();
        let stored =
            Store::File(StoredSet::open(&written(folder.path()), set().labels().to_vec()).unwrap()).transposed();
        let memory = Store::Memory(set().transposed()).with_validation(0.3, 5).unwrap();
        let file = stored.with_validation(0.3, 5).unwrap();
        assert_eq!(memory.each_ref().map(Store::len), [7, 3]);
        for (memory, file) in memory.into_iter().zip(file) {
            assert_eq!(memory.labels(), file.labels());
            let order = [file.len() as u32 - 1, 0, 1];
            assert_eq!(memory.gather(&order).unwrap(), file.gather(&order).unwrap());
            // Every image is one of the whole set, with its label.
            let memory = memory.into_memory().unwrap();
            assert_eq!(memory, file.into_memory().unwrap());
            for index in 0..memory.len() {
                let number = usize::from(memory.image(index).unwrap()[0]) / 6;
                assert_eq!(memory.labels()[index], set().labels()[number]);
            }
        }
        let one_of_each = Dataset::new(vec![0; 3], vec![0, 1, 2], 1, 1).unwrap();
        assert!(matches!(Store::Memory(one_of_each).with_validation(0.3, 5), Err(Error::Validation)));
        let validation = |seed| Store::Memory(set()).with_validation(0.3, seed).unwrap()[1].gather(&[0, 1, 2]).unwrap();
        assert!((0..9).any(|seed| validation(seed) != validation(9)));
    }

    #[test]
    fn a_file_that_is_truncated_later_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let store = Store::File(StoredSet::open(&path, set().labels().to_vec()).unwrap());
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(40).unwrap();
        assert!(store.gather(&[0, 1]).is_ok());
        for indices in [[0, 9], [8, 9], [7, 9]] {
            let selection = Selection::new(&store, &indices).unwrap();
            let source = Source::from(&selection);
            let read = source.read(0..2, &mut Room::default()).map(drop);
            for error in [store.gather(&indices).map(drop), read, source.with_all(|_| ())].map(Result::unwrap_err) {
                assert!(error.to_string().contains("images: cannot be read"), "{error}");
            }
        }
    }
}
