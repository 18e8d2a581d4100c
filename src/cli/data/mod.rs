//! `twolayer data`: sets of images, looked at and made; one file per command.

pub(super) mod choice;
mod fetch;
mod generate;
mod import;
mod info;
mod show;

use std::path::Path;

use clap::{Subcommand, ValueEnum};

use super::Error;
use crate::data::{Store, Stores, occupied};
use crate::report::progress::Progress;

#[derive(Subcommand)]
pub(super) enum Commands {
    /// What a set holds: counts, classes, size, density, hashes, and a sample
    Info(info::Arguments),
    /// Download MNIST or another public set into the cache
    Fetch(fetch::Arguments),
    /// Draw digits into a folder: a set of any size
    Generate(generate::Arguments),
    /// Draw images of a set into one picture, a class a row
    Show(show::Arguments),
    /// Make a set of a folder of pictures (a folder a class), or of a table (a line an image: label, pixels)
    Import(import::Arguments),
}

pub(super) fn run(command: &Commands) -> Result<(), Error> {
    match command {
        Commands::Info(arguments) => info::run(arguments),
        Commands::Fetch(arguments) => fetch::run(arguments),
        Commands::Generate(arguments) => generate::run(arguments),
        Commands::Show(arguments) => show::run(arguments),
        Commands::Import(arguments) => import::run(arguments),
    }
}

/// Which of the two sets.
#[derive(Clone, Copy, ValueEnum)]
enum Split {
    Train,
    Test,
}

impl Split {
    fn of(self, stores: &Stores) -> &Store {
        match self {
            Self::Train => &stores.train,
            Self::Test => &stores.test,
        }
    }
}

/// Checks that a set may be written into a folder: that nothing is there that reading would take for a set, unless it may be
/// overwritten.
fn check_target(folder: &Path, overwrite: bool, progress: &Progress) -> Result<(), Error> {
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
