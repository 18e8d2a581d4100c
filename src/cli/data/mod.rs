//! `twolayer data`: shows, downloads and makes sets of images. Each command has a file.

pub(super) mod choice;
mod fetch;
mod generate;
mod import;
mod info;
mod show;
pub(super) mod target;

use clap::Subcommand;

use super::Error;

#[derive(Subcommand)]
pub(super) enum Commands {
    /// Describe a set: counts, classes, size, density, hashes, and a sample
    Info(info::Arguments),
    /// Download MNIST or another public set into the cache
    Fetch(fetch::Arguments),
    /// Draw digits into a folder: a set of any size
    Generate(generate::Arguments),
    /// Draw images of a set into one picture, with a row for each class
    Show(show::Arguments),
    /// Make a set from pictures (a folder for each class) or from a table (a line for each image: label, pixels)
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
