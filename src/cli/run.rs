//! A training run's files and its text: its checkpoints, and its end, also after an error or an interruption.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::earlier::{Resumption, resume_command};
use super::interrupt::Unsaved;
use super::{Error, json_text, print};
use crate::backend::Kernels;
use crate::devices::Info;
use crate::net::{Net, Params};
use crate::report::chart::chart;
use crate::report::plot::write_plot;
use crate::report::progress::tell;
use crate::report::run_folder::{self, RunFolder};
use crate::report::summary::{self, Data, Replica, Settings};
use crate::report::width;
use crate::train::{self, Done, End, Event, Outcome, Snapshot};
use crate::words::counted;

/// The outputs of a run.
pub(super) struct Targets {
    /// `None` with --no-save.
    pub folder: Option<RunFolder>,
    pub plot: Option<PathBuf>,
    /// Whether stdout gets one JSON object.
    pub json: bool,
    /// The flags, besides --resume, of a command that resumes this run.
    pub flags: Vec<String>,
}

/// What is trained, on what, and how.
pub(super) struct Subject {
    pub net: Net,
    pub info: Info,
    pub data: Data,
    /// Of the data.
    pub fingerprint: String,
    pub settings: Settings,
    /// All devices of a run on several.
    pub replicas: Vec<Replica>,
}

/// A run whose network is known.
pub(super) struct Run {
    start: Instant,
    /// The seconds of the processes before this one.
    earlier_seconds: f64,
    resumed_at: Vec<u64>,
    subject: Subject,
    /// `None` for a CPU, and before the device is ready.
    kernels: Option<Kernels>,
    targets: Targets,
    /// The outcome if the run ends now: the state of the last evaluation or checkpoint, at first the initial weights.
    latest: Outcome,
    /// The losses of the steps since then.
    new_losses: Vec<f32>,
    /// The network of the best evaluation so far, if there are validation images.
    best: Option<Params>,
    /// Whether the last checkpoint could not be written.
    is_warned: bool,
    /// Whether the results of a resumed run are saved as far as it had come.
    has_results: bool,
    /// The message on the saved results, after the end.
    kept: Option<String>,
}

impl Run {
    /// `start` is the start of the process, and `snapshot` the initial network.
    pub fn new(start: Instant, subject: Subject, snapshot: Snapshot<'static>, targets: Targets) -> Self {
        let latest = Outcome {
            end: End::Interrupted,
            snapshot,
            losses: Vec::new(),
            epochs: Vec::new(),
            last: None,
            best: None,
            train_time: Duration::ZERO,
            eval_time: Duration::ZERO,
        };
        Self {
            start,
            earlier_seconds: 0.0,
            resumed_at: Vec::new(),
            subject,
            kernels: None,
            targets,
            latest,
            new_losses: Vec::new(),
            best: None,
            is_warned: false,
            has_results: false,
            kept: None,
        }
    }

    /// The run after what an earlier process did. `snapshot` is the network after that.
    pub fn resume(&mut self, earlier: &Resumption) {
        let Done { losses, epochs, best, train_time, eval_time } = earlier.done.clone();
        let summary::Run { seconds, ref resumed_at, iterations, .. } = earlier.run;
        self.earlier_seconds = seconds;
        self.has_results = earlier.has_results;
        self.resumed_at.clone_from(resumed_at);
        self.resumed_at.push(iterations);
        self.latest = Outcome {
            end: End::Interrupted,
            snapshot: earlier.snapshot.clone(),
            losses,
            epochs,
            last: None,
            best,
            train_time,
            eval_time,
        };
        self.best.clone_from(&earlier.best);
    }

    pub fn set_kernels(&mut self, kernels: Option<Kernels>) {
        self.kernels = kernels;
    }

