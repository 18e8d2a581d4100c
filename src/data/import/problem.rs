//! Why images cannot be taken over.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::remark::{SHOWN, some_of};
use super::{picture, table};
use crate::NoMemory;
use crate::data::limits::{MAX_CLASSES, MAX_PIXELS};
use crate::data::sniff::FileKind;
use crate::words::counted;

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
    Set(#[from] crate::data::Error),
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
