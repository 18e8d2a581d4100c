//! What a benchmark found, as one JSON object: on stdout, and in a file that a later run can be compared with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;

use super::contest::{Control, Outcome, Results, Timed};
use super::entry::density;
use super::others::{Others, load_average};
use super::peak::Peak;
use super::stats::{Spread, Verdict, median, verdict};
use super::task::Task;
use super::workload::{Step, Workload};
use crate::backend::KernelTime;
use crate::data::Dataset;
use crate::devices::{self, Info, Kind};
use crate::files::{check_place, write_atomic};
use crate::machine::{Processor, kernel, os_version};

/// The version of what a saved run holds. Files of version 1 do not say theirs; what they lack is missing or unknown.
pub const SCHEMA: u32 = 2;

/// A run of the benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`] of the program that wrote it.
    #[serde(default = "first_schema")]
    pub schema: u32,
    /// What was timed, and when.
    pub build: Build,
    /// Where.
    pub machine: Machine,
    /// What else the machine did.
    #[serde(default)]
    pub during: During,
    /// The images.
    pub data: Data,
    /// Rounds of each row.
    pub repetitions: usize,
    /// What was timed; older files say it in their rows alone.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// One a workload and device.
    pub rows: Vec<Row>,
    /// One configuration beside itself; none where nothing was timed.
    pub control: Option<ControlRow>,
    /// The run that this one was compared with.
    pub compared_with: Option<Build>,
    /// Where that was.
    #[serde(default)]
    pub compared_on: Option<Machine>,
    /// What else that machine did.
    #[serde(default)]
    pub compared_during: Option<During>,
}

fn first_schema() -> u32 {
    1
}

/// A build of this program and when it was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The version of the package.
    pub version: String,
    /// The commit it was built from, `-dirty` where the sources were not the commit's; or `unknown`.
    pub commit: String,
    /// When the benchmark began, in UTC.
    pub date: String,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system.
    pub os: String,
    /// The processor's architecture.
    pub arch: String,
    /// Its cores, as far as this process may use them.
    pub cores: usize,
    /// The model of its processor, where known.
    #[serde(default)]
    pub cpu: Option<String>,
    /// The vector instructions that the CPU backend uses.
    #[serde(default)]
    pub instructions: Option<String>,
    /// The operating system with its version, where known.
    #[serde(default)]
    pub os_version: Option<String>,
    /// The kernel's version, where known.
    #[serde(default)]
    pub kernel: Option<String>,
}

/// What else a machine did while it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct During {
    /// During the rounds of the workload beside which others did the most; none where that is unknown.
    pub others: Option<Others>,
    /// The load average before anything was measured, where known.
    pub load_average_before: Option<f64>,
    /// The load average afterwards, where known.
    pub load_average_after: Option<f64>,
}

/// A device that was timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// How it is named, and what it is made of.
    #[serde(flatten)]
    pub info: Info,
    /// Its measured peak.
    pub peak: Option<PeakRates>,
}

/// The images that everything was timed on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// `built-in`.
    pub source: String,
    /// How many there are.
    pub images: usize,
    /// The share of their pixels that are not 0.
    pub density: f64,
}

/// A workload on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The device's place in `twolayer devices`.
    pub index: usize,
    /// The device's name.
    pub adapter: String,
    /// `cpu`, `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// What the device is.
    pub kind: Kind,
    /// True for a GPU that is a program on the CPU.
    pub software: bool,
    /// Its place, from 0, among devices of the same name, backend and driver; older files do not say it.
    #[serde(default)]
    pub among_equals: Option<usize>,
    /// The workload's name.
    pub workload: String,
    /// What a step of it is; older files do not say it.
    #[serde(default)]
    pub step: Option<StepKind>,
    /// Hidden units.
    pub hidden: usize,
    /// Images that a step takes: a batch, or for inference the whole set.
    pub batch_size: usize,
    /// The mean over the rounds.
    pub steps_per_second: Option<f64>,
    /// The median of the rounds.
    #[serde(default)]
    pub median_steps_per_second: Option<f64>,
    /// The standard deviation of that over the rounds.
    pub deviation: Option<f64>,
    /// The same in images.
    pub images_per_second: Option<f64>,
    /// The same in time.
    pub microseconds_per_step: Option<f64>,
    /// Kernels that a step dispatches; none for the CPU and for inference.
    pub dispatches_per_step: Option<usize>,
    /// Thousand millions of floating-point operations a second, those of the matrix products alone.
    pub gflops: Option<f64>,
    /// That over the device's peak.
    pub share_of_peak: Option<f64>,
    /// The device's measured peak.
    pub peak: Option<PeakRates>,
    /// True where the device computed rightly and was timed.
    pub ok: bool,
    /// Why the row was skipped.
    pub skipped: Option<String>,
    /// What the device computed wrongly.
    pub wrong: Option<String>,
    /// How the device failed.
    pub failed: Option<String>,
    /// The largest relative error of what was compared with the reference.
    pub relative_error: Option<f64>,
    /// Steps of each round.
    pub steps_per_round: Option<usize>,
    /// Steps a second, one value a round.
    pub samples: Vec<f64>,
    /// The GPU's time of a step by kernel.
    pub kernels: Vec<Kernel>,
    /// What a step takes beside its kernels; none where they are not known, or take longer one by one than in a step.
    #[serde(default)]
    pub rest_microseconds: Option<f64>,
    /// Why there are no kernels.
    pub kernels_missing: Option<String>,
    /// What others did during the rounds of this row's workload; none where that is unknown, or there were none.
    #[serde(default)]
    pub others: Option<Others>,
    /// The same row of the saved run.
    pub compared: Option<Compared>,
    /// The driver of the saved row that would be the same one, but for its driver.
    #[serde(default)]
    pub saved_with_driver: Option<String>,
}

