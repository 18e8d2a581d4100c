//! `twolayer eval`: evaluates a saved network.

use std::path::PathBuf;

use clap::Args;
use pollster::block_on;
use serde::Serialize;

use super::data::choice::{DataArguments, of_a_network};
use super::data::target::Split;
use super::saved::{FunctionArguments, Saved};
use super::{DeviceArguments, Error, print, print_json};
use crate::backend::{Backend, Evaluation};
use crate::report::confusion::Confusion;
use crate::report::progress::Progress;
use crate::report::width;
use crate::selftest;
use crate::train::Images;
use crate::words::counted;

#[derive(Args)]
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
}

/// A backend needs a batch size, though an evaluation trains no batch.
const BATCH_SIZE: usize = 100;

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut progress = Progress::new(arguments.quiet);
    let result = evaluate(arguments, &mut progress);
    progress.finish();
    let (evaluation, names) = result?;
    let report = Report {
        split: arguments.split,
        images: evaluation.images,
        loss: evaluation.loss,
        accuracy: evaluation.accuracy(),
        confusion: evaluation.confusion.chunks(evaluation.classes).map(<[u32]>::to_vec).collect(),
    };
    if arguments.json { print_json(&report) } else { print(&text(&report, names.as_deref(), width::columns())) }
}

/// The evaluation, and the names of the classes.
fn evaluate(arguments: &Arguments, progress: &mut Progress) -> Result<(Evaluation, Option<Vec<String>>), Error> {
    let saved = Saved::load(&arguments.model)?;
    let (_, device) = arguments.device.open(progress)?;
    let (net, params, stores) = saved.with_data(&arguments.data, &arguments.functions, progress)?;
    let names = stores.description.names;
    let set = if let Split::Train = arguments.split { stores.train } else { stores.test };
    progress.doing("evaluating");
    block_on(async {
        let mut backend = Backend::new(&device, net, BATCH_SIZE, &params).await?;
        selftest::evaluation(&mut backend).await?;
        let mut set = Images::new(&mut backend, set).await?;
        Ok((set.evaluate(&mut backend).await?.await?, names))
    })
}

fn text(report: &Report, names: Option<&[String]>, columns: usize) -> String {
    let Report { images, loss, accuracy, confusion, .. } = report;
    let matrix = Confusion::new(confusion, names).text(columns);
    format!("{matrix}\naccuracy {accuracy:.4}, loss {loss:.4}, {}\n", counted(*images, "image"))
}
