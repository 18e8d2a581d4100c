//! The results of a run as one JSON object: on stdout with `--json`, and as run.json in the run's folder.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

use super::width::wrapped;
use crate::backend::{self, Evaluation};
use crate::data::description::Description;
use crate::devices::{Hardware, Info, Kind};
use crate::train::{End, EpochAccuracy, Outcome};
use crate::words::counted;

/// A device, as in `twolayer devices --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    name: String,
    kind: Kind,
    backend: String,
    driver: String,
    software: bool,
    #[serde(flatten)]
    hardware: Hardware,
}

impl From<&Info> for Device {
    fn from(info: &Info) -> Self {
        let Info { name, kind, backend, driver, software, hardware, .. } = info.clone();
        Self { name, kind, backend, driver, software, hardware }
    }
}

/// Where the images came from, and how many there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Data {
    /// `mnist`, `built-in` or a path.
    pub source: String,
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
    /// Classes.
    pub classes: usize,
    /// Whether rows and columns were exchanged, as a person asked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub transposed: bool,
    /// The folder, where its name is no text that `source` could hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_path: Option<OsString>,
    /// What else is known of the set.
    #[serde(flatten)]
    pub description: Description,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What the run was asked to do.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Pixels of an image.
    pub input: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Images in a batch.
    pub batch_size: usize,
    /// The factor of every gradient.
    pub learning_rate: f32,
    /// Where the deviation of the initial weights comes from; none where they came from a file.
    pub weight_init: Option<&'static str>,
    /// The deviation of all initial weights; none where it differs by layer, or where they came from a file.
    pub weight_init_std: Option<f32>,
    /// The file that the initial parameters came from.
    pub init: Option<String>,
    /// The hidden layer's function.
    pub activation: &'static str,
    /// The output layer's function.
    pub output: &'static str,
    /// How gradients are computed.
    pub gradient: &'static str,
    /// How far a numerical gradient moves a parameter to either side; none where nothing is moved.
    pub step_size: Option<f64>,
    /// How batches are drawn.
    pub sampling: &'static str,
    /// The seed of the weights and the batches.
    pub seed: u64,
    /// Iterations asked for.
    pub iterations: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Final {
    train_accuracy: f64,
    test_accuracy: f64,
    test_loss: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Epoch {
    iteration: u64,
    train_accuracy: f64,
    test_accuracy: f64,
}

/// The kernels that ran on a GPU.
#[derive(Clone, Debug, Serialize)]
struct Kernels {
    /// A folder of shaders/.
    family: &'static str,
    /// One a dispatch, in their order.
    step: Vec<&'static str>,
}

/// A run's results.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    version: &'static str,
    device: Device,
    kernels: Option<Kernels>,
    data: Data,
    settings: Settings,
    end: &'static str,
    iterations: u64,
    train_seconds: f64,
    eval_seconds: f64,
    seconds: f64,
    steps_per_second: f64,
    images_per_second: f64,
    r#final: Option<Final>,
    epochs: Vec<Epoch>,
    out: Option<String>,
}

impl Run {
    /// Puts the results together. `seconds` is the time since the process started.
    #[must_use]
    pub fn new(
        device: &Info,
        kernels: Option<backend::Kernels>,
        data: Data,
        settings: Settings,
        outcome: &Outcome,
        seconds: f64,
        out: Option<String>,
    ) -> Self {
        let iterations = outcome.losses.len() as u64;
        let train_seconds = outcome.train_time.as_secs_f64();
        let steps_per_second = if iterations == 0 { 0.0 } else { iterations as f64 / train_seconds };
        let last = |[train, test]: &[Evaluation; 2]| Final {
            train_accuracy: train.accuracy(),
            test_accuracy: test.accuracy(),
            test_loss: test.loss,
        };
        let epoch = |&EpochAccuracy { iteration, train, test, .. }: &EpochAccuracy| Epoch {
            iteration,
            train_accuracy: train,
            test_accuracy: test,
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            device: device.into(),
            kernels: kernels.map(|backend::Kernels { family, dispatches }| Kernels { family, step: dispatches }),
            data,
            end: match outcome.end {
                End::Finished => "finished",
                End::Interrupted => "interrupted",
                End::NotFinite { .. } => "loss not finite",
            },
            iterations,
            train_seconds,
            eval_seconds: outcome.eval_time.as_secs_f64(),
            seconds,
            steps_per_second,
            images_per_second: steps_per_second * settings.batch_size as f64,
            r#final: outcome.last.as_ref().map(last),
            epochs: outcome.epochs.iter().map(epoch).collect(),
            settings,
            out,
        }
    }

    /// What is known of the set that was trained on.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.data.description
    }

    /// The same in a few lines of so many columns, for a person.
    #[must_use]
    pub fn text(&self, columns: usize) -> String {
        let accuracies = self.r#final.as_ref().map_or(String::new(), |last| {
            let Final { train_accuracy, test_accuracy, test_loss } = last;
            format!("train acc, test acc | {train_accuracy:.4}, {test_accuracy:.4}   test loss {test_loss:.4}\n")
        });
        // A naive gradient takes many seconds.
        let rate = |rate: f64| if rate < 10.0 { format!("{rate:.2}") } else { format!("{rate:.0}") };
        let speed = format!(
            "{} of {} in {:.2} s: {} iterations/s, {} images/s; evaluations {:.2} s; {:.2} s in all",
            counted(self.iterations, "iteration"),
            counted(self.settings.batch_size, "image"),
            self.train_seconds,
            rate(self.steps_per_second),
            rate(self.images_per_second),
            self.eval_seconds,
            self.seconds,
        );
        format!("{accuracies}{}\n", wrapped(&speed, columns))
    }
}
