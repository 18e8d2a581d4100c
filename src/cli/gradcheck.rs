//! `twolayer gradcheck`: compares the devices' gradients with f64.

use std::path::PathBuf;

use clap::Args;
use pollster::block_on;

use super::data::choice::{DataArguments, of_a_network};
use super::hosts::on_each_host;
use super::plan::give_plan;
use super::saved::{FunctionArguments, Saved};
use super::settings::read_step_size;
use super::train::plot_path;
use super::{Error, check_free, cpu_threads, note_threads, print, print_json, up_to};
use crate::backend::{self, Backend};
use crate::book;
use crate::data::batches::{Batches, Sampling};
use crate::data::{Dataset, Stores};
use crate::devices::{Choice, Device, Kind, NoGpu, select};
use crate::gradcheck::{Check, Gradient, JUDGED_STEP_SIZE};
use crate::net::{Activation, Net, Output, Params, Shape};
use crate::peers::{Peers, Ranks};
use crate::report::gradcheck::{Point, Report, error_curves};
use crate::report::plot::{ErrorCurve, check_plot_place, write_errors};
use crate::report::progress::Progress;
use crate::report::width;
use crate::train::{Images, Stream};
use crate::words::counted;

#[derive(Args)]
#[command(mut_arg("data", of_a_network))]
#[command(mut_arg("activation", |flag| flag.requires("model")), mut_arg("output", |flag| flag.requires("model")))]
pub(super) struct Arguments {
    /// The folder of a run, or a safetensors file, whose network is checked [default: new weights, before and after some
    /// iterations]
    #[arg(value_name = "RUN|FILE", conflicts_with_all = ["hidden", "iterations"])]
    model: Option<PathBuf>,
    /// auto, cpu, gpu (the best one), an INDEX of `twolayer devices`, or part of a GPU's NAME, which may begin with vulkan:,
    /// gl:, metal: or dx12:; may be given several times [default: every device]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<Choice>,
    /// Run the kernels on GPUs that FILE says; `twolayer devices` can write one
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Threads of the CPU backend, at most one a core [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten, next_help_heading = "Data")]
    data: DataArguments,
    /// Hidden units
    #[arg(long, value_name = "N", default_value_t = book::HIDDEN, value_parser = up_to(Shape::MAX_HIDDEN))]
    hidden: u16,
    /// Images in the batch
    #[arg(long, value_name = "N", default_value_t = book::BATCH_SIZE, value_parser = up_to(Shape::MAX_BATCH))]
    batch_size: u16,
    /// Iterations before the second check
    #[arg(long, value_name = "N", default_value_t = 600)]
    iterations: u64,
    /// Seed of the initial weights and the batches
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Step size h of a numerical gradient, (f(w + h) - f(w - h)) / 2h; may be given several times [default: 0.01, 0.001 and
    /// 0.0001; only 0.0001 is judged]
    #[arg(long, value_name = "H", value_parser = read_step_size)]
    step_size: Vec<f64>,
    /// Parameters of each tensor that the naive differences are computed for
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = up_to(10_000))]
    samples: u16,
    #[command(flatten)]
    functions: FunctionArguments,
    /// Draw the errors of W1's gradient by step size into FILE, an .svg or .png, for the first check and device
    #[arg(long, value_name = "FILE", value_parser = plot_path())]
    plot: Option<PathBuf>,
    /// Overwrite the file of --plot
    #[arg(long, requires = "plot")]
    overwrite: bool,
    /// Show no progress on stderr
    #[arg(long)]
    quiet: bool,
    /// Print the results as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// The step sizes of the table.
const STEP_SIZES: [f64; 3] = [1e-2, 1e-3, JUDGED_STEP_SIZE];
/// The step sizes of the plot. For the smallest the error is all rounding, for the largest all truncation.
const PLOTTED_STEP_SIZES: [f64; 15] =
    [1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0];

/// Parameters and a batch for which gradients are checked.
struct Sample {
    name: String,
    params: Params,
    batch: Dataset,
}

pub(super) fn run(arguments: &Arguments, ranks: Option<&mut Ranks>) -> Result<(), Error> {
    let is_first = ranks.as_deref().is_none_or(|ranks| ranks.rank() == 0);
    let mut progress = if is_first { Progress::new(arguments.quiet) } else { Progress::silent() };
    let result = report(arguments, ranks, is_first, &mut progress);
    progress.finish();
    let Some((report, curves)) = result? else { return Ok(()) };
    // The results are printed even if the plot cannot be written.
    let plotted = arguments.plot.as_deref().zip(curves).map(|(path, curves)| write_errors(path, &curves)).transpose();
    if arguments.json {
        print_json(&report)?;
    } else {
        let plot = arguments.plot.as_deref().filter(|_| plotted.is_ok());
        let plot = plot.map_or(String::new(), |path| format!("plotted in {}\n", path.display()));
        print(&(report.text(width::columns()) + &plot))?;
    }
    plotted?;
    match (report.failures(), report.failed_devices()) {
        (0, 0) => Ok(()),
        (rows, devices) => Err(Error::Gradients { rows, devices }),
    }
}

/// A report, and the curves of the plot if one was asked for.
type Checked = (Report, Option<Vec<ErrorCurve>>);

