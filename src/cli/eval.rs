//! `twolayer eval`: evaluates a saved network.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use pollster::block_on;
use serde::Serialize;

use super::data::choice::{DataArguments, of_a_network};
use super::data::target::Split;
use super::saved::{FunctionArguments, Saved};
use super::{DeviceArguments, Error, check_picture, one_device, print, print_json};
use crate::backend::{Backend, Evaluation};
use crate::data::Store;
use crate::net::Output;
use crate::report::confusion::Confusion;
use crate::report::progress::Progress;
use crate::report::scores::{Score, scores};
use crate::report::sheet::write_captioned;
use crate::report::width;
use crate::report::worst::{Mistake, Worst};
use crate::selftest;
use crate::train::{Images, Stream};
use crate::words::counted;

#[derive(Args)]
#[command(mut_arg("device", one_device))]
#[command(mut_arg("data", of_a_network))]
pub(super) struct Arguments {
    /// The folder of a run, or a safetensors file
    #[arg(value_name = "RUN|FILE")]
    model: PathBuf,
    #[command(flatten, next_help_heading = "Device")]
    device: DeviceArguments,
    #[command(flatten, next_help_heading = "Data")]
    data: DataArguments,
    /// Which images
    #[arg(long, default_value = "test")]
    split: Split,
    /// Also list the N images that were answered wrong with the most confidence, as far as there are so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    worst: Option<u16>,
    /// A picture of these images, a .png
    #[arg(short = 'o', long = "out", value_name = "FILE", requires = "worst")]
    out: Option<PathBuf>,
    /// Overwrite an existing picture
    #[arg(long, requires = "out")]
    overwrite: bool,
    #[command(flatten)]
    functions: FunctionArguments,
    /// Show no progress on stderr
    #[arg(long)]
    quiet: bool,
    /// Print the results as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    split: Split,
    images: usize,
    loss: f64,
    accuracy: f64,
    confusion: Vec<Vec<u32>>,
    classes: Vec<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worst: Option<Vec<Mistake>>,
}

/// What the network gives for the images of a split.
struct Evaluated {
    evaluation: Evaluation,
    worst: Option<Worst>,
    /// What an output is called.
    output: &'static str,
    names: Option<Vec<String>>,
}

/// A backend needs a batch size, though an evaluation trains no batch.
const BATCH_SIZE: usize = 100;

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    if let Some(picture) = &arguments.out {
        check_picture(picture, arguments.overwrite)?;
    }
    let mut progress = Progress::new(arguments.quiet);
    let result = evaluate(arguments, &mut progress);
    progress.finish();
    let Evaluated { evaluation, worst, output, names } = result?;
    let confusion: Vec<Vec<u32>> = evaluation.confusion.chunks(evaluation.classes).map(<[u32]>::to_vec).collect();
    let report = Report {
        split: arguments.split,
        images: evaluation.images,
        loss: evaluation.loss,
        accuracy: evaluation.accuracy(),
        classes: scores(&confusion, names.as_deref()),
        confusion,
        worst: worst.as_ref().map(|worst| worst.mistakes().to_vec()),
    };
    if arguments.json {
        return print_json(&report);
    }
    let columns = width::columns();
    let mut text = text(&report, names.as_deref(), columns);
    if let Some(worst) = worst {
        text.push('\n');
        text += &worst.text(names.as_deref(), output, columns);
        if let Some(picture) = arguments.out.as_ref().filter(|_| !worst.mistakes().is_empty()) {
            let _ = writeln!(text, "{} in {}", counted(worst.mistakes().len(), "image"), picture.display());
        }
    }
    print(&text)
}

fn evaluate(arguments: &Arguments, progress: &mut Progress) -> Result<Evaluated, Error> {
    let saved = Saved::load(&arguments.model)?;
    let (_, device) = arguments.device.open(progress)?;
    let (net, params, stores) = saved.with_data(&arguments.data, &arguments.functions, progress)?;
    let names = stores.description.names;
    let set = if let Split::Train = arguments.split { stores.train } else { stores.test };
    let output = if net.output == Output::Softmax { "probability" } else { "output" };
    block_on(async {
        let mut backend = Backend::new(&device, net, BATCH_SIZE, &params).await?;
        selftest::evaluation(&mut backend).await?;
        let worst = match arguments.worst {
            Some(most) => {
                progress.doing("looking for wrong answers");
                Some(worst(&mut backend, &set, most.into()).await?)
            }
            None => None,
        };
        if let (Some(worst), Some(path)) = (&worst, &arguments.out) {
            draw(worst, &set, names.as_deref(), path, progress)?;
        }
        progress.doing("evaluating");
        let mut set = Images::new(&mut backend, set).await?;
        Ok(Evaluated { evaluation: set.evaluate(&mut backend).await?.await?, worst, output, names })
    })
}

/// The worst mistakes on a set.
async fn worst(backend: &mut Backend, set: &Store, most: usize) -> Result<Worst, Error> {
    let mut worst = Worst::new(most);
    for part in set.chunks(Stream::IMAGES) {
        let part = part?;
        worst.add(part.labels(), &backend.predict(part.images()).await?);
    }
    Ok(worst)
}

fn draw(worst: &Worst, set: &Store, names: Option<&[String]>, path: &Path, progress: &Progress) -> Result<(), Error> {
    let indices: Vec<u32> = worst.mistakes().iter().map(|mistake| mistake.index as u32).collect();
    if indices.is_empty() {
        progress.notice(format_args!("no image is answered wrong, so {} is not written", path.display()));
        return Ok(());
    }
    Ok(write_captioned(path, &set.gather(&indices)?, &worst.captions(names))?)
}

fn text(report: &Report, names: Option<&[String]>, columns: usize) -> String {
    let Report { images, loss, accuracy, confusion, .. } = report;
    let matrix = Confusion::new(confusion, names).text(columns);
    format!("{matrix}\naccuracy {accuracy:.4}, loss {loss:.4}, {}\n", counted(*images, "image"))
}