    /// Keeps what an event says, and writes checkpoints. Returns a note if one cannot be written.
    pub fn on_event(&mut self, event: &Event) -> Option<String> {
        let written = match event {
            Event::Started => self.write(|folder, run, this| folder.begin(run, &this.latest.snapshot)),
            Event::Steps { losses, .. } => {
                self.new_losses.extend_from_slice(losses);
                return None;
            }
            // No program reads weights that are not finite. The next loss ends the run.
            Event::Epoch { checkpoint, .. } | Event::Checkpoint(checkpoint) if !checkpoint.snapshot.is_finite() => {
                return None;
            }
            Event::Epoch { accuracy, evaluations, best, checkpoint } => {
                self.reached(checkpoint);
                self.latest.epochs.push(*accuracy);
                self.latest.last = Some((*evaluations).clone());
                self.latest.best = *best;
                if best.is_some_and(|best| best.iteration == accuracy.iteration) {
                    self.best = Some(checkpoint.snapshot.params().into_owned());
                }
                return None;
            }
            Event::Checkpoint(checkpoint) => {
                if !self.new_losses.is_empty() {
                    self.reached(checkpoint);
                    self.latest.last = None;
                }
                self.write(|folder, run, Self { latest, best, .. }| {
                    folder.checkpoint(run, &latest.snapshot, best.as_ref(), &latest.losses)
                })
            }
            Event::Parameters { .. } => return None,
        };
        let was_warned = std::mem::replace(&mut self.is_warned, written.is_err());
        let error = written.err().filter(|_| !was_warned)?;
        Some(format!("no checkpoint: {error}; the run goes on, and an earlier checkpoint stays"))
    }

    /// The network after the steps so far.
    fn reached(&mut self, checkpoint: &train::Checkpoint) {
        let Outcome { snapshot, losses, train_time, eval_time, .. } = &mut self.latest;
        *snapshot = checkpoint.snapshot.clone().into_owned();
        losses.append(&mut self.new_losses);
        (*train_time, *eval_time) = (checkpoint.train_time, checkpoint.eval_time);
    }

    /// Writes the latest state into the folder, if there is one.
    fn write(
        &mut self,
        write: impl FnOnce(&mut RunFolder, &summary::Run, &Self) -> Result<(), run_folder::Error>,
    ) -> Result<(), run_folder::Error> {
        let Some(mut folder) = self.targets.folder.take() else { return Ok(()) };
        let run = self.results(&self.latest, Some(folder.path())).running();
        let written = write(&mut folder, &run, self);
        self.targets.folder = Some(folder);
        written
    }

