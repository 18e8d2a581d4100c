//! Flags, errors and functions that the commands share.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::RangedI64ValueParser;
use clap::{Arg, ArgAction, Args};
use pollster::block_on;

use super::plan::PlanFile;
use crate::devices::{Choice, Device, Info, Kind};
use crate::report::progress::Progress;
use crate::threads::cores;
use crate::words::counted;
use crate::{backend, classifier, model, report};

/// The values of --data, as an error message names them.
pub(super) const DATA_CHOICES: &str = "give auto, mnist, fashion-mnist, kmnist, synthetic or a folder of IDX files";

/// The flags that choose a device.
#[derive(Args)]
pub(super) struct DeviceArguments {
    /// auto (a hardware GPU, else the CPU), cpu, gpu (the best one), an INDEX of `twolayer devices`, or part of a GPU's
    /// NAME, which may begin with vulkan:, gl:, metal: or dx12: [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Vec<Choice>,
    /// With --device gpu, fail if there is no GPU, instead of using the CPU
    #[arg(long)]
    pub no_fallback: bool,
    /// Threads of the CPU backend, at most one a core [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Run the kernels on a GPU that FILE says; `twolayer devices` can write one
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
}

/// --device of a command that uses one.
pub(super) fn one_device(argument: Arg) -> Arg {
    argument.action(ArgAction::Set)
}

impl DeviceArguments {
    /// Whether the flags allow the CPU and do not limit its threads.
    pub fn is_cpu(&self) -> bool {
        matches!(self.device[..], [] | [Choice::Auto | Choice::Cpu]) && self.threads.is_none()
    }

    /// Opens the device of a command that uses one.
    pub fn open(&self, progress: &Progress) -> Result<(Info, Device), Error> {
        self.open_choice(self.device.first().unwrap_or(&Choice::Auto), cpu_threads(self.threads), progress)
    }

    /// Opens this device, with so many threads if it is the CPU.
    pub fn open_choice(&self, choice: &Choice, threads: usize, progress: &Progress) -> Result<(Info, Device), Error> {
        let plan = self.plan.as_deref().map(PlanFile::read).transpose()?;
        progress.doing("looking for devices");
        let (info, device, notices) = block_on(crate::devices::open(choice, threads, !self.no_fallback))?;
        progress.say(format_args!("device: {} ({})", info.name, info.backend));
        if info.kind == Kind::Cpu {
            note_threads(self.threads, progress);
        }
        for notice in notices {
            progress.notice(notice);
        }
        let Some(plan) = plan else { return Ok((info, device)) };
        if info.kind == Kind::Cpu {
            progress.notice("--plan is for GPUs, and this is none");
        }
        let row = plan.row_for(&[&info])?;
        Ok((info, device.with_row(row)))
    }
}

/// The number of CPU threads: that of `--threads`, but at most one a core. 0 stands for one a core.
pub(super) fn cpu_threads(threads: Option<u16>) -> usize {
    threads.map_or(0, |threads| usize::from(threads).min(cores()))
}

/// Prints a note if `--threads` is larger than the number of cores. The results are the same.
pub(super) fn note_threads(threads: Option<u16>, progress: &Progress) {
    let cores = cores();
    if let Some(threads) = threads.filter(|threads| usize::from(*threads) > cores) {
        let compute = if cores == 1 { "computes" } else { "compute" };
        let (cores, threads_of_them) = (counted(cores, "core"), counted(cores, "thread"));
        progress.notice(format_args!("--threads {threads}, but this program has {cores}: {threads_of_them} {compute}"));
    }
}

