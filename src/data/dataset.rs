//! A set of labelled images in memory.

use ndarray::Array2;
use rand::seq::index;

use super::description::Description;
use super::limits::pixels;
use super::{Error, classes};
use crate::memory;
use crate::random::{Stream, stream};

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
    /// When the lengths disagree, the set is empty, or an image has not 1 to [`MAX_PIXELS`](super::MAX_PIXELS) pixels.
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

    /// The number of classes as the labels tell it: 1 + the largest.
    ///
    /// # Errors
    /// When that is not 2 to 255.
    pub fn classes(&self) -> Result<usize, Error> {
        classes::count(&self.labels, &[])
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
    /// [`Error::Empty`] for no images, and [`Error::NoMemory`].
    ///
    /// # Panics
    /// When there is no image of such a number.
    pub fn gather(&self, numbers: &[u32]) -> Result<Self, Error> {
        let pixels = self.pixels();
        let image = |&number: &u32| &self.images[number as usize * pixels..][..pixels];
        let mut labels = memory::room(numbers.len(), "labels")?;
        labels.extend(numbers.iter().map(|&number| self.labels[number as usize]));
        let mut images = memory::room(numbers.len().saturating_mul(pixels), "images")?;
        for number in numbers {
            images.extend_from_slice(image(number));
        }
        Self::new(images, labels, self.rows, self.cols)
    }

    /// The same with black turned to white.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.images.iter_mut().for_each(|pixel| *pixel = u8::MAX - *pixel);
        self
    }

    /// The same with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        let Self { mut images, labels, rows, cols } = self;
        let mut turned = vec![0; rows * cols];
        for image in images.chunks_exact_mut(rows * cols) {
            for (place, pixel) in turned.iter_mut().enumerate() {
                *pixel = image[place % rows * cols + place / rows];
            }
            image.copy_from_slice(&turned);
        }
        Self { images, labels, rows: cols, cols: rows }
    }

    /// Splits into a set to train and one to test, both in file order. Of each class this share of the images is drawn by the
    /// seed to test, and one at least on either side; a class of one image stays in the set to train.
    ///
    /// # Errors
    /// [`Error::HeldOut`] where no class has two images.
    pub fn held_out(&self, share: f64, seed: u64) -> Result<(Self, Self), Error> {
        let mut of_class = vec![Vec::new(); usize::from(u8::MAX) + 1];
        for (image, &label) in self.labels.iter().enumerate() {
            of_class[usize::from(label)].push(image);
        }
        let mut random = stream(seed, &Stream::HeldOut);
        let mut is_test = vec![false; self.len()];
        for images in of_class.iter().filter(|images| images.len() > 1) {
            let count = ((images.len() as f64 * share).round() as usize).clamp(1, images.len() - 1);
            for place in index::sample(&mut random, images.len(), count) {
                is_test[images[place]] = true;
            }
        }
        let (test, train): (Vec<u32>, Vec<u32>) = (0..self.len() as u32).partition(|&image| is_test[image as usize]);
        if test.is_empty() {
            return Err(Error::HeldOut);
        }
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

/// A set to learn from and one to test with.
#[derive(Clone, Debug, PartialEq)]
pub struct Splits {
    /// What is learned from.
    pub train: Dataset,
    /// What is only tested with.
    pub test: Dataset,
    /// Number of classes, 2 to 255: 1 + the largest training label, or what the set's class list says.
    pub classes: usize,
    /// What else is known of the set.
    pub description: Description,
}

impl Splits {
    /// Pairs two sets and counts their classes.
    ///
    /// # Errors
    /// When the image sizes differ, the classes are not 2 to 255, or a test label is of none of
    /// them.
    pub fn new(train: Dataset, test: Dataset) -> Result<Self, Error> {
        let classes = classes::count(&train.labels, &test.labels)?;
        Self::described(train, test, classes, Description::default())
    }

    /// Pairs two sets that have a class list, which also names classes without an image.
    ///
    /// # Errors
    /// When the image sizes differ, or a label is not below `classes`.
    pub fn described(train: Dataset, test: Dataset, classes: usize, description: Description) -> Result<Self, Error> {
        classes::check_pair((train.rows, train.cols), (test.rows, test.cols), &description)?;
        classes::check(&train.labels, &test.labels, classes)?;
        Ok(Self { train, test, classes, description })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::limits::{MAX_CLASSES, MAX_PIXELS};

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
    fn images_are_held_out_class_by_class() {
        // Ten images of class 0, five of class 1, two of class 2, one of class 7, mixed; each image tells its number.
        let labels: Vec<u8> = vec![0, 1, 0, 2, 0, 1, 7, 0, 1, 0, 0, 2, 1, 0, 0, 1, 0, 0];
        let set = Dataset::new((0..18).flat_map(|image| [image, 9]).collect(), labels.clone(), 1, 2).unwrap();
        let of_class = |half: &Dataset, class| (0..half.len()).filter(|&image| half.labels()[image] == class).count();
        let counts = |half: &Dataset| [0, 1, 2, 7].map(|class| of_class(half, class));
        for seed in 0..50 {
            let (train, test) = set.held_out(0.3, seed).unwrap();
            assert_eq!((counts(&train), counts(&test)), ([7, 3, 1, 1], [3, 2, 1, 0]), "seed {seed}");
            for half in [&train, &test] {
                let numbers: Vec<u8> = half.images().iter().copied().step_by(2).collect();
                assert!(numbers.is_sorted(), "{numbers:?}");
                assert!(numbers.iter().zip(half.labels()).all(|(&n, &label)| labels[usize::from(n)] == label));
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
