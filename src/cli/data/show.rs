//! `twolayer data show`: draws images of a set into one picture.

use std::path::PathBuf;

use clap::Args;

use super::choice::DataArguments;
use super::target::Split;
use crate::cli::{Error, check_picture, print};
use crate::report::progress::Progress;
use crate::report::sheet::write_sheet;
use crate::words::counted;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten, next_help_heading = "Data")]
    data: DataArguments,
    /// Which images
    #[arg(long, default_value = "train")]
    split: Split,
    /// Number of images, the same of each class
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// The picture, a .png
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Overwrite an existing picture
    #[arg(long)]
    overwrite: bool,
    /// Show no progress on stderr
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let Arguments { data, split, count, output, overwrite, quiet } = arguments;
    check_picture(output, *overwrite)?;
    let mut progress = Progress::new(*quiet);
    let (stores, _) = data.open(&mut progress)?;
    let drawn = write_sheet(output, split.of(&stores), *count as usize)?;
    progress.finish();
    print(&format!("{} in {}\n", counted(drawn, "image"), output.display()))
}
