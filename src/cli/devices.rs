//! `twolayer devices`: lists the devices, and the kernels that run on them.

use std::path::PathBuf;

use clap::Args;
use pollster::block_on;
use serde::Serialize;

use super::plan::{self, PlanFile, Problem, give_plan};
use super::{Error, check_free, kernels, print, print_json, up_to};
use crate::bench::contest::Event;
use crate::bench::record::Machine;
use crate::bench::tune::{Comparison, Tuned, tune};
use crate::bench::workload::Workload;
use crate::book::BATCH_SIZE;
use crate::data::digits;
use crate::devices::{Choice, Class, Found, Hardware, Info, Kind, NoGpu, Row, select};
use crate::files::check_place;
use crate::net::Shape;
use crate::report::bench::{device_of, hardware, machine, spread};
use crate::report::progress::{Progress, tell};
use crate::report::summary::Device;
use crate::report::table::fitted;
use crate::report::width::columns;

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Arguments {
    /// Only this device, as for `twolayer train`; may be given several times
    #[arg(long, value_name = "DEVICE")]
    device: Vec<Choice>,
    /// Also show the limits of each GPU, and the kernels that run a network on it
    #[arg(long)]
    verbose: bool,
    /// Time all kernels that can run a network on each GPU, and show its best row for src/gpu/plan.rs (about two minutes a
    /// GPU; changes nothing)
    #[arg(long)]
    tune: bool,
    /// Write that row to FILE, for --plan; of one GPU, which --device chooses
    #[arg(long, value_name = "FILE", requires = "tune")]
    save_plan: Option<PathBuf>,
    /// Overwrite the file of --save-plan
    #[arg(long, requires = "save_plan")]
    overwrite: bool,
    /// For --verbose and --kernels: the kernels that FILE says
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Write the kernels of a network on each class of GPUs to a new folder DIR, as WGSL with all numbers put in, for tools
    /// that compile shaders; needs no GPU
    #[arg(long, value_name = "DIR")]
    kernels: Option<PathBuf>,
    /// For --kernels: hidden units
    #[arg(long, value_name = "N", value_parser = up_to(Shape::MAX_HIDDEN), requires = "kernels")]
    hidden: Option<u16>,
    /// For --kernels: images in a batch
    #[arg(long, value_name = "N", value_parser = up_to(Shape::MAX_BATCH), requires = "kernels")]
    batch_size: Option<u16>,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    index: usize,
    #[serde(flatten)]
    device: Device,
    #[serde(flatten)]
    details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuned: Option<[TunedNetwork; 2]>,
}

/// The properties of a GPU that --verbose shows.
#[derive(Serialize)]
struct Details {
    class: &'static str,
    kernels: Kernels,
    workgroup_invocations: u32,
    storage_binding_bytes: u64,
    timestamps: bool,
}

/// The families of kernels. Each is a folder of shaders/.
#[derive(Serialize)]
struct Kernels {
    narrow: &'static str,
    wide: &'static str,
    narrow_up_to_hidden: usize,
    /// How they are set.
    row: Row,
}

/// The results of --tune for one network.
#[derive(Serialize)]
struct TunedNetwork {
    hidden: usize,
    batch_size: usize,
    now: String,
    best: String,
    candidates: Vec<TunedPlan>,
}

#[derive(Serialize)]
struct TunedPlan {
    plan: String,
    steps_per_second: Option<f64>,
    deviation: Option<f64>,
    why_not: Option<String>,
}

#[derive(Serialize)]
struct List {
    machine: Machine,
    devices: Vec<Listed>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    if let Some(folder) = &arguments.kernels {
        let shape = Workload::custom(arguments.hidden.map(usize::from), None).shape();
        let batch_size = arguments.batch_size.unwrap_or(BATCH_SIZE).into();
        let row = arguments.plan.as_deref().map(PlanFile::read).transpose()?.map(|file| file.row());
        let index = kernels::write(folder, shape, batch_size, row)?;
        return if arguments.json { print_json(&index) } else { print(&index.line(folder)) };
    }
    let mut found = block_on(select(&arguments.device, 0))?;
    give_plan(&mut found, arguments.plan.as_deref())?;
    if let Some(path) = &arguments.save_plan {
        let gpus = found.iter().filter(|found| found.info.kind == Kind::Gpu).count();
        if gpus != 1 {
            return Err(Error::Usage(format!(
                "--save-plan is for one GPU, and these are {gpus}; choose one by --device"
            )));
        }
        check_free(Some(path), arguments.overwrite)?;
        check_place(path).map_err(|reason| plan::Error { path: path.clone(), problem: Problem::Write(reason) })?;
    }
    let tuned = if arguments.tune { tune_all(&found)? } else { found.iter().map(|_| None).collect() };
    for (found, tuned) in found.iter().zip(&tuned) {
        if let (Some(path), Some(tuned)) = (&arguments.save_plan, tuned) {
            PlanFile::new(path, &found.info, tuned.row()).write()?;
        }
    }
    if arguments.json {
        let listed = |(found, tuned): (&Found, Option<Tuned>)| Listed {
            index: found.info.index,
            device: (&found.info).into(),
            details: if arguments.verbose { details(found) } else { None },
            tuned: tuned.map(|tuned| tuned.networks.map(TunedNetwork::from)),
        };
        let devices = found.iter().zip(tuned).map(listed).collect();
        return print_json(&List { machine: Machine::this(), devices });
    }
    if arguments.verbose {
        print(&format!("{}\n\n", machine(&Machine::this()).join("\n")))?;
    }
    print(&list(&found.iter().map(|found| &found.info).collect::<Vec<_>>(), columns()))?;
    for (found, tuned) in found.iter().zip(tuned) {
        if arguments.verbose {
            print(&details(found).map_or(String::new(), |details| details.text(found)))?;
        }
        print(&tuned.map_or(String::new(), |tuned| tuned_text(found, &tuned)))?;
    }
    if arguments.device.is_empty() && found.iter().all(|found| found.info.kind == Kind::Cpu) {
        tell(format_args!("note: {}", block_on(NoGpu::find())));
    }
    Ok(())
}

