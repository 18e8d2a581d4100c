//! The content of an IDX file by its header, and the errors of IDX files.

use std::{fmt, io};

use crate::NoMemory;
use crate::data::limits::{MAX_CLASSES, MAX_PIXELS};
use crate::data::sniff::FileKind;
use crate::words::counted;

/// The content of an IDX file: images or labels. The values are the magic numbers of written files. Their third byte stands
/// for unsigned bytes (8), the last is the count of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[count, rows, cols]` bytes.
    Images = 0x0803,
    /// `[count]` bytes.
    Labels = 0x0801,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::Labels => "labels",
        })
    }
}

/// The element type of an IDX file. The values are the third byte of its magic number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Unsigned bytes.
    U8 = 0x08,
    /// Signed bytes.
    I8 = 0x09,
    /// 16-bit integers.
    I16 = 0x0b,
    /// 32-bit integers.
    I32 = 0x0c,
    /// 32-bit floats.
    F32 = 0x0d,
    /// 64-bit floats.
    F64 = 0x0e,
}

impl Element {
    pub(super) const ALL: [Self; 6] = [Self::U8, Self::I8, Self::I16, Self::I32, Self::F32, Self::F64];

    /// Bytes of an element.
    pub(super) fn size(self) -> u64 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "unsigned bytes",
            Self::I8 => "signed bytes",
            Self::I16 => "16-bit integers",
            Self::I32 => "32-bit integers",
            Self::F32 => "32-bit floats",
            Self::F64 => "64-bit floats",
        })
    }
}

/// The header of an IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The element type.
    pub element: Element,
    /// The size of each dimension.
    pub dims: Vec<u32>,
}

impl Contents {
    /// Bytes of the elements; none if they exceed `u64`.
    pub(super) fn body_bytes(&self) -> Option<u64> {
        self.dims.iter().try_fold(self.element.size(), |bytes, &size| bytes.checked_mul(size.into()))
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.dims.iter().map(u32::to_string).collect();
        write!(f, "{} in {} ({})", self.element, counted(self.dims.len(), "dimension"), sizes.join(" x "))
    }
}

/// How to convert a file of another type.
fn advice(expected: Kind, contents: &Contents) -> &'static str {
    match (expected, contents.element) {
        (Kind::Images, Element::F32 | Element::F64) => {
            "convert it, in Python: idx2numpy.convert_to_file(FILE, (255 * images).astype('uint8')) if they are 0 to 1"
        }
        (Kind::Images, _) => {
            "convert it, in Python: idx2numpy.convert_to_file(FILE, images.reshape(count, rows, columns).astype('uint8'))"
        }
        (Kind::Labels, _) => {
            "convert it, in Python: idx2numpy.convert_to_file(FILE, labels.astype('uint8')), a number for each image"
        }
    }
}

/// An error of an IDX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system or the gzip decoder failed.
    #[error("cannot be read ({0}); check the file or download it again")]
    Io(#[from] io::Error),
    /// The system gave no memory.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// A file named .gz is not compressed.
    #[error("is named .gz but holds no gzip data{}; rename it without .gz or download it again", named(*.0))]
    NotGzip(Option<FileKind>),
    /// The magic number is unknown.
    #[error(
        "begins with {found:#010x}{}, but IDX {expected} begin with {:#010x}; give an IDX file",
        named(*kind), *expected as u32
    )]
    Magic {
        /// The expected content.
        expected: Kind,
        /// The first four bytes.
        found: u32,
        /// The kind of file that begins so, if it is known.
        kind: Option<FileKind>,
    },
    /// An IDX file of another element type, or of other dimensions.
    #[error(
        "holds {contents}, but {expected} are {}; {}",
        match expected { Kind::Images => "unsigned bytes in 3 (count x rows x columns)", Kind::Labels => "unsigned bytes in 1" },
        advice(*expected, contents)
    )]
    Contents {
        /// The expected content.
        expected: Kind,
        /// The file's header.
        contents: Contents,
    },
    /// A label out of range.
    #[error("label {index} (counted from 0) is {value}; give labels from 0 to {}", MAX_CLASSES - 1)]
    LabelRange {
        /// The index of the label.
        index: usize,
        /// Its value.
        value: i32,
    },
    /// Images where labels are expected, or the reverse.
    #[error("holds {found} where {expected} are expected; the names of two files may be swapped")]
    Swapped {
        /// The expected content.
        expected: Kind,
        /// The content found.
        found: Kind,
    },
    /// The file ends within its header.
    #[error("ends within its header; download it again")]
    Header,
    /// The file ends before its last element.
    #[error("ends after {found} of the {expected} bytes that its header says; download it again")]
    Truncated {
        /// Bytes of the elements by the header.
        expected: u64,
        /// Bytes found after the header.
        found: u64,
    },
    /// The file goes on after its elements, which have this count of bytes.
    #[error("goes on after the {0} bytes that its header says; download it again")]
    Trailing(u64),
    /// The file holds no images or labels.
    #[error("holds no {0}; give a file that holds some")]
    Empty(Kind),
    /// Images of no pixel, or of too many.
    #[error("has images of {rows}x{cols} pixels; give images of 1 to {MAX_PIXELS} pixels")]
    ImageSize {
        /// Rows of one image.
        rows: usize,
        /// Columns of one image.
        cols: usize,
    },
}

fn named(kind: Option<FileKind>) -> String {
    kind.map_or(String::new(), |kind| format!(" ({kind})"))
}
