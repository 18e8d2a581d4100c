//! What is wrong with what a backend found, and how far it may be off.

use std::fmt;

/// The relative error that each stage may have, by norm and at the worst element.
///
/// f32 rounds to 6e-8 of a value, and adding up K products one after another rounds to about sqrt(K) / 2 of that: 3e-6
/// for the 8,192 of the largest batch. The most that was measured is 5e-6 (W1's gradient of such a batch, on a software
/// GPU), and 4e-7 for a batch of 100.
pub const TOLERANCE: f64 = 1e-5;

/// The error of every stage, none above [`TOLERANCE`].
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// Each stage's name and relative error, in the order in which they were checked.
    pub stages: Vec<(&'static str, f64)>,
}

impl Errors {
    /// The largest error of any stage.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.stages.iter().fold(0.0, |largest, (_, error)| largest.max(*error))
    }
}

/// Which stage of a backend is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Wrong {
    /// A tensor has not as many values as its shape says.
    #[error("{stage} is wrong: it has {found} values, the reference has {expected}")]
    Length {
        /// The tensor.
        stage: &'static str,
        /// Its values.
        found: usize,
        /// The reference's.
        expected: usize,
    },
    /// A tensor's values are not the reference's.
    #[error(
        "{stage} is wrong: relative error {error:.1e} (at most {TOLERANCE:e}), worst{}: {found}, \
         the reference has {expected}",
        Place(place)
    )]
    Values {
        /// The tensor.
        stage: &'static str,
        /// Its relative error: by norm, or that of its worst element beside the largest one, whichever is larger.
        error: f64,
        /// Row and column of its worst element; a vector's has one number, and a single number's none.
        place: Vec<usize>,
        /// That element.
        found: f32,
        /// The reference's.
        expected: f32,
    },
    /// The images of a class are counted to a prediction too often or too seldom.
    #[error(
        "the confusion matrix is wrong: {found} images of label {label} predicted as {predicted}, \
         the reference has {least} to {most}"
    )]
    Confusion {
        /// The images' label.
        label: usize,
        /// The class predicted.
        predicted: usize,
        /// How many were counted.
        found: u32,
        /// How many images are beyond doubt.
        least: u32,
        /// How many there are with those whose largest logits f32 can't tell apart.
        most: u32,
    },
    /// The images of a class are not all counted, or counted more than once.
    #[error("the confusion matrix is wrong: {found} images of label {label}, the set has {expected}")]
    Count {
        /// The images' label.
        label: usize,
        /// How many were counted.
        found: u32,
        /// How many the set has.
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
