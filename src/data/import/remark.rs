//! The remarks of an import. Everything that it assumes, skips or changes has a remark.

use std::fmt;
use std::path::PathBuf;

use crate::data::classes::Unused;
use crate::data::description::Paper;
use crate::words::counted;

/// Something that the user should know about a source.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Remark {
    /// The pictures that were read.
    Pictures {
        /// Each format with its count of pictures.
        formats: Vec<(&'static str, usize)>,
        /// The count of pictures in subfolders of a class's folder.
        deeper: usize,
    },
    /// The lines that were read.
    Lines {
        /// The count of images.
        images: usize,
        /// The separator between fields, in words.
        separator: &'static str,
        /// The text's encoding, if it is not UTF-8.
        encoding: Option<&'static str>,
        /// The column of the labels, from 1, and its heading; none if the table has no labels.
        label: Option<(usize, Option<String>)>,
        /// The headings, shortened.
        heading: Option<String>,
    },
    /// The largest value of a pixel.
    Largest {
        /// That value.
        value: f32,
        /// The value of white.
        full: f32,
    },
    /// Entries of a folder that were skipped.
    Skipped {
        /// The reason.
        reason: SkipReason,
        /// Their count.
        count: usize,
        /// Some of them.
        examples: Vec<PathBuf>,
    },
    /// A column that is neither a label nor pixels.
    IndexColumn(String),
    /// No pixel reaches half of white.
    Dark {
        /// The largest value.
        value: f32,
        /// The value of white.
        full: f32,
        /// Whether the user gave the value of white.
        is_given: bool,
    },
    /// Every pixel has this value.
    OneColour(u8),
    /// Images of one colour.
    Blank {
        /// Their count.
        count: usize,
        /// The index of the first.
        first: usize,
    },
    /// The mean pixel, of 255, is bright.
    Bright(u8),
    /// The mean pixel, of 255, of rows for a network of bright ink on black.
    BrightRows(u8),
    /// The count of pictures that were rotated or mirrored according to their metadata.
    Turned(usize),
    /// The background of transparent pictures.
    Paper {
        /// The count of pictures with transparency.
        count: usize,
        /// Their background.
        paper: Paper,
    },
    /// Several folders that are one class.
    Merged {
        /// Their label.
        label: u8,
        /// Their names.
        names: Vec<String>,
    },
    /// A folder whose name is a number other than its label.
    NotItsNumber {
        /// The name.
        name: String,
        /// Its label.
        label: u8,
    },
    /// A name that is not UTF-8.
    Windows1252(String),
    /// The last column could also be the labels.
    LastToo,
    /// The given column of labels is not that of the heading.
    NotTheHeadings {
        /// The given column, from 1.
        column: usize,
        /// The heading of the other column.
        heading: String,
    },
    /// The count of lines without a value.
    BlankLines(usize),
    /// Pixels a little below black or above this value of white were clamped.
    Clamped(f32),
    /// A table of EMNIST, whose images were transposed.
    Emnist,
    /// The count of pictures with several frames, of which only the first was read.
    Frames(usize),
    /// Classes whose pictures are all in subfolders of their folder.
    Deeper(Vec<PathBuf>),
    /// One class is mostly dark, another mostly bright.
    Polarity {
        /// The dark class.
        dark: String,
        /// The bright class.
        bright: String,
    },
    /// The training images are mostly dark and the test images mostly bright, or the reverse.
    OtherPolarity {
        /// The mean pixel of the training images, of 255.
        train: u8,
        /// The mean pixel of the test images.
        test: u8,
    },
    /// Two classes whose names differ only in case and spaces.
    Alike([String; 2]),
    /// Classes without a training image.
    Unused(Unused),
    /// Classes without a test image.
    NotTested(Vec<String>),
}

/// The reason why an entry of a folder is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// Its name begins with a dot.
    Hidden,
    /// It is no picture.
    NoPicture,
    /// A picture in a format that is not read.
    OtherFormat,
    /// A picture beside the folders of the classes.
    OutsideClasses,
    /// A folder without a picture.
    EmptyFolder,
    /// A link to a folder that contains it.
    Circle,
    /// A picture that cannot be decoded, with the option to skip such.
    Broken,
    /// A file or folder of the operating system.
    System,
    /// A pipe, a device or another special file.
    NoFile,
}

impl Remark {
    /// Whether it is a note to the user, and no result.
    #[must_use]
    pub fn is_note(&self) -> bool {
        !matches!(self, Self::Pictures { .. } | Self::Lines { .. } | Self::Largest { .. })
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hidden => "hidden (the name begins with a dot)",
            Self::NoPicture => "no picture",
            Self::OtherFormat => "a picture of a kind that is not read (convert it to PNG)",
            Self::OutsideClasses => "a picture beside the folders of the classes",
            Self::EmptyFolder => "a folder without a picture, so no class",
            Self::Circle => "a link to a folder that contains it",
            Self::Broken => "a broken picture",
            Self::System => "a file or folder of the operating system",
            Self::NoFile => "no ordinary file",
        })
    }
}

/// The most names that a line shows.
pub(super) const SHOWN: usize = 3;

