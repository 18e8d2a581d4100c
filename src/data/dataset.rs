//! A set of labelled images in memory.

use ndarray::Array2;
use rand::seq::index;

use super::Error;
use crate::net::Shape;
use crate::random::{Stream, stream};

/// Most pixels one image may have (64x64).
pub const MAX_PIXELS: usize = Shape::MAX_INPUT;

/// Most classes: a label is a byte, and one value stays free.
pub(super) const MAX_CLASSES: usize = Shape::MAX_CLASSES;

/// Grey images of one size, each with its label. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    images: Vec<u8>,
    labels: Vec<u8>,
    rows: usize,
    cols: usize,
}

impl Dataset {
    /// Makes a set of the pixels `images` (`[count, rows, cols]`, row-major) and `count` labels.
    ///
    /// # Errors
    /// When the lengths disagree, the set is empty, or an image has not 1 to [`MAX_PIXELS`] pixels.
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

    /// Number of images, at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Always false: an empty set cannot be made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
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

    /// All pixels divided by 255, `[len, pixels]` row-major, 0 to 1.
    #[must_use]
    pub fn normalized(&self) -> Vec<f32> {
        self.images.iter().map(|&pixel| f32::from(pixel) / 255.0).collect()
    }

    /// Some of the images as a network's input x in f64, `[N, pixels]`, 0 to 1.
    ///
    /// # Panics
    /// When there is no image of such a number.
    #[must_use]
    pub fn inputs(&self, images: &[u32]) -> Array2<f64> {
        Array2::from_shape_fn((images.len(), self.pixels()), |(n, i)| self.input(images[n], i))
    }

    /// Some of the images as the reference takes them: x `[N, pixels]`, as [`Dataset::inputs`] has it, and their labels t.
    ///
    /// # Panics
    /// When there is no image of such a number.
    #[must_use]
    pub fn batch(&self, images: &[u32]) -> (Array2<f64>, Vec<usize>) {
        (self.inputs(images), images.iter().map(|&image| self.labels[image as usize].into()).collect())
    }

    /// One pixel of an image as `inputs` has it.
    pub(crate) fn input(&self, image: u32, pixel: usize) -> f64 {
        f64::from(self.images[image as usize * self.pixels() + pixel]) / 255.0
    }

    /// Some of the images, in this order, as a set of their own.
    ///
    /// # Errors
    /// [`Error::Empty`] for no images.
    ///
    /// # Panics
    /// When there is no image of such a number.
    pub fn gather(&self, numbers: &[u32]) -> Result<Self, Error> {
        let pixels = self.pixels();
        let image = |&number: &u32| &self.images[number as usize * pixels..][..pixels];
        let labels = numbers.iter().map(|&number| self.labels[number as usize]).collect();
        Self::new(numbers.iter().flat_map(image).copied().collect(), labels, self.rows, self.cols)
    }

    /// The same with black turned to white.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.images.iter_mut().for_each(|pixel| *pixel = u8::MAX - *pixel);
        self
    }

    /// Splits into a set to train and one to test, which has this share of the images, drawn by the seed; both in file order.
    ///
    /// # Errors
    /// When there is only one image.
    pub fn held_out(&self, share: f64, seed: u64) -> Result<(Self, Self), Error> {
        let len = self.len();
        if len < 2 {
            return Err(Error::HeldOut);
        }
        let count = ((len as f64 * share).round() as usize).clamp(1, len - 1);
        let mut is_test = vec![false; len];
        for image in index::sample(&mut stream(seed, &Stream::HeldOut), len, count) {
            is_test[image] = true;
        }
        let (test, train): (Vec<u32>, Vec<u32>) = (0..len as u32).partition(|&image| is_test[image as usize]);
        Ok((self.gather(&train)?, self.gather(&test)?))
    }

    /// The labels as rows that are 1 in the label's column and 0 elsewhere, `[len, classes]`.
    ///
    /// # Errors
    /// When a label is not below `classes`.
    pub fn one_hot(&self, classes: usize) -> Result<Array2<f32>, Error> {
        let mut rows = Array2::zeros((self.len(), classes));
        for (index, &label) in self.labels.iter().enumerate() {
            let place = rows.get_mut((index, usize::from(label)));
            *place.ok_or(Error::OneHot { index, label, classes })? = 1.0;
        }
        Ok(rows)
    }
}

/// Pixels of an image of this size, if it is one that a set may have.
pub(super) fn pixels(rows: usize, cols: usize) -> Option<usize> {
    rows.checked_mul(cols).filter(|pixels| (1..=MAX_PIXELS).contains(pixels))
}

/// A set to learn from and one to test with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// What is learned from.
    pub train: Dataset,
    /// What is only tested with.
    pub test: Dataset,
    /// Number of classes: 1 + the largest training label, 2 to 255.
    pub classes: usize,
}

