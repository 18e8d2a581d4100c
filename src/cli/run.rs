//! The end of a training run: its files and its text, also after an error or an interruption.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::interrupt::Unsaved;
use super::shell::{program, quoted};
use super::{Error, json_text, print};
use crate::backend::Kernels;
use crate::devices::Info;
use crate::net::{Net, Params};
use crate::report::chart::chart;
use crate::report::plot::write_plot;
use crate::report::progress::tell;
use crate::report::run_folder::RunFolder;
use crate::report::summary::{self, Data, Settings};
use crate::report::width;
use crate::train::{Checkpoint, End, EpochAccuracy, Outcome};
use crate::words::counted;

/// The outputs of a run.
pub(super) struct Targets {
    /// `None` with --no-save.
    pub folder: Option<RunFolder>,
    pub plot: Option<PathBuf>,
    /// Whether stdout gets one JSON object.
    pub json: bool,
    /// The flags, besides --init and --iterations, of a run that continues this one.
    pub flags: Vec<String>,
}

/// A run whose network is known.
pub(super) struct Run {
    start: Instant,
    net: Net,
    info: Info,
    /// `None` for a CPU, and before the device is ready.
    kernels: Option<Kernels>,
    data: Data,
    settings: Settings,
    targets: Targets,
    /// The outcome if the run ends now: the state of the last evaluation, at first the initial weights.
    last_evaluation: Outcome,
    /// The message on the saved results, after the end.
    kept: Option<String>,
}

impl Run {
    /// `start` is the start of the process.
    pub fn new(
        start: Instant,
        net: Net,
        info: Info,
        data: Data,
        settings: Settings,
        params: Params,
        targets: Targets,
    ) -> Self {
        let last_evaluation = Outcome {
            end: End::Interrupted,
            params,
            losses: Vec::new(),
            epochs: Vec::new(),
            last: None,
            train_time: Duration::ZERO,
            eval_time: Duration::ZERO,
        };
        Self { start, net, info, kernels: None, data, settings, targets, last_evaluation, kept: None }
    }

    pub fn set_kernels(&mut self, kernels: Option<Kernels>) {
        self.kernels = kernels;
    }

    /// Stores an evaluation. `losses` are those of the steps since the previous one.
    pub fn evaluated(&mut self, accuracy: EpochAccuracy, checkpoint: &Checkpoint, losses: &[f32]) {
        let &Checkpoint { params, evaluations, train_time, eval_time } = checkpoint;
        let outcome = &mut self.last_evaluation;
        outcome.params.clone_from(params);
        outcome.losses.extend_from_slice(losses);
        outcome.epochs.push(accuracy);
        outcome.last = Some(evaluations.clone());
        (outcome.train_time, outcome.eval_time) = (train_time, eval_time);
    }

    /// Saves the last evaluation before this error, if there is one. Returns the text for stdout and the command's result.
    pub fn fail(&mut self, error: Error) -> (String, Result<(), Error>) {
        if self.last_evaluation.losses.is_empty() {
            return (String::new(), Err(error));
        }
        let (text, ended) = self.end(None);
        let ended = match ended {
            Err(Error::Interrupted { kept, .. }) => Err(Error::CutShort { reason: Box::new(error), kept }),
            // The results cannot be saved either. A note says so.
            Err(other) => {
                tell(format_args!("note: {other}"));
                Err(error)
            }
            Ok(()) => Err(error),
        };
        (text, ended)
    }

