//! The last steps of an import, and remarks about unusual images.

use super::problem::Problem;
use super::remark::Remark;
use super::source::{Classes, Imported, Options};
use crate::data::Dataset;
use crate::data::classes::Unused;
use crate::data::description::{Paper, Preparation};

/// Images before the last steps.
pub(super) struct Raw {
    /// `[count, pixels]`.
    pub images: Vec<u8>,
    pub labels: Vec<u8>,
    /// Rows and columns.
    pub size: (usize, usize),
    /// The largest value of a pixel in the source.
    pub largest: f32,
    /// The value of white.
    pub full: f32,
    pub paper: Option<Paper>,
}

/// If the largest pixel is less than this share of white, the scale is probably another.
pub(super) const DARK: f32 = 0.5;

/// Makes a set, and adds remarks about it.
pub(super) fn finish(
    raw: Raw,
    classes: Classes,
    mut remarks: Vec<Remark>,
    options: &Options,
    train: Option<&Imported>,
) -> Result<Imported, Problem> {
    let Raw { images, labels, size: (rows, cols), largest, full, paper } = raw;
    let set = Dataset::new(images, labels, rows, cols)?;
    let set = if options.is_inverted { set.inverted() } else { set };
    let set = if options.is_transposed { set.transposed() } else { set };
    let (rows, cols) = (set.rows(), set.cols());
    let first = set.images()[0];
    if set.images().iter().all(|&pixel| pixel == first) {
        remarks.push(Remark::OneColour(first));
    } else {
        if largest < DARK * full {
            remarks.push(Remark::Dark { value: largest, full, is_given: options.max.is_some() });
        }
        let is_blank = |image: &[u8]| image.len() > 1 && image.iter().all(|pixel| *pixel == image[0]);
        let mut blank = (0..set.len()).filter(|&image| set.image(image).is_some_and(is_blank));
        if let Some(first) = blank.next() {
            remarks.push(Remark::Blank { count: 1 + blank.count(), first });
        }
        let mean = mean(set.images());
        match train.map(|train| self::mean(train.set.images())) {
            Some(train) if (train > HALF) != (mean > HALF) => {
                remarks.push(Remark::OtherPolarity { train, test: mean });
            }
            None if mean > HALF && !options.is_inverted => remarks.push(Remark::Bright(mean)),
            _ => {}
        }
        remarks.extend(polarity(&set, &classes));
    }
    let preparation = Preparation { rows, cols, inverted: options.is_inverted, max: options.max, paper };
    let first_label = options.first_label;
    Ok(Imported { set, classes, preparation, remarks, full, label_column: None, first_label })
}

/// A mean pixel above this is bright.
pub(super) const HALF: u8 = u8::MAX / 2;

pub(super) fn mean(pixels: &[u8]) -> u8 {
    (pixels.iter().map(|&pixel| u64::from(pixel)).sum::<u64>() / pixels.len().max(1) as u64) as u8
}

/// A remark if one class is clearly bright and another clearly dark.
fn polarity(set: &Dataset, classes: &Classes) -> Option<Remark> {
    let mut sums = vec![(0_u64, 0_u64); classes.count];
    for (image, &label) in set.labels().iter().enumerate() {
        let (sum, count) = sums.get_mut(usize::from(label))?;
        *sum += set.image(image)?.iter().map(|&pixel| u64::from(pixel)).sum::<u64>();
        *count += set.pixels() as u64;
    }
    let mean = |&(sum, count): &(u64, u64)| sum.checked_div(count).map(|mean| mean as u8);
    let find =
        |is: fn(u8) -> bool| sums.iter().position(|sums| mean(sums).is_some_and(is)).map(|l| classes.name(l as u8));
    let (dark, bright) = (find(|mean| mean < HALF / 2)?, find(|mean| mean > HALF + HALF / 2)?);
    Some(Remark::Polarity { dark, bright })
}

/// A remark if there are classes without a training image.
#[must_use]
pub fn unused(train: &Dataset, classes: usize) -> Option<Remark> {
    Unused::of(train.labels(), classes).map(Remark::Unused)
}
