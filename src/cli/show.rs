//! `twolayer show`: what a saved network is, and its first layer's weights as a picture.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;

use super::saved::{FunctionArguments, Saved};
use super::{Error, check_picture, print, print_json};
use crate::data::description::Description;
use crate::report::network::NetworkReport;
use crate::report::weights::write_weights;
use crate::report::width;
use crate::words::counted;

#[derive(Args)]
pub(super) struct Arguments {
    /// The folder of a run, or a safetensors file
    #[arg(value_name = "RUN|FILE")]
    model: PathBuf,
    /// Draw the weights from the pixels to each hidden unit, its column of W1, as an image
    #[arg(long, requires = "out")]
    weights: bool,
    /// The picture, a .png
    #[arg(short, long, value_name = "FILE", requires = "weights")]
    out: Option<PathBuf>,
    /// The hidden units in the picture, as 0-99 or 3,7,20-29 [default: all, or as many as fit]
    #[arg(long, value_name = "UNITS", requires = "weights")]
    units: Option<String>,
    /// Columns of an image, if the file does not say them and the images are no squares
    #[arg(long, value_name = "N", requires = "weights")]
    columns: Option<usize>,
    /// Overwrite an existing picture
    #[arg(long, requires = "weights")]
    overwrite: bool,
    #[command(flatten)]
    functions: FunctionArguments,
    /// Print what the network is as one JSON object on stdout
    #[arg(long, conflicts_with = "weights")]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    if let Some(out) = &arguments.out {
        return picture(arguments, out);
    }
    let saved = Saved::load(&arguments.model)?;
    let file = saved.file().display().to_string();
    let (net, params, description) = saved.network(&arguments.functions)?;
    let report = NetworkReport::new(file, net, &params, description);
    if arguments.json { print_json(&report) } else { print(&report.text(width::columns())) }
}

fn picture(arguments: &Arguments, out: &Path) -> Result<(), Error> {
    check_picture(out, arguments.overwrite)?;
    let (net, params, description) = Saved::load(&arguments.model)?.network(&arguments.functions)?;
    let (pixels, hidden) = (net.shape.input, net.shape.hidden);
    let size = size(pixels, arguments.columns, &description)?;
    let units = match &arguments.units {
        None => (0..hidden).collect(),
        Some(given) => chosen(given, hidden)?,
    };
    let shown = write_weights(out, &params, size, &units)?;
    let of = if shown == hidden { String::new() } else { format!(" of {hidden}") };
    let rest = if shown < units.len() { "; the others do not fit, choose them by --units" } else { "" };
    print(&format!("{}{of} in {}{rest}\n", counted(shown, "unit"), out.display()))
}

/// The rows and columns of an image.
fn size(pixels: usize, columns: Option<usize>, description: &Description) -> Result<(usize, usize), Error> {
    let of_file = description.preparation.as_ref().map(|preparation| preparation.cols);
    let side = pixels.isqrt();
    let columns = columns.or(of_file).or((side * side == pixels).then_some(side));
    match columns {
        Some(columns) if columns > 0 && pixels.is_multiple_of(columns) => Ok((pixels / columns, columns)),
        Some(columns) => Err(Error::Usage(format!(
            "{columns} columns do not divide an image of {pixels} pixels; give its --columns"
        ))),
        None => Err(Error::Usage(format!("an image of {pixels} pixels is no square; give its --columns"))),
    }
}

/// The units of a list of numbers and ranges.
fn chosen(given: &str, hidden: usize) -> Result<Vec<usize>, Error> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let [first, last] = [first, last].map(|number| number.trim().parse::<usize>().ok());
        let (first, last) = first.zip(last)?;
        (first <= last && last < hidden).then_some(first..=last)
    };
    let ranges: Option<Vec<_>> = given.split(',').map(range).collect();
    let units = ranges.map(|ranges| ranges.into_iter().flatten().collect::<Vec<_>>());
    let is_once = |units: &Vec<usize>| units.iter().collect::<HashSet<_>>().len() == units.len();
    units.filter(is_once).ok_or_else(|| {
        let last = hidden - 1;
        Error::Usage(format!("--units {given}: give units from 0 to {last}, each once, as 0-{last} or 0,{last}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_numbers_and_ranges() {
        assert_eq!(chosen("3, 0-1,7", 10).unwrap(), [3, 0, 1, 7]);
        assert_eq!(chosen("9-9", 10).unwrap(), [9]);
        for wrong in ["", "10", "1-10", "3-2", "a", "1-", "-1", "1,,2", "0-9,0-9", "3,3", "18446744073709551616"] {
            assert!(matches!(chosen(wrong, 10), Err(Error::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn an_image_s_size_is_given_or_in_the_file_or_a_square() {
        let none = Description::default();
        assert_eq!(size(784, None, &none).unwrap(), (28, 28));
        assert_eq!(size(30, Some(5), &none).unwrap(), (6, 5));
        for (pixels, columns) in [(30, None), (30, Some(7)), (30, Some(0))] {
            assert!(matches!(size(pixels, columns, &none), Err(Error::Usage(_))));
        }
    }
}
