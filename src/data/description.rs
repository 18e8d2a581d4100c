//! The description of a set: the count and the names of its classes, and the preparation of its pictures. It is copied into a
//! model, so that a new picture can be prepared in the same way.

use std::fmt;
use std::io::{self, Write};
#[cfg(not(target_family = "wasm"))]
use std::path::Path;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::limits::MAX_CLASSES;

/// The name of its file, beside a set's four IDX files.
pub const FILE_NAME: &str = "set.json";

/// The names of a set's classes and the preparation of its pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// A name for each class, in the order of the labels; none if the labels are names enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// The preparation of the pictures, if twolayer imported them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
}

impl Description {
    /// The rows and columns of an image with this number of pixels: those of the preparation, or a square, or one row.
    #[must_use]
    pub fn size(&self, pixels: usize) -> (usize, usize) {
        let side = pixels.isqrt();
        let guess = if side * side == pixels { (side, side) } else { (1, pixels) };
        self.preparation.as_ref().map_or(guess, |preparation| (preparation.rows, preparation.cols))
    }

    /// Whether it can be that of images with this number of pixels in this number of classes.
    #[must_use]
    pub fn fits(&self, pixels: usize, classes: usize) -> bool {
        let is_of_size = |preparation: &Preparation| {
            preparation.rows.checked_mul(preparation.cols) == Some(pixels) && preparation.max != Some(0)
        };
        self.preparation.as_ref().is_none_or(is_of_size)
            && self.names.as_ref().is_none_or(|names| names.len() == classes)
    }

    /// The first class with different names in the two descriptions, and both names; none if a description has no names.
    #[must_use]
    pub fn differing_name<'a>(&'a self, other: &'a Self) -> Option<(usize, &'a str, &'a str)> {
        let both = self.names.as_ref()?.iter().zip(other.names.as_ref()?);
        let differ = |(class, (one, other)): (usize, (&'a String, &'a String))| {
            (one != other).then_some((class, one.as_str(), other.as_str()))
        };
        both.enumerate().find_map(differ)
    }
}

/// The steps that turn pictures into the images of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Rows of an image.
    pub rows: usize,
    /// Columns of an image.
    pub cols: usize,
    /// Whether black and white were exchanged.
    pub inverted: bool,
    /// The value of white, if the user gave it. Otherwise it was 255, or 65535 for 16 bits, or 1 for fractions.
    pub max: Option<u16>,
    /// The background of transparent pictures, if there were any.
    pub paper: Option<Paper>,
}

/// The background of a transparent picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paper {
    /// 0.
    Black,
    /// 255.
    White,
}

impl fmt::Display for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Black => "black",
            Self::White => "white",
        })
    }
}

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, cols, inverted, max, paper } = self;
        write!(f, "{rows}x{cols} pixels")?;
        if let Some(max) = max {
            write!(f, ", {max} is white")?;
        }
        if let Some(paper) = paper {
            write!(f, ", transparency on {paper}")?;
        }
        f.write_str(if *inverted { ", inverted" } else { ", not inverted" })
    }
}

/// The content of [`FILE_NAME`].
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    /// The version of the format.
    format: u32,
    /// The count of classes, with and without images.
    classes: usize,
    #[serde(flatten)]
    description: Description,
}

const FORMAT: u32 = 1;

/// A description that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}; correct it, or remove it to use the set without it", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// The error.
    pub problem: Problem,
}

/// An error in a description.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system failed.
    #[error("cannot be read ({0})")]
    Io(#[from] io::Error),
    /// It is no JSON of this form.
    #[error("is no description of a set ({0})")]
    Json(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("has format {0}, but this version reads formats up to {FORMAT}")]
    Format(u32),
    /// A count of classes out of range.
    #[error("says {0} classes, but a set has 2 to {MAX_CLASSES}")]
    Classes(usize),
    /// The count of names is not the count of classes.
    #[error("has {names} names for {classes} classes")]
    Names {
        /// The count of names.
        names: usize,
        /// The count of classes.
        classes: usize,
    },
}

