//! Runs beside each other: a table, a JSON object, and the curves of a plot.

use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::columns::{NONE, Section, table};
use super::plot::{RunCurve, Value};
use super::running_mean::running_mean;
use super::runs::{Flag, ITERATIONS, setting_flags};
use super::summary::{Run, Settings};
use super::width::abbreviated;
use crate::train::EpochAccuracy;
use crate::words::grouped;

/// Some runs.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The flags in which they differ.
    differing: Vec<&'static str>,
    runs: Vec<Compared>,
}

/// A run beside others.
#[derive(Debug, Serialize)]
struct Compared {
    /// Its folder.
    path: String,
    /// Its folder, without the folders that all have in common.
    name: String,
    device: String,
    data: String,
    settings: Settings,
    /// Iterations that are done.
    iterations: u64,
    /// The end of its running mean. `None` without a finite loss.
    loss: Option<f64>,
    /// The accuracies at the end, or else at the last epoch.
    train_accuracy: Option<f64>,
    validation_accuracy: Option<f64>,
    test_accuracy: Option<f64>,
    train_seconds: f64,
    #[serde(skip)]
    flags: Vec<Flag>,
    #[serde(skip)]
    losses: Vec<(f64, f64)>,
    #[serde(skip)]
    accuracies: Vec<EpochAccuracy>,
}

impl Comparison {
    /// Compares runs by their folders, records and losses.
    #[must_use]
    pub fn new(runs: Vec<(PathBuf, Run, Vec<f32>)>) -> Self {
        let names = names(&runs.iter().map(|(path, ..)| path.as_path()).collect::<Vec<_>>());
        let runs =
            runs.into_iter().zip(names).map(|((path, run, losses), name)| Compared::new(&path, name, &run, losses));
        let runs: Vec<_> = runs.collect();
        Self { differing: differing(&runs), runs }
    }

    /// The number of runs.
    #[must_use]
    pub fn count(&self) -> usize {
        self.runs.len()
    }

    /// A table with a row for each run, at most `columns` wide. Columns that do not fit continue below.
    #[must_use]
    pub fn text(&self, columns: usize) -> String {
        // The iterations have a column anyway.
        let settings: Vec<_> = self.differing.iter().copied().filter(|flag| *flag != ITERATIONS).collect();
        let has_validation = self.runs.iter().any(|run| run.validation_accuracy.is_some());
        let validation = has_validation.then_some("validation acc");
        let figures = [ITERATIONS, "loss", "train acc"].into_iter().chain(validation).chain(["test acc", "time"]);
        let headings: Vec<_> = ["run"].into_iter().chain(settings.iter().copied()).chain(figures).collect();
        // Two cells fit beside each other.
        let most = columns * 2 / 5;
        let rows = self.runs.iter().map(|run| {
            let settings =
                settings.iter().map(|flag| run.value(flag).map_or(NONE.to_owned(), |value| abbreviated(value, most)));
            [abbreviated(&run.name, most)].into_iter().chain(settings).chain(run.figures(has_validation)).collect()
        });
        table(&headings, &[Section { title: None, rows: rows.collect() }], columns)
    }

    /// The curves of all runs.
    #[must_use]
    pub fn curves(&self, value: Value) -> Vec<RunCurve> {
        self.runs.iter().map(|run| run.curve(value)).collect()
    }
}

