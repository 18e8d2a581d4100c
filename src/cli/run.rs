//! What a training run leaves, however it ends: its files, and what it prints.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::interrupt::Unsaved;
use super::{Error, json_text, print};
use crate::backend::Kernels;
use crate::devices::Info;
use crate::net::{Net, Params};
use crate::report::chart::chart;
use crate::report::plot::write_plot;
use crate::report::run_folder::RunFolder;
use crate::report::summary::{self, Data, Settings};
use crate::train::{Checkpoint, End, EpochAccuracy, Outcome};

/// Where the results go.
pub(super) struct Targets {
    /// None with --no-save.
    pub folder: Option<RunFolder>,
    pub plot: Option<PathBuf>,
    /// Whether stdout gets one JSON object.
    pub json: bool,
}

/// A run, from the moment at which its network is known.
pub(super) struct Run {
    start: Instant,
    net: Net,
    info: Info,
    kernels: Option<Kernels>,
    data: Data,
    settings: Settings,
    targets: Targets,
    /// What it leaves if it is cut short: the weights of the last evaluation, at first the initial ones.
    reached: Outcome,
    /// What was kept, once it has ended.
    kept: Option<String>,
}

impl Run {
    /// `start` is when the process started.
    pub fn new(
        start: Instant,
        net: Net,
        info: Info,
        data: Data,
        settings: Settings,
        params: Params,
        targets: Targets,
    ) -> Self {
        let reached = Outcome {
            end: End::Interrupted,
            params,
            losses: Vec::new(),
            epochs: Vec::new(),
            last: None,
            train_time: Duration::ZERO,
            eval_time: Duration::ZERO,
        };
        Self { start, net, info, kernels: None, data, settings, targets, reached, kept: None }
    }

    pub fn set_kernels(&mut self, kernels: Option<Kernels>) {
        self.kernels = kernels;
    }

    /// Takes note of an evaluation; `losses` are those of the steps since the one before.
    pub fn reach(&mut self, accuracy: EpochAccuracy, checkpoint: &Checkpoint, losses: &[f32]) {
        let &Checkpoint { params, evaluations, train_time, eval_time } = checkpoint;
        let reached = &mut self.reached;
        reached.params.clone_from(params);
        reached.losses.extend_from_slice(losses);
        reached.epochs.push(accuracy);
        reached.last = Some(evaluations.clone());
        (reached.train_time, reached.eval_time) = (train_time, eval_time);
    }

    /// Writes the files of a run that ended like this; with none, of one that is cut short. Returns what it prints, and how the
    /// command ends.
    pub fn end(&mut self, outcome: Option<&Outcome>) -> (String, Result<(), Error>) {
        let outcome = outcome.unwrap_or(&self.reached);
        let Targets { folder, plot, json } = &self.targets;
        let results = self.results(outcome);
        // A file that can't be written must keep neither the others nor the results from being seen.
        let saved = folder.as_ref().map(|folder| folder.save(&self.net, &outcome.params, &outcome.losses, &results));
        let plotted = plot.as_deref().map(|path| write_plot(path, &outcome.epochs));
        let saved = saved.transpose().map_err(Error::from);
        let written = saved.and(plotted.transpose().map_err(Error::from)).map(drop);
        let text = match (json, outcome.end) {
            (true, _) => json_text(&results),
            // Accuracies of weights that diverge are nothing for a person.
            (false, End::NotFinite { .. }) => Ok(String::new()),
            (false, _) => Ok(self.text(outcome, &results, written.is_ok())),
        };
        let kept = match (folder, outcome.end) {
            (None, _) => "nothing was kept (--no-save)".to_owned(),
            (Some(folder), End::NotFinite { .. }) => {
                format!("the last weights with a finite loss are in {}", folder.path().display())
            }
            (Some(folder), _) => {
                format!("the weights after {} iterations are in {}", outcome.losses.len(), folder.path().display())
            }
        };
        let ended = match outcome.end {
            End::NotFinite { step } => Err(Error::NotFinite { step, kept: kept.clone() }),
            End::Interrupted => Err(Error::Interrupted { kept: kept.clone() }),
            End::Finished => Ok(()),
        };
        self.kept = Some(kept);
        match text {
            Ok(text) => (text, written.and(ended)),
            Err(error) => (String::new(), written.and(Err(error))),
        }
    }

    fn results(&self, outcome: &Outcome) -> summary::Run {
        let Self { start, info, kernels, data, settings, targets, .. } = self;
        let out = targets.folder.as_ref().map(|folder| folder.path().display().to_string());
        let seconds = start.elapsed().as_secs_f64();
        summary::Run::new(info, kernels.clone(), data.clone(), settings.clone(), outcome, seconds, out)
    }

    /// The results for a person.
    fn text(&self, outcome: &Outcome, results: &summary::Run, written: bool) -> String {
        let mut text = String::new();
        // One point is no curve.
        if outcome.epochs.len() > 1 {
            text += &(chart(&outcome.epochs, CHART_WIDTH) + "\n");
        }
        text += &results.text();
        let Targets { folder, plot, .. } = &self.targets;
        let folder = folder.as_ref().filter(|_| written).map(RunFolder::path);
        for (what, path) in [("saved in", folder), ("plotted in", plot.as_deref())] {
            if let Some(path) = path {
                let _ = writeln!(text, "{what} {}", path.display());
            }
        }
        text
    }
}

/// Columns of the chart: what every terminal has.
const CHART_WIDTH: usize = 80;

impl Unsaved for Run {
    fn keep(&mut self) -> String {
        if let Some(kept) = &self.kept {
            return kept.clone();
        }
        let (text, ended) = self.end(None);
        if self.targets.json {
            // Its reader may be gone.
            let _ = print(&text);
        }
        match ended {
            Ok(()) | Err(Error::Interrupted { .. }) => self.kept.clone().unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }
}
