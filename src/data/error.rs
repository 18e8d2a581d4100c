//! What can be wrong with a set of images or with the files that hold it.

use std::io;
use std::path::PathBuf;

use super::description;
use super::idx::{self, Kind};
use super::limits::{MAX_CLASSES, MAX_PIXELS};
use crate::NoMemory;

/// Why a set of images cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system gave no memory.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// A set has no image.
    #[error("the set holds no image; give one that holds at least one")]
    Empty,
    /// A set's images have no pixel, or too many.
    #[error("images of {rows}x{cols} pixels; give images of 1 to {MAX_PIXELS} pixels")]
    ImageSize {
        /// Rows of one image.
        rows: usize,
        /// Columns of one image.
        cols: usize,
    },
    /// The pixels are not those of whole images.
    #[error("{bytes} bytes of pixels do not make whole images of {rows}x{cols}; check the size")]
    PartImage {
        /// Bytes of pixels given.
        bytes: usize,
        /// Rows of one image.
        rows: usize,
        /// Columns of one image.
        cols: usize,
    },
    /// There is not one label for every image.
    #[error("{images} images but {labels} labels; give the two files of one set")]
    Counts {
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// The images of the two sets differ in size.
    #[error(
        "training images of {}x{} pixels but test images of {}x{}; give two sets of one size",
        train.0, train.1, test.0, test.1
    )]
    SizesDiffer {
        /// Rows and columns of a training image.
        train: (usize, usize),
        /// Rows and columns of a test image.
        test: (usize, usize),
    },
    /// The training labels make fewer than 2 classes, or more than a label can name.
    #[error("the largest training label is {largest}; give labels that reach 1 to {}", MAX_CLASSES - 1)]
    Classes {
        /// The largest training label.
        largest: u8,
    },
    /// A test label is of a class that training never shows.
    #[error(
        "test label {index} (counted from 0) is {label}, but the training labels end at {}; \
         give two sets with the same classes",
        classes - 1
    )]
    TestLabel {
        /// Which label, from 0.
        index: usize,
        /// Its value.
        label: u8,
        /// Number of classes of the training set.
        classes: usize,
    },
    /// A label is of a class that the set's list does not have.
    #[error(
        "label {index} (counted from 0) is {label}, but the set's list has {classes} classes, 0 to {}; the files and the list \
         are not of one set",
        classes - 1
    )]
    Unlisted {
        /// Which label, from 0.
        index: usize,
        /// Its value.
        label: u8,
        /// Number of classes in the list.
        classes: usize,
    },
    /// The images are not of the size that the set's description says.
    #[error(
        "images of {}x{} pixels, but the set's description says {}x{}; the files and the description are not of one set",
        found.0, found.1, described.0, described.1
    )]
    OtherSize {
        /// Rows and columns of an image.
        found: (usize, usize),
        /// Those that the description says.
        described: (usize, usize),
    },
    /// No class has an image to spare.
    #[error("no class has two images, so none can be held out for testing; give more images, or test images by --test")]
    HeldOut,
    /// A label has no place in a one-hot row.
    #[error("label {index} (counted from 0) is {label}, which is not below the {classes} classes; ask for more")]
    OneHot {
        /// Which label, from 0.
        index: usize,
        /// Its value.
        label: u8,
        /// Number of classes asked for.
        classes: usize,
    },
    /// A folder of data cannot be looked into.
    #[error(
        "{}: cannot be opened as a folder ({reason}); give the folder of the data files{}", path.display(),
        if path.is_file() { " (`twolayer data import` makes one of pictures or of a table)" } else { "" }
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A folder holds several sets.
    #[error(
        "{}: holds several sets: {}; give one of them, as {}",
        folder.display(), names.join(", "), folder.join(names.first().map_or("", String::as_str)).display()
    )]
    SeveralSets {
        /// The folder.
        folder: PathBuf,
        /// What the names of their files begin with.
        names: Vec<String>,
    },
    /// Several folders below hold a set.
    #[error("{}: several folders below it hold a set; give one of them: {}", folder.display(), joined(below))]
    SeveralFolders {
        /// The folder.
        folder: PathBuf,
        /// Those below.
        below: Vec<PathBuf>,
    },
    /// The description of a set is none.
    #[error(transparent)]
    Description(#[from] description::Error),
    /// A folder lacks one of the files.
    #[error("{}: holds no file of {split} {kind}; put one there that is called {}, raw or with .gz after its name (`twolayer data import` makes a set of pictures or of a table)", folder.display(), names.join(" or "))]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The set it belongs to, training or test.
        split: &'static str,
        /// What it would hold of that set.
        kind: Kind,
        /// The names it may have.
        names: Vec<String>,
    },
    /// A folder stands where a file is expected.
    #[error("{}: is a folder where a file is expected; move the file out of it", path.display())]
    NotAFile {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: idx::Error,
    },
    /// Bytes are not what they should be.
    #[error("the bytes of {kind}: {reason}")]
    Bytes {
        /// What they should be.
        kind: Kind,
        /// What is wrong in them.
        reason: idx::Error,
    },
    /// The thread that reads images ended before its time.
    #[error("the thread that reads images has ended; start again")]
    ReaderGone,
    /// A compressed file is too large to be unpacked into memory.
    #[error(
        "{}: unpacked it has {bytes} bytes of pixels, more than the {max_bytes} that memory is to hold; allow more, or \
         unpack it, so that it is read as it is used: gunzip {}",
        path.display(), path.display()
    )]
    Packed {
        /// The file.
        path: PathBuf,
        /// What its header says.
        bytes: u64,
        /// What may be in memory.
        max_bytes: u64,
    },
    /// A file or a folder cannot be written.
    #[error("{}: cannot be written ({reason}); make room, close what has it open, or choose another place", path.display())]
    Write {
        /// The file or the folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Files that are right each by itself do not make a set.
    #[error("{}: {reason}", path.display())]
    Set {
        /// The set's folder, or the file of its images.
        path: PathBuf,
        /// Why they do not.
        reason: Box<Error>,
    },
}

#[cfg(not(target_family = "wasm"))]
impl From<crate::files::WriteError> for Error {
    fn from(crate::files::WriteError { path, reason }: crate::files::WriteError) -> Self {
        Self::Write { path, reason }
    }
}

fn joined(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