    /// Writes the files of a run with this outcome, or with that of the last evaluation. Returns the text for stdout and the
    /// command's result.
    pub fn end(&mut self, outcome: Option<&Outcome>) -> (String, Result<(), Error>) {
        let outcome = outcome.unwrap_or(&self.last_evaluation);
        // Initial weights must not overwrite an earlier run or its plot.
        let began = outcome.end != End::Interrupted || !outcome.losses.is_empty();
        let folder = self.targets.folder.as_ref().filter(|folder| began || !folder.holds_run());
        let plot = self.targets.plot.as_deref().filter(|_| began);
        let results = self.results(outcome, folder.map(RunFolder::path));
        // If one file cannot be written, the others still are, and the results are printed.
        let saved = folder.map(|folder| self.save(outcome, folder, &results));
        let plotted = plot.map(|path| write_plot(path, &outcome.epochs));
        let saved = saved.transpose();
        let results = match &saved {
            Err(Error::SavedElsewhere { folder, .. }) => self.results(outcome, Some(folder)),
            _ => results,
        };
        let plotted = plotted.transpose().map_err(Error::from);
        // The text names only the files that were written.
        let (saved_in, plotted_in) = (folder.filter(|_| saved.is_ok()), plot.filter(|_| plotted.is_ok()));
        let written = saved.and(plotted).map(drop);
        let text = match (self.targets.json, outcome.end) {
            (true, _) => json_text(&results),
            // The accuracies of a run that diverged mean nothing.
            (false, End::NotFinite { .. }) => Ok(String::new()),
            (false, _) => Ok(text(outcome, &results, saved_in, plotted_in)),
        };
        let kept = match (folder, &self.targets.folder) {
            (None, None) => "nothing was kept (--no-save)".to_owned(),
            (None, Some(folder)) => format!("nothing was kept; the earlier run in {} stays", folder.path().display()),
            (Some(folder), _) => {
                let what = match outcome.end {
                    End::NotFinite { .. } => "last weights with a finite loss".to_owned(),
                    _ => format!("weights after {}", counted(outcome.losses.len(), "iteration")),
                };
                format!("the {what} are in {}", folder.path().display())
            }
        };
        let next = folder.filter(|_| began).map(|folder| self.next(folder.path(), outcome));
        let ended = match outcome.end {
            End::NotFinite { step } => Err(Error::NotFinite { step, kept: kept.clone() }),
            End::Interrupted => Err(Error::Interrupted { kept: kept.clone(), next: next.clone() }),
            End::Finished => Ok(()),
        };
        let next = next.filter(|_| outcome.end == End::Interrupted).into_iter();
        self.kept = Some(std::iter::once(kept).chain(next).collect::<Vec<_>>().join("\n"));
        match text {
            Ok(text) => (text, written.and(ended)),
            Err(error) => (String::new(), written.and(Err(error))),
        }
    }

    /// A line with the command that continues from the weights in this folder.
    fn next(&self, folder: &Path, outcome: &Outcome) -> String {
        let iterations = self.settings.iterations.saturating_sub(outcome.losses.len() as u64);
        let words = [program(), "--init".to_owned(), quoted(folder.as_os_str()).into_owned()];
        let words = words.into_iter().chain(self.targets.flags.iter().cloned());
        format!("continue from these weights: {} --iterations {iterations}", words.collect::<Vec<_>>().join(" "))
    }

    /// Writes the files into this folder. If that fails, writes them into a new folder next to it: a file may be open in
    /// another program, or the folder may be gone.
    fn save(&self, outcome: &Outcome, folder: &RunFolder, results: &summary::Run) -> Result<(), Error> {
        let save = |folder: &RunFolder, results: &_| folder.save(&self.net, &outcome.params, &outcome.losses, results);
        save(folder, results).map_err(|reason| {
            let elsewhere = folder.beside().and_then(|other| {
                save(&other, &self.results(outcome, Some(other.path())))?;
                Ok(other.path().to_owned())
            });
            match elsewhere {
                Ok(folder) => Error::SavedElsewhere { reason, folder },
                Err(_) => reason.into(),
            }
        })
    }

    fn results(&self, outcome: &Outcome, folder: Option<&Path>) -> summary::Run {
        let Self { start, info, kernels, data, settings, .. } = self;
        let out = folder.map(|folder| folder.display().to_string());
        let seconds = start.elapsed().as_secs_f64();
        summary::Run::new(info, kernels.clone(), data.clone(), settings.clone(), outcome, seconds, out)
    }
}

/// The results as text, with the paths of the files.
fn text(outcome: &Outcome, results: &summary::Run, folder: Option<&RunFolder>, plot: Option<&Path>) -> String {
    let columns = width::columns();
    let mut text = String::new();
    // A chart needs two points.
    if outcome.epochs.len() > 1 {
        text += &(chart(&outcome.epochs, columns) + "\n");
    }
    text += &results.text(columns);
    for (what, path) in [("saved in", folder.map(RunFolder::path)), ("plotted in", plot)] {
        if let Some(path) = path {
            let _ = writeln!(text, "{what} {}", path.display());
        }
    }
    text
}

