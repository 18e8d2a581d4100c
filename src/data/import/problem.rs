//! Errors of an import.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::remark::{SHOWN, some_of};
use super::{picture, table};
use crate::NoMemory;
use crate::data::limits::{MAX_CLASSES, MAX_PIXELS};
use crate::data::sniff::FileKind;
use crate::words::counted;

/// An import that failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    /// The file or the folder.
    pub path: PathBuf,
    /// The error.
    pub problem: Problem,
}

/// A picture that cannot be used.
#[derive(Debug)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// The error.
    pub problem: picture::Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

/// An error of an import.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system failed.
    #[error("cannot be read ({0}); check it")]
    Io(#[from] io::Error),
    /// A folder without folders of pictures, and with this count of pictures.
    #[error("holds no folder of pictures{}; give a folder that has one for each class", beside(*.0))]
    NoClasses(usize),
    /// A folder whose folders are a training and a test set.
    #[error("its folders are a training and a test set, not classes; {}", splits(train.as_deref(), test.as_deref(), others))]
    Splits {
        /// The folder of the training images.
        train: Option<PathBuf>,
        /// The folder of the test images.
        test: Option<PathBuf>,
        /// The other folders.
        others: Vec<PathBuf>,
    },
    /// A picture of 16 bits after pictures of 8 bits, or the reverse, with a given value of white.
    #[error("{} has another number of bits than the pictures before, so --max cannot be white in both; give pictures of one kind", .0.display())]
    OtherDepth(PathBuf),
    /// A folder of one class.
    #[error("all its pictures are in one folder, so of one class; give the folder that holds the classes{}",
        if *has_folders { format!(", perhaps {}", folder.display()) } else { String::new() })]
    OneClass {
        /// That folder.
        folder: PathBuf,
        /// Whether it holds folders of pictures itself.
        has_folders: bool,
    },
    /// Too many classes.
    #[error("has {0} classes, more than {MAX_CLASSES}; give fewer")]
    Classes(usize),
    /// Test images of classes without a training image.
    #[error("has {}, of which there is no training image; remove them, or give training images of them", some_of(.0.iter(), .0.len()))]
    UnknownClasses(Vec<String>),
    /// Pictures that cannot be decoded.
    #[error(
        "{} of {of} pictures are broken: {}; repair or remove them, or give --skip-broken to go on without them",
        faults.len(), some_of(faults.iter(), faults.len())
    )]
    Broken {
        /// The broken pictures.
        faults: Vec<Fault>,
        /// The count of all pictures.
        of: usize,
    },
    /// Pictures of several sizes.
    #[error(
        "{} of {of} pictures are not of {} x {} pixels (rows x columns): {}; give pictures of one size",
        faults.len(), expected.0, expected.1, some_of(faults.iter(), faults.len())
    )]
    Sizes {
        /// The expected rows and columns.
        expected: (usize, usize),
        /// The pictures of other sizes.
        faults: Vec<Fault>,
        /// The count of all pictures.
        of: usize,
    },
    /// Images that are too large, or without a pixel.
    #[error("has images of {rows} x {cols} pixels (rows x columns); give images of 1 to {MAX_PIXELS} pixels")]
    ImageSize {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A pixel above the given value of white.
    #[error("{} has the value {value}, above the {max} of --max; give a larger --max", path.display())]
    AboveMax {
        /// The picture.
        path: PathBuf,
        /// Its largest value.
        value: u16,
        /// The given value of white.
        max: u16,
    },
    /// A label that is out of range.
    #[error("{found:?} is no label from {least} to {most}; give other labels{}", if *least == 0 { "" } else { ", or another --first-label" })]
    Label {
        /// The name of the class.
        found: String,
        /// The smallest label.
        least: u8,
        /// The largest label.
        most: u16,
    },
    /// A first label is given, but the labels are names.
    #[error("{0:?} is no number, so the names are numbered; leave out --first-label")]
    FirstLabelOfNames(String),
    /// An error in a table.
    #[error(transparent)]
    Table(#[from] table::Problem),
    /// The file is no table of numbers.
    #[error("is {0}, no table of numbers; unpack or convert it")]
    NoTable(FileKind),
    /// The source holds no image.
    #[error("holds no image; give one that holds at least one")]
    Empty,
    /// Test images on another scale than the training images.
    #[error("its pixels reach {found}, those of the training images {expected}; give both on one scale, or --max")]
    OtherScale {
        /// The value of white in the test images.
        found: f32,
        /// The value of white in the training images.
        expected: f32,
    },
    /// The system gave no memory.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// The images make no set.
    #[error(transparent)]
    Set(#[from] crate::data::Error),
}

impl Problem {
    /// All faulty pictures, if the error's line does not show all of them.
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

fn splits(train: Option<&Path>, test: Option<&Path>, others: &[PathBuf]) -> String {
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