impl Compared {
    fn new(path: &Path, name: String, run: &Run, losses: Vec<f32>) -> Self {
        let means = running_mean(&losses);
        let done = run.done(losses);
        let mut accuracies = done.epochs;
        if let Some(last) = &run.r#final {
            let epoch = accuracies.len();
            let (train, test, validation) = (last.train_accuracy, last.test_accuracy, last.validation_accuracy);
            accuracies.push(EpochAccuracy {
                epoch,
                iteration: run.iterations.saturating_sub(1),
                train,
                test,
                validation,
            });
        }
        let device = Flag { name: "device", value: run.device.backend.clone(), is_usual: false };
        let data = Flag { name: "data", value: run.data.source.clone(), is_usual: false };
        Self {
            path: path.display().to_string(),
            name,
            device: run.device.backend.clone(),
            data: run.data.source.clone(),
            iterations: run.iterations,
            loss: means.last().map(|(_, mean)| *mean),
            train_accuracy: accuracies.last().map(|last| last.train),
            validation_accuracy: accuracies.last().and_then(|last| last.validation),
            test_accuracy: accuracies.last().map(|last| last.test),
            train_seconds: done.train_time.as_secs_f64(),
            flags: [device, data].into_iter().chain(setting_flags(&run.settings)).collect(),
            settings: run.settings.clone(),
            losses: means,
            accuracies,
        }
    }

    /// The value of a flag. `None` if the run has no such setting.
    fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|flag| flag.name == name).map(|flag| flag.value.as_str())
    }

    fn figures(&self, with_validation: bool) -> impl Iterator<Item = String> {
        let all = self.settings.iterations;
        let four = |value: Option<f64>| value.map_or(NONE.to_owned(), |value| format!("{value:.4}"));
        let iterations = if self.iterations == all { all.to_string() } else { format!("{} of {all}", self.iterations) };
        [iterations, four(self.loss), four(self.train_accuracy)]
            .into_iter()
            .chain(with_validation.then(|| four(self.validation_accuracy)))
            .chain([four(self.test_accuracy), format!("{:.2} s", self.train_seconds)])
    }

    fn curve(&self, value: Value) -> RunCurve {
        let accuracies = |of: fn(&EpochAccuracy) -> f64| {
            let points = self.accuracies.iter().map(|point| (point.iteration as f64, of(point)));
            points.filter(|(_, accuracy)| (0.0..=1.0).contains(accuracy)).collect()
        };
        let points = match value {
            Value::Loss => self.losses.clone(),
            Value::TrainAccuracy => accuracies(|point| point.train),
            Value::ValidationAccuracy => accuracies(|point| point.validation.unwrap_or(f64::NAN)),
            Value::TestAccuracy => accuracies(|point| point.test),
        };
        RunCurve { name: self.name.clone(), iterations: self.iterations, points }
    }
}

/// The flags in which runs differ. One that only some runs have counts if it is not as usual: a momentum of 0.9 says no more
/// than the optimiser.
fn differing(runs: &[Compared]) -> Vec<&'static str> {
    let flags = grouped(runs.iter().flat_map(|run| &run.flags).map(|flag| (flag.name, flag)));
    let differs = |flags: &[&Flag]| {
        let is_missing = flags.len() < runs.len();
        flags.windows(2).any(|pair| pair[0].value != pair[1].value)
            || is_missing && flags.iter().any(|flag| !flag.is_usual)
    };
    flags.into_iter().filter(|(_, flags)| differs(flags)).map(|(name, _)| name).collect()
}

