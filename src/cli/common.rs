//! What the commands share.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use clap::builder::RangedI64ValueParser;
use pollster::block_on;

use crate::devices::{Choice, Device, Info, Kind};
use crate::report::progress::Progress;
use crate::threads::cores;
use crate::words::counted;
use crate::{backend, model, report};

/// What --data takes.
pub(super) const DATA_CHOICES: &str = "give auto, mnist, fashion-mnist, kmnist, synthetic or a folder of IDX files";

/// Which device computes.
#[derive(Args)]
pub(super) struct DeviceArguments {
    /// auto (a hardware GPU, else the CPU), cpu, gpu (the best one), an INDEX of `twolayer devices`, or part of a GPU's
    /// NAME, with or without vulkan:, gl:, metal: or dx12: before it
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Choice,
    /// With --device gpu, fail where there is no GPU instead of going on with the CPU
    #[arg(long)]
    pub no_fallback: bool,
    /// Threads of the CPU backend, no more than there are cores [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl DeviceArguments {
    /// Whether nothing but the CPU as it is was asked for.
    pub fn is_cpu(&self) -> bool {
        matches!(self.device, Choice::Auto | Choice::Cpu) && self.threads.is_none()
    }

    pub fn open(&self, progress: &Progress) -> Result<(Info, Device), Error> {
        let threads = cpu_threads(self.threads);
        progress.doing("looking for devices");
        let (info, device, notices) = block_on(crate::devices::open(&self.device, threads, !self.no_fallback))?;
        progress.say(format_args!("device: {} ({})", info.name, info.backend));
        if info.kind == Kind::Cpu {
            note_threads(self.threads, progress);
        }
        for notice in notices {
            progress.notice(notice);
        }
        Ok((info, device))
    }
}

/// The CPU's threads: as many as `--threads` says, but no more than there are cores; 0 for one a core.
pub(super) fn cpu_threads(asked: Option<u16>) -> usize {
    asked.map_or(0, |threads| usize::from(threads).min(cores()))
}

/// Says so where `--threads` asks for more threads than there are cores. The results are the same.
pub(super) fn note_threads(asked: Option<u16>, progress: &Progress) {
    let cores = cores();
    if let Some(threads) = asked.filter(|threads| usize::from(*threads) > cores) {
        let compute = if cores == 1 { "computes" } else { "compute" };
        let (cores, threads_of_them) = (counted(cores, "core"), counted(cores, "thread"));
        progress.notice(format_args!("--threads {threads}, but this program has {cores}: {threads_of_them} {compute}"));
    }
}

/// Why a command ends without its result. Each is one line for the person who gave the command; an interruption may have a second
/// one, which says how to go on.
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
    #[error("{}: is there already; choose another folder, or give --overwrite", .0.display())]
    SetThere(std::path::PathBuf),
    #[error("{}: is a file, not a folder; choose another", .0.display())]
    NotAFolder(std::path::PathBuf),
    #[error("{}: is there already; choose another name, or give --overwrite", .0.display())]
    FileThere(std::path::PathBuf),
    #[error(transparent)]
    Model(#[from] model::Error),
    #[error(transparent)]
    RunFolder(#[from] report::run_folder::Error),
    #[error("{reason}; the run is in {} instead", kept.display())]
    Elsewhere { reason: report::run_folder::Error, kept: std::path::PathBuf },
    #[error(transparent)]
    Plot(#[from] report::plot::PlotError),
    #[error(transparent)]
    Sheet(#[from] report::sheet::SheetError),
    #[error(transparent)]
    Record(#[from] crate::bench::record::Error),
    #[error(
        "rows that computed wrongly: {wrong}, rows that failed: {failed}; the results say why; choose others by --device"
    )]
    BadRows { wrong: usize, failed: usize },
    #[error(
        "gradients beyond their tolerance: {rows}, devices that failed: {devices}; the results say which; where one device \
         alone is wrong, choose others by --device; where all are, the network's outputs are too certain for f32"
    )]
    Gradients { rows: usize, devices: usize },
    #[error("can't write the results: {0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "the loss was no finite number at iteration {step}; {kept}; use a smaller --learning-rate or smaller initial weights"
    )]
    NotFinite { step: u64, kept: String },
    #[error("{reason}; {kept}")]
    CutShort { reason: Box<Error>, kept: String },
    #[error("interrupted; {kept}{}", next.as_ref().map_or(String::new(), |next| format!("\n{next}")))]
    Interrupted { kept: String, next: Option<String> },
}

impl Error {
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Interrupted { .. } => 130,
            _ => 1,
        })
    }
}

/// Checks that no file is overwritten unasked.
pub(super) fn check_free(path: Option<&Path>, overwrite: bool) -> Result<(), Error> {
    // A pipe, a device or a link would be lost as well.
    let there = path.filter(|path| !overwrite && path.symlink_metadata().is_ok_and(|there| !there.is_dir()));
    there.map_or(Ok(()), |path| Err(Error::FileThere(path.to_owned())))
}

/// What a flag asks for and what a model's file says, which must not differ; none where neither says anything.
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

/// A whole number from 1.
pub(super) fn up_to(most: usize) -> RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=most as i64)
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