/// Encodes the description of a set of `classes` classes.
///
/// # Errors
/// When `out` fails.
pub fn write(out: &mut dyn Write, classes: usize, description: &Description) -> io::Result<()> {
    let content = Content { format: FORMAT, classes, description: description.clone() };
    serde_json::to_writer_pretty(&mut *out, &content)?;
    writeln!(out)
}

/// The count of classes and the description of a folder's set; none if the folder has no [`FILE_NAME`].
///
/// # Errors
/// A file that is no description.
#[cfg(not(target_family = "wasm"))]
pub fn read(folder: &Path) -> Result<Option<(usize, Description)>, Error> {
    /// More than the names of all classes take, each as long as a file system allows.
    const MAX_BYTES: u64 = 1 << 20;
    let path = folder.join(FILE_NAME);
    match crate::files::read_at_most(&path, MAX_BYTES) {
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(Problem::from).and_then(|text| decode(&text)),
    }
    .map(Some)
    .map_err(|problem| Error { path, problem })
}

/// Decodes the text that [`write()`] encodes.
///
/// # Errors
/// An error in the text.
pub fn decode(text: &[u8]) -> Result<(usize, Description), Problem> {
    let Content { format, classes, description } = serde_json::from_slice(text)?;
    if format > FORMAT {
        return Err(Problem::Format(format));
    }
    if !(2..=MAX_CLASSES).contains(&classes) {
        return Err(Problem::Classes(classes));
    }
    match description.names.as_ref().map(Vec::len) {
        Some(names) if names != classes => Err(Problem::Names { names, classes }),
        _ => Ok((classes, description)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn described() -> Description {
        let preparation =
            Preparation { rows: 28, cols: 20, inverted: true, max: Some(4095), paper: Some(Paper::White) };
        Description { names: Some(vec!["boots".to_owned(), "\"é\"".to_owned()]), preparation: Some(preparation) }
    }

    #[test]
    fn a_written_description_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        for (classes, description) in [(2, described()), (10, Description::default())] {
            let mut text = Vec::new();
            write(&mut text, classes, &description).unwrap();
            fs::write(folder.path().join(FILE_NAME), text).unwrap();
            assert_eq!(read(folder.path()).unwrap(), Some((classes, description)));
        }
        assert_eq!(
            described().preparation.unwrap().to_string(),
            "28x20 pixels, 4095 is white, transparency on white, inverted"
        );
    }

    #[test]
    fn names_that_differ_are_found() {
        let named = |names: &[&str]| Description {
            names: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            preparation: None,
        };
        let (one, other) = (named(&["a", "b"]), named(&["a", "c"]));
        assert_eq!(one.differing_name(&other), Some((1, "b", "c")));
        assert_eq!(one.differing_name(&one), None);
        assert_eq!(one.differing_name(&Description::default()), None);
    }

    #[test]
    fn errors_in_a_description_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = |text: &str| {
            fs::write(folder.path().join(FILE_NAME), text).unwrap();
            let line = read(folder.path()).unwrap_err().to_string();
            assert!(!line.contains('\n') && line.contains("set.json: "), "{line}");
            line
        };
        for text in ["", "[]", "{}", "{\"format\": 1}", "\u{0}"] {
            assert!(error(text).contains("is no description of a set"));
        }
        assert!(error(r#"{"format": 2, "classes": 2}"#).contains("has format 2"));
        assert!(error(r#"{"format": 1, "classes": 256}"#).contains("says 256 classes"));
        assert!(error(r#"{"format": 1, "classes": 3, "names": ["a", "b"]}"#).contains("has 2 names for 3 classes"));
        fs::remove_file(folder.path().join(FILE_NAME)).unwrap();
        fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("cannot be read"));
    }
}
