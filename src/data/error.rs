//! Errors of sets of images and of their files.

use std::io;
use std::path::PathBuf;

use super::description;
use super::idx::{self, Kind};
use super::limits::{MAX_CLASSES, MAX_PIXELS};
use crate::NoMemory;

/// An error of a set of images or of its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system gave no memory.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// The set has no image.
    #[error("the set holds no image; give one that holds at least one")]
    Empty,
    /// The images have no pixel, or too many.
    #[error("images of {rows}x{cols} pixels; give images of 1 to {MAX_PIXELS} pixels")]
    ImageSize {
        /// Rows of one image.
        rows: usize,
        /// Columns of one image.
        cols: usize,
    },
    /// The count of pixels is no multiple of an image's.
    #[error("{bytes} bytes of pixels do not make whole images of {rows}x{cols}; check the size")]
    PartImage {
        /// The count of pixels.
        bytes: usize,
        /// Rows of one image.
        rows: usize,
        /// Columns of one image.
        cols: usize,
    },
    /// The counts of images and labels differ.
    #[error("{images} images but {labels} labels; give the two files of one set")]
    Counts {
        /// The count of images.
        images: usize,
        /// The count of labels.
        labels: usize,
    },
    /// The training and the test images differ in size.
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
    /// The largest training label makes fewer than 2 classes, or more than a label can name.
    #[error("the largest training label is {0}; give labels that reach 1 to {most}", most = MAX_CLASSES - 1)]
    Classes(u8),
    /// A test label is larger than all training labels.
    #[error(
        "test label {index} (counted from 0) is {label}, but the training labels end at {}; \
         give two sets with the same classes",
        classes - 1
    )]
    TestLabel {
        /// The index of the label.
        index: usize,
        /// Its value.
        label: u8,
        /// The count of classes of the training set.
        classes: usize,
    },
    /// The set's list has no class of this label.
    #[error(
        "label {index} (counted from 0) is {label}, but the set's list has {classes} classes, 0 to {}; the files and the list \
         are not of one set",
        classes - 1
    )]
    Unlisted {
        /// The index of the label.
        index: usize,
        /// Its value.
        label: u8,
        /// The count of classes in the list.
        classes: usize,
    },
    /// The images have another size than the set's description says.
    #[error(
        "images of {}x{} pixels, but the set's description says {}x{}; the files and the description are not of one set",
        found.0, found.1, described.0, described.1
    )]
    OtherSize {
        /// Rows and columns of an image.
        found: (usize, usize),
        /// Rows and columns in the description.
        described: (usize, usize),
    },
    /// No class has an image for the test set.
    #[error("no class has two images, so none can be held out for testing; give more images, or test images by --test")]
    HeldOut,
    /// No class has an image for validation.
    #[error(
        "no class has two training images, so none can be held out for validation; give more images, or no --validation"
    )]
    Validation,
    /// A one-hot row has no column for a label.
    #[error("label {index} (counted from 0) is {label}, which is not below the {classes} classes; give more classes")]
    OneHot {
        /// The index of the label.
        index: usize,
        /// Its value.
        label: u8,
        /// The count of columns.
        classes: usize,
    },
    /// A folder of data cannot be opened.
    #[error(
        "{}: cannot be opened as a folder ({reason}); give the folder of the data files{}", path.display(),
        if path.is_file() { " (`twolayer data import` makes one of pictures or of a table)" } else { "" }
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
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
        /// The prefixes of their files' names.
        names: Vec<String>,
    },
    /// Several folders below hold a set.
    #[error("{}: several folders below it hold a set; give one of them: {}", folder.display(), joined(below))]
    SeveralFolders {
        /// The folder.
        folder: PathBuf,
        /// The folders below.
        below: Vec<PathBuf>,
    },
    /// The set's description cannot be read.
    #[error(transparent)]
    Description(#[from] description::Error),
    /// A folder lacks one of the files.
    #[error("{}: holds no file of {split} {kind}; put one there named {}, raw or with .gz after its name (`twolayer data import` makes a set of pictures or of a table)", folder.display(), names.join(" or "))]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The file's split: training or test.
        split: &'static str,
        /// The file's content.
        kind: Kind,
        /// The names that it may have.
        names: Vec<String>,
    },
    /// A folder has the name of a file of the set.
    #[error("{}: is a folder where a file is expected; move the file out of it", .0.display())]
    NotAFile(PathBuf),
    /// A file is no such IDX file.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Its error.
        reason: idx::Error,
    },
    /// Bytes are not one IDX file of this kind.
    #[error("the bytes of {kind}: {reason}")]
    Bytes {
        /// The expected kind.
        kind: Kind,
        /// The error in the bytes.
        reason: idx::Error,
    },
    /// The thread that reads images ended early.
    #[error("the thread that reads images has ended; start again")]
    ReaderGone,
    /// The content of a compressed file is too large for memory.
    #[error(
        "{}: unpacked it has {bytes} bytes of pixels, more than the {max_bytes} allowed in memory; allow more, or unpack it, \
         so that images are read from it as they are used: gunzip {}",
        path.display(), path.display()
    )]
    Packed {
        /// The file.
        path: PathBuf,
        /// The bytes of pixels by its header.
        bytes: u64,
        /// The most bytes allowed in memory.
        max_bytes: u64,
    },
    /// A file or a folder cannot be written.
    #[error("{}: cannot be written ({reason}); make room, close what has it open, or choose another place", path.display())]
    Write {
        /// The file or the folder.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// Valid files do not belong together.
    #[error("{}: {reason}", path.display())]
    Set {
        /// The set's folder, or the file of its images.
        path: PathBuf,
        /// The error of the set.
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
