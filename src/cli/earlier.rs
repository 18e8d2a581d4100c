//! The earlier run that a run resumes (--resume) or repeats (--config).

use std::path::{Path, PathBuf};

use super::data::choice::TrainedOn;
use super::names::Gradient;
use super::replicas::open_all;
use super::settings::{Chosen, check_length};
use super::shell::{program, quoted};
use super::{DeviceArguments, Error, json_text};
use crate::backend::Kernels;
use crate::devices::{Choice, Device, Hardware, Info, Kind};
use crate::machine::Processor;
use crate::net::Params;
use crate::report::checkpoint::{Checkpoint, Problem};
use crate::report::progress::Progress;
use crate::report::run_folder::{CHECKPOINT, Resumed, RunFolder};
use crate::report::{run_folder, summary, width};
use crate::train::{Done, Settings, Snapshot};
use crate::words::counted;

/// A run before this one.
pub(super) enum Earlier {
    None,
    /// Its settings are those of this run.
    Repeated(Box<summary::Run>),
    /// This run goes on with it.
    Resumed(Box<Resumption>),
}

/// A run that goes on.
pub(super) struct Resumption {
    /// Its folder.
    pub path: PathBuf,
    pub run: summary::Run,
    /// The steps that are done, and the network after them.
    pub done: Done,
    pub snapshot: Snapshot<'static>,
    /// The network of the best evaluation, if there are validation images.
    pub best: Option<Params>,
    /// Whether its results are saved.
    pub has_results: bool,
}

impl Earlier {
    /// Opens the folder of --resume, or reads the run.json of --config.
    pub fn open(resume: Option<&Path>, config: Option<&Path>) -> Result<(Self, Option<RunFolder>), Error> {
        Ok(match (resume, config) {
            (Some(path), _) => {
                let (folder, Resumed { checkpoint, losses, has_results }) = RunFolder::resume(path)?;
                let Checkpoint { run, snapshot, best, .. } = checkpoint;
                let is_naive = run.settings.gradient.parse() == Ok(Gradient::Naive);
                if is_naive != matches!(snapshot, Snapshot::Reference(_)) {
                    let problem = Problem::Contradiction("only naive gradients have f64 tensors");
                    return Err(run_folder::Error::Checkpoint { path: path.join(CHECKPOINT), problem }.into());
                }
                let done = run.done(losses);
                let resumption = Resumption { path: path.to_owned(), run, done, snapshot, best, has_results };
                (Self::Resumed(Box::new(resumption)), Some(folder))
            }
            (None, Some(path)) => (Self::Repeated(Box::new(repeated(path)?)), None),
            (None, None) => (Self::None, None),
        })
    }

    /// The results of a resumed run, as text or JSON, if it has done all iterations.
    pub fn results(&self, chosen: &Chosen, json: bool) -> Result<Option<String>, Error> {
        let Self::Resumed(resumption) = self else { return Ok(None) };
        let Resumption { path, run, has_results, .. } = &**resumption;
        let iterations = chosen.iterations(Settings::steps_per_epoch(run.data.train, chosen.batch_size));
        check_length(iterations, &run.settings, path)?;
        if run.end == summary::Progress::NotFinite {
            return Err(Error::Diverged(path.clone()));
        }
        let advice = match run.end {
            summary::Progress::StoppedEarly => "a larger --early-stop goes on",
            summary::Progress::TargetReached if chosen.target_accuracy >= Some(1.0) => "no accuracy is higher",
            summary::Progress::TargetReached => "a higher --target-accuracy goes on",
            _ => "a larger number of --iterations or --epochs goes on",
        };
        let is_over = match run.end {
            summary::Progress::StoppedEarly => chosen.early_stop <= run.settings.early_stop,
            summary::Progress::TargetReached => chosen.target_accuracy <= run.settings.target_accuracy,
            _ => iterations <= run.iterations,
        };
        if !has_results || !is_over {
            return Ok(None);
        }
        if json {
            return json_text(run).map(Some);
        }
        let done = counted(run.iterations, "iteration");
        Ok(Some(format!("{} has finished: {done}; {advice}\n{}", path.display(), run.text(width::columns()))))
    }

    /// Checks that a resumed run gets its own images.
    pub fn check_data(&self, fingerprint: &str, progress: &Progress) -> Result<(), Error> {
        let differs =
            self.run().and_then(|run| run.fingerprint.as_deref()).is_some_and(|earlier| earlier != fingerprint);
        match self {
            Self::Resumed(resumption) if differs => return Err(Error::OtherData(resumption.path.clone())),
            Self::Repeated(_) if differs => progress.notice("these are other images than those of --config"),
            _ => {}
        }
        Ok(())
    }