    /// Saves the last evaluation before this error, if there is one. Returns the text for stdout and the command's result.
    pub fn fail(&mut self, error: Error) -> (String, Result<(), Error>) {
        if self.latest.losses.is_empty() || self.is_unchanged(&self.latest) {
            return (String::new(), Err(error));
        }
        let (text, ended) = self.end(None);
        let ended = match ended {
            Err(Error::Interrupted { kept, next }) => Err(Error::CutShort { reason: Box::new(error), kept, next }),
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
        let mut folder = self.targets.folder.take();
        let is_kept = |outcome: &&Outcome| outcome.end != End::Interrupted || outcome.snapshot.is_finite();
        let outcome = outcome.filter(is_kept).unwrap_or(&self.latest);
        let (text, kept, ended) = self.end_in(folder.as_mut(), outcome);
        self.targets.folder = folder;
        self.kept = Some(kept);
        (text, ended)
    }

    /// Whether a resumed run is stopped before its first step, so that its results stay what they are.
    fn is_unchanged(&self, outcome: &Outcome) -> bool {
        let is_stopped =
            outcome.end == End::Interrupted && self.resumed_at.last() == Some(&(outcome.losses.len() as u64));
        self.has_results && is_stopped
    }

    /// Returns the text for stdout, the message on what is saved, and the command's result.
    fn end_in(&self, folder: Option<&mut RunFolder>, outcome: &Outcome) -> (String, String, Result<(), Error>) {
        let into = folder.as_ref().map(|folder| folder.path().to_owned());
        // Initial weights must not overwrite an earlier run or its plot.
        let is_unchanged = self.is_unchanged(outcome);
        let began = !is_unchanged && (outcome.end != End::Interrupted || !outcome.losses.is_empty());
        let mut folder = folder.filter(|folder| began || !(is_unchanged || folder.holds_earlier_run()));
        let plot = self.targets.plot.as_deref().filter(|_| began);
        let results = self.results(outcome, folder.as_ref().map(|folder| folder.path()));
        // If one file cannot be written, the others still are, and the results are printed.
        let saved = folder.as_mut().map(|folder| self.save(outcome, folder, &results));
        let plotted = plot.map(|path| write_plot(path, &outcome.epochs, &outcome.losses));
        let saved = saved.transpose();
        let elsewhere = match &saved {
            Err(Error::SavedElsewhere { folder, .. }) => Some(folder.clone()),
            _ => None,
        };
        let results = elsewhere.as_deref().map_or(results, |folder| self.results(outcome, Some(folder)));
        let plotted = plotted.transpose().map_err(Error::from);
        // The text names only the files that were written.
        let folder = folder.as_ref().map(|folder| folder.path());
        let (saved_in, plotted_in) = (folder.filter(|_| saved.is_ok()), plot.filter(|_| plotted.is_ok()));
        let written = saved.and(plotted).map(drop);
        let text = match (self.targets.json, outcome.end) {
            (true, _) => json_text(&results),
            // The accuracies of a run that diverged mean nothing.
            (false, End::NotFinite { .. }) => Ok(String::new()),
            (false, _) => Ok(text(outcome, &results, saved_in, plotted_in)),
        };
        let folder = elsewhere.as_deref().or(folder);
        let kept = match (folder, into) {
            (None, None) => "nothing was kept (--no-save)".to_owned(),
            (None, Some(folder)) if is_unchanged => {
                format!("nothing was done; the run in {} stays as it was", folder.display())
            }
            (None, Some(folder)) => format!("nothing was kept; the earlier run in {} stays", folder.display()),
            (Some(folder), _) => {
                let what = match outcome.end {
                    // The weights before those that it was resumed from are not known.
                    End::NotFinite { step } if self.resumed_at.last() == Some(&step) => {
                        format!("weights after {}", counted(step, "iteration"))
                    }
                    End::NotFinite { .. } => "last weights with a finite loss".to_owned(),
                    _ => format!("weights after {}", counted(outcome.losses.len(), "iteration")),
                };
                format!("the {what} are in {}", folder.display())
            }
        };
        let next = folder.map(|folder| format!("go on with it: {}", resume_command(folder, &self.targets.flags)));
        let ended = match outcome.end {
            End::NotFinite { step } => Err(Error::NotFinite { step, kept: kept.clone() }),
            End::Interrupted => Err(Error::Interrupted { kept: kept.clone(), next: next.clone() }),
            End::Finished | End::StoppedEarly | End::TargetReached => Ok(()),
        };
        let next = next.filter(|_| outcome.end == End::Interrupted).into_iter();
        let kept = std::iter::once(kept).chain(next).collect::<Vec<_>>().join("\n");
        match text {
            Ok(text) => (text, kept, written.and(ended)),
            Err(error) => (String::new(), kept, written.and(Err(error))),
        }
    }

    /// Writes the files into this folder. If that fails, writes them into a new folder next to it: a file may be open in
    /// another program, or the folder may be gone.
    fn save(&self, outcome: &Outcome, folder: &mut RunFolder, results: &summary::Run) -> Result<(), Error> {
        let params = outcome.snapshot.params();
        // The evaluation at the end is no epoch's.
        let iteration = |outcome: &Outcome| outcome.best.map(|best| best.iteration);
        let is_epoch_s = iteration(outcome) == iteration(&self.latest);
        let best = if is_epoch_s { self.best.as_ref() } else { Some(&*params) };
        let save = |folder: &mut RunFolder, results: &_| {
            let checkpoint = folder.save(&self.subject.net, &outcome.snapshot, best, &outcome.losses, results)?;
            if let Some(error) = checkpoint {
                tell(format_args!(
                    "note: no checkpoint: {error}; the results are saved, but --resume may repeat some steps"
                ));
            }
            Ok(())
        };
        save(folder, results).map_err(|reason| {
            let elsewhere = folder.beside().and_then(|mut other| {
                let results = self.results(outcome, Some(other.path()));
                save(&mut other, &results)?;
                Ok(other.path().to_owned())
            });
            match elsewhere {
                Ok(folder) => Error::SavedElsewhere { reason, folder },
                Err(_) => reason.into(),
            }
        })
    }

    fn results(&self, outcome: &Outcome, folder: Option<&Path>) -> summary::Run {
        let Self { start, subject, kernels, resumed_at, .. } = self;
        let Subject { info, data, fingerprint, settings, replicas, .. } = subject;
        let out = folder.map(|folder| folder.display().to_string());
        let seconds = self.earlier_seconds + start.elapsed().as_secs_f64();
        let run = summary::Run::new(info, kernels.clone(), data.clone(), settings.clone(), outcome, seconds, out);
        run.with(fingerprint, resumed_at).on(replicas)
    }
}

/// The results as text, with the paths of the files.
fn text(outcome: &Outcome, results: &summary::Run, folder: Option<&Path>, plot: Option<&Path>) -> String {
    let columns = width::columns();
    let mut text = String::new();
    // A chart needs two points.
    if outcome.epochs.len() > 1 {
        text += &(chart(&outcome.epochs, columns) + "\n");
    }
    text += &results.text(columns);
    for (what, path) in [("saved in", folder), ("plotted in", plot)] {
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
    use std::borrow::Cow;

    use serde_json::Value;

    use super::*;
    use crate::backend::Evaluation;
    use crate::model;
    use crate::net::state::State;
    use crate::net::{Activation, Output, Params, Shape};
    use crate::report::checkpoint::Checkpoint;
    use crate::report::run_folder::{BEST, CHECKPOINT, HISTORY, LOSSES, MODEL, RUN, Resumed, holds_run};
    use crate::report::summary::tests::book;
    use crate::train::{Best, EpochAccuracy, Evaluations};

    const NET: Net = Net {
        shape: Shape { input: 4, hidden: 3, classes: 2 },
        activation: Activation::Sigmoid,
        output: Output::Softmax,
    };

    fn params(seed: u64) -> Params {
        Params::init(NET.shape, 1.0, seed)
    }

    fn snapshot(seed: u64) -> Snapshot<'static> {
        snapshot_after(0, seed)
    }

    fn snapshot_after(steps: u64, seed: u64) -> Snapshot<'static> {
        Snapshot::Backend(Cow::Owned(State { params: params(seed), slots: Vec::new(), steps }))
    }

