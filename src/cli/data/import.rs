//! `twolayer data import`: a set made of images from elsewhere.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::check_target;
use crate::cli::{Error, print};
use crate::data::import::{Imported, from_csv, from_folder};
use crate::data::{Splits, save_dir};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// A folder that has a folder of .png files for each class, or a .csv file of lines: label, pixels
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// The folder for the four IDX files
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Test images, of the same kind as SOURCE [default: some are held out of it]
    #[arg(long, value_name = "SOURCE")]
    test: Option<PathBuf>,
    /// The share of the images that is held out for testing, where there is no --test
    #[arg(long, value_name = "X", default_value_t = 0.15, value_parser = share, conflicts_with = "test")]
    test_share: f64,
    /// Which images are held out: another seed, others
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "test")]
    seed: u64,
    /// Rows and columns of an image in a .csv file [default: a square's]
    #[arg(long, value_name = "ROWSxCOLS", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Turn black to white: for dark ink on bright paper, where MNIST has the reverse
    #[arg(long)]
    invert: bool,
    /// Write even where there is a set
    #[arg(long)]
    overwrite: bool,
}

fn share(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0).ok_or("give a number between 0 and 1")
}

fn size(text: &str) -> Result<(usize, usize), &'static str> {
    let numbers = text.split_once('x').and_then(|(rows, cols)| Some((rows.parse().ok()?, cols.parse().ok()?)));
    numbers.ok_or("give rows and columns, as in 28x28")
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let Arguments { source, folder, test, test_share, seed, overwrite, .. } = arguments;
    check_target(folder, *overwrite)?;
    let imported = read(arguments, source)?;
    let (train, test) = match test {
        None => imported.set.held_out(*test_share, *seed)?,
        Some(path) => {
            let test = read(arguments, path)?;
            if test.classes != imported.classes {
                let text = "the classes of SOURCE and --test have different names; give two folders with the same ones";
                return Err(Error::Usage(text.to_owned()));
            }
            (imported.set, test.set)
        }
    };
    let splits = Splits::new(train, test)?;
    save_dir(folder, &splits)?;
    let Splits { train, test, classes } = &splits;
    let (rows, cols) = (train.rows(), train.cols());
    let mut text = format!(
        "{} images to train and {} to test, {rows}x{cols} pixels, {classes} classes in {}\n",
        train.len(),
        test.len(),
        folder.display()
    );
    for (label, name) in imported.classes.into_iter().flatten().enumerate() {
        let _ = writeln!(text, "{label} {name}");
    }
    print(&text)
}

fn read(arguments: &Arguments, source: &Path) -> Result<Imported, Error> {
    let Imported { set, classes } =
        if source.is_dir() { from_folder(source)? } else { from_csv(source, arguments.size)? };
    Ok(Imported { set: if arguments.invert { set.inverted() } else { set }, classes })
}