/// What a step of a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// A step of SGD.
    Training,
    /// An evaluation of the whole set.
    Inference,
}

/// A device's measured peak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeakRates {
    /// Thousand millions of floating-point operations a second.
    pub gflops: f64,
    /// Thousand millions of bytes read and written a second.
    pub gigabytes_per_second: f64,
}

/// A kernel's part of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernel {
    /// Its name, that of its shader.
    pub name: String,
    /// What it takes of a step.
    pub microseconds: f64,
    /// Thousand millions of floating-point operations a second.
    pub gflops: f64,
    /// Thousand millions of bytes a second.
    pub gigabytes_per_second: f64,
    /// The share of the device's peak that it reaches, of the one it is nearer to.
    pub share_of_peak: Option<f64>,
    /// What keeps it from being faster.
    pub bound: Option<Bound>,
}

/// What keeps a kernel from being faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The device's arithmetic.
    Flops,
    /// The device's memory.
    Bytes,
    /// Neither: the kernel has too little work to fill the device, or waits.
    Latency,
}

/// How a row compares with a saved one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The saved row's steps a second.
    pub steps_per_second: f64,
    /// This row's over that.
    pub ratio: f64,
    /// The ratio's deviation, from those of both rows.
    pub deviation: Option<f64>,
}

/// One configuration beside itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlRow {
    /// The device's place in `twolayer devices`.
    pub index: usize,
    /// The device's name.
    pub adapter: String,
    /// Its backend.
    pub backend: String,
    /// The workload's name.
    pub workload: String,
    /// The mean of the ratios of both speeds, one a round.
    pub ratio: Option<f64>,
    /// Their standard deviation.
    pub deviation: Option<f64>,
    /// True where it was equal to itself, and the machine not known to be busy.
    pub ok: bool,
    /// Whether it was.
    pub verdict: Verdict,
    /// What others did during its rounds; none where that is unknown.
    #[serde(default)]
    pub others: Option<Others>,
    /// The ratios.
    pub samples: Vec<f64>,
    /// What ended it early.
    pub failed: Option<String>,
}

/// A saved run that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("{} can't be read ({reason}); give a file that --save wrote", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error("{} is no saved benchmark ({reason}); give a file that --save wrote", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// The file is of a later version of this program.
    #[error(
        "{} was saved by a newer twolayer (version {found} of the format; this one knows up to {SCHEMA}); update twolayer, or \
         measure again with this one", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// The file can't be written.
    #[error("{} can't be written ({reason}); choose another --save", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

const GIGA: f64 = 1e9;
const MICRO: f64 = 1e-6;
/// A kernel that reaches less of both peaks is held up by neither.
const LEAST_SHARE: f64 = 0.1;

impl Build {
    /// This build, now.
    #[must_use]
    pub fn now() -> Self {
        let now = OffsetDateTime::now_utc();
        let date = now
            .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
            .unwrap_or_else(|_| now.unix_timestamp().to_string());
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), commit: env!("TWOLAYER_COMMIT").to_owned(), date }
    }
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let Processor { model, cores, instructions } = devices::processor();
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores,
            cpu: model,
            instructions,
            os_version: os_version(),
            kernel: kernel(),
        }
    }

    /// What tells another machine from this one, each as its name, the other's value and this one's. What either does not know
    /// tells nothing.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(&'static str, String, String)> {
        let known = |name, other: Option<&String>, this: Option<&String>| Some((name, other?.clone(), this?.clone()));
        let both = [
            known("processor", other.cpu.as_ref(), self.cpu.as_ref()),
            Some(("cores", other.cores.to_string(), self.cores.to_string())),
            known("architecture", Some(&other.arch), Some(&self.arch)),
            known("instructions", other.instructions.as_ref(), self.instructions.as_ref()),
            known("system", Some(&other.os), Some(&self.os)),
            known("system's version", other.os_version.as_ref(), self.os_version.as_ref()),
            known("kernel", other.kernel.as_ref(), self.kernel.as_ref()),
        ];
        both.into_iter().flatten().filter(|(_, other, this)| other != this).collect()
    }
}

