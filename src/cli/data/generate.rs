//! `twolayer data generate`: draws digits into a folder.

use std::path::PathBuf;

use clap::Args;

use super::target::check_target;
use crate::cli::{Error, print};
use crate::data::description::{self, Description};
use crate::data::{self, FILE_NAMES, digits, idx};
use crate::files::AtomicFiles;
use crate::report::progress::Progress;
use crate::words::counted;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The folder for the four IDX files and set.json
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Training images; 20 or more contain all ten digits
    #[arg(long, value_name = "N", default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Test images [default: a sixth of the training images]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    test_count: Option<u32>,
    /// Seed of the random drawing
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Overwrite an existing set
    #[arg(long)]
    overwrite: bool,
    /// Show no progress on stderr
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let &Arguments { ref folder, count, test_count, seed, overwrite, quiet } = arguments;
    let progress = Progress::new(quiet);
    check_target(folder, overwrite, &progress)?;
    let test_count = test_count.unwrap_or(count.div_ceil(6));
    let mut files = AtomicFiles::new(folder).map_err(data::Error::from)?;
    let [train_seed, test_seed] = digits::seeds(seed);
    let sets = [(count, train_seed, "training"), (test_count, test_seed, "test")];
    for ((count, seed, kind), names) in sets.into_iter().zip(FILE_NAMES.chunks(2)) {
        let what = format!("drawing {}", counted(count, &format!("{kind} image")));
        progress.busy(&what);
        let mut labels = Vec::new();
        let written = files.write(names[0], |out| {
            let mut done = |drawn| progress.detail(&format!("{what}, {drawn} drawn"));
            labels = digits::write_images(out, count, seed, &mut done)?;
            Ok(())
        });
        let written = written.and_then(|()| files.write(names[1], |out| idx::write_labels(&labels, out)));
        written.map_err(data::Error::from)?;
    }
    files
        .write(description::FILE_NAME, |out| description::write(out, digits::CLASSES, &Description::default()))
        .and_then(|()| files.commit())
        .map_err(data::Error::from)?;
    progress.finish();
    print(&format!("{} to train and {test_count} to test in {}\n", counted(count, "digit"), folder.display()))
}