    /// The run's record.
    pub fn run(&self) -> Option<&summary::Run> {
        match self {
            Self::None => None,
            Self::Repeated(run) => Some(run),
            Self::Resumed(resumption) => Some(&resumption.run),
        }
    }

    /// The data that it was trained on.
    pub fn trained_on(&self) -> Option<TrainedOn> {
        TrainedOn::of(self.run()?.data.clone())
    }

    /// Opens the devices of the flags, or else its own, or else any.
    pub fn devices(&self, arguments: &DeviceArguments, progress: &Progress) -> Result<Vec<(Info, Device)>, Error> {
        if !arguments.device.is_empty() {
            return open_all(arguments, &arguments.device, progress);
        }
        let Some(run) = self.run() else { return Ok(vec![arguments.open(progress)?]) };
        let recorded: Vec<Choice> = run.devices().map(choice).collect();
        match open_all(arguments, &recorded, progress) {
            Err(Error::Devices(error)) => {
                let names: Vec<&str> = run.devices().map(|device| device.name.as_str()).collect();
                progress.notice(format_args!("{} is not here: {error}", names.join(" with ")));
                Ok(vec![arguments.open(progress)?])
            }
            opened => opened,
        }
    }

    /// A note if a resumed run will not have the bits of an uninterrupted one.
    pub fn note_on_bits(&self, devices: &[&Info], kernels: Option<Kernels>) -> Option<String> {
        let Self::Resumed(resumption) = self else { return None };
        let run = &resumption.run;
        let now: Vec<summary::Device> = devices.iter().copied().map(summary::Device::from).collect();
        let pairs = run.devices().zip(&now);
        let differs = if run.devices().count() != now.len() {
            format!("on {}, and goes on with {}", counted(run.devices().count(), "device"), now.len())
        } else if let Some((before, now)) = pairs.into_iter().find(|(before, now)| !computes_alike(before, now)) {
            format!("by {}, and goes on by {}", named(before), named(now))
        } else if run.kernels.is_some() && run.kernels != kernels.map(summary::Kernels::from) {
            "by other kernels".to_owned()
        } else if run.version != env!("CARGO_PKG_VERSION") {
            format!("by twolayer {}", run.version)
        } else {
            return None;
        };
        Some(format!("the run was trained {differs}; its last digits will differ from those of an uninterrupted run"))
    }
}

/// The record in a run.json, or of a run's folder.
fn repeated(path: &Path) -> Result<summary::Run, run_folder::Error> {
    if path.is_dir() { run_folder::record(path).map(|(run, _)| run) } else { run_folder::read_record(path) }
}

/// The choice of a device by its own name.
fn choice(device: &summary::Device) -> Choice {
    match device.kind {
        Kind::Cpu => Choice::Cpu,
        Kind::Gpu => Choice::Name { backend: Some(device.backend.clone()), part: device.name.to_lowercase() },
    }
}

/// Whether two devices compute the same bits with the same kernels. The number of CPU threads does not matter.
fn computes_alike(a: &summary::Device, b: &summary::Device) -> bool {
    match (&a.hardware, &b.hardware) {
        (Some(Hardware::Cpu(ours)), Some(Hardware::Cpu(theirs))) => {
            (&a.backend, &ours.instructions) == (&b.backend, &theirs.instructions)
        }
        (Some(Hardware::Gpu(_)), Some(Hardware::Gpu(_))) => {
            (&a.name, &a.backend, &a.driver) == (&b.name, &b.backend, &b.driver)
        }
        _ => false,
    }
}

fn named(device: &summary::Device) -> String {
    match &device.hardware {
        Some(Hardware::Cpu(Processor { instructions: Some(instructions), .. })) => format!("a CPU with {instructions}"),
        Some(Hardware::Gpu(_)) => format!("{} ({}, {})", device.name, device.backend, device.driver),
        _ => device.name.clone(),
    }
}

/// The command that goes on with the run of a folder.
pub(super) fn resume_command(folder: &Path, flags: &[String]) -> String {
    let words = [program(), "--resume".to_owned(), quoted(folder.as_os_str()).into_owned()];
    words.into_iter().chain(flags.iter().cloned()).collect::<Vec<_>>().join(" ")
}
