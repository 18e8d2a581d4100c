//! A set of labelled images in memory.

use ndarray::Array2;

use super::limits::pixels;
use super::{Error, classes};
use crate::memory;
use crate::random::{Stream, stream};

/// Labelled grey images of one size, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    images: Vec<u8>,
    labels: Vec<u8>,
    rows: usize,
    cols: usize,
}

impl Dataset {
    /// Makes a set of pixels (`images`, `[count, rows, cols]` row-major) and `count` labels.
    ///
    /// # Errors
    /// When the lengths do not match, the set is empty, or an image does not have 1 to [`MAX_PIXELS`](super::MAX_PIXELS) pixels.
    pub fn new(images: Vec<u8>, labels: Vec<u8>, rows: usize, cols: usize) -> Result<Self, Error> {
        let pixels = pixels(rows, cols).ok_or(Error::ImageSize { rows, cols })?;
        if !images.len().is_multiple_of(pixels) {
            let bytes = images.len();
            return Err(Error::PartImage { bytes, rows, cols });
        }
        let count = images.len() / pixels;
        if count != labels.len() {
            let (images, labels) = (count, labels.len());
            return Err(Error::Counts { images, labels });
        }
        if count == 0 {
            return Err(Error::Empty);
        }
        Ok(Self { images, labels, rows, cols })
    }

    /// The count of images, at least 1.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no set is empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Rows of one image.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of one image.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Pixels of one image: rows x columns.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.rows * self.cols
    }

    /// All pixels, `[len, pixels]` row-major, 0 to 255.
    #[must_use]
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// All labels, `[len]`.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The pixels of image `index`, or `None` past the end.
    #[must_use]
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let pixels = self.pixels();
        self.images.get(index.checked_mul(pixels)?..)?.get(..pixels)
    }

    /// The count of classes: 1 + the largest label.
    ///
    /// # Errors
    /// When that is not 2 to 255.
    pub fn classes(&self) -> Result<usize, Error> {
        classes::count(&self.labels, &[])
    }

    /// The images at these indices as a network's input x in f64, `[N, pixels]`, 0 to 1.
    ///
    /// # Panics
    /// When there is no image at an index.
    #[must_use]
    pub fn inputs(&self, indices: &[u32]) -> Array2<f64> {
        Array2::from_shape_fn((indices.len(), self.pixels()), |(n, i)| self.input(indices[n], i))
    }

    /// A batch for the reference: the [`inputs`](Dataset::inputs) x `[N, pixels]` and labels t at these indices.
    ///
    /// # Panics
    /// When there is no image at an index.
    #[must_use]
    pub fn batch(&self, indices: &[u32]) -> (Array2<f64>, Vec<usize>) {
        (self.inputs(indices), indices.iter().map(|&index| self.labels[index as usize].into()).collect())
    }

    /// A pixel of an image, 0 to 1.
    pub(crate) fn input(&self, index: u32, pixel: usize) -> f64 {
        f64::from(self.images[index as usize * self.pixels() + pixel]) / 255.0
    }

    /// A set of the images at these indices, in their order.
    ///
    /// # Errors
    /// [`Error::Empty`] for no indices, and [`Error::NoMemory`].
    ///
    /// # Panics
    /// When there is no image at an index.
    pub fn gather(&self, indices: &[u32]) -> Result<Self, Error> {
        let labels = memory::gathered(&self.labels, indices, "labels")?;
        let mut images = memory::zeroed(indices.len().saturating_mul(self.pixels()), "images")?;
        self.fill(indices, &mut images);
        Self::new(images, labels, self.rows, self.cols)
    }

    /// Fills `images`, `[N, pixels]`, with those at these indices, in their order.
    pub(super) fn fill(&self, indices: &[u32], images: &mut [u8]) {
        let pixels = self.pixels();
        for (&index, image) in indices.iter().zip(images.chunks_exact_mut(pixels)) {
            image.copy_from_slice(&self.images[index as usize * pixels..][..pixels]);
        }
    }

    /// The same images with black and white exchanged.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.images.iter_mut().for_each(|pixel| *pixel = u8::MAX - *pixel);
        self
    }

    /// The same images with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        let Self { images, labels, rows, cols } = self;
        Self { images: transposed(images, rows, cols), labels, rows: cols, cols: rows }
    }

    /// Splits the set into a training and a test set, both in file order. The seed draws this share of each class for the test
    /// set. A class of two or more images keeps at least one in either set; a class of one image stays in the training set.
    ///
    /// # Errors
    /// [`Error::HeldOut`] if no class has two images.
    pub fn held_out(&self, share: f64, seed: u64) -> Result<(Self, Self), Error> {
        let (test, train) = classes::drawn(&self.labels, share, &mut stream(seed, &Stream::HeldOut));
        if test.is_empty() {
            return Err(Error::HeldOut);
        }
        Ok((self.gather(&train)?, self.gather(&test)?))
    }

    /// A row for each label, with 1 in the label's column and 0 elsewhere, `[len, classes]`.
    ///
    /// # Errors
    /// When a label is not below `classes`.
    pub fn one_hot(&self, classes: usize) -> Result<Array2<f32>, Error> {
        let mut rows = Array2::zeros((self.len(), classes));
        for (index, &label) in self.labels.iter().enumerate() {
            let value = rows.get_mut((index, usize::from(label)));
            *value.ok_or(Error::OneHot { index, label, classes })? = 1.0;
        }
        Ok(rows)
    }
}