impl During {
    /// What others did in the workload beside which they did the most, from the load average before to that of now.
    fn new(load_average_before: Option<f64>, others: &[Option<Others>]) -> Self {
        let others = others.iter().copied().flatten().max_by(|one, other| one.taken().total_cmp(&other.taken()));
        Self { others, load_average_before, load_average_after: load_average() }
    }
}

impl Record {
    /// Puts the results together. `devices` are the contest's, each with its peak where that is known; `build` says when
    /// it began, and `load_average_before` is that of then.
    #[must_use]
    pub fn new(
        build: Build,
        load_average_before: Option<f64>,
        repetitions: usize,
        set: &Dataset,
        devices: &[(Info, Option<Peak>)],
        tasks: &[Task],
        results: &Results,
    ) -> Self {
        let others = |task: usize| results.others.get(task).copied().flatten();
        let row = |row: &super::contest::Row| {
            let (info, peak) = &devices[row.entrant];
            Row { others: others(row.task), ..Row::new(info, *peak, &tasks[row.task], &row.outcome) }
        };
        let control = |control: &Control| {
            ControlRow::new(&devices[control.entrant].0, &tasks[control.task], control, others(control.task))
        };
        let device =
            |(info, peak): &(Info, Option<Peak>)| Device { info: info.clone(), peak: peak.and_then(PeakRates::new) };
        Self {
            schema: SCHEMA,
            build,
            machine: Machine::this(),
            during: During::new(load_average_before, &results.others),
            data: Data { source: "built-in".to_owned(), images: set.len(), density: density(set) },
            repetitions,
            devices: devices.iter().map(device).collect(),
            rows: results.rows.iter().map(row).collect(),
            control: results.control.as_ref().map(control),
            compared_with: None,
            compared_on: None,
            compared_during: None,
        }
    }

    /// Reads a saved run.
    ///
    /// # Errors
    /// A file that can't be read, holds no saved run, or one of a later version.
    pub fn load(path: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            schema: Option<u64>,
        }
        let text = fs::read(path).map_err(|reason| Error::Read { path: path.into(), reason })?;
        let shape = |reason| Error::Shape { path: path.into(), reason };
        // A later version may hold anything else, so it is asked for by itself.
        match serde_json::from_slice(&text).map_err(shape)? {
            Version { schema: Some(found) } if found > u64::from(SCHEMA) => {
                Err(Error::Newer { path: path.into(), found })
            }
            Version { .. } => serde_json::from_slice(&text).map_err(shape),
        }
    }

    /// Whether [`Record::save`] could write this file, so that a run need not end to find out.
    ///
    /// # Errors
    /// A folder in its place, or one around it that takes no files.
    pub fn check_place(path: &Path) -> Result<(), Error> {
        let takes_it = if path.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { check_place(path) };
        takes_it.map_err(|reason| Error::Write { path: path.into(), reason })
    }

    /// Writes the run to a file, whole or not at all.
    ///
    /// # Errors
    /// A file that can't be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let written = write_atomic(path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        });
        written.map_err(|reason| Error::Write { path: path.into(), reason })
    }

    /// Puts beside each row the same one of a saved run: of the same adapter, backend, driver, place among equals, hidden
    /// units, batch size and kind of step, whatever its workload is called. Of an older run, which does not say the place, the row of the same index is taken, or
    /// else the first that is left. Of a row that is the same but for its driver, only that is noted.
    pub fn compare(&mut self, saved: &Self) {
        let mut free: Vec<&Row> = saved.rows.iter().collect();
        let mut left: Vec<&mut Row> = self.rows.iter_mut().collect();
        let ways: [fn(&Row, &Row) -> bool; 2] = [
            |row, saved| match saved.among_equals {
                Some(place) => row.among_equals == Some(place),
                None => row.index == saved.index,
            },
            |_, saved| saved.among_equals.is_none(),
        ];
        for fits in ways {
            left.retain_mut(|row| {
                let is_same =
                    |saved: &&Row| (saved.key(), &saved.driver) == (row.key(), &row.driver) && fits(row, saved);
                let same = free.iter().position(is_same).map(|place| free.remove(place));
                same.inspect(|saved| row.compared = Compared::new(row, saved)).is_none()
            });
        }
        for row in left {
            let other = free.iter().find(|saved| saved.key() == row.key() && saved.driver != row.driver);
            row.saved_with_driver = other.map(|saved| saved.driver.clone());
        }
        self.compared_with = Some(saved.build.clone());
        self.compared_on = Some(saved.machine.clone());
        self.compared_during = Some(saved.during);
    }
}

