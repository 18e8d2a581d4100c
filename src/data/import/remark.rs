//! What an import tells of a source: nothing that it takes for granted, passes over or changes goes without a word.

use std::fmt;
use std::path::PathBuf;

use crate::data::classes::Unused;
use crate::data::description::Paper;
use crate::words::counted;

/// Something that a person should know of a source.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Remark {
    /// Pictures that were read, by their formats.
    Pictures {
        /// Each format and how many.
        formats: Vec<(&'static str, usize)>,
        /// Those that lie in folders below a class's own.
        deeper: usize,
    },
    /// Lines that were read.
    Lines {
        /// Lines of images.
        images: usize,
        /// What stands between two fields.
        separator: &'static str,
        /// How the text is encoded, if that is not UTF-8.
        encoding: Option<&'static str>,
        /// Which column is the label, from 1, and what the heading calls it.
        label: (usize, Option<String>),
        /// How much of the first line there is to show, if it is a heading.
        heading: Option<String>,
    },
    /// The largest value of a pixel, of the one that stands for white.
    Largest {
        /// That value.
        value: f32,
        /// White.
        full: f32,
    },
    /// Entries that are passed over, and why.
    PassedOver {
        /// What they are.
        why: Why,
        /// How many.
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
        /// White.
        full: f32,
        /// Whether a person has said what white is.
        is_given: bool,
    },
    /// Every pixel has this value.
    OneColour(u8),
    /// Images without anything on them.
    Blank {
        /// How many.
        count: usize,
        /// Which is the first, from 0.
        first: usize,
    },
    /// Most of the pixels are bright.
    Bright {
        /// The mean pixel, of 255.
        mean: u8,
    },
    /// Pictures that lie turned or mirrored in their files, and were set upright.
    Turned(usize),
    /// What was put behind transparent pictures.
    Paper {
        /// Pictures with transparency.
        count: usize,
        /// What was put behind them.
        paper: Paper,
    },
    /// Several folders that are one class.
    Merged {
        /// Their label.
        label: u8,
        /// Their names.
        names: Vec<String>,
    },
    /// A folder's name that is a number but not its label.
    NotItsNumber {
        /// The name.
        name: String,
        /// Its label.
        label: u8,
    },
    /// A name that was not in UTF-8.
    Windows1252(String),
    /// The last column could hold the labels as well.
    LastToo,
    /// A column is the label that the heading does not name as such.
    NotTheHeadings {
        /// The column, from 1.
        column: usize,
        /// The heading of the one that it names.
        heading: String,
    },
    /// Lines of separators alone.
    BlankLines(usize),
    /// Pixels a little beyond black or white, taken for it.
    Clamped {
        /// White.
        full: f32,
    },
    /// A table whose images lie transposed, which is known by its name.
    Emnist,
    /// Pictures of which only the first of several frames is taken.
    Frames(usize),
    /// Classes whose pictures all lie in folders below their own.
    Deeper(Vec<PathBuf>),
    /// One class has bright ink on dark paper, another the reverse.
    Polarity {
        /// A class whose pixels are mostly dark.
        dark: String,
        /// A class whose pixels are mostly bright.
        bright: String,
    },
    /// The test images are mostly bright where the training images are mostly dark, or the reverse.
    OtherPolarity {
        /// The mean pixel of the training images, of 255.
        train: u8,
        /// That of the test images.
        test: u8,
    },
    /// Two classes whose names are alike but for case and spaces.
    Alike([String; 2]),
    /// Classes without a training image.
    Unused(Unused),
    /// Classes that the test images lack.
    NotTested(Vec<String>),
}

/// Why an entry of a folder is no picture of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its name begins with a dot.
    Hidden,
    /// It is something else than a picture.
    NoPicture,
    /// A picture in a format that is not read.
    OtherFormat,
    /// A picture beside the folders of the classes.
    OutsideClasses,
    /// A folder without a picture.
    EmptyFolder,
    /// A folder that leads back to one around it.
    Circle,
    /// A picture that cannot be decoded, where a person wants to go on without.
    Broken,
    /// What a system keeps for itself.
    System,
    /// No file that can be read as a whole: a pipe, a device.
    NoFile,
}