impl Splits {
    /// Pairs two sets and counts their classes.
    ///
    /// # Errors
    /// When the image sizes differ, the classes are not 2 to 255, or a test label is of none of
    /// them.
    pub fn new(train: Dataset, test: Dataset) -> Result<Self, Error> {
        let size = |set: &Dataset| (set.rows, set.cols);
        if size(&train) != size(&test) {
            let (train, test) = (size(&train), size(&test));
            return Err(Error::SizesDiffer { train, test });
        }
        let classes = class_count(&train.labels, &test.labels)?;
        Ok(Self { train, test, classes })
    }
}

/// The number of classes of two sets' labels.
pub(super) fn class_count(train: &[u8], test: &[u8]) -> Result<usize, Error> {
    let largest = train.iter().copied().max().ok_or(Error::Empty)?;
    let classes = usize::from(largest) + 1;
    if !(2..=MAX_CLASSES).contains(&classes) {
        return Err(Error::Classes { largest });
    }
    let mut test_labels = test.iter().copied().enumerate();
    if let Some((index, label)) = test_labels.find(|&(_, label)| label > largest) {
        return Err(Error::TestLabel { index, label, classes });
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set of 1x1 images, all black.
    fn with_labels(labels: &[u8]) -> Dataset {
        Dataset::new(vec![0; labels.len()], labels.to_vec(), 1, 1).unwrap()
    }

    #[test]
    fn answers_with_what_it_was_made_of() {
        let set = Dataset::new(vec![0, 51, 102, 153, 204, 255], vec![1, 0], 1, 3).unwrap();
        assert_eq!((set.len(), set.rows(), set.cols(), set.pixels()), (2, 1, 3, 3));
        assert_eq!(set.image(1), Some(&[153, 204, 255][..]));
        assert_eq!(set.image(2), None);
        assert_eq!(set.normalized(), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(set.inputs(&[1, 0, 1]), ndarray::array![[0.6, 0.8, 1.0], [0.0, 0.2, 0.4], [0.6, 0.8, 1.0]]);
        assert_eq!(set.one_hot(2).unwrap(), ndarray::array![[0.0, 1.0], [1.0, 0.0]]);
    }

    #[test]
    fn some_images_are_held_out() {
        let set = Dataset::new((0..20).collect(), (0..10).collect(), 1, 2).unwrap();
        let (train, test) = set.clone().held_out(0.3, 0).unwrap();
        assert_eq!((train.len(), test.len()), (7, 3));
        for half in [&train, &test] {
            assert!(half.labels().is_sorted(), "{half:?}");
            for (image, label) in (0..).zip(half.labels()) {
                assert_eq!(half.image(image), Some(&[2 * label, 2 * label + 1][..]));
            }
        }
        assert!(test.labels().iter().all(|label| !train.labels().contains(label)));
        assert_eq!(set.clone().held_out(0.3, 0).unwrap(), (train, test.clone()));
        assert_ne!(set.clone().held_out(0.3, 1).unwrap().1, test);
        let lengths = [0.001, 0.999].map(|share| set.clone().held_out(share, 0).unwrap().1.len());
        assert_eq!(lengths, [1, 9]);
        assert!(matches!(with_labels(&[0]).held_out(0.5, 0), Err(Error::HeldOut)));
        assert_eq!(with_labels(&[0]).inverted().images(), [255]);
    }

    #[test]
    fn refuses_what_is_no_set() {
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

    #[test]
    fn classes_come_from_the_training_labels() {
        let splits = |train: &[u8], test: &[u8]| Splits::new(with_labels(train), with_labels(test));
        assert_eq!(splits(&[0, 6, 2], &[1]).unwrap().classes, 7);
        assert_eq!(splits(&[254], &[254]).unwrap().classes, MAX_CLASSES);
        assert!(matches!(splits(&[0, 0], &[0]), Err(Error::Classes { largest: 0 })));
        assert!(matches!(splits(&[255], &[0]), Err(Error::Classes { largest: 255 })));
        let error = splits(&[0, 1], &[0, 1, 2]).unwrap_err();
        assert!(matches!(error, Error::TestLabel { index: 2, label: 2, classes: 2 }));
        assert!(error.to_string().contains("training labels end at 1"));
    }

    #[test]
    fn both_sets_have_one_image_size() {
        let wide = Dataset::new(vec![0; 6], vec![0, 1], 1, 3).unwrap();
        let tall = Dataset::new(vec![0; 6], vec![0, 1], 3, 1).unwrap();
        let error = Splits::new(wide, tall).unwrap_err();
        assert!(matches!(error, Error::SizesDiffer { train: (1, 3), test: (3, 1) }));
    }
}
