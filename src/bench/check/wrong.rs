//! The tolerance of the check, and its errors.

use std::fmt;

/// The largest relative error of a stage, by norm and at the worst element.
///
/// The relative rounding error of f32 is 6e-8. A sum of K products has about sqrt(K) / 2 times that: 3e-6 for the 8,192
/// images of the largest batch. The largest error measured was 5e-6 (W1's gradient of such a batch on a software GPU), and
/// 4e-7 for a batch of 100.
pub const TOLERANCE: f64 = 1e-5;

/// The error of every stage. None is above [`TOLERANCE`].
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// The name and relative error of each stage, in the order of the check.
    pub stages: Vec<(&'static str, f64)>,
}

impl Errors {
    /// The largest error of any stage.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.stages.iter().fold(0.0, |largest, (_, error)| largest.max(*error))
    }
}

/// The first wrong stage of a backend.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Wrong {
    /// A tensor has the wrong number of values.
    #[error("{stage} is wrong: it has {found} values, the reference has {expected}")]
    Length {
        /// The tensor.
        stage: &'static str,
        /// The number of its values.
        found: usize,
        /// The reference's number.
        expected: usize,
    },
    /// A tensor's values differ from the reference's.
    #[error(
        "{stage} is wrong: relative error {error:.1e} (at most {TOLERANCE:e}), worst{}: {found}, \
         the reference has {expected}",
        Place(place)
    )]
    Values {
        /// The tensor.
        stage: &'static str,
        /// The larger of its relative error by norm and its largest difference over the largest expected magnitude.
        error: f64,
        /// Row and column of the worst element; one index for a vector, none for a single number.
        place: Vec<usize>,
        /// The worst element.
        found: f32,
        /// The reference's element.
        expected: f32,
    },
    /// An entry of the confusion matrix is too small or too large.
    #[error(
        "the confusion matrix is wrong: {found} images of label {label} predicted as {predicted}, \
         the reference has {min} to {max}"
    )]
    Confusion {
        /// The images' label.
        label: usize,
        /// The predicted class.
        predicted: usize,
        /// The entry.
        found: u32,
        /// The number of images whose only valid prediction this is.
        min: u32,
        /// The number of images for which this prediction is valid.
        max: u32,
    },
    /// A row of the confusion matrix has the wrong sum.
    #[error("the confusion matrix is wrong: {found} images of label {label}, the set has {expected}")]
    Count {
        /// The images' label.
        label: usize,
        /// The sum of the row.
        found: u32,
        /// The number of images with this label in the set.
        expected: u32,
    },
}

struct Place<'a>(&'a [usize]);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " at {:?}", self.0) }
    }
}

pub(super) type Stages = Vec<(&'static str, f64)>;
pub(super) type Stage = Result<(&'static str, f64), Wrong>;
