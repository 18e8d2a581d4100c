//! `twolayer eval`: how well a saved network does.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use pollster::block_on;
use serde::Serialize;

use super::data::choice::DataArguments;
use super::saved::Saved;
use super::{DeviceArguments, Error, print, print_json};
use crate::backend::{Backend, Evaluation};
use crate::net::{Activation, Output};
use crate::report::progress::Progress;
use crate::train::Images;

#[derive(Args)]
pub(super) struct Arguments {
    /// The folder of a run, or a safetensors file
    #[arg(value_name = "RUN|FILE")]
    model: PathBuf,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    data: DataArguments,
    /// Which images
    #[arg(long, default_value = "test")]
    split: Split,
    /// Hidden layer, where the file does not say it: sigmoid or relu
    #[arg(long, value_name = "NAME")]
    activation: Option<Activation>,
    /// Output layer, where the file does not say it: softmax or identity
    #[arg(long, value_name = "NAME")]
    output: Option<Output>,
    /// No progress on stderr
    #[arg(long)]
    quiet: bool,
    /// The results as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Split {
    Train,
    Test,
}

#[derive(Serialize)]
struct Report {
    split: Split,
    images: usize,
    loss: f64,
    accuracy: f64,
    confusion: Vec<Vec<u32>>,
}

/// The size of the batches that are never trained here.
const BATCH_SIZE: usize = 100;

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut progress = Progress::new(arguments.quiet);
    let result = evaluate(arguments, &mut progress);
    progress.finish();
    let evaluation = result?;
    let report = Report {
        split: arguments.split,
        images: evaluation.images,
        loss: evaluation.loss,
        accuracy: evaluation.accuracy(),
        confusion: evaluation.confusion.chunks(evaluation.classes).map(<[u32]>::to_vec).collect(),
    };
    if arguments.json { print_json(&report) } else { print(&text(&report)) }
}

fn evaluate(arguments: &Arguments, progress: &mut Progress) -> Result<Evaluation, Error> {
    let saved = Saved::load(&arguments.model)?;
    let (_, device) = arguments.device.open(progress)?;
    let (net, params, stores) = saved.with_data(&arguments.data, arguments.activation, arguments.output, progress)?;
    let set = match arguments.split {
        Split::Train => stores.train,
        Split::Test => stores.test,
    };
    progress.doing("evaluating");
    block_on(async {
        let mut backend = Backend::new(&device, net, BATCH_SIZE, &params).await?;
        let mut set = Images::new(&mut backend, set).await?;
        Ok(set.evaluate(&mut backend).await?.await?)
    })
}

fn text(report: &Report) -> String {
    let Report { images, loss, accuracy, confusion, .. } = report;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let classes = 0..confusion.len();
    table.set_header(std::iter::once("label \\ predicted".to_owned()).chain(classes.map(|class| class.to_string())));
    for (label, counts) in confusion.iter().enumerate() {
        table.add_row(std::iter::once(label.to_string()).chain(counts.iter().map(u32::to_string)));
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{}\n\naccuracy {accuracy:.4}, loss {loss:.4}, {images} images\n", table.trim_fmt())
}