impl Remark {
    /// Whether it is a warning, beside the results.
    #[must_use]
    pub fn is_note(&self) -> bool {
        !matches!(self, Self::Pictures { .. } | Self::Lines { .. } | Self::Largest { .. })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hidden => "hidden (the name begins with a dot)",
            Self::NoPicture => "no picture",
            Self::OtherFormat => "a picture of a kind that is not read (convert it to PNG)",
            Self::OutsideClasses => "a picture beside the folders of the classes",
            Self::EmptyFolder => "a folder without a picture, so no class",
            Self::Circle => "a folder that leads back to one around it",
            Self::Broken => "a broken picture",
            Self::System => "what a system keeps for itself",
            Self::NoFile => "no ordinary file",
        })
    }
}

/// Names that a line shows before it only counts.
pub(super) const SHOWN: usize = 3;

/// The first of some names, and how many more there are.
pub(super) fn some_of<T: fmt::Display>(names: impl ExactSizeIterator<Item = T>, count: usize) -> String {
    let shown: Vec<String> = names.take(SHOWN).map(|name| name.to_string()).collect();
    let more = count - shown.len();
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

/// What white may be on the scale whose largest value is this: the end of a usual scale that it nearly reaches.
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
            Self::Lines { images, separator, encoding, label: (column, name), heading } => {
                write!(f, "{} read, {separator} between the fields", counted(*images, "line"))?;
                if let Some(encoding) = encoding {
                    write!(f, ", in {encoding}")?;
                }
                write!(f, "; the label is column {column}")?;
                if let Some(name) = name {
                    write!(f, " ({name})")?;
                }
                match heading {
                    Some(heading) => write!(f, "; line 1 is a heading: {heading}"),
                    None => f.write_str("; no heading"),
                }
            }
            Self::Largest { value, full } => write!(f, "largest pixel {value} of {full}"),
            Self::PassedOver { why, count, examples } => {
                write!(f, "passed over, {why}: {}", some_of(examples.iter().map(|path| path.display()), *count))
            }
            Self::IndexColumn(name) => write!(f, "column {name:?} is passed over: it counts the images"),
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
            Self::Bright { mean } => write!(
                f,
                "the mean pixel is {mean} of 255: dark ink on bright paper? MNIST has bright ink on black; --invert makes it so"
            ),
            Self::Turned(count) => write!(f, "{} set upright, as their metadata say", counted(*count, "picture")),
            Self::Paper { count, paper } => {
                write!(f, "{} with transparency laid on {paper}, where the ink is seen", counted(*count, "picture"))
            }
            Self::Merged { label, names } => write!(f, "the folders {} are one class, {label}", names.join(", ")),
            Self::NotItsNumber { name, label } => write!(
                f,
                "not every class is a number, so labels count the names in their order: class {name} has label {label}"
            ),
            Self::Windows1252(name) => write!(f, "a name that is not in UTF-8 is read as Windows-1252: {name}"),
            Self::NotTheHeadings { column, heading } => {
                write!(f, "column {column} is taken for the label, as was said, where the heading has {heading}")
            }
            Self::BlankLines(count) => write!(f, "{} without a value passed over", counted(*count, "line")),
            Self::Clamped { full } => write!(f, "pixels a little below 0 or above {full} are taken for 0 and {full}"),
            Self::Emnist => f.write_str("EMNIST's tables have their images transposed; they are turned upright"),
            Self::Frames(count) => {
                write!(f, "of {} with several frames the first is taken", counted(*count, "picture"))
            }
            Self::Deeper(folders) => write!(
                f,
                "all pictures of a class lie in folders below it, which are not told apart: {}",
                some_of(folders.iter().map(|path| path.display()), folders.len())
            ),
            Self::Polarity { dark, bright } => {
                write!(
                    f,
                    "class {bright} is mostly bright and class {dark} mostly dark: ink and paper the other way round?"
                )
            }
            Self::OtherPolarity { train, test } => write!(
                f,
                "the mean pixel is {test} of 255, that of the training images {train}: ink and paper the other way round?"
            ),
            Self::Alike([one, other]) => write!(f, "two classes have names that are nearly one: {one:?} and {other:?}"),
            Self::LastToo => f.write_str("the last column could be the label as well; --label last takes it"),
            Self::Unused(unused) if unused.is_first_alone() => {
                write!(f, "{unused}; where labels begin at 1, give --first-label 1")
            }
            Self::Unused(unused) => unused.fmt(f),
            Self::NotTested(names) => {
                write!(f, "no test image of {}", some_of(names.iter(), names.len()))
            }
        }
    }
}
