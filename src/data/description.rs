//! What is known of a set beside its images and labels: how many classes there are and what they are called, and how its
//! pictures were prepared. It goes with the set into the model, so that a picture can be prepared alike later.

use std::fmt;
use std::io::{self, Write};
#[cfg(not(target_family = "wasm"))]
use std::path::Path;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::limits::MAX_CLASSES;

/// The file that it is kept in, beside a set's four IDX files.
pub const FILE_NAME: &str = "set.json";

/// What a set's images and labels do not say by themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// What each class is called, in the order of the labels; none where the labels say it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// How the pictures became the set's images, if twolayer made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
}

impl Description {
    /// The first class that has another name in the other description, and both names; none where one has no names.
    #[must_use]
    pub fn other_name<'a>(&'a self, other: &'a Self) -> Option<(usize, &'a str, &'a str)> {
        let both = self.names.as_ref()?.iter().zip(other.names.as_ref()?);
        let differ = |(class, (one, other)): (usize, (&'a String, &'a String))| {
            (one != other).then_some((class, one.as_str(), other.as_str()))
        };
        both.enumerate().find_map(differ)
    }
}

/// How pictures become images of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Rows of an image.
    pub rows: usize,
    /// Columns of an image.
    pub cols: usize,
    /// Whether black was turned to white.
    pub inverted: bool,
    /// The value that a person said is full; none where the files' own scale was taken: 255, 65535 where they have 16 bits,
    /// 1 where numbers are fractions.
    pub max: Option<u16>,
    /// What was put behind transparent pictures, if there were any.
    pub paper: Option<Paper>,
}

/// What is put behind a transparent picture.
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
            write!(f, ", {max} is full")?;
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
    /// The number of this format, so that a later one can be told apart.
    format: u32,
    /// How many classes there are, whether each has images or not.
    classes: usize,
    #[serde(flatten)]
    description: Description,
}

const FORMAT: u32 = 1;

/// Why a description cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}; mend it, or remove it to take the set without it", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a description.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system failed.
    #[error("cannot be read ({0})")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("is no description of a set ({0})")]
    Json(#[from] serde_json::Error),
    /// It was written by a later version.
    #[error("has format {0}, and {FORMAT} is the latest that this version knows")]
    Format(u32),
    /// A number of classes that no set has.
    #[error("says {0} classes, where 2 to {MAX_CLASSES} can be")]
    Classes(usize),
    /// Not one name a class.
    #[error("has {names} names for {classes} classes")]
    Names {
        /// The names.
        names: usize,
        /// The classes.
        classes: usize,
    },
}

/// Encodes the description of a set with so many classes.
///
/// # Errors
/// When `out` fails.
pub fn write(out: &mut dyn Write, classes: usize, description: &Description) -> io::Result<()> {
    let content = Content { format: FORMAT, classes, description: description.clone() };
    serde_json::to_writer_pretty(&mut *out, &content)?;
    writeln!(out)
}

/// The number of classes and the description that a folder holds; none where it has no [`FILE_NAME`].
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

/// Decodes what [`write()`] encodes.
///
/// # Errors
/// What is wrong with it.
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
    fn what_is_written_is_read() {
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
            "28x20 pixels, 4095 is full, transparency on white, inverted"
        );
    }

    #[test]
    fn names_that_differ_are_found() {
        let named = |names: &[&str]| Description {
            names: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            preparation: None,
        };
        let (one, other) = (named(&["a", "b"]), named(&["a", "c"]));
        assert_eq!(one.other_name(&other), Some((1, "b", "c")));
        assert_eq!(one.other_name(&one), None);
        assert_eq!(one.other_name(&Description::default()), None);
    }

    #[test]
    fn what_is_no_description_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let said = |text: &str| {
            fs::write(folder.path().join(FILE_NAME), text).unwrap();
            let line = read(folder.path()).unwrap_err().to_string();
            assert!(!line.contains('\n') && line.contains("set.json: "), "{line}");
            line
        };
        for text in ["", "[]", "{}", "{\"format\": 1}", "\u{0}"] {
            assert!(said(text).contains("is no description of a set"));
        }
        assert!(said(r#"{"format": 2, "classes": 2}"#).contains("has format 2"));
        assert!(said(r#"{"format": 1, "classes": 256}"#).contains("says 256 classes"));
        assert!(said(r#"{"format": 1, "classes": 3, "names": ["a", "b"]}"#).contains("has 2 names for 3 classes"));
        fs::remove_file(folder.path().join(FILE_NAME)).unwrap();
        fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("cannot be read"));
    }
}
