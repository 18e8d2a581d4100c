//! The split that a command uses, and the check of a folder that a set is written to.

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use crate::cli::common::Error;
use crate::data::{Store, Stores, occupied};
use crate::report::progress::Progress;

/// The training or the test split.
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

/// Checks that a set may be written into a folder: the folder must hold no set, unless it may be overwritten.
pub(super) fn check_target(folder: &Path, overwrite: bool, progress: &Progress) -> Result<(), Error> {
    if folder.is_file() {
        return Err(Error::NotAFolder(folder.to_owned()));
    }
    match occupied(folder) {
        None => Ok(()),
        Some(existing) if overwrite => {
            progress.notice(format_args!(
                "{} exists; the new files in {} are read instead",
                existing.display(),
                folder.display()
            ));
            Ok(())
        }
        Some(existing) => Err(Error::SetExists(existing)),
    }
}