impl Row {
    fn new(info: &Info, peak: Option<Peak>, task: &Task, outcome: &Outcome) -> Self {
        let Info { index, name, kind, backend, driver, software, among_equals, .. } = info.clone();
        let peak = peak.filter(is_number);
        let step = match task.workload.step {
            Step::Training { .. } => StepKind::Training,
            Step::Inference => StepKind::Inference,
        };
        let mut row = Self {
            index,
            adapter: name,
            backend,
            driver,
            kind,
            software,
            among_equals: Some(among_equals),
            workload: task.workload.name.to_owned(),
            step: Some(step),
            hidden: task.workload.hidden,
            batch_size: task.images_per_step(),
            steps_per_second: None,
            median_steps_per_second: None,
            deviation: None,
            images_per_second: None,
            microseconds_per_step: None,
            dispatches_per_step: None,
            gflops: None,
            share_of_peak: None,
            peak: peak.and_then(PeakRates::new),
            ok: false,
            skipped: None,
            wrong: None,
            failed: None,
            relative_error: None,
            steps_per_round: None,
            samples: Vec::new(),
            kernels: Vec::new(),
            rest_microseconds: None,
            kernels_missing: None,
            others: None,
            compared: None,
            saved_with_driver: None,
        };
        match outcome {
            Outcome::Timed(timed) => row.set_timed(task, peak, timed),
            Outcome::Skipped(skip) => row.skipped = Some(skip.to_string()),
            Outcome::Wrong(wrong) => row.wrong = Some(wrong.to_string()),
            Outcome::Failed(error) => row.failed = Some(error.to_string()),
        }
        row
    }

    fn set_timed(&mut self, task: &Task, peak: Option<Peak>, timed: &Timed) {
        let Timed { errors, steps, samples, dispatches, profile } = timed;
        self.ok = true;
        self.relative_error = Some(errors.largest());
        self.steps_per_round = Some(*steps);
        self.samples.clone_from(samples);
        self.dispatches_per_step = *dispatches;
        self.kernels = profile.kernels.iter().map(|kernel| Kernel::new(kernel, peak)).collect();
        self.kernels_missing = profile.missing.map(|reason| reason.to_string());
        if let Some(Spread { mean, deviation }) = Spread::of(samples) {
            let flops = mean * task.flops();
            self.steps_per_second = Some(mean);
            self.deviation = deviation;
            self.median_steps_per_second = median(samples);
            self.images_per_second = Some(mean * self.batch_size as f64);
            self.microseconds_per_step = Some(1.0 / mean / MICRO);
            self.gflops = Some(flops / GIGA);
            self.share_of_peak = peak.map(|peak| flops / peak.flops);
            let in_kernels: f64 = self.kernels.iter().map(|kernel| kernel.microseconds).sum();
            let rest = 1.0 / mean / MICRO - in_kernels;
            self.rest_microseconds = (!self.kernels.is_empty() && rest >= 0.0).then_some(rest);
        }
    }

    /// What a step is, in older files too: there only the workload's name says it.
    #[must_use]
    pub fn step(&self) -> StepKind {
        let is_inference = self.workload == Workload::INFERENCE.name;
        self.step.unwrap_or(if is_inference { StepKind::Inference } else { StepKind::Training })
    }

    /// What makes a row of another run the same one, but for its driver and its place among equals.
    fn key(&self) -> (&str, &str, StepKind, usize, usize) {
        (&self.adapter, &self.backend, self.step(), self.hidden, self.batch_size)
    }
}

/// A rate that is no number has no place in JSON.
fn is_number(peak: &Peak) -> bool {
    peak.flops.is_normal() && peak.bytes_per_second.is_normal()
}

impl PeakRates {
    fn new(peak: Peak) -> Option<Self> {
        is_number(&peak).then(|| Self { gflops: peak.flops / GIGA, gigabytes_per_second: peak.bytes_per_second / GIGA })
    }
}

impl Compared {
    /// None where one of the two was not timed.
    fn new(row: &Row, saved: &Row) -> Option<Self> {
        let Spread { mean: ratio, deviation } = Spread::of_ratio(&row.samples, &saved.samples)?;
        Some(Self { steps_per_second: saved.steps_per_second?, ratio, deviation })
    }
}

