//! Saves and loads a benchmark's results.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::fields::{Record, SCHEMA};
use crate::files::{check_place, write_atomic};

/// A saved run cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{} cannot be read ({reason}); give a file that --save wrote", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// The file is not a saved run.
    #[error("{} is not a saved benchmark ({reason}); give a file that --save wrote", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        reason: serde_json::Error,
    },
    /// The file is from a later version of this program.
    #[error(
        "{} was saved by a newer twolayer (format version {found}, this one reads up to {SCHEMA}); update twolayer, or measure \
         again with this one", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format version of the file.
        found: u64,
    },
    /// The file cannot be written.
    #[error("{} cannot be written ({reason}); choose another --save", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
}

impl Record {
    /// Reads a saved run.
    ///
    /// # Errors
    /// The file cannot be read, is not a saved run, or is from a later version.
    pub fn load(path: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            schema: Option<u64>,
        }
        let text = fs::read(path).map_err(|reason| Error::Read { path: path.into(), reason })?;
        let shape = |reason| Error::Shape { path: path.into(), reason };
        // The version is read first: the other fields of a later version are unknown.
        match serde_json::from_slice(&text).map_err(shape)? {
            Version { schema: Some(found) } if found > u64::from(SCHEMA) => {
                Err(Error::Newer { path: path.into(), found })
            }
            Version { .. } => serde_json::from_slice(&text).map_err(shape),
        }
    }

    /// Checks that [`Record::save`] can write this file. A benchmark calls it before it starts.
    ///
    /// # Errors
    /// The path is a folder, or its folder accepts no new files.
    pub fn check_place(path: &Path) -> Result<(), Error> {
        let checked = if path.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { check_place(path) };
        checked.map_err(|reason| Error::Write { path: path.into(), reason })
    }

    /// Writes the run to a file. On an error the old file is kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let written = write_atomic(path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        });
        written.map_err(|reason| Error::Write { path: path.into(), reason })
    }
}
