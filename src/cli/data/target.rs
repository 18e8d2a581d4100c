//! Which half of a set a command is for, and where a set may be written.

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use crate::cli::common::Error;
use crate::data::{Store, Stores, occupied};
use crate::report::progress::Progress;

/// Which of the two sets.
#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Split {
    Train,
    Test,
}

impl Split {
    pub fn of(self, stores: &Stores) -> &Store {
        match self {
            Self::Train => &stores.train,
            Self::Test => &stores.test,
        }
    }
}

/// Checks that a set may be written into a folder: that nothing is there that reading would take for a set, unless it may be
/// overwritten.
pub(super) fn check_target(folder: &Path, overwrite: bool, progress: &Progress) -> Result<(), Error> {
    if folder.is_file() {
        return Err(Error::NotAFolder(folder.to_owned()));
    }
    match occupied(folder) {
        None => Ok(()),
        Some(there) if overwrite => {
            progress.notice(format_args!(
                "{} is there; what is written into {} now is read in its place",
                there.display(),
                folder.display()
            ));
            Ok(())
        }
        Some(there) => Err(Error::SetThere(there)),
    }
}