impl Kernel {
    fn new(kernel: &KernelTime, peak: Option<Peak>) -> Self {
        let KernelTime { name, seconds, flops, bytes } = *kernel;
        let shares = peak.map(|peak| (flops / seconds / peak.flops, bytes / seconds / peak.bytes_per_second));
        let bound = |(flops, bytes): (f64, f64)| match () {
            () if flops.max(bytes) < LEAST_SHARE => Bound::Latency,
            () if flops >= bytes => Bound::Flops,
            () => Bound::Bytes,
        };
        Self {
            name: name.to_owned(),
            microseconds: seconds / MICRO,
            gflops: flops / seconds / GIGA,
            gigabytes_per_second: bytes / seconds / GIGA,
            share_of_peak: shares.map(|(flops, bytes)| flops.max(bytes)),
            bound: shares.map(bound),
        }
    }
}

impl ControlRow {
    fn new(info: &Info, task: &Task, control: &Control, others: Option<Others>) -> Self {
        let Control { ratios, failed, .. } = control;
        let spread = Spread::of(ratios);
        let verdict = verdict(ratios, others.as_ref());
        Self {
            index: info.index,
            adapter: info.name.clone(),
            backend: info.backend.clone(),
            workload: task.workload.name.to_owned(),
            ratio: spread.map(|spread| spread.mean),
            deviation: spread.and_then(|spread| spread.deviation),
            ok: verdict == Verdict::Quiet,
            verdict,
            others,
            samples: ratios.clone(),
            failed: failed.as_ref().map(ToString::to_string),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::backend;
    use crate::backend::{Profile, Untimed};
    use crate::bench::check::Errors;
    use crate::bench::contest::{self, Skip};
    use crate::bench::task::Computed;
    use crate::bench::workload::Workload;
    use crate::data::digits;
    use crate::devices::{Card, CardKind, Hardware};

    const CPU: usize = 0;
    const GPU: usize = 1;
    const WRONG: usize = 2;
    const FAILED: usize = 3;

    /// Rates that binary numbers hold exactly, so that they come back from a file as they were.
    const SAMPLES: [f64; 2] = [96.0, 160.0];

    fn info(index: usize, name: &str, software: bool) -> Info {
        let (kind, backend, driver) = match index {
            CPU => (Kind::Cpu, "cpu", ""),
            _ => (Kind::Gpu, "vulkan", "driver 1.0, \"final\""),
        };
        let (backend, driver) = (backend.to_owned(), driver.to_owned());
        let hardware = match kind {
            Kind::Cpu => Hardware::Cpu(Processor {
                model: Some("AMD EPYC 9654 96-Core Processor".to_owned()),
                cores: 2,
                instructions: Some("AVX-512".to_owned()),
            }),
            Kind::Gpu => Hardware::Gpu(Card { kind: CardKind::Discrete, pci: Some("10de:2757".to_owned()) }),
        };
        Info { index, name: name.to_owned(), kind, backend, driver, software, among_equals: 0, hardware }
    }

    /// A run of every kind of row: on the CPU and a GPU with kernels, and on GPUs that are skipped, wrong, and broken.
    pub(crate) fn record() -> Record {
        let (images, labels) = digits::draw(5, 0);
        let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE).unwrap();
        let devices = [
            (info(CPU, "CPU, 2 threads", false), Some(Peak { flops: 64e9, bytes_per_second: 16e9 })),
            (info(GPU, "Some|GPU", true), Some(Peak { flops: 64e9, bytes_per_second: 16e9 })),
            (info(WRONG, "Another", false), None),
            (info(FAILED, "Third", false), None),
        ];
        let tasks = [Task::new(Workload::custom(Some(50), Some(100)), &set), Task::new(Workload::INFERENCE, &set)];
        let kernel = |name, seconds, flops, bytes| KernelTime { name, seconds, flops, bytes };
        let kernels =
            vec![kernel("product", 1e-3, 32e6, 1e3), kernel("copy", 1e-3, 1e3, 8e6), kernel("little", 1e-5, 1e3, 1e3)];
        let timed = |samples: &[f64], profile| {
            let (errors, samples) = (Errors { stages: vec![("z1", 0.25)] }, samples.to_vec());
            Outcome::Timed(Timed { errors, steps: 50, samples, dispatches: Some(6), profile })
        };
        let outcome = |task: usize, entrant: usize| match (task, entrant) {
            (0, CPU) => timed(&SAMPLES, Profile { kernels: Vec::new(), missing: Some(Untimed::Cpu) }),
            (0, GPU) => timed(&SAMPLES[..1], Profile { kernels: kernels.clone(), missing: None }),
            (0, WRONG) => {
                let nothing = backend::Evaluation { images: 5, loss: f64::NAN, classes: 10, confusion: vec![0; 100] };
                Outcome::Wrong(tasks[1].judge(&Computed::Inference(nothing)).unwrap_err())
            }
            (0, _) => Outcome::Failed(backend::Error::Threads { threads: 3, reason: "no".to_owned() }),
            (_, _) => Outcome::Skipped(Skip::Software),
        };
        let rows = [(0, CPU), (0, GPU), (0, WRONG), (0, FAILED), (1, GPU)];
        let row = |(task, entrant)| contest::Row { task, entrant, outcome: outcome(task, entrant) };
        let control = Some(Control { task: 0, entrant: CPU, ratios: vec![1.125, 0.875], failed: None });
        let others = vec![Some(Others { programs: 0.03125, stolen: 0.0, cores: 2 }), None];
        let results = Results { rows: rows.map(row).into(), control, others };
        Record::new(Build::now(), Some(0.25), SAMPLES.len(), &set, &devices, &tasks, &results)
    }

    fn assert_close(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() <= 1e-9 * expected, "{found} is not {expected}");
    }