/// Images with rows and columns exchanged, `[N, cols, rows]`. `images` are `[N, rows, cols]`.
#[must_use]
pub fn transposed(mut images: Vec<u8>, rows: usize, cols: usize) -> Vec<u8> {
    transpose(&mut images, rows, cols);
    images
}

/// Exchanges rows and columns of images.
pub(super) fn transpose(images: &mut [u8], rows: usize, cols: usize) {
    let mut transposed = vec![0; rows * cols];
    for image in images.chunks_exact_mut((rows * cols).max(1)) {
        for (index, pixel) in transposed.iter_mut().enumerate() {
            *pixel = image[index % rows * cols + index / rows];
        }
        image.copy_from_slice(&transposed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::limits::MAX_PIXELS;

    /// A set of 1x1 images, all black.
    fn with_labels(labels: &[u8]) -> Dataset {
        Dataset::new(vec![0; labels.len()], labels.to_vec(), 1, 1).unwrap()
    }

    #[test]
    fn images_and_labels_are_kept() {
        let set = Dataset::new(vec![0, 51, 102, 153, 204, 255], vec![1, 0], 1, 3).unwrap();
        assert_eq!((set.len(), set.rows(), set.cols(), set.pixels()), (2, 1, 3, 3));
        assert_eq!(set.image(1), Some(&[153, 204, 255][..]));
        assert_eq!(set.image(2), None);
        assert_eq!(set.inputs(&[1, 0, 1]), ndarray::array![[0.6, 0.8, 1.0], [0.0, 0.2, 0.4], [0.6, 0.8, 1.0]]);
        assert_eq!(set.one_hot(2).unwrap(), ndarray::array![[0.0, 1.0], [1.0, 0.0]]);
    }

    #[test]
    fn images_are_held_out_class_by_class() {
        // Ten images of class 0, five of class 1, two of class 2, one of class 7, mixed; the first pixel is the index.
        let labels: Vec<u8> = vec![0, 1, 0, 2, 0, 1, 7, 0, 1, 0, 0, 2, 1, 0, 0, 1, 0, 0];
        let set = Dataset::new((0..18).flat_map(|image| [image, 9]).collect(), labels.clone(), 1, 2).unwrap();
        let of_class = |split: &Dataset, class| (0..split.len()).filter(|&i| split.labels()[i] == class).count();
        let counts = |split: &Dataset| [0, 1, 2, 7].map(|class| of_class(split, class));
        for seed in 0..50 {
            let (train, test) = set.held_out(0.3, seed).unwrap();
            assert_eq!((counts(&train), counts(&test)), ([7, 3, 1, 1], [3, 2, 1, 0]), "seed {seed}");
            for split in [&train, &test] {
                let indices: Vec<u8> = split.images().iter().copied().step_by(2).collect();
                assert!(indices.is_sorted(), "{indices:?}");
                assert!(indices.iter().zip(split.labels()).all(|(&n, &label)| labels[usize::from(n)] == label));
            }
        }
        let (train, test) = set.held_out(0.3, 0).unwrap();
        assert_eq!(set.held_out(0.3, 0).unwrap(), (train, test.clone()));
        assert!((1..10).any(|seed| set.held_out(0.3, seed).unwrap().1 != test));
        let lengths = [0.001, 0.999].map(|share| counts(&set.held_out(share, 0).unwrap().1));
        assert_eq!(lengths, [[1, 1, 1, 0], [9, 4, 1, 0]]);
        for labels in [&[0][..], &[0, 1, 2]] {
            assert!(matches!(with_labels(labels).held_out(0.5, 0), Err(Error::HeldOut)));
        }
        assert_eq!(with_labels(&[0]).inverted().images(), [255]);
    }

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        let set = Dataset::new((0..12).collect(), vec![4, 5], 2, 3).unwrap();
        let turned = set.clone().transposed();
        assert_eq!((turned.rows(), turned.cols(), turned.labels()), (3, 2, &[4, 5][..]));
        assert_eq!(turned.images(), [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
        assert_eq!(turned.transposed(), set);
    }

    #[test]
    fn lengths_that_do_not_match_are_refused() {
        let new = |bytes, labels, rows, cols| Dataset::new(vec![0; bytes], vec![0; labels], rows, cols).unwrap_err();
        assert!(matches!(new(0, 0, 2, 2), Error::Empty));
        assert!(matches!(new(7, 2, 2, 2), Error::PartImage { bytes: 7, .. }));
        assert!(matches!(new(8, 3, 2, 2), Error::Counts { images: 2, labels: 3 }));
        assert!(matches!(new(0, 0, 0, 2), Error::ImageSize { .. }));
        assert!(matches!(new(4097, 1, 1, 4097), Error::ImageSize { .. }));
        assert!(matches!(new(1, 1, usize::MAX, 2), Error::ImageSize { .. }));
        assert!(Dataset::new(vec![0; MAX_PIXELS], vec![0], 64, 64).is_ok());
    }

    #[test]
    fn one_hot_needs_a_class_for_every_label() {
        let error = with_labels(&[0, 4]).one_hot(4).unwrap_err();
        assert!(matches!(error, Error::OneHot { index: 1, label: 4, classes: 4 }));
    }
}
