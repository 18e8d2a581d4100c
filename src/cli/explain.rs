//! `twolayer explain`: the whole computation on one image, with the book's formulas.

use std::path::{Path, PathBuf};

use clap::Args;
use pollster::block_on;

use super::data::choice::{DataArguments, of_a_network};
use super::data::target::Split;
use super::pictures::{bytes, image};
use super::saved::{FunctionArguments, Saved};
use super::{DeviceArguments, Error, one_device, print, print_json};
use crate::data::classes;
use crate::data::prepare::Way;
use crate::explain::Explanation;
use crate::net::{Net, Params};
use crate::report::explanation::Report;
use crate::report::progress::Progress;
use crate::report::width;
use crate::words::counted;

#[derive(Args)]
#[command(mut_arg("device", one_device))]
#[command(mut_arg("data", |data| of_a_network(data).conflicts_with("image")))]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Arguments {
    /// The folder of a run, or a safetensors file
    #[arg(value_name = "RUN|FILE")]
    model: PathBuf,
    /// A picture (PNG, JPEG, BMP, GIF, WebP, PGM) of any size; - for stdin
    #[arg(value_name = "IMAGE", required_unless_present = "index")]
    image: Option<PathBuf>,
    /// Take the picture's pixels as they are: nothing is cropped, scaled or inverted
    #[arg(long, conflicts_with = "index")]
    raw: bool,
    /// In place of a picture, an image of the data, from 0; its label is there too
    #[arg(long, value_name = "N", conflicts_with = "image")]
    index: Option<u32>,
    /// The image's class, by number or name: with it come the loss and every derivative
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
    /// Hidden units in the tables, those that tell the classes apart most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = super::up_to(crate::net::Shape::MAX_HIDDEN))]
    units: u16,
    #[command(flatten, next_help_heading = "Device")]
    device: DeviceArguments,
    #[command(flatten, next_help_heading = "Data, with --index")]
    data: DataArguments,
    /// Which images [default: test]
    #[arg(long, conflicts_with = "image")]
    split: Option<Split>,
    #[command(flatten)]
    functions: FunctionArguments,
    /// Show no progress on stderr
    #[arg(long)]
    quiet: bool,
    /// Print every value as one JSON object on stdout, with all units
    #[arg(long)]
    json: bool,
    /// With --json, the derivatives by W1 too
    #[arg(long, requires = "json")]
    full: bool,
}

/// An image and its network.
struct Subject {
    net: Net,
    params: Params,
    /// The names of the classes.
    names: Option<Vec<String>>,
    /// The image's file, or its place in a set.
    image: String,
    pixels: Vec<u8>,
    cols: usize,
    label: Option<u8>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut progress = Progress::new(arguments.quiet);
    let saved = Saved::load(&arguments.model)?;
    let subject = match (&arguments.image, arguments.index) {
        (Some(path), _) => of_picture(arguments, path, saved, &progress)?,
        (None, index) => of_data(arguments, index.unwrap_or(0), saved, &mut progress)?,
    };
    let Subject { net, params, names, image, pixels, cols, label: of_set } = subject;
    let given =
        arguments.label.as_deref().map(|given| class(given, names.as_deref(), net.shape.classes)).transpose()?;
    if let (Some(given), Some(of_set)) = (given, of_set)
        && given != of_set
    {
        progress.notice(format_args!("the data says label {of_set}; --label {given} goes before it"));
    }
    let label = given.or(of_set);
    let (info, device) = arguments.device.open(&progress)?;
    let explanation = block_on(Explanation::new(&device, net, &params, &pixels, label))?;
    progress.finish();
    let report =
        Report { explanation: &explanation, image, pixels: &pixels, cols, names: names.as_deref(), info: &info };
    if arguments.json {
        print_json(&report.json(arguments.full))
    } else {
        print(&report.text(arguments.units.into(), width::columns()))
    }
}

/// A picture, prepared as `predict` does.
fn of_picture(arguments: &Arguments, path: &Path, saved: Saved, progress: &Progress) -> Result<Subject, Error> {
    let (net, params, description) = saved.network(&arguments.functions)?;
    let pixels = net.shape.input;
    let (_, cols) = description.size(pixels);
    let way = if arguments.raw { Way::Raw { pixels } } else { Way::of(&description, pixels) };
    let name = path.display().to_string();
    let unread = |error| format!("cannot be read ({error}); give a picture's file");
    let pixels = bytes(path).map_err(unread).and_then(|bytes| image(&bytes, &way));
    let pixels = pixels.map_err(|reason| Error::Picture { picture: path.to_owned(), reason })?;
    progress.say(format_args!("picture: {way}"));
    Ok(Subject { net, params, names: description.names, image: name, pixels, cols, label: None })
}

/// An image of the data that the network was trained on, or of other data.
fn of_data(arguments: &Arguments, index: u32, saved: Saved, progress: &mut Progress) -> Result<Subject, Error> {
    let (net, params, stores) = saved.with_data(&arguments.data, &arguments.functions, progress)?;
    let split = arguments.split.unwrap_or(Split::Test);
    let store = split.of(&stores);
    let of = match split {
        Split::Train => "training",
        Split::Test => "test",
    };
    if index as usize >= store.len() {
        let count = counted(store.len(), &format!("{of} image"));
        return Err(Error::Usage(format!(
            "--index {index}: there are {count}; give 0 to {}",
            store.len().saturating_sub(1)
        )));
    }
    let set = store.gather(&[index])?;
    let (image, label) = (format!("{of} image {index}"), set.labels().first().copied());
    let names = stores.description.names.clone();
    Ok(Subject { net, params, names, image, pixels: set.images().to_vec(), cols: set.cols(), label })
}

/// The class of this name or number.
fn class(given: &str, names: Option<&[String]>, classes: usize) -> Result<u8, Error> {
    let class = classes::named(given, names, classes).and_then(|class| u8::try_from(class).ok());
    class.ok_or_else(|| {
        let or_name = if names.is_some() { " or a class's name" } else { "" };
        Error::Usage(format!("--label {given} is no class of this network; give 0 to {}{or_name}", classes - 1))
    })
}