/// The errors of a command. Each is one line. An interruption may have a second line: the command that continues the run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Devices(#[from] crate::devices::Error),
    #[error(transparent)]
    Backend(#[from] backend::Error),
    #[error(transparent)]
    Train(#[from] crate::train::Error),
    #[error(transparent)]
    Data(#[from] crate::data::Error),
    #[error(transparent)]
    Public(#[from] crate::data::public::Error),
    #[error(transparent)]
    Import(#[from] crate::data::import::Error),
    #[error("{}: no such folder, and no set of that name; {}", .0.display(), DATA_CHOICES)]
    NoData(std::path::PathBuf),
    #[error("MNIST_DIR: {0}; or unset MNIST_DIR")]
    MnistDir(crate::data::Error),
    #[error("{}: already exists; choose another folder, or add --overwrite", .0.display())]
    SetExists(std::path::PathBuf),
    #[error("{}: is a file, not a folder; choose another", .0.display())]
    NotAFolder(std::path::PathBuf),
    #[error("{}: already exists; choose another name, or add --overwrite", .0.display())]
    FileExists(std::path::PathBuf),
    #[error("pictures without an answer: {errors} of {count}; the results say why")]
    Pictures { errors: usize, count: usize },
    #[error("{}: {reason}", picture.display())]
    Picture { picture: std::path::PathBuf, reason: String },
    #[error("{}: no picture in this folder or its subfolders; give another", .0.display())]
    NoPictures(std::path::PathBuf),
    #[error(transparent)]
    Explain(#[from] crate::explain::Error),
    #[error(transparent)]
    Classifier(#[from] classifier::Error),
    #[error(transparent)]
    Model(#[from] model::Error),
    #[error(transparent)]
    RunFolder(#[from] report::run_folder::Error),
    #[error("{}: no folder for kernels can be made here ({reason}); give a new one", path.display())]
    Kernels { path: PathBuf, reason: io::Error },
    #[error(transparent)]
    Plan(#[from] super::plan::Error),
    #[error("{}: cannot be read ({reason}); give a folder that holds runs", path.display())]
    Runs { path: std::path::PathBuf, reason: io::Error },
    #[error("{}: is no run, and holds none; give the folder of a run, or one that holds runs", .0.display())]
    NoRuns(std::path::PathBuf),
    #[error(
        "{} is trained on other images than these; give its own --data (with --transpose if it is stored so), or start a run \
         from its weights: --init {}",
        .0.display(), .0.display()
    )]
    OtherData(std::path::PathBuf),
    #[error("these are not the images of rank 0; give all ranks the same --data")]
    OtherImages,
    #[error(transparent)]
    Join(#[from] crate::peers::JoinError),
    #[error("this command runs in one process; start it without mpirun, which is for train, bench and gradcheck")]
    OneProcess,
    #[error("{} ended because its loss was not finite; start a run from its weights with a smaller --learning-rate: --init {}",
        .0.display(), .0.display())]
    Diverged(std::path::PathBuf),
    #[error("{reason}; the run is in {} instead", folder.display())]
    SavedElsewhere { reason: report::run_folder::Error, folder: std::path::PathBuf },
    #[error(transparent)]
    Plot(#[from] report::plot::PlotError),
    #[error(transparent)]
    Sheet(#[from] report::sheet::SheetError),
    #[error(transparent)]
    Record(#[from] crate::bench::record::Error),
    #[error(
        "wrong rows: {wrong}, failed rows: {failed}; the results give the reasons; choose other devices by --device"
    )]
    BadRows { wrong: usize, failed: usize },
    #[error(
        "gradients above their tolerance: {rows}, failed devices: {devices}; the results name them; if only one device is \
         wrong, choose others by --device; if all are wrong, the network's outputs are too certain for f32"
    )]
    Gradients { rows: usize, devices: usize },
    #[error("the results cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "the loss was not a finite number at iteration {step}; {kept}; use a smaller --learning-rate or smaller initial weights"
    )]
    NotFinite { step: u64, kept: String },
    #[error("{reason}; {kept}{}", second_line(next.as_ref()))]
    CutShort { reason: Box<Error>, kept: String, next: Option<String> },
    #[error("interrupted; {kept}{}", second_line(next.as_ref()))]
    Interrupted { kept: String, next: Option<String> },
}

fn second_line(line: Option<&String>) -> String {
    line.map_or(String::new(), |line| format!("\n{line}"))
}

impl Error {
    /// The error that is shown, if there is one. A reader that has closed stdout has read enough.
    pub fn shown(result: Result<(), Self>) -> Option<Self> {
        let is_enough =
            |error: &Self| matches!(error, Self::Output(reason) if reason.kind() == io::ErrorKind::BrokenPipe);
        result.err().filter(|error| !is_enough(error))
    }

    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Join(_) | Self::OneProcess => 2,
            Self::Interrupted { .. } => 130,
            _ => 1,
        }
    }
}

/// Checks the place of a .png picture before the work: its name, that it is free or may be overwritten, and its folder.
pub(super) fn check_picture(path: &Path, overwrite: bool) -> Result<(), Error> {
    if !path.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")) {
        return Err(Error::Usage(format!("{}: the picture is a .png file; end its name in .png", path.display())));
    }
    check_free(Some(path), overwrite)?;
    Ok(report::plot::check_plot_place(path)?)
}

/// Checks that the path is free, or may be overwritten.
pub(super) fn check_free(path: Option<&Path>, overwrite: bool) -> Result<(), Error> {
    // A pipe, a device or a link would be overwritten too.
    let existing = path.filter(|path| !overwrite && path.symlink_metadata().is_ok_and(|found| !found.is_dir()));
    existing.map_or(Ok(()), |path| Err(Error::FileExists(path.to_owned())))
}

/// The value of a flag or of a model's file. `None` if neither has one. The two must not differ.
pub(super) fn agreed<T: PartialEq + Display>(
    flag: &str,
    given: Option<T>,
    file: Option<T>,
) -> Result<Option<T>, Error> {
    match (given, file) {
        (Some(given), Some(file)) if given != file => {
            Err(Error::Usage(format!("{flag} {given}, but the file says {file}; leave out {flag}")))
        }
        (given, file) => Ok(given.or(file)),
    }
}

/// The format of the results: `json_format` for --json, which does not go with another --format.
pub(super) fn chosen_format<F: Copy + PartialEq>(
    json: bool,
    given: Option<F>,
    json_format: F,
    default: F,
) -> Result<F, Error> {
    match given {
        Some(other) if json && other != json_format => {
            Err(Error::Usage("--json and another --format; leave out one of them".to_owned()))
        }
        _ if json => Ok(json_format),
        given => Ok(given.unwrap_or(default)),
    }
}

/// Parses a whole number from 1 to `max`.
pub(super) fn up_to(max: usize) -> RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=max as i64)
}

pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), Error> {
    print(&json_text(value)?)
}

pub(super) fn json_text(value: &impl serde::Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
