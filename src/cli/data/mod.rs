//! `twolayer data`: sets of images, looked at and made; one file per command.

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
