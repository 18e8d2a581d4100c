//! The fields of a benchmark's results. Their names are the keys of the JSON object.

use serde::{Deserialize, Serialize};

use crate::bench::others::Others;
use crate::bench::stats::Verdict;
use crate::devices::{Info, Kind};

/// The format version of a saved run. Files of version 1 have no version field, and lack the fields that version 2 added.
pub const SCHEMA: u32 = 2;

/// A run of the benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The [`SCHEMA`] of the program that wrote it.
    #[serde(default = "first_schema")]
    pub schema: u32,
    /// The program that was timed, and the date.
    pub build: Build,
    /// The machine.
    pub machine: Machine,
    /// The load of other programs.
    #[serde(default)]
    pub during: During,
    /// The images.
    pub data: Data,
    /// Rounds of each row.
    pub repetitions: usize,
    /// The devices. Empty in old files, where only the rows name them.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// One row for each workload and device.
    pub rows: Vec<Row>,
    /// The A/A run. `None` if nothing was timed.
    pub control: Option<ControlRow>,
    /// All machines of a run on several, of which the fields above describe the first. Empty for a run on one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Host>,
    /// The saved run that this one was compared with.
    pub compared_with: Option<Build>,
    /// The machine of the saved run.
    #[serde(default)]
    pub compared_on: Option<Machine>,
    /// The load of other programs during the saved run.
    #[serde(default)]
    pub compared_during: Option<During>,
}

fn first_schema() -> u32 {
    1
}

/// One of several machines that were timed at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub host: String,
    /// What it is.
    pub machine: Machine,
    /// The load of other programs on it.
    pub during: During,
    /// Its A/A run. `None` if nothing was timed on it.
    pub control: Option<ControlRow>,
}

/// A build of this program, and the date of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The version of the package.
    pub version: String,
    /// The commit that it was built from, with `-dirty` if the sources were changed; or `unknown`.
    pub commit: String,
    /// The start of the benchmark, in UTC.
    pub date: String,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system.
    pub os: String,
    /// The processor's architecture.
    pub arch: String,
    /// The number of cores that this process may use.
    pub cores: usize,
    /// The processor's model, if known.
    #[serde(default)]
    pub cpu: Option<String>,
    /// The vector instructions that the CPU backend uses.
    #[serde(default)]
    pub instructions: Option<String>,
    /// The operating system with its version, if known.
    #[serde(default)]
    pub os_version: Option<String>,
    /// The kernel's version, if known.
    #[serde(default)]
    pub kernel: Option<String>,
}

/// The load of other programs on a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct During {
    /// The load during the rounds of the workload that met the most of it. `None` if unknown.
    pub others: Option<Others>,
    /// The load average before the benchmark, if known.
    pub load_average_before: Option<f64>,
    /// The load average after the benchmark, if known.
    pub load_average_after: Option<f64>,
}

/// A device that was timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// The device's name and hardware.
    #[serde(flatten)]
    pub info: Info,
    /// Its machine, if several were timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its measured peak.
    pub peak: Option<PeakRates>,
}

/// The images of the benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// `built-in`.
    pub source: String,
    /// The number of images.
    pub images: usize,
    /// The share of their pixels that are not 0.
    pub density: f64,
}