    #[test]
    fn a_timed_row_holds_its_rates() {
        let record = record();
        let row = &record.rows[CPU];
        assert!(row.ok && row.skipped.is_none() && row.wrong.is_none() && row.failed.is_none());
        assert_eq!((row.samples.as_slice(), row.steps_per_round), (&SAMPLES[..], Some(50)));
        assert_close(row.steps_per_second, 128.0);
        assert_close(row.deviation, 2048_f64.sqrt());
        assert_close(row.median_steps_per_second, 128.0);
        assert_close(row.images_per_second, 12_800.0);
        assert_close(row.microseconds_per_step, 7812.5);
        let gflops = 128.0 * Workload::ARTICLE.flops(100) / 1e9;
        assert_close(row.gflops, gflops);
        assert_close(row.share_of_peak, gflops / 64.0);
        assert_eq!(row.kernels_missing.as_deref(), Some("the CPU backend has no kernels"));
        assert_eq!((record.rows[GPU].deviation, record.rows[GPU].peak.is_some()), (None, true));
    }

    #[test]
    fn a_kernel_is_limited_by_what_it_is_nearest_to() {
        let record = record();
        let [product, copy, little] = record.rows[GPU].kernels.as_slice() else { panic!("not three kernels") };
        let bounds = [product, copy, little].map(|kernel| kernel.bound.unwrap());
        assert_eq!(bounds, [Bound::Flops, Bound::Bytes, Bound::Latency]);
        assert_close(product.share_of_peak, 0.5);
        assert_close(copy.share_of_peak, 0.5);
        assert_close(Some(product.gflops), 32.0);
        assert_close(Some(copy.gigabytes_per_second), 8.0);
        assert_close(Some(little.microseconds), 10.0);
    }