/// A table of the devices, `columns` wide.
fn list(devices: &[&Info], columns: usize) -> String {
    let mut table = fitted(["", "name, driver", "backend", ""], columns);
    for info in devices {
        let kind = match &info.hardware {
            Hardware::Cpu(processor) => processor.instructions.clone().unwrap_or_default(),
            Hardware::Gpu(card) => card.kind.as_str().to_owned(),
        };
        let driver = if info.driver.is_empty() { String::new() } else { format!("\n  {}", info.driver) };
        table.add_row([info.index.to_string(), info.full_name() + &driver, info.backend.clone(), kind]);
    }
    table.trim_fmt() + "\n"
}

/// `None` for the CPU.
fn details(found: &Found) -> Option<Details> {
    let adapter = found.adapter()?;
    let class = Class::of(&adapter.get_info());
    let row = found.row.unwrap_or(Row::of(class));
    let limits = adapter.limits();
    Some(Details {
        class: class.as_str(),
        kernels: Kernels {
            narrow: row.narrow.as_str(),
            wide: row.wide.as_str(),
            narrow_up_to_hidden: row.narrow_up_to_hidden,
            row,
        },
        workgroup_invocations: limits.max_compute_invocations_per_workgroup,
        storage_binding_bytes: limits.max_storage_buffer_binding_size,
        timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
    })
}

impl Details {
    fn text(&self, found: &Found) -> String {
        let Row { narrow_up_to_hidden, narrow, wide } = self.kernels.row;
        let class = format!("class {} of src/gpu/plan.rs", self.class);
        let source = if found.row.is_some() { "the row of --plan" } else { &class };
        format!(
            "\n{}: {}\n  kernels: {narrow} up to {narrow_up_to_hidden} hidden units if they fit, else {wide}\n  (shaders/; {source})\n  at \
             most: {} invocations a workgroup, {} MiB a storage binding\n  timestamps: {}\n",
            device_of(&found.info),
            hardware(&found.info),
            self.workgroup_invocations,
            self.storage_binding_bytes >> 20,
            if self.timestamps { "yes" } else { "no" },
        )
    }
}

fn tune_all(found: &[Found]) -> Result<Vec<Option<Tuned>>, Error> {
    let progress = Progress::new(false);
    progress.busy("drawing the digits");
    let set = digits::built_in()?.train;
    let tuned = found
        .iter()
        .map(|found| {
            tune(found, &set, &mut |event, task, candidate| {
                if event == Event::Preparing {
                    progress.busy(&format!("{}: {} with {}", device_of(&found.info), task.net.shape, candidate.name));
                }
            })
        })
        .collect::<Result<_, _>>();
    progress.finish();
    Ok(tuned?)
}

impl From<Comparison> for TunedNetwork {
    fn from(network: Comparison) -> Self {
        let candidates = network.candidates.iter().map(|(plan, outcome)| TunedPlan {
            plan: plan.to_string(),
            steps_per_second: outcome.speed().map(|speed| speed.mean),
            deviation: outcome.speed().and_then(|speed| speed.deviation),
            why_not: outcome.why_not().map(ToString::to_string),
        });
        Self {
            hidden: network.shape.hidden,
            batch_size: network.batch_size,
            now: network.current.to_string(),
            best: network.best().to_string(),
            candidates: candidates.collect(),
        }
    }
}

fn tuned_text(found: &Found, tuned: &Tuned) -> String {
    let Tuned { class, networks } = tuned;
    let mut table = fitted(["network", "batch", "kernels", "steps/s", ""], columns());
    for network in networks {
        for (plan, outcome) in &network.candidates {
            let mark = match (*plan == network.current, *plan == network.best()) {
                (true, true) => "in the table, and best",
                (true, false) => "in the table",
                (false, true) => "best",
                (false, false) => "",
            };
            let shape = network.shape.to_string();
            let speed = outcome.speed().as_ref().map(spread);
            let speed = speed.or_else(|| Some(outcome.why_not()?.to_string())).unwrap_or_default();
            table.add_row([&shape, &network.batch_size.to_string(), &plan.to_string(), &speed, mark]);
        }
    }
    let Row { narrow, wide, .. } = tuned.row();
    let is_unchanged = networks.iter().all(|network| network.best() == network.current);
    let change = if is_unchanged { "unchanged" } else { "a change" };
    let row = format!("Class::{class:?} => [Plan::{narrow:?}, Plan::{wide:?}],");
    format!("\n{}\n{}\nits row in src/gpu/plan.rs, {change}: {row}\n", device_of(&found.info), table.trim_fmt())
}
