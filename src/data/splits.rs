//! A training and a test set with the same classes.

use super::description::Description;
use super::store::Store;
use super::{Dataset, Error, classes};

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

impl Labelled for Store {
    fn labels(&self) -> &[u8] {
        self.labels()
    }

    fn size(&self) -> (usize, usize) {
        self.size()
    }
}

/// A training and a test set.
#[derive(Clone, Debug, PartialEq)]
pub struct Splits<S = Dataset> {
    /// The training images.
    pub train: S,
    /// The test images.
    pub test: S,
    /// The count of classes, 2 to 255: that of the class list, or 1 + the largest training label.
    pub classes: usize,
    /// The names of the classes, and the preparation of the pictures.
    pub description: Description,
}

/// A training and a test set, each in memory or in its file.
pub type Stores = Splits<Store>;

impl<S: Labelled> Splits<S> {
    /// Pairs two sets and counts their classes.
    ///
    /// # Errors
    /// When the image sizes differ, the classes are not 2 to 255, or a test label is not below their count.
    pub fn new(train: S, test: S) -> Result<Self, Error> {
        let classes = classes::count(train.labels(), test.labels())?;
        Self::described(train, test, classes, Description::default())
    }

    /// Pairs two sets with a class list, which may also have classes without an image.
    ///
    /// # Errors
    /// When the image sizes differ, or a label is not below `classes`.
    pub fn described(train: S, test: S, classes: usize, description: Description) -> Result<Self, Error> {
        if train.size() != test.size() {
            return Err(Error::SizesDiffer { train: train.size(), test: test.size() });
        }
        match description.preparation.as_ref().map(|preparation| (preparation.rows, preparation.cols)) {
            Some(described) if described != train.size() => {
                return Err(Error::OtherSize { found: train.size(), described });
            }
            _ => {}
        }
        for labels in [train.labels(), test.labels()] {
            if let Some((index, label)) = classes::first_outside(labels, classes) {
                return Err(Error::Unlisted { index, label, classes });
            }
        }
        Ok(Self { train, test, classes, description })
    }
}

impl Stores {
    /// The same images with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { train: self.train.transposed(), test: self.test.transposed(), ..self }
    }
}

impl From<Splits> for Stores {
    fn from(Splits { train, test, classes, description }: Splits) -> Self {
        Self { train: Store::Memory(train), test: Store::Memory(test), classes, description }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::limits::MAX_CLASSES;

    /// A set of 1x1 images, all black.
    fn with_labels(labels: &[u8]) -> Dataset {
        Dataset::new(vec![0; labels.len()], labels.to_vec(), 1, 1).unwrap()
    }

    #[test]
    fn classes_come_from_the_training_labels() {
        let splits = |train: &[u8], test: &[u8]| Splits::new(with_labels(train), with_labels(test));
        assert_eq!(splits(&[0, 6, 2], &[1]).unwrap().classes, 7);
        assert_eq!(splits(&[254], &[254]).unwrap().classes, MAX_CLASSES);
        assert!(matches!(splits(&[0, 0], &[0]), Err(Error::Classes(0))));
        assert!(matches!(splits(&[255], &[0]), Err(Error::Classes(255))));
        let error = splits(&[0, 1], &[0, 1, 2]).unwrap_err();
        assert!(matches!(error, Error::TestLabel { index: 2, label: 2, classes: 2 }));
        assert!(error.to_string().contains("training labels end at 1"));
    }

    #[test]
    fn a_class_list_has_classes_without_an_image() {
        let described = |labels: &[u8], classes| {
            Splits::described(with_labels(labels), with_labels(&[9]), classes, Description::default())
        };
        assert_eq!(described(&[3, 3], 10).unwrap().classes, 10);
        assert!(matches!(described(&[10], 10), Err(Error::Unlisted { index: 0, label: 10, classes: 10 })));
        assert!(matches!(described(&[3], 9), Err(Error::Unlisted { index: 0, label: 9, classes: 9 })));
    }

    #[test]
    fn both_sets_have_one_image_size() {
        let wide = Dataset::new(vec![0; 6], vec![0, 1], 1, 3).unwrap();
        let tall = Dataset::new(vec![0; 6], vec![0, 1], 3, 1).unwrap();
        let error = Splits::new(wide, tall).unwrap_err();
        assert!(matches!(error, Error::SizesDiffer { train: (1, 3), test: (3, 1) }));
    }
}