/// A workload on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The device's machine, if several were timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The device's index in `twolayer devices`.
    pub index: usize,
    /// The device's name.
    pub adapter: String,
    /// `cpu`, `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// CPU or GPU.
    pub kind: Kind,
    /// True for a software GPU: a program on the CPU.
    pub software: bool,
    /// The device's number, from 0, among devices of the same name, backend and driver. `None` in old files.
    #[serde(default)]
    pub among_equals: Option<usize>,
    /// The workload's name.
    pub workload: String,
    /// The kind of step. `None` in old files.
    #[serde(default)]
    pub step: Option<StepKind>,
    /// Hidden units.
    pub hidden: usize,
    /// Images in a step: a batch, or for inference the whole set.
    pub batch_size: usize,
    /// Steps a second, the mean over the rounds.
    pub steps_per_second: Option<f64>,
    /// Steps a second, the median over the rounds.
    #[serde(default)]
    pub median_steps_per_second: Option<f64>,
    /// Steps a second, the standard deviation over the rounds.
    pub deviation: Option<f64>,
    /// Images a second, from the mean.
    pub images_per_second: Option<f64>,
    /// Microseconds of a step, from the mean.
    pub microseconds_per_step: Option<f64>,
    /// Kernels that a step dispatches. `None` for the CPU and for inference.
    pub dispatches_per_step: Option<usize>,
    /// 10⁹ floating-point operations a second. Only the matrix products are counted.
    pub gflops: Option<f64>,
    /// `gflops` over the device's peak.
    pub share_of_peak: Option<f64>,
    /// The device's measured peak.
    pub peak: Option<PeakRates>,
    /// True if the device computed correctly and was timed.
    pub ok: bool,
    /// The reason that the row was skipped.
    pub skipped: Option<String>,
    /// The wrong stage, if the device computed wrong values.
    pub wrong: Option<String>,
    /// The device's error, if it failed.
    pub failed: Option<String>,
    /// The largest relative error against the reference.
    pub relative_error: Option<f64>,
    /// Steps of each round.
    pub steps_per_round: Option<usize>,
    /// Steps a second, one value for each round.
    pub samples: Vec<f64>,
    /// The GPU's time of a step by kernel.
    pub kernels: Vec<Kernel>,
    /// The time of a step minus that of its kernels. `None` if the kernels were not timed, or take longer one by one than
    /// within a step.
    #[serde(default)]
    pub rest_microseconds: Option<f64>,
    /// The reason that the kernels were not timed.
    pub kernels_missing: Option<String>,
    /// The load of other programs during the rounds of this row's workload. `None` if unknown.
    #[serde(default)]
    pub others: Option<Others>,
    /// The comparison with the same row of the saved run.
    pub compared: Option<Compared>,
    /// The driver of the saved row that differs from this one only by its driver.
    #[serde(default)]
    pub saved_with_driver: Option<String>,
}

/// The kind of step of a workload.
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
    /// 10⁹ floating-point operations a second.
    pub gflops: f64,
    /// 10⁹ bytes read and written a second.
    pub gigabytes_per_second: f64,
}

/// A kernel's part of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernel {
    /// The name of its shader.
    pub name: String,
    /// Its time in a step.
    pub microseconds: f64,
    /// 10⁹ floating-point operations a second.
    pub gflops: f64,
    /// 10⁹ bytes read and written a second.
    pub gigabytes_per_second: f64,
    /// The larger of its two shares of the device's peaks: of operations and of bytes.
    pub share_of_peak: Option<f64>,
    /// What limits its speed.
    pub bound: Option<Bound>,
}

/// What limits a kernel's speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The device's arithmetic.
    Flops,
    /// The device's memory.
    Bytes,
    /// Neither. The kernel has too little work to fill the device, or waits.
    Latency,
}

/// The comparison of a row with a saved one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The saved row's steps a second.
    pub steps_per_second: f64,
    /// This row's steps a second over those of the saved row.
    pub ratio: f64,
    /// The ratio's standard deviation, from those of both rows.
    pub deviation: Option<f64>,
}

/// The A/A run: one configuration, timed twice in turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlRow {
    /// The device's index in `twolayer devices`.
    pub index: usize,
    /// The device's name.
    pub adapter: String,
    /// Its backend.
    pub backend: String,
    /// The workload's name.
    pub workload: String,
    /// The mean ratio of the two speeds.
    pub ratio: Option<f64>,
    /// The standard deviation of the ratios.
    pub deviation: Option<f64>,
    /// True if the verdict is [`Verdict::Quiet`].
    pub ok: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// The load of other programs during its rounds. `None` if unknown.
    #[serde(default)]
    pub others: Option<Others>,
    /// The ratio of each round.
    pub samples: Vec<f64>,
    /// The error that ended it early.
    pub failed: Option<String>,
}
