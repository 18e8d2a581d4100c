//! The options and the result of an import.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::remark::Remark;
use crate::data::description::{Description, Preparation};
use crate::data::{Dataset, Splits};

/// The options of an import.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Options {
    /// Rows and columns of every image. The default is a square in a table, and the most frequent size of pictures.
    pub size: Option<(usize, usize)>,
    /// The value of white. The default is 255, or 65535 for pictures of 16 bits, or 1 for fractions.
    pub max: Option<u16>,
    /// Whether black and white are exchanged.
    pub is_inverted: bool,
    /// Whether rows and columns are exchanged.
    pub is_transposed: bool,
    /// Whether pictures that cannot be decoded are skipped.
    pub skip_broken: bool,
    /// The column of a table's labels. The default is that of its heading, or the first.
    pub label: Option<LabelColumn>,
    /// The number that becomes label 0.
    pub first_label: u8,
}

/// The column of a table's labels.
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
    /// Their sorted names, if these are not numbers.
    pub names: Option<Vec<String>>,
    /// Their count.
    pub count: usize,
    /// The labels that have an image.
    pub used: BTreeSet<u8>,
}

impl Classes {
    /// The name of a label, or its number.
    #[must_use]
    pub fn name(&self, label: u8) -> String {
        let name = self.names.as_ref().and_then(|names| names.get(usize::from(label)));
        name.cloned().unwrap_or_else(|| label.to_string())
    }
}

/// Imported images.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The images.
    pub set: Dataset,
    /// Their classes. Test images have those of the training images.
    pub classes: Classes,
    /// The steps from the source to the pixels.
    pub preparation: Preparation,
    /// Remarks for the user.
    pub remarks: Vec<Remark>,
    /// The value of white.
    pub(super) full: f32,
    /// The column of a table's labels, from 0, and the count of columns.
    pub(super) label_column: Option<(usize, usize)>,
    /// The number of label 0 in the source.
    pub(super) first_label: u8,
}

impl Imported {
    /// A training and a test set of these images, split as by [`Dataset::held_out`].
    ///
    /// # Errors
    /// As [`Dataset::held_out`] and [`Splits::described`].
    pub fn held_out(&self, share: f64, seed: u64) -> Result<Splits, crate::data::Error> {
        let (train, test) = self.set.held_out(share, seed)?;
        self.splits(train, test)
    }

    /// A remark if classes have too few images for the test set.
    #[must_use]
    pub fn not_held_out(&self, splits: &Splits) -> Option<Remark> {
        let names = self.classes.used.iter().filter(|label| !splits.test.labels().contains(label));
        let names: Vec<String> = names.map(|&label| self.classes.name(label)).collect();
        (!names.is_empty()).then_some(Remark::NotTested(names))
    }

    /// A training set of these images, and a test set of others.
    ///
    /// # Errors
    /// As [`Splits::described`].
    pub fn with_test_set(&self, test: Self) -> Result<Splits, crate::data::Error> {
        self.splits(self.set.clone(), test.set)
    }

    fn splits(&self, train: Dataset, test: Dataset) -> Result<Splits, crate::data::Error> {
        // Labels that were renumbered have their old numbers as names.
        let renumbered = || {
            let numbers = usize::from(self.first_label)..usize::from(self.first_label) + self.classes.count;
            (self.first_label > 0).then(|| numbers.map(|number| number.to_string()).collect())
        };
        let names = self.classes.names.clone().or_else(renumbered);
        let description = Description { names, preparation: Some(self.preparation.clone()) };
        Splits::described(train, test, self.classes.count, description)
    }
}
