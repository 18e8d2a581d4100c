//! `twolayer predict`: what pictures show, by a saved network.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::pictures::{bytes, image, is_stdin};
use super::saved::{FunctionArguments, Saved};
use super::tables::{self, Found, Named, Tables};
use super::{DeviceArguments, Error, chosen_format, one_device, print, print_json};
use crate::classifier::Classifier;
use crate::data::prepare::Way;
use crate::data::{idx, import, transposed};
use crate::report::predictions::Predictions;
use crate::report::progress::Progress;
use crate::report::width;
use crate::threads;
use crate::words::counted;

#[derive(Args)]
#[command(mut_arg("device", one_device))]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Arguments {
    /// The folder of a run, or a safetensors file
    #[arg(value_name = "RUN|FILE")]
    model: PathBuf,
    /// Pictures (PNG, JPEG, BMP, GIF, WebP, PGM) of any size, folders of pictures, IDX files of images, or tables with a line
    /// for each image (.csv, .tsv, .csv.gz), with or without a label; - for stdin
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    /// Take the pixels as they are: nothing is cropped, scaled or inverted
    #[arg(long)]
    raw: bool,
    /// Value of white in a table [default: that of the network's set; 1 for fractions up to 1; else 255]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max: Option<u16>,
    /// Exchange rows and columns of the images in tables and IDX files, if they are stored transposed (EMNIST's are recognised
    /// by their names)
    #[arg(long)]
    transpose: bool,
    /// Print the image that the network gets
    #[arg(long)]
    show: bool,
    /// The least probability of an answer, from 0 to 1; below it the answer is none
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    at_least: f32,
    /// Format of the results [default: text]; kaggle is a submission for its Digit Recognizer
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    #[command(flatten, next_help_heading = "Device")]
    device: DeviceArguments,
    #[command(flatten)]
    functions: FunctionArguments,
    /// Show no progress on stderr
    #[arg(long)]
    quiet: bool,
    /// Print the results as one JSON object on stdout, as --format json
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
    Kaggle,
}

fn probability(text: &str) -> Result<f32, &'static str> {
    text.parse().ok().filter(|p| (0.0..=1.0).contains(p)).ok_or("give a number from 0 to 1")
}

/// Files that are decoded before the network answers.
const CHUNK: usize = 1024;

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = chosen_format(arguments.json, arguments.format, Format::Json, Format::Text)?;
    let progress = Progress::new(arguments.quiet);
    let result = predict(arguments, &progress);
    progress.finish();
    let predictions = result?;
    match format {
        Format::Json => print_json(&predictions)?,
        Format::Text => print(&predictions.text(arguments.show, width::columns()))?,
        Format::Csv => print(&predictions.csv())?,
        Format::Kaggle => print(&predictions.kaggle())?,
    }
    match predictions.errors() {
        0 => Ok(()),
        errors => Err(Error::Pictures { errors, count: predictions.predictions.len() }),
    }
}

fn predict(arguments: &Arguments, progress: &Progress) -> Result<Predictions, Error> {
    if arguments.images.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Error::Usage("- is there twice, but stdin can be read once; leave out one".to_owned()));
    }
    let files = arguments.images.iter().map(|path| files(path)).collect::<Result<Vec<_>, _>>()?.concat();
    let (net, params, description) = Saved::load(&arguments.model)?.network(&arguments.functions)?;
    let pixels = net.shape.input;
    let (_, cols) = description.size(pixels);
    let way = if arguments.raw { Way::Raw { pixels } } else { Way::of(&description, pixels) };
    let tables = Tables::new(&description, pixels, arguments.max, arguments.raw, arguments.transpose);
    progress.say(format_args!("pictures: {way}"));
    let (_, device) = arguments.device.open(progress)?;
    let mut classifier = Classifier::on(&device, net, params, description)?;
    let mut predictions = Predictions::new(classifier.names().map(<[String]>::to_vec), net.shape.classes, cols);
    for chunk in files.chunks(CHUNK) {
        progress.doing(&format!("predicting, {} done", counted(predictions.predictions.len(), "image")));
        let found = threads::map(chunk.iter(), |path| images(path, &way, &tables));
        for (name, remark) in found.iter().flat_map(|found| &found.remarks) {
            if remark.is_note() {
                progress.notice(format_args!("{name}: {remark}"));
            } else {
                progress.say(format_args!("{name}: {remark}"));
            }
        }
        let images: Vec<Named> = found.into_iter().flat_map(|found| found.images).collect();
        let all: Vec<u8> = images.iter().flat_map(|named| named.image.iter().flatten().copied()).collect();
        let mut answers = classifier.predict_all(&all)?.into_iter();
        for Named { name, image, label } in images {
            match image.and_then(|image| Ok((answers.next().ok_or("no answer")?, image))) {
                Ok((answer, image)) => predictions.push(name, answer, image, label, arguments.at_least),
                Err(error) => predictions.push_error(name, error),
            }
        }
    }
    if predictions.unknown_labels() > 0 {
        let count = counted(predictions.unknown_labels(), "label");
        progress.notice(format_args!("{count} in the tables are no class of the network, and count as answered wrong"));
    }
    Ok(predictions)
}

/// The files of an argument: the pictures of a folder and its subfolders, or the file itself.
fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let found = import::pictures(path)?;
    if found.is_empty() { Err(Error::NoPictures(path.to_owned())) } else { Ok(found) }
}

/// The images of a file, with their names.
fn images(path: &Path, way: &Way, tables: &Tables) -> Found {
    let name = path.display().to_string();
    match bytes(path) {
        Err(error) => Found::one(name, Err(error)),
        Ok(bytes) if is_idx(&bytes) => images_of_idx(name, &bytes, tables.pixels(), tables.is_transposed(path)),
        Ok(bytes) if tables::is_table(path, &bytes) => tables.images(path, &bytes),
        Ok(bytes) => Found::one(name, image(&bytes, way)),
    }
}

/// Whether these are the first bytes of an IDX file, packed or not: no picture begins with two zeros.
fn is_idx(bytes: &[u8]) -> bool {
    let mut first = [0xff; 2];
    idx::unpacked(bytes).and_then(|mut input| input.read_exact(&mut first)).is_ok() && first == [0, 0]
}

/// The images of an IDX file, which need no preparation.
fn images_of_idx(name: String, bytes: &[u8], pixels: usize, is_transposed: bool) -> Found {
    match idx::unpacked(bytes).map_err(idx::Error::from).and_then(idx::read_images) {
        Err(error) => Found::one(name, Err(error.to_string())),
        Ok(images) if images.rows * images.cols != pixels => {
            let found = format!("images of {} x {} pixels", images.rows, images.cols);
            Found::one(name, Err(format!("{found} for a network of images with {pixels}")))
        }
        Ok(images) => {
            let (rows, cols) = (images.rows, images.cols);
            let images = if is_transposed { transposed(images.pixels, rows, cols) } else { images.pixels };
            let images = images.chunks(pixels).enumerate();
            let named = |(n, image): (usize, &[u8])| Named {
                name: format!("{name}#{n}"),
                image: Ok(image.to_vec()),
                label: None,
            };
            Found { images: images.map(named).collect(), remarks: Vec::new() }
        }
    }
}