    #[test]
    fn what_no_kernel_takes_of_a_step_is_the_rest() {
        let rows = record().rows;
        // 96 steps/s, and 1 + 1 + 0.01 ms in kernels.
        assert_close(rows[GPU].rest_microseconds, 1e6 / 96.0 - 2010.0);
        assert_eq!(rows[CPU].rest_microseconds, None);
        // Kernels that take longer one by one than within a step.
        let (images, labels) = digits::draw(1, 0);
        let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE).unwrap();
        let kernels = vec![KernelTime { name: "slow", seconds: 0.02, flops: 1.0, bytes: 1.0 }];
        let timed = Timed {
            errors: Errors { stages: Vec::new() },
            steps: 1,
            samples: vec![96.0],
            dispatches: Some(1),
            profile: Profile { kernels, missing: None },
        };
        let row = Row::new(&info(GPU, "GPU", false), None, &Task::new(Workload::ARTICLE, &set), &Outcome::Timed(timed));
        assert_eq!((row.rest_microseconds, row.kernels.len()), (None, 1));
    }

    #[test]
    fn what_others_did_is_beside_the_rows_and_their_most_beside_the_run() {
        let record = record();
        let others = Others { programs: 0.03125, stolen: 0.0, cores: 2 };
        assert_eq!(record.during.others, Some(others));
        assert_eq!(record.during.load_average_before, Some(0.25));
        let of_rows: Vec<bool> = record.rows.iter().map(|row| row.others == Some(others)).collect();
        assert_eq!(of_rows, [true, true, true, true, false]);
        let more = Others { programs: 0.5, stolen: 0.75, cores: 2 };
        let most = During::new(None, &[Some(others), Some(more), None]).others;
        assert_eq!(most, Some(more));
        assert_eq!(During::new(None, &[None]).others, None);
    }

    #[test]
    fn a_control_on_a_busy_machine_is_not_right() {
        let (images, labels) = digits::draw(1, 0);
        let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE).unwrap();
        let task = Task::new(Workload::ARTICLE, &set);
        let control = Control { task: 0, entrant: CPU, ratios: vec![1.0, 1.0], failed: None };
        for (programs, verdict, ok) in [(0.98, Verdict::Busy, false), (0.01, Verdict::Quiet, true)] {
            let others = Some(Others { programs, stolen: 0.0, cores: 2 });
            let row = ControlRow::new(&info(CPU, "CPU", false), &task, &control, others);
            assert_eq!((row.verdict, row.ok, row.others), (verdict, ok, others));
        }
    }

    #[test]
    fn other_rows_say_why() {
        let rows = record().rows;
        for (place, row) in rows.iter().enumerate().skip(WRONG) {
            assert!(!row.ok && row.steps_per_second.is_none() && row.samples.is_empty(), "{row:?}");
            let reasons = [&row.wrong, &row.failed, &row.skipped].map(Option::is_some);
            assert_eq!(reasons, [place == WRONG, place == FAILED, place > FAILED]);
        }
    }

    #[test]
    fn a_peak_that_is_no_number_is_left_out() {
        let (images, labels) = digits::draw(1, 0);
        let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE).unwrap();
        let task = Task::new(Workload::INFERENCE, &set);
        let info = info(GPU, "GPU", false);
        for flops in [f64::NAN, f64::INFINITY, 0.0] {
            let peak = Some(Peak { flops, bytes_per_second: 1.0 });
            assert_eq!(Row::new(&info, peak, &task, &Outcome::Skipped(Skip::Software)).peak, None);
        }
    }

    #[test]
    fn a_saved_run_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        Record::check_place(&path).unwrap();
        let record = record();
        record.save(&path).unwrap();
        let again = Record::load(&path).unwrap();
        // A parser of JSON may lose the last digit of the others.
        assert_eq!(again.rows[CPU].samples, record.rows[CPU].samples);
        assert_eq!((again.build, again.rows.len()), (record.build, record.rows.len()));
        assert_eq!(again.control.unwrap().samples, record.control.unwrap().samples);
        assert_eq!((again.schema, again.machine, again.during), (SCHEMA, record.machine, record.during));
        assert_eq!(again.devices, record.devices);
    }

    /// A record as a version without a number wrote it.
    fn first_version(record: &Record) -> serde_json::Value {
        let mut old = serde_json::to_value(record).unwrap();
        let remove = |value: &mut serde_json::Value, keys: &[&str]| {
            for key in keys {
                assert!(value.as_object_mut().unwrap().remove(*key).is_some(), "{key}");
            }
        };
        remove(&mut old, &["schema", "during", "devices", "compared_on", "compared_during"]);
        remove(&mut old["machine"], &["cpu", "instructions", "os_version", "kernel"]);
        remove(&mut old["control"], &["others"]);
        for row in old["rows"].as_array_mut().unwrap() {
            let new = ["step", "median_steps_per_second", "rest_microseconds", "others"];
            remove(row, &[&new[..], &["among_equals", "saved_with_driver"]].concat());
        }
        old
    }

    #[test]
    fn a_file_of_the_first_version_is_read_and_one_of_a_later_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        let mut new = record();
        let mut old = first_version(&new);
        fs::write(&path, old.to_string()).unwrap();
        let saved = Record::load(&path).unwrap();
        assert_eq!((saved.schema, &saved.machine.cpu, saved.during), (1, &None, During::default()));
        assert_eq!(saved.rows[4].step(), StepKind::Inference);
        new.compare(&saved);
        assert_close(new.rows[CPU].compared.map(|compared| compared.ratio), 1.0);

        old["schema"] = (SCHEMA + 1).into();
        for content in [old.to_string(), "{\"schema\": 3}".to_owned()] {
            fs::write(&path, content).unwrap();
            let line = Record::load(&path).unwrap_err().to_string();
            assert!(
                line.contains("saved by a newer twolayer (version 3 of the format") && !line.contains('\n'),
                "{line}"
            );
        }
    }

    #[test]
    fn a_network_is_the_same_by_whatever_name() {
        let mut record = record();
        let mut saved = record.clone();
        "article".clone_into(&mut saved.rows[CPU].workload);
        record.compare(&saved);
        assert_close(record.rows[CPU].compared.map(|compared| compared.ratio), 1.0);
        // But an evaluation of as many images is no training.
        let mut record = self::record();
        saved.rows[CPU].step = Some(StepKind::Inference);
        record.compare(&saved);
        assert_eq!(record.rows[CPU].compared, None);
    }

    #[test]
    fn what_tells_two_machines_apart_is_named_where_both_know_it() {
        let this = Machine::this();
        assert_eq!(this.differences(&this), []);
        let other = Machine { cores: 1 + this.cores, cpu: Some("another".to_owned()), kernel: None, ..this.clone() };
        let differences = Machine { cpu: Some("this".to_owned()), ..this.clone() }.differences(&other);
        let processor = ("processor", "another".to_owned(), "this".to_owned());
        assert_eq!(differences, [processor, ("cores", other.cores.to_string(), this.cores.to_string())]);
    }

    #[test]
    fn a_run_is_compared_with_the_same_rows_of_another() {
        let saved = record();
        let mut faster = record();
        faster.rows[CPU].samples = SAMPLES.map(|rate| rate * 2.0).into();
        faster.rows[GPU].hidden += 1;
        faster.compare(&saved);
        let compared = faster.rows[CPU].compared.unwrap();
        assert_close(Some(compared.ratio), 2.0);
        assert_close(Some(compared.steps_per_second), 128.0);
        assert!(compared.deviation.is_some());
        assert!(faster.rows.iter().skip(GPU).all(|row| row.compared.is_none()));
        assert_eq!(faster.compared_with, Some(saved.build));
    }

    /// A run of equal cards: the index, the place among equals and the speed of each.
    fn cards(cards: &[(usize, Option<usize>, f64)]) -> Record {
        let mut record = record();
        let row = |&(index, among_equals, rate): &(usize, Option<usize>, f64)| Row {
            index,
            among_equals,
            samples: vec![rate],
            steps_per_second: Some(rate),
            ..record.rows[GPU].clone()
        };
        record.rows = cards.iter().map(row).collect();
        record
    }

    /// The speeds that the rows of a run are compared with.
    fn compared(mut record: Record, saved: &Record) -> Vec<Option<f64>> {
        record.compare(saved);
        record.rows.iter().map(|row| row.compared.map(|compared| compared.steps_per_second)).collect()
    }

    #[test]
    fn each_of_two_equal_cards_is_compared_with_itself() {
        let saved = cards(&[(1, Some(0), 5.0), (2, Some(1), 10.0)]);
        assert_eq!(compared(cards(&[(1, Some(0), 1.0), (2, Some(1), 1.0)]), &saved), [Some(5.0), Some(10.0)]);
        assert_eq!(compared(cards(&[(2, Some(1), 1.0)]), &saved), [Some(10.0)]);
        // Another device has come to stand before them.
        assert_eq!(compared(cards(&[(3, Some(1), 1.0)]), &saved), [Some(10.0)]);
        assert_eq!(compared(cards(&[(3, Some(2), 1.0)]), &saved), [None]);
    }

    #[test]
    fn of_an_older_run_the_index_tells_equal_cards_apart_or_their_order() {
        let saved = cards(&[(1, None, 5.0), (2, None, 10.0)]);
        assert_eq!(compared(cards(&[(2, Some(1), 1.0)]), &saved), [Some(10.0)]);
        assert_eq!(compared(cards(&[(2, Some(0), 1.0), (3, Some(1), 1.0)]), &saved), [Some(10.0), Some(5.0)]);
        assert_eq!(compared(cards(&[(3, Some(0), 1.0), (4, Some(1), 1.0)]), &saved), [Some(5.0), Some(10.0)]);
        let mut old = serde_json::to_value(&saved.rows[0]).unwrap();
        for key in ["among_equals", "saved_with_driver"] {
            old.as_object_mut().unwrap().remove(key);
        }
        assert_eq!(serde_json::from_value::<Row>(old).unwrap(), saved.rows[0]);
    }

    #[test]
    fn a_card_with_another_driver_is_another_but_it_is_noted() {
        let mut saved = cards(&[(1, Some(0), 5.0)]);
        "driver 0.9".clone_into(&mut saved.rows[0].driver);
        let mut record = cards(&[(1, Some(0), 5.0)]);
        record.compare(&saved);
        assert_eq!(record.rows[0].compared, None);
        assert_eq!(record.rows[0].saved_with_driver.as_deref(), Some("driver 0.9"));
    }

    #[test]
    fn what_is_no_saved_run_is_named_in_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let complaint = |path: &Path| {
            let line = Record::load(path).unwrap_err().to_string();
            assert!(!line.contains('\n'), "{line}");
            line
        };
        assert!(complaint(&path).contains("can't be read"));
        assert!(complaint(folder.path()).contains("can't be read"));
        for content in ["", "no JSON", "{}", "[1]", "{\"build\": {\"version\": 1}}", "{\"schema\": -1}", "\u{0}\u{1}"] {
            fs::write(&path, content).unwrap();
            assert!(complaint(&path).contains("is no saved benchmark"));
        }
        assert!(matches!(Record::check_place(folder.path()), Err(Error::Write { .. })));
        assert!(matches!(Record::check_place(&path.join("below")), Err(Error::Write { .. })));
    }
}
