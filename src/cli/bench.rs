//! `twolayer bench`: times the devices.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pollster::block_on;

use super::hosts::on_each_host;
use super::plan::give_plan;
use super::{Error, check_free, chosen_format, cpu_threads, note_threads, print, print_json, up_to};
use crate::bench::contest::{self, Entrant, Event, Settings};
use crate::bench::entry::Entry;
use crate::bench::others::load_average;
use crate::bench::record::{Build, Record, Row};
use crate::bench::task::Task;
use crate::bench::workload::Workload;
use crate::data::digits;
use crate::devices::{Choice, Found, Kind, NoGpu, select};
use crate::net::Shape;
use crate::peers::{Peers, Ranks};
use crate::report::bench::{csv, device_of, markdown, notes, table};
use crate::report::progress::Progress;
use crate::report::width::columns;

#[derive(Args)]
pub(super) struct Arguments {
    /// cpu, gpu (the best one), an INDEX of `twolayer devices`, or part of a GPU's NAME, which may begin with vulkan:, gl:,
    /// metal: or dx12:; may be given several times [default: every device]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<Choice>,
    /// article (784-50-10, batches of 100), wide (784-1024-10, of 1024), large (784-4096-10, of 8192) or inference
    /// (784-50-10, 60000 images); may be given several times [default: all; article and inference on software GPUs]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["hidden", "batch_size"])]
    workload: Vec<Workload>,
    /// Train a network with N hidden units instead [default with --batch-size: 50]
    #[arg(long, value_name = "N", value_parser = up_to(Shape::MAX_HIDDEN))]
    hidden: Option<u16>,
    /// Train with N images in a batch instead [default with --hidden: 100]
    #[arg(long, value_name = "N", value_parser = up_to(Shape::MAX_BATCH))]
    batch_size: Option<u16>,
    /// Rounds of each row, about half a second each
    #[arg(short, long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    repetitions: u8,
    /// Run the kernels on GPUs that FILE says; `twolayer devices` can write one
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Threads of the CPU backend, at most one a core [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Format of the results [default: table]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Save the results to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Overwrite the file of --save
    #[arg(long, requires = "save")]
    overwrite: bool,
    /// Compare each row's speed with that in FILE, which --save wrote
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Show no progress on stderr
    #[arg(long)]
    quiet: bool,
    /// Print the results as one JSON object on stdout, as --format json
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Md,
    Csv,
    Json,
}

impl Arguments {
    /// The workloads, and whether the user chose them.
    fn workloads(&self) -> (Vec<Workload>, bool) {
        let (hidden, batch_size) = (self.hidden.map(usize::from), self.batch_size.map(usize::from));
        if hidden.is_some() || batch_size.is_some() {
            return (vec![Workload::custom(hidden, batch_size)], true);
        }
        if self.workload.is_empty() {
            return (Workload::ALL.to_vec(), false);
        }
        let mut chosen: Vec<Workload> = Vec::new();
        for workload in &self.workload {
            if !chosen.contains(workload) {
                chosen.push(*workload);
            }
        }
        (chosen, true)
    }
}

pub(super) fn run(arguments: &Arguments, ranks: Option<&mut Ranks>) -> Result<(), Error> {
    let is_first = ranks.as_deref().is_none_or(|ranks| ranks.rank() == 0);
    let progress = if is_first { Progress::new(arguments.quiet) } else { Progress::silent() };
    let result = bench(arguments, ranks, is_first, &progress);
    progress.finish();
    result
}

fn bench(arguments: &Arguments, ranks: Option<&mut Ranks>, is_first: bool, progress: &Progress) -> Result<(), Error> {
    // The files are checked before anything is timed.
    let format = chosen_format(arguments.json, arguments.format, Format::Json, Format::Table)?;
    let saved = arguments.compare.as_deref().filter(|_| is_first).map(Record::load).transpose()?;
    if is_first {
        check_free(arguments.save.as_deref(), arguments.overwrite)?;
        arguments.save.as_deref().map(Record::check_place).transpose()?;
    }
    let record = on_each_host(ranks, || measure(arguments, progress), Record::take_on, Record::add)?;
    let Some(mut record) = record else { return Ok(()) };
    if let Some(saved) = &saved {
        record.compare(saved);
    }
    progress.finish();
    // The results are printed even if the file cannot be written.
    let saved = arguments.save.as_deref().map(|path| record.save(path)).transpose();
    match format {
        Format::Table => print(&table(&record, columns()))?,
        Format::Md => print(&markdown(&record))?,
        Format::Json => print_json(&record)?,
        Format::Csv => {
            print(&csv(&record))?;
            for note in notes(&record) {
                progress.say(note);
            }
        }
    }
    saved?;
    let count = |is: fn(&Row) -> bool| record.rows.iter().filter(|row| is(row)).count();
    match (count(|row| row.wrong.is_some()), count(|row| row.failed.is_some())) {
        (0, 0) => Ok(()),
        (wrong, failed) => Err(Error::BadRows { wrong, failed }),
    }
}

/// Times the devices of this machine.
fn measure(arguments: &Arguments, progress: &Progress) -> Result<Record, Error> {
    let (workloads, chosen) = arguments.workloads();
    let (build, load) = (Build::now(), load_average());
    let mut found = block_on(select(&arguments.device, cpu_threads(arguments.threads)))?;
    give_plan(&mut found, arguments.plan.as_deref())?;
    if arguments.device.is_empty() && found.iter().all(|found| found.info.kind == Kind::Cpu) {
        progress.notice(block_on(NoGpu::find()));
    }
    if found.iter().any(|found| found.info.kind == Kind::Cpu) {
        note_threads(arguments.threads, progress);
    }
    let open = |found: &Found| {
        let info = &found.info;
        progress.busy(&format!("measuring the peak of {}", device_of(info)));
        let entry = Entry::open(found);
        if let Err(reason) = entry.peak() {
            progress.notice(format_args!("no peak of {}: {reason}", device_of(info)));
        }
        entry
    };
    let entries: Vec<Entry> = found.iter().map(open).collect();
    progress.busy("drawing the digits");
    let set = digits::built_in()?.train;
    let tasks: Vec<Task> = workloads.into_iter().map(|workload| Task::new(workload, &set)).collect();
    let repetitions = usize::from(arguments.repetitions);
    let settings = Settings { repetitions, chosen, ..Settings::default() };
    let entrants: Vec<&dyn Entrant> = entries.iter().map(|entry| entry as &dyn Entrant).collect();
    let results = contest::run(&entrants, &tasks, &settings, &mut |event, task, info| {
        let (workload, device) = (task.workload.name, device_of(info));
        match event {
            Event::Preparing => progress.busy(&format!("{workload}: preparing {device}")),
            Event::Checking => progress.detail(&format!("{workload}: comparing {device} with the reference")),
            Event::WarmingUp => progress.detail(&format!("{workload}: warming up {device}")),
            Event::Round(0) => progress.busy(&format!("{workload}: {repetitions} rounds of all devices")),
            Event::Round(round) => progress.detail(&format!("{workload}: round {} of {repetitions}", round + 1)),
        }
    });

    let devices: Vec<_> = entries.iter().map(|entry| (entry.info().clone(), entry.peak().ok())).collect();
    Ok(Record::new(build, load, repetitions, &set, &devices, &tasks, &results))
}
