//! Images from elsewhere: a folder of pictures, or a table of numbers, made a set; and all that is to be said of it.

mod field;
mod folder;
mod heading;
mod names;
pub mod picture;
mod remark;
mod table;
mod text;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Splits;
use super::classes::Unused;
use super::dataset::{Dataset, MAX_CLASSES, MAX_PIXELS};
use super::description::{Description, Paper, Preparation};
use super::sniff::FileKind;
use crate::NoMemory;
use crate::words::counted;
use remark::{SHOWN, some_of};

pub use remark::{Remark, Why};
pub use table::read_table;

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
    full: f32,
    /// Of a table, the column of the labels, from 0, and how many there are.
    label_column: Option<(usize, usize)>,
    /// What label 0 was in the source.
    first_label: u8,
}

impl Imported {
    /// A set to train and one to test: of these images some, class by class, as [`Dataset::held_out`] has it.
    ///
    /// # Errors
    /// As [`Dataset::held_out`] and [`Splits::described`].
    pub fn held_out(&self, share: f64, seed: u64) -> Result<Splits, super::Error> {
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
    pub fn tested_with(&self, test: Self) -> Result<Splits, super::Error> {
        self.with(self.set.clone(), test.set)
    }

    fn with(&self, train: Dataset, test: Dataset) -> Result<Splits, super::Error> {
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

/// Why images cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    /// The file or the folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// A picture and what is wrong with it.
#[derive(Debug)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: picture::Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

/// What is wrong with images from elsewhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system failed.
    #[error("cannot be read ({0}); check it")]
    Io(#[from] io::Error),
    /// A folder without folders of pictures.
    #[error("holds no folder of pictures{}; give a folder that has one for each class", beside(*pictures))]
    NoClasses {
        /// Pictures that it holds itself.
        pictures: usize,
    },
    /// A folder whose folders are the halves of a set.
    #[error("its folders are the halves of a set, not classes; {}", halves(train.as_deref(), test.as_deref(), others))]
    Halves {
        /// The folder of the training images.
        train: Option<PathBuf>,
        /// That of the test images.
        test: Option<PathBuf>,
        /// Those beside them.
        others: Vec<PathBuf>,
    },
    /// Pictures of 8 and of 16 bits, where a person said what white is.
    #[error("{} has another number of bits than the pictures before, so --max cannot be white in both; give pictures of one kind", path.display())]
    OtherDepth {
        /// The picture.
        path: PathBuf,
    },
    /// A folder of one class.
    #[error("all its pictures are in one folder, so of one class; give the folder that holds the classes{}",
        if *is_around { format!(", perhaps {}", folder.display()) } else { String::new() })]
    OneClass {
        /// That folder.
        folder: PathBuf,
        /// Whether it holds folders of pictures itself.
        is_around: bool,
    },
    /// More folders or names than there may be classes.
    #[error("has {0} classes, but there may be {MAX_CLASSES}; give fewer")]
    Classes(usize),
    /// Test images of classes that training never shows.
    #[error("has {}, of which there is no training image; take them out, or give training images of them", some_of(.0.iter(), .0.len()))]
    UnknownClasses(Vec<String>),
    /// Pictures that cannot be decoded.
    #[error(
        "{} of {of} pictures are broken: {}; mend or remove them, or give --skip-broken to go on without them",
        faults.len(), some_of(faults.iter(), faults.len())
    )]
    Broken {
        /// Each of them.
        faults: Vec<Fault>,
        /// How many pictures there are.
        of: usize,
    },
    /// Pictures of other sizes.
    #[error(
        "{} of {of} pictures are not of {} x {} pixels (rows x columns): {}; give pictures of one size",
        faults.len(), expected.0, expected.1, some_of(faults.iter(), faults.len())
    )]
    Sizes {
        /// The rows and columns of the others.
        expected: (usize, usize),
        /// Each of them.
        faults: Vec<Fault>,
        /// How many pictures there are.
        of: usize,
    },
    /// Images that are too large, or of no pixel.
    #[error("has images of {rows} x {cols} pixels (rows x columns); give images of 1 to {MAX_PIXELS} pixels")]
    ImageSize {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A pixel above what was said to be white.
    #[error("{} has the value {value}, but --max says that {max} is the largest; give a larger --max", path.display())]
    AboveMax {
        /// The picture.
        path: PathBuf,
        /// Its largest value.
        value: u16,
        /// What was said.
        max: u16,
    },
    /// A label that is out of range.
    #[error("{found:?} is no label from {least} to {most}; give other labels{}", if *least == 0 { "" } else { ", or another --first-label" })]
    Label {
        /// What stands there.
        found: String,
        /// The least label.
        least: u8,
        /// The largest label.
        most: u16,
    },
    /// Labels that are names, where a number was said to be the first.
    #[error("{0:?} is no number, so labels count the names; leave out --first-label")]
    FirstLabelOfNames(String),
    /// What is in a table.
    #[error(transparent)]
    Table(#[from] table::Problem),
    /// The file is no table of numbers.
    #[error("is {0}, no table of numbers; unpack or convert it")]
    NoTable(FileKind),
    /// The file holds nothing.
    #[error("holds no image; give one that holds at least one")]
    Empty,
    /// Two sources whose pixels are on different scales.
    #[error("its pixels reach {found}, those of the training images {expected}; give both on one scale, or --max")]
    OtherScale {
        /// White here.
        found: f32,
        /// White there.
        expected: f32,
    },
    /// The system gave no memory.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// What came out is no set.
    #[error(transparent)]
    Set(#[from] super::Error),
}

impl Problem {
    /// Every picture that is at fault, where the error's own line shows only some of them.
    #[must_use]
    pub fn more_faults(&self) -> &[Fault] {
        match self {
            Self::Broken { faults, .. } | Self::Sizes { faults, .. } if faults.len() > SHOWN => faults,
            _ => &[],
        }
    }
}

fn beside(pictures: usize) -> String {
    if pictures > 0 { format!(", but {} beside it", counted(pictures, "picture")) } else { String::new() }
}

fn halves(train: Option<&Path>, test: Option<&Path>, others: &[PathBuf]) -> String {
    let give = match (train, test) {
        (Some(train), Some(test)) => format!("give {} --test {}", train.display(), test.display()),
        (Some(one), None) | (None, Some(one)) => format!("give {}", one.display()),
        (None, None) => "give the one to train with, and the other by --test".to_owned(),
    };
    if others.is_empty() {
        return give;
    }
    format!("{give}, without {}", some_of(others.iter().map(|path| path.display()), others.len()))
}

/// Takes over a source: a folder that has a folder of pictures for each class, or a table (.csv, .tsv, .csv.gz): a line an
/// image, of a label and the pixels row by row.
///
/// A class is a folder, or a label of the table. Where all are numbers, these are the labels; else the labels count the names in
/// their order. Of test images, `train` is what they are to test: their classes are its, and so is the scale of their pixels.
///
/// # Errors
/// [`Problem`] says what is wrong with the source.
pub fn read(source: &Path, options: &Options, train: Option<&Imported>) -> Result<Imported, Error> {
    if source.is_dir() { folder::read(source, options, train) } else { table::read(source, options, train) }
}

/// Images before the last of what is done with them.
struct Raw {
    /// `[count, pixels]`.
    images: Vec<u8>,
    labels: Vec<u8>,
    /// Rows and columns.
    size: (usize, usize),
    /// The largest value of a pixel in the source.
    largest: f32,
    /// What was taken for white.
    full: f32,
    paper: Option<Paper>,
}

/// Pixels of which the largest is less than this share of white are plainly not on its scale.
const LEAST_SHARE: f32 = 0.5;

/// Makes a set, and says what is odd about it.
fn finish(
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
        if largest < LEAST_SHARE * full {
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
            None if mean > HALF && !options.is_inverted => remarks.push(Remark::Bright { mean }),
            _ => {}
        }
        remarks.extend(polarity(&set, &classes));
    }
    let preparation = Preparation { rows, cols, inverted: options.is_inverted, max: options.max, paper };
    let first_label = options.first_label;
    Ok(Imported { set, classes, preparation, remarks, full, label_column: None, first_label })
}

const HALF: u8 = u8::MAX / 2;

fn mean(pixels: &[u8]) -> u8 {
    (pixels.iter().map(|&pixel| u64::from(pixel)).sum::<u64>() / pixels.len().max(1) as u64) as u8
}

/// A class that is mostly bright and one that is mostly dark, both clearly.
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

/// What is to be said of classes that no training image shows.
#[must_use]
pub fn unused(train: &Dataset, classes: usize) -> Option<Remark> {
    Unused::of(train.labels(), classes).map(Remark::Unused)
}
