//! How a source is to be taken, and what came of it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::remark::Remark;
use crate::data::description::{Description, Preparation};
use crate::data::{Dataset, Splits};

/// How a source is to be taken.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Options {
    /// Rows and columns of an image: of a table's, where they are no square; of pictures, those that all must have.
    pub size: Option<(usize, usize)>,
    /// The value that is white, where that is not 255, 65535 for pictures of 16 bits, or 1 for fractions.
    pub max: Option<u16>,
    /// Whether black becomes white.
    pub is_inverted: bool,
    /// Whether rows and columns are exchanged.
    pub is_transposed: bool,
    /// Whether pictures that cannot be decoded are passed over.
    pub skip_broken: bool,
    /// Which column of a table is the label, where its heading does not say it.
    pub label: Option<LabelColumn>,
    /// The number that becomes label 0.
    pub first_label: u8,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelColumn {
    /// The first.
    First,
    /// The last.
    Last,
    /// By its number, from 1.
    Number(usize),
    /// By its heading.
    Named(String),
}

impl FromStr for LabelColumn {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse()) {
            ("" | "0", _) => Err("give first, last, a column's number from 1, or its heading"),
            ("first", _) => Ok(Self::First),
            ("last", _) => Ok(Self::Last),
            (_, Ok(number)) => Ok(Self::Number(number)),
            (name, Err(_)) => Ok(Self::Named(name.to_owned())),
        }
    }
}

impl fmt::Display for LabelColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Last => f.write_str("last"),
            Self::Number(number) => number.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The classes of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    /// What they are called, sorted, if their labels are no numbers.
    pub names: Option<Vec<String>>,
    /// How many there are.
    pub count: usize,
    /// The labels that have an image.
    pub used: BTreeSet<u8>,
}

impl Classes {
    /// What a label is called: its name or its number.
    #[must_use]
    pub fn name(&self, label: u8) -> String {
        let name = self.names.as_ref().and_then(|names| names.get(usize::from(label)));
        name.cloned().unwrap_or_else(|| label.to_string())
    }
}

/// Images taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The images.
    pub set: Dataset,
    /// Their classes; of test images, those of the training images.
    pub classes: Classes,
    /// How pixels became what they are.
    pub preparation: Preparation,
    /// What is to be said of it.
    pub remarks: Vec<Remark>,
    /// The value that was taken for white.
    pub(super) full: f32,
    /// Of a table, the column of the labels, from 0, and how many there are.
    pub(super) label_column: Option<(usize, usize)>,
    /// What label 0 was in the source.
    pub(super) first_label: u8,
}

impl Imported {
    /// A set to train and one to test: of these images some, class by class, as [`Dataset::held_out`] has it.
    ///
    /// # Errors
    /// As [`Dataset::held_out`] and [`Splits::described`].
    pub fn held_out(&self, share: f64, seed: u64) -> Result<Splits, crate::data::Error> {
        let (train, test) = self.set.held_out(share, seed)?;
        self.with(train, test)
    }

    /// The classes that have too few images for any to be held out.
    #[must_use]
    pub fn not_held_out(&self, splits: &Splits) -> Option<Remark> {
        let names = self.classes.used.iter().filter(|label| !splits.test.labels().contains(label));
        let names: Vec<String> = names.map(|&label| self.classes.name(label)).collect();
        (!names.is_empty()).then_some(Remark::NotTested(names))
    }

    /// A set to train, these images, and one to test.
    ///
    /// # Errors
    /// As [`Splits::described`].
    pub fn with_test_set(&self, test: Self) -> Result<Splits, crate::data::Error> {
        self.with(self.set.clone(), test.set)
    }

    fn with(&self, train: Dataset, test: Dataset) -> Result<Splits, crate::data::Error> {
        // Labels that were counted anew keep their old numbers as names.
        let renumbered = || {
            let numbers = usize::from(self.first_label)..usize::from(self.first_label) + self.classes.count;
            (self.first_label > 0).then(|| numbers.map(|number| number.to_string()).collect())
        };
        let names = self.classes.names.clone().or_else(renumbered);
        let description = Description { names, preparation: Some(self.preparation.clone()) };
        Splits::described(train, test, self.classes.count, description)
    }
}