/// The paths without the folders that all begin with. Each keeps its last part.
fn names(paths: &[&Path]) -> Vec<String> {
    let parts: Vec<Vec<Component>> = paths.iter().map(|path| path.components().collect()).collect();
    let shortest = parts.iter().map(Vec::len).min().unwrap_or(0);
    let is_common = |place: &usize| parts.iter().all(|path| path[*place] == parts[0][*place]);
    let common = (0..shortest.saturating_sub(1)).take_while(is_common).count();
    parts.iter().map(|path| path[common..].iter().collect::<PathBuf>().display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use super::*;
    use crate::backend::Evaluation;
    use crate::devices::Info;
    use crate::net::optimizer::Rule;
    use crate::net::state::State;
    use crate::net::{Params, Shape};
    use crate::report::summary::Data;
    use crate::report::summary::tests::book;
    use crate::report::width::width;
    use crate::train::{End, Evaluations, Outcome, Snapshot};

    fn run(path: &str, settings: Settings, losses: &[f32]) -> (PathBuf, Run, Vec<f32>) {
        let params = Params::zeros(Shape { input: 1, hidden: 1, classes: 2 });
        let evaluation = Evaluation { images: 4, loss: 0.5, classes: 2, confusion: vec![2, 1, 0, 1] };
        let outcome = Outcome {
            end: End::Finished,
            snapshot: Snapshot::Backend(Cow::Owned(State { params, slots: Vec::new(), steps: 0 })),
            losses: losses.to_vec(),
            epochs: vec![EpochAccuracy { epoch: 0, iteration: 0, train: 0.25, test: f64::NAN, validation: Some(0.5) }],
            last: Some(Evaluations { train: evaluation.clone(), validation: None, test: evaluation }),
            best: None,
            train_time: Duration::from_millis(1500),
            eval_time: Duration::ZERO,
        };
        let run = Run::new(&Info::reference(), None, Data::default(), settings, &outcome, 2.0, None);
        (path.into(), run, losses.to_vec())
    }

    fn adam() -> Settings {
        Settings { optimizer: Rule::Adam, learning_rate: 0.001, ..book() }
    }

    #[test]
    fn only_settings_that_differ_are_shown() {
        let momentum = Settings { optimizer: Rule::Momentum, momentum: Some(0.9), learning_rate: 0.01, ..book() };
        let runs = vec![run("runs/adam", adam(), &[2.0]), run("runs/momentum", momentum.clone(), &[f32::NAN])];
        let comparison = Comparison::new(runs);
        assert_eq!(comparison.differing, ["optimizer", "learning-rate"]);
        let expected = "run      optimizer learning-rate iterations   loss train acc test acc   time
adam          adam         0.001 1 of 10000 2.0000    0.7500   0.7500 1.50 s
momentum  momentum          0.01 1 of 10000      -    0.7500   0.7500 1.50 s
";
        assert_eq!(comparison.text(80), expected);
        // An unusual momentum says more than the optimiser.
        let unusual = Settings { momentum: Some(0.5), ..momentum };
        let runs = vec![run("a", adam(), &[]), run("b", unusual, &[])];
        assert_eq!(Comparison::new(runs).differing, ["optimizer", "learning-rate", "momentum"]);
        // The number of iterations has one column.
        let short = Settings { iterations: 1, ..book() };
        let comparison = Comparison::new(vec![run("a", book(), &[1.0]), run("b", short, &[1.0])]);
        assert_eq!(comparison.differing, ["iterations"]);
        assert_eq!(comparison.text(80).matches("iterations").count(), 1);
    }

    #[test]
    fn no_line_is_too_wide() {
        let long = format!("runs/{}", "くつした".repeat(30));
        let settings = Settings { init: Some("a/long/path/".repeat(9)), seed: u64::MAX, ..adam() };
        let other =
            Settings { hidden: 4000, batch_size: 1, gradient: "numerical".to_owned(), step_size: Some(1e-4), ..book() };
        let comparison = Comparison::new(vec![run(&long, settings, &[1.0; 100]), run("runs/b", other, &[])]);
        for columns in [40, 60, 80, 120, 200] {
            let text = comparison.text(columns);
            assert!(text.lines().all(|line| width(line) <= columns), "{columns}\n{text}");
            assert!(text.contains("learning-rate") && text.contains("1.50 s"), "{text}");
        }
    }

    #[test]
    fn names_lose_their_common_folders() {
        for (paths, expected) in [
            (&["runs/a", "runs/b/"][..], &["a", "b"][..]),
            (&["x/a", "y/a"], &["x/a", "y/a"]),
            (&["/x/y/a", "/x/y/a/b"], &["a", "a/b"]),
            (&["runs/a"], &["a"]),
            (&["a", "b"], &["a", "b"]),
            (&["."], &["."]),
            (&[], &[]),
        ] {
            let paths: Vec<_> = paths.iter().map(Path::new).collect();
            assert_eq!(names(&paths), expected);
        }
    }

    #[test]
    fn curves_have_finite_points_up_to_the_end() {
        let losses: Vec<f32> = (0..40).map(|n| if n == 39 { f32::NAN } else { 1.0 }).collect();
        let comparison = Comparison::new(vec![run("a", book(), &losses)]);
        assert_eq!(comparison.curves(Value::Loss)[0].points.last(), Some(&(39.0, 1.0)));
        assert_eq!(comparison.curves(Value::TrainAccuracy)[0].points, [(0.0, 0.25), (39.0, 0.75)]);
        assert_eq!(comparison.curves(Value::ValidationAccuracy)[0].points, [(0.0, 0.5)]);
        assert_eq!(comparison.curves(Value::TestAccuracy)[0].points, [(39.0, 0.75)]);
        let json = serde_json::to_value(&comparison).unwrap();
        assert_eq!((&json["differing"], &json["runs"][0]["loss"]), (&serde_json::json!([]), &1.0.into()));
    }
}
