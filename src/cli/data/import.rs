//! `twolayer data import`: makes a set from pictures or from a table.

use std::path::{Path, PathBuf};

use clap::Args;

use super::target::check_target;
use crate::cli::{Error, print};
use crate::data::import::{self, Imported, LabelColumn, Options, Remark};
use crate::data::{self, Splits, save_dir};
use crate::files::AtomicFiles;
use crate::report::progress::Progress;
use crate::report::set::{by_class, counts_by_class};
use crate::report::width;
use crate::words::counted;

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(in crate::cli) struct Arguments {
    /// A folder with a folder of pictures for each class (PNG, JPEG, BMP, GIF, WebP, PGM, PPM; also in subfolders), or a table
    /// whose lines have a label and the pixels (.csv, .tsv, .csv.gz)
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// The folder for the four IDX files and set.json
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Test images, of the same kind as SOURCE [default: a share of SOURCE]
    #[arg(long, value_name = "SOURCE")]
    test: Option<PathBuf>,
    /// Share of each class's images for the test split, without --test
    #[arg(long, value_name = "X", default_value_t = 0.15, value_parser = share, conflicts_with = "test")]
    test_share: f64,
    /// Seed of the choice of test images
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "test")]
    seed: u64,
    /// Rows and columns of an image in a table [default: a square], or the size that all pictures must have
    #[arg(long, value_name = "ROWSxCOLS", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Column of a table that holds the labels: first, last, its number from 1, or its heading [default: the one with the
    /// heading label, class, target, y or character, else the first]
    #[arg(long, value_name = "COLUMN")]
    label: Option<LabelColumn>,
    /// Number of the first class, if labels are numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    first_label: u8,
    /// Value of white [default: 255; 65535 in pictures of 16 bits; 1 in a table of fractions up to 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max: Option<u16>,
    /// Exchange black and white: for dark ink on bright paper; MNIST has bright ink on black
    #[arg(long)]
    invert: bool,
    /// Exchange rows and columns of every image (EMNIST's tables are recognised by their names)
    #[arg(long)]
    transpose: bool,
    /// Leave out pictures that cannot be decoded
    #[arg(long)]
    skip_broken: bool,
    /// Overwrite an existing set
    #[arg(long)]
    overwrite: bool,
    /// Show only errors and notes on stderr
    #[arg(long)]
    quiet: bool,
}

fn share(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0).ok_or("give a number between 0 and 1")
}

fn size(text: &str) -> Result<(usize, usize), &'static str> {
    let numbers = text.split_once('x').and_then(|(rows, cols)| Some((rows.parse().ok()?, cols.parse().ok()?)));
    numbers.ok_or("give rows and columns, as in 28x28")
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let progress = Progress::new(arguments.quiet);
    let result = import(arguments, &progress);
    progress.finish();
    print(&result?)
}

/// Makes the set. Returns the text for stdout.
fn import(arguments: &Arguments, progress: &Progress) -> Result<String, Error> {
    let Arguments { source, folder, test, test_share, seed, overwrite, .. } = arguments;
    check_target(folder, *overwrite, progress)?;
    // The folder is created before anything is read.
    let _made = AtomicFiles::new(folder).map_err(data::Error::from)?;
    let imported = read(arguments, source, None, progress)?;
    let mut text = facts(&imported, "");
    if test.as_ref().is_some_and(|test| test == source) {
        progress.notice("--test is SOURCE itself: the training images are the test images");
    }
    let splits = match test {
        None => imported.held_out(*test_share, *seed)?,
        Some(path) => {
            let test = read(arguments, path, Some(&imported), progress)?;
            text += &facts(&test, "--test: ");
            imported.with_test_set(test)?
        }
    };
    if let Some(remark) = import::unused(&splits.train, splits.classes) {
        progress.notice(remark);
    }
    if let Some(remark) = imported.not_held_out(&splits).filter(|_| test.is_none()) {
        progress.notice(remark);
    }
    progress.doing("writing the set");
    save_dir(folder, &splits)?;
    Ok(text + &summary(&splits, folder))
}

fn read(
    arguments: &Arguments,
    source: &Path,
    train: Option<&Imported>,
    progress: &Progress,
) -> Result<Imported, Error> {
    progress.doing(&format!("reading {}", source.display()));
    let options = Options {
        size: arguments.size,
        max: arguments.max,
        is_inverted: arguments.invert,
        is_transposed: arguments.transpose,
        skip_broken: arguments.skip_broken,
        label: arguments.label.clone(),
        first_label: arguments.first_label,
    };
    let imported = import::read(source, &options, train).inspect_err(|error| {
        for fault in error.problem.more_faults() {
            progress.say(fault);
        }
    })?;
    let which = if train.is_some() { "--test: " } else { "" };
    for note in imported.remarks.iter().filter(|remark| remark.is_note()) {
        progress.notice(format_args!("{which}{note}"));
    }
    Ok(imported)
}

/// Facts on the images that were read, one line each.
fn facts(imported: &Imported, which: &str) -> String {
    let facts = imported.remarks.iter().filter(|remark: &&Remark| !remark.is_note());
    facts.fold(String::new(), |text, fact| text + &format!("{which}{fact}\n"))
}

/// The text on the new set.
fn summary(Splits { train, test, classes, description }: &Splits, folder: &Path) -> String {
    let preparation = description.preparation.as_ref().map_or(String::new(), ToString::to_string);
    let counts = [train, test].map(|set| counts_by_class(set.labels(), *classes));
    format!(
        "{} to train and {} to test, {preparation}, {} in {}\n\n{}\n",
        counted(train.len(), "image"),
        test.len(),
        counted(*classes, "class"),
        folder.display(),
        by_class(&counts, description, width::columns())
    )
}