    fn settings() -> Settings {
        Settings { input: 4, hidden: 3, batch_size: 1, iterations: 100, ..book() }
    }

    fn run(folder: &Path) -> Run {
        run_in(RunFolder::create(folder, true).unwrap())
    }

    /// The run of this folder, which goes on.
    fn resumed(folder: &Path) -> (Run, Resumption) {
        let (opened, Resumed { checkpoint: Checkpoint { run, snapshot, best, .. }, losses, has_results }) =
            RunFolder::resume(folder).unwrap();
        let done = run.done(losses);
        let earlier = Resumption { path: folder.to_owned(), run, done, snapshot, best, has_results };
        let mut run = run_in(opened);
        run.resume(&earlier);
        (run, earlier)
    }

    fn run_in(folder: RunFolder) -> Run {
        let data = Data { source: "built-in".to_owned(), train: 10, test: 5, classes: 2, ..Data::default() };
        let folder = Some(folder);
        let targets = Targets { folder, plot: None, json: false, flags: vec!["--offline".to_owned()] };
        let (info, fingerprint) = (Info::reference(), "f1".to_owned());
        let (settings, replicas) = (settings(), Vec::new());
        let subject = Subject { net: NET, info, data, fingerprint, settings, replicas };
        Run::new(Instant::now(), subject, snapshot(0), targets)
    }