/// The first names, and the count of the others.
pub(super) fn some_of<T: fmt::Display>(names: impl ExactSizeIterator<Item = T>, count: usize) -> String {
    let shown: Vec<String> = names.take(SHOWN).map(|name| name.to_string()).collect();
    let more = count - shown.len();
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

/// The probable value of white if the largest pixel is this: the end of a usual scale just above it, or the value itself.
fn usual_white(value: f32) -> f32 {
    const ENDS: [f32; 11] = [1.0, 4.0, 16.0, 31.0, 63.0, 100.0, 127.0, 255.0, 1023.0, 4095.0, 16383.0];
    ENDS.into_iter().find(|&end| value <= end && value > 0.9 * end).unwrap_or(value)
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pictures { formats, deeper } => {
                let count: usize = formats.iter().map(|(_, count)| count).sum();
                let each: Vec<String> = formats.iter().map(|(format, count)| format!("{count} {format}")).collect();
                write!(f, "{} read: {}", counted(count, "picture"), each.join(", "))?;
                if *deeper > 0 {
                    write!(f, "; {deeper} of them in folders below a class's own")?;
                }
                Ok(())
            }
            Self::Lines { images, separator, encoding, label, heading } => {
                write!(f, "{} read, {separator} between the fields", counted(*images, "line"))?;
                if let Some(encoding) = encoding {
                    write!(f, ", in {encoding}")?;
                }
                match label {
                    Some((column, Some(name))) => write!(f, "; the label is column {column} ({name})")?,
                    Some((column, None)) => write!(f, "; the label is column {column}")?,
                    None => f.write_str("; no label")?,
                }
                match heading {
                    Some(heading) => write!(f, "; line 1 is a heading: {heading}"),
                    None => f.write_str("; no heading"),
                }
            }
            Self::Largest { value, full } => write!(f, "largest pixel {value} of {full}"),
            Self::Skipped { reason, count, examples } => {
                write!(f, "skipped, {reason}: {}", some_of(examples.iter().map(|path| path.display()), *count))
            }
            Self::IndexColumn(name) => write!(f, "column {name:?} is skipped: it counts the images"),
            Self::Dark { value, full, is_given } => {
                write!(f, "the largest pixel is {value} of {full}")?;
                if *is_given {
                    return Ok(());
                }
                let white = usual_white(*value);
                write!(f, ", so all images are dark; if white is another value, as {white}, give --max {white}")
            }
            Self::OneColour(value) => {
                write!(f, "every pixel of every image is {value}: there is nothing to learn from")
            }
            Self::Blank { count: 1, first } => write!(f, "image {first} (counted from 0) has one colour alone"),
            Self::Blank { count, first } => {
                write!(f, "{count} images have one colour alone, the first of them image {first} (counted from 0)")
            }
            Self::Bright(mean) => write!(
                f,
                "the mean pixel is {mean} of 255: dark ink on bright paper? MNIST has bright ink on black; --invert makes it so"
            ),
            Self::BrightRows(mean) => write!(
                f,
                "the mean pixel is {mean} of 255: dark ink on bright paper? The network's own images are most likely bright ink on black"
            ),
            Self::Turned(count) => write!(f, "{} set upright, as their metadata say", counted(*count, "picture")),
            Self::Paper { count, paper } => {
                write!(f, "{} with transparency laid on {paper}, where the ink is seen", counted(*count, "picture"))
            }
            Self::Merged { label, names } => write!(f, "the folders {} are one class, {label}", names.join(", ")),
            Self::NotItsNumber { name, label } => {
                write!(f, "not every class is a number, so the names are numbered: class {name} has label {label}")
            }
            Self::Windows1252(name) => write!(f, "a name that is not UTF-8 is read as Windows-1252: {name}"),
            Self::NotTheHeadings { column, heading } => {
                write!(f, "column {column} is the label, as given, although the heading has {heading}")
            }
            Self::BlankLines(count) => write!(f, "{} without a value skipped", counted(*count, "line")),
            Self::Clamped(full) => write!(f, "pixels a little below 0 or above {full} become 0 and {full}"),
            Self::Emnist => f.write_str("EMNIST's tables hold transposed images; they are turned upright"),
            Self::Frames(count) => {
                write!(f, "of {} with several frames the first is read", counted(*count, "picture"))
            }
            Self::Deeper(folders) => write!(
                f,
                "all pictures of a class are in subfolders, which make no classes of their own: {}",
                some_of(folders.iter().map(|path| path.display()), folders.len())
            ),
            Self::Polarity { dark, bright } => {
                write!(f, "class {bright} is mostly bright and class {dark} mostly dark: ink and paper exchanged?")
            }
            Self::OtherPolarity { train, test } => write!(
                f,
                "the mean pixel is {test} of 255, that of the training images {train}: ink and paper exchanged?"
            ),
            Self::Alike([one, other]) => write!(f, "two classes have nearly the same name: {one:?} and {other:?}"),
            Self::LastToo => f.write_str("the last column could also be the label; if it is, give --label last"),
            Self::Unused(unused) if unused.is_first_alone() => {
                write!(f, "{unused}; if labels begin at 1, give --first-label 1")
            }
            Self::Unused(unused) => unused.fmt(f),
            Self::NotTested(names) => write!(f, "no test image of {}", some_of(names.iter(), names.len())),
        }
    }
}