/// What is checked on this machine, or on all machines of the ranks; `None` on another rank than the first.
fn report(
    arguments: &Arguments,
    ranks: Option<&mut Ranks>,
    is_first: bool,
    progress: &mut Progress,
) -> Result<Option<Checked>, Error> {
    if is_first {
        check_free(arguments.plot.as_deref(), arguments.overwrite)?;
        arguments.plot.as_deref().map(check_plot_place).transpose()?;
    }
    let mut curves = None;
    let check = || {
        let (report, of_this) = check(arguments, progress)?;
        curves = of_this;
        Ok(report)
    };
    let report = on_each_host(ranks, check, Report::take_on, Report::add)?;
    Ok(report.map(|report| (report, curves)))
}

/// Checks the devices of this machine.
fn check(arguments: &Arguments, progress: &mut Progress) -> Result<Checked, Error> {
    let threads = cpu_threads(arguments.threads);
    note_threads(arguments.threads, progress);
    let mut found = block_on(select(&arguments.device, threads))?;
    give_plan(&mut found, arguments.plan.as_deref())?;
    if arguments.device.is_empty() && found.iter().all(|found| found.info.kind == Kind::Cpu) {
        progress.notice(block_on(NoGpu::find()));
    }
    let (net, checked) = samples(arguments, threads, progress)?;
    let step_sizes = if arguments.step_size.is_empty() { &STEP_SIZES[..] } else { &arguments.step_size };
    let samples = usize::from(arguments.samples);
    let progress = &*progress;
    let (mut points, mut curves) = (Vec::new(), None);
    for Sample { name, params, batch } in checked {
        let check = Check::new(net, params, batch, samples);
        if !check.has_differences() {
            progress.notice(format_args!(
                "{} with {} has no numerical gradient here; only backprop and naive differences are shown",
                net.activation, net.output
            ));
        }
        let begin = |device: &str| {
            let task = format!("{name}: checking {device}");
            progress.busy(&task);
            move |gradient| progress.detail(&format!("{task}, {}", gradient_name(gradient)))
        };
        let mut point = Point::new(name.clone(), check.loss());
        point.add(None, &check.of_reference(step_sizes, &mut begin("the f64 reference")));
        for found in &found {
            let device_name = format!("{} ({})", found.info.name, found.info.backend);
            let mut on_row = begin(&device_name);
            let result = block_on(async {
                let device = found.open().await?;
                let rows = check.of_device(&device, step_sizes, &mut on_row).await?;
                if arguments.plot.is_some() && curves.is_none() {
                    let device_rows = check.of_device(&device, &PLOTTED_STEP_SIZES, &mut on_row).await?;
                    let reference_rows = check.of_reference(&PLOTTED_STEP_SIZES, &mut on_row);
                    curves = Some(error_curves(&reference_rows, &device_rows));
                }
                Ok::<_, backend::Error>(rows)
            });
            match result {
                Ok(rows) => point.add(Some(&found.info), &rows),
                Err(reason) => {
                    progress.notice(format_args!("{device_name} failed: {reason}"));
                    point.fail(&found.info, &reason);
                }
            }
        }
        points.push(point);
    }
    let network = format!("{}, {} and {}", net.shape, net.activation, net.output);
    let batch_size = usize::from(arguments.batch_size);
    Ok((Report::new(network, batch_size, samples, points), curves))
}

/// The network and its samples: the saved network, or a new one before and after some iterations of backpropagation on the
/// CPU.
fn samples(arguments: &Arguments, threads: usize, progress: &mut Progress) -> Result<(Net, Vec<Sample>), Error> {
    let &Arguments { seed, iterations, .. } = arguments;
    let batch_size = usize::from(arguments.batch_size);
    let batches = |stores: &Stores| Batches::new(seed, Sampling::Replacement, batch_size, stores.train.len());
    if let Some(path) = &arguments.model {
        let saved = Saved::load(path)?;
        let Arguments { data, functions, .. } = arguments;
        let (net, params, stores) = saved.with_data(data, functions, progress)?;
        let batch = stores.train.gather(&batches(&stores).indices(0, 1))?;
        return Ok((net, vec![Sample { name: path.display().to_string(), params, batch }]));
    }
    let (stores, _) = arguments.data.open(progress)?;
    let shape = Shape { input: stores.train.pixels(), hidden: arguments.hidden.into(), classes: stores.classes };
    let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
    let params = Params::init(shape, book::WEIGHT_INIT_STD, seed);
    let mut batches = batches(&stores);
    let [first, last] = [0, iterations].map(|step| stores.train.gather(&batches.indices(step, 1)));
    let mut samples = vec![Sample { name: format!("initial weights, seed {seed}"), params, batch: first? }];
    if iterations > 0 {
        progress.busy(&format!("training for {}", counted(iterations, "iteration")));
        let params = block_on(async {
            let mut backend = Backend::new(&Device::Cpu { threads }, net, batch_size, &samples[0].params).await?;
            let mut set = Images::new(&mut backend, stores.train).await?;
            let chunk = (Stream::IMAGES / batch_size).max(1);
            for first in (0..iterations).step_by(chunk) {
                let steps = chunk.min((iterations - first) as usize);
                set.train(&mut backend, batches.indices(first, steps), None, &vec![book::LEARNING_RATE; steps])
                    .await?
                    .await?;
            }
            Ok::<_, Error>(backend.params().await?)
        })?;
        let name = format!("after {}, seed {seed}", counted(iterations, "iteration"));
        samples.push(Sample { name, params, batch: last? });
    }
    Ok((net, samples))
}

fn gradient_name(gradient: Gradient) -> String {
    match gradient {
        Gradient::Backprop => "backprop".to_owned(),
        Gradient::Numerical { step_size } => format!("numerical by {step_size}"),
        Gradient::Naive { step_size } => format!("naive by {step_size}"),
    }
}