    fn next(folder: &Path) -> String {
        resume_command(folder, &["--offline".to_owned()])
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
        let evaluations = Evaluations { train: evaluation.clone(), validation: None, test: evaluation };
        for epoch in 0..2 {
            let snapshot = snapshot(epoch as u64 + 1);
            let time = Duration::from_secs(epoch as u64 + 1);
            let checkpoint = train::Checkpoint { snapshot, train_time: time, eval_time: time };
            let accuracy =
                EpochAccuracy { epoch, iteration: 2 * epoch as u64, train: 0.75, test: 0.75, validation: None };
            let losses = &[2.5, 1.5][epoch..];
            assert_eq!(run.on_event(&Event::Steps { done: 0, losses }), None);
            assert_eq!(
                run.on_event(&Event::Epoch { accuracy, evaluations: &evaluations, best: None, checkpoint }),
                None
            );
        }
        let kept_as = folder.display();
        let expected = format!(
            "the weights after 3 iterations are in {kept_as}\n\
             go on with it: {}",
            next(&folder)
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
        let kept_as = format!("the weights after 0 iterations are in {}", place.path().display());
        assert_eq!(run.keep(), format!("{kept_as}\ngo on with it: {}", next(place.path())));
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
            Outcome { end: End::Finished, snapshot: snapshot(7), losses: vec![1.0], ..earlier.latest.clone() };
        earlier.end(Some(&outcome)).1.unwrap();
        drop(earlier);
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
        run.best = Some(params(3));
        run.latest.best = Some(Best { iteration: 1, accuracy: 0.5, loss: 0.25, test: 0.75 });
        let outcome =
            Outcome { end: End::Finished, snapshot: snapshot(7), losses: vec![1.0; 100], ..run.latest.clone() };
        let (text, ended) = run.end(Some(&outcome));
        let error = ended.unwrap_err().to_string();
        assert!(error.starts_with(&folder.join(HISTORY).display().to_string()), "{error}");
        assert!(error.ends_with(&format!("; the run is in {} instead", beside.display())), "{error}");
        let (params_kept, _, results) = kept(&beside);
        assert!(params_kept == params(7));
        assert!(model::load(&beside.join(BEST)).unwrap().params == params(3));
        assert_eq!((&results["end"], &results["best"]["test_accuracy"]), (&"finished".into(), &0.75.into()));
        let printed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(printed["out"], beside.to_str().unwrap());
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_does_not_keep_a_new_run_from_its_folder() {
        let place = tempfile::tempdir().unwrap();
        let mut run = run(place.path());
        // In the way for a while, as a disk may be full for a while.
        std::fs::create_dir(place.path().join(CHECKPOINT)).unwrap();
        run.on_event(&Event::Steps { done: 0, losses: &[2.5] });
        let [train_time, eval_time] = [Duration::from_secs(1); 2];
        let checkpoint = train::Checkpoint { snapshot: snapshot(1), train_time, eval_time };
        let warning = run.on_event(&Event::Checkpoint(checkpoint)).unwrap();
        assert!(warning.starts_with("no checkpoint: "), "{warning}");
        std::fs::remove_dir(place.path().join(CHECKPOINT)).unwrap();
        assert!(!holds_run(place.path()));
        let outcome = Outcome { end: End::Finished, snapshot: snapshot(7), losses: vec![2.5; 2], ..run.latest.clone() };
        run.end(Some(&outcome)).1.unwrap();
        assert!(kept(place.path()).0 == params(7));
    }

    #[test]
    fn a_run_with_an_error_saves_its_last_evaluation() {
        let place = tempfile::tempdir().unwrap();
        let mut run = run(place.path());
        let nothing = run.fail(Error::Usage("lost".to_owned())).1.unwrap_err();
        assert!(matches!(nothing, Error::Usage(_)) && !place.path().join(MODEL).exists());
        run.latest.losses = vec![1.0; 100];
        let error = run.fail(Error::Usage("lost".to_owned())).1.unwrap_err();
        assert_eq!(error.code(), 1);
        let kept_as = place.path().display();
        let expected =
            format!("lost; the weights after 100 iterations are in {kept_as}\ngo on with it: {}", next(place.path()));
        assert_eq!(error.to_string(), expected);
        assert!(kept(place.path()).0 == params(0));
    }

    #[test]
    fn a_folder_is_for_one_run_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let first = run(place.path());
        let error = RunFolder::create(place.path(), true).unwrap_err().to_string();
        assert!(error.contains(" is in use by another twolayer; "), "{error}");
        drop(first);
        RunFolder::create(place.path(), true).unwrap();
    }

    #[test]
    fn a_checkpoint_has_the_run_as_far_as_it_has_come() {
        let place = tempfile::tempdir().unwrap();
        let mut begun = run(place.path());
        assert_eq!(begun.on_event(&Event::Started), None);
        drop(begun);
        let (mut run, earlier) = resumed(place.path());
        assert_eq!((earlier.done.losses.len(), earlier.has_results, earlier.snapshot), (0, false, snapshot(0)));
        let seconds = Duration::from_secs;
        for (number, losses) in [(1, &[2.5][..]), (2, &[1.5, 0.1]), (3, &[0.3])] {
            run.on_event(&Event::Steps { done: 0, losses });
            let snapshot = snapshot(number);
            let checkpoint = train::Checkpoint { snapshot, train_time: seconds(number), eval_time: seconds(0) };
            assert_eq!(run.on_event(&Event::Checkpoint(checkpoint)), None);
        }
        run.on_event(&Event::Steps { done: 0, losses: &[7.0] });
        assert!(place.path().join(LOSSES).exists() && !place.path().join(MODEL).exists());
        drop(run);
        let (mut run, earlier) = resumed(place.path());
        assert_eq!((&earlier.done.losses[..], earlier.run.iterations), (&[2.5, 1.5, 0.1, 0.3][..], 4));
        assert_eq!((earlier.done.train_time, earlier.run.end), (seconds(3), summary::Progress::Running));
        assert_eq!(earlier.snapshot, snapshot_after(4, 3));
        run.end(None).1.unwrap_err();
        drop(run);
        let (params_kept, history, results) = kept(place.path());
        assert!(params_kept == params(3));
        assert_eq!(history, "iteration,loss\n0,2.5\n1,1.5\n2,0.1\n3,0.3\n");
        assert_eq!(results["resumed_at"], serde_json::json!([0, 4]));
        assert!(!place.path().join(LOSSES).exists());
        let (_, earlier) = resumed(place.path());
        assert!(earlier.has_results && earlier.done.losses.len() == 4);
    }

    #[test]
    fn a_finished_run_that_is_resumed_without_a_step_stays_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let mut finished = run(place.path());
        let outcome = Outcome { end: End::Finished, losses: vec![1.0; 100], ..finished.latest.clone() };
        finished.end(Some(&outcome)).1.unwrap();
        drop(finished);
        let before = std::fs::read(place.path().join(RUN)).unwrap();
        for error in [None, Some(Error::Usage("lost".to_owned()))] {
            let (mut again, _) = resumed(place.path());
            match error {
                None => {
                    let ended = again.end(None).1.unwrap_err().to_string();
                    let path = place.path().display();
                    assert_eq!(ended, format!("interrupted; nothing was done; the run in {path} stays as it was"));
                }
                Some(error) => assert!(matches!(again.fail(error).1, Err(Error::Usage(_)))),
            }
            assert_eq!(std::fs::read(place.path().join(RUN)).unwrap(), before);
        }
    }