impl Unsaved for Run {
    fn keep(&mut self) -> String {
        if let Some(kept) = &self.kept {
            return kept.clone();
        }
        let (text, ended) = self.end(None);
        if self.targets.json {
            // stdout may be closed.
            let _ = print(&text);
        }
        match ended {
            Ok(()) | Err(Error::Interrupted { .. }) => self.kept.clone().unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use serde_json::Value;

    use super::*;
    use crate::backend::Evaluation;
    use crate::model;
    use crate::net::{Activation, Output, Shape};
    use crate::report::run_folder::{HISTORY, MODEL, RUN};

    const NET: Net = Net {
        shape: Shape { input: 4, hidden: 3, classes: 2 },
        activation: Activation::Sigmoid,
        output: Output::Softmax,
    };

    fn params(seed: u64) -> Params {
        Params::init(NET.shape, 1.0, seed)
    }

    fn settings() -> Settings {
        Settings {
            input: 4,
            hidden: 3,
            batch_size: 1,
            learning_rate: 0.1,
            weight_init: Some("normal"),
            weight_init_std: Some(1.0),
            init: None,
            activation: "sigmoid",
            output: "softmax",
            gradient: "backprop",
            step_size: None,
            sampling: "replacement",
            seed: 0,
            iterations: 100,
        }
    }

    fn run(folder: &Path) -> Run {
        let data = Data { source: "built-in".to_owned(), train: 10, test: 5, classes: 2, ..Data::default() };
        let folder = Some(RunFolder::create(folder, true).unwrap());
        let targets = Targets { folder, plot: None, json: false, flags: vec!["--data".to_owned(), "d".to_owned()] };
        Run::new(Instant::now(), NET, Info::reference(), data, settings(), params(0), targets)
    }

    /// The contents of the folder: the parameters, the history and the results.
    fn kept(folder: &Path) -> (Params, String, Value) {
        let params = model::load(&folder.join(MODEL)).unwrap().params;
        let text = |name| std::fs::read_to_string(folder.join(name)).unwrap();
        (params, text(HISTORY), serde_json::from_str(&text(RUN)).unwrap())
    }

    #[test]
    fn an_interrupted_run_saves_its_last_evaluation() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("run");
        let mut run = run(&folder);
        let evaluation = Evaluation { images: 4, loss: 0.5, classes: 2, confusion: vec![1, 0, 1, 2] };
        let evaluations = [evaluation.clone(), evaluation];
        for epoch in 0..2 {
            let params = &params(epoch as u64 + 1);
            let time = Duration::from_secs(epoch as u64 + 1);
            let checkpoint = Checkpoint { params, evaluations: &evaluations, train_time: time, eval_time: time };
            let accuracy = EpochAccuracy { epoch, iteration: 2 * epoch as u64, train: 0.75, test: 0.75 };
            run.evaluated(accuracy, &checkpoint, &[2.5, 1.5][epoch..]);
        }
        let kept_as = folder.display();
        let expected = format!(
            "the weights after 3 iterations are in {kept_as}\n\
             continue from these weights: {} --init {kept_as} --data d --iterations 97",
            program()
        );
        for _ in 0..2 {
            assert_eq!(run.keep(), expected);
        }
        let (params_kept, history, results) = kept(&folder);
        assert!(params_kept == params(2));
        assert_eq!(history, "iteration,loss\n0,2.5\n1,1.5\n2,1.5\n");
        assert_eq!((&results["end"], &results["iterations"]), (&"interrupted".into(), &3.into()));
        assert_eq!(results["final"]["test_accuracy"], 0.75);
        assert_eq!(results["epochs"].as_array().unwrap().len(), 2);
        assert_eq!(results["train_seconds"], 2.0);
    }

    #[test]
    fn a_run_interrupted_before_any_evaluation_saves_the_initial_weights() {
        let place = tempfile::tempdir().unwrap();
        let mut run = run(place.path());
        assert_eq!(run.keep(), format!("the weights after 0 iterations are in {}", place.path().display()));
        let (params_kept, history, results) = kept(place.path());
        assert!(params_kept == params(0));
        assert_eq!(history, "iteration,loss\n");
        assert_eq!(
            (&results["end"], &results["iterations"], &results["final"]),
            (&"interrupted".into(), &0.into(), &Value::Null)
        );
    }

    #[test]
    fn initial_weights_do_not_overwrite_an_earlier_run() {
        let place = tempfile::tempdir().unwrap();
        let mut earlier = run(place.path());
        let outcome =
            Outcome { end: End::Finished, params: params(7), losses: vec![1.0], ..earlier.last_evaluation.clone() };
        earlier.end(Some(&outcome)).1.unwrap();
        let expected = format!("nothing was kept; the earlier run in {} stays", place.path().display());
        assert_eq!(run(place.path()).keep(), expected);
        assert!(kept(place.path()).0 == params(7));
    }

    #[test]
    fn a_run_that_cannot_be_written_to_its_folder_is_saved_next_to_it() {
        let place = tempfile::tempdir().unwrap();
        let [folder, beside] = ["run", "run-2"].map(|name| place.path().join(name));
        // A folder cannot be replaced by a file, as a file that another program has open.
        std::fs::create_dir_all(folder.join(HISTORY)).unwrap();
        let mut run = run(&folder);
        run.targets.json = true;
        let outcome =
            Outcome { end: End::Finished, params: params(7), losses: vec![1.0; 100], ..run.last_evaluation.clone() };
        let (text, ended) = run.end(Some(&outcome));
        let error = ended.unwrap_err().to_string();
        assert!(error.starts_with(&folder.join(HISTORY).display().to_string()), "{error}");
        assert!(error.ends_with(&format!("; the run is in {} instead", beside.display())), "{error}");
        let (params_kept, _, results) = kept(&beside);
        assert!(params_kept == params(7));
        assert_eq!(results["end"], "finished");
        let printed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(printed["out"], beside.to_str().unwrap());
    }

    #[test]
    fn a_run_with_an_error_saves_its_last_evaluation() {
        let place = tempfile::tempdir().unwrap();
        let mut run = run(place.path());
        let nothing = run.fail(Error::Usage("lost".to_owned())).1.unwrap_err();
        assert!(matches!(nothing, Error::Usage(_)) && !place.path().join(MODEL).exists());
        run.last_evaluation.losses = vec![1.0; 100];
        let error = run.fail(Error::Usage("lost".to_owned())).1.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::from(1));
        let expected = format!("lost; the weights after 100 iterations are in {}", place.path().display());
        assert_eq!(error.to_string(), expected);
        assert!(kept(place.path()).0 == params(0));
    }

    #[test]
    fn two_runs_in_one_folder_are_both_saved() {
        let place = tempfile::tempdir().unwrap();
        let [folder, beside] = ["run", "run-2"].map(|name| place.path().join(name));
        // Both start while the folder is empty.
        let runs = [(); 2].map(|()| run(&folder));
        for (mut run, seed) in runs.into_iter().zip([1, 2]) {
            let outcome = Outcome {
                end: End::Finished,
                params: params(seed),
                losses: vec![1.0; 100],
                ..run.last_evaluation.clone()
            };
            assert_eq!(run.end(Some(&outcome)).1.is_ok(), seed == 1);
        }
        assert!(kept(&folder).0 == params(1) && kept(&beside).0 == params(2));
    }

    #[test]
    fn a_finished_run_is_not_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let mut run = run(place.path());
        let outcome =
            Outcome { end: End::Finished, params: params(7), losses: vec![1.0; 100], ..run.last_evaluation.clone() };
        run.end(Some(&outcome)).1.unwrap();
        let said = run.keep();
        assert!(said.starts_with("the weights after 100 iterations are in "), "{said}");
        let (params_kept, _, results) = kept(place.path());
        assert!(params_kept == params(7));
        assert_eq!(results["end"], "finished");
    }
}