    #[test]
    fn weights_that_are_not_finite_replace_no_others() {
        let place = tempfile::tempdir().unwrap();
        let mut run = run(place.path());
        run.on_event(&Event::Started);
        run.on_event(&Event::Steps { done: 1, losses: &[2.5] });
        let mut infinite = params(1);
        infinite.b1[0] = f32::INFINITY;
        let infinite = Snapshot::Backend(Cow::Owned(State { params: infinite, slots: Vec::new(), steps: 0 }));
        let time = Duration::ZERO;
        let checkpoint = train::Checkpoint { snapshot: infinite.clone(), train_time: time, eval_time: time };
        assert_eq!(run.on_event(&Event::Checkpoint(checkpoint)), None);
        let outcome = Outcome { snapshot: infinite, losses: vec![2.5], ..run.latest.clone() };
        run.end(Some(&outcome)).1.unwrap_err();
        drop(run);
        assert!(kept(place.path()).0 == params(0));
        assert_eq!(resumed(place.path()).1.snapshot, snapshot(0));
    }

    #[test]
    fn the_losses_of_an_overwriting_run_are_not_taken_for_those_of_the_earlier_one() {
        let place = tempfile::tempdir().unwrap();
        let mut earlier = run(place.path());
        let outcome = Outcome { end: End::Finished, losses: vec![1.0; 100], ..earlier.latest.clone() };
        earlier.end(Some(&outcome)).1.unwrap();
        drop(earlier);
        // As a process leaves it that is killed between the two files of its first checkpoint.
        let losses = (0..200).fold("iteration,loss\n".to_owned(), |text, n| text + &format!("{n},2\n"));
        std::fs::write(place.path().join(LOSSES), losses).unwrap();
        let (_, resumption) = resumed(place.path());
        assert_eq!(resumption.done.losses, [1.0; 100]);
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_is_told_once_and_ends_no_run() {
        let place = tempfile::tempdir().unwrap();
        let mut run = run(place.path());
        run.on_event(&Event::Started);
        // A folder in the way.
        std::fs::create_dir(place.path().join(LOSSES)).unwrap();
        let event = || {
            let (snapshot, time) = (snapshot(1), Duration::ZERO);
            Event::Checkpoint(train::Checkpoint { snapshot, train_time: time, eval_time: time })
        };
        run.on_event(&Event::Steps { done: 1, losses: &[2.5] });
        let note = run.on_event(&event()).unwrap();
        assert!(note.starts_with("no checkpoint: ") && note.ends_with("an earlier checkpoint stays"), "{note}");
        assert_eq!(run.on_event(&event()), None);
        std::fs::remove_dir(place.path().join(LOSSES)).unwrap();
        assert_eq!(run.on_event(&event()), None);
        assert!(place.path().join(CHECKPOINT).exists() && !run.is_warned);
    }

    #[test]
    fn a_finished_run_is_not_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let mut run = run(place.path());
        let outcome =
            Outcome { end: End::Finished, snapshot: snapshot(7), losses: vec![1.0; 100], ..run.latest.clone() };
        run.end(Some(&outcome)).1.unwrap();
        let said = run.keep();
        assert!(said.starts_with("the weights after 100 iterations are in "), "{said}");
        let (params_kept, _, results) = kept(place.path());
        assert!(params_kept == params(7));
        assert_eq!(results["end"], "finished");
    }
}
