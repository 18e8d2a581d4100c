//! The results of a training run as one JSON object: on stdout with `--json`, and as run.json in the run's folder.

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

/// The images of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Data {
    /// `mnist`, `built-in` or a path.
    pub source: String,
    /// The number of training images.
    pub train: usize,
    /// The number of test images.
    pub test: usize,
    /// The number of classes.
    pub classes: usize,
    /// Whether the user had rows and columns exchanged.
    #[serde(default, skip_serializing_if = "is_false")]
    pub transposed: bool,
    /// The folder, if its name is not Unicode, so that `source` cannot hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_path: Option<OsString>,
    /// The description of the set.
    #[serde(flatten)]
    pub description: Description,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The settings of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Pixels of an image.
    pub input: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Images in a batch.
    pub batch_size: usize,
    /// The learning rate.
    pub learning_rate: f32,
    /// The rule for the standard deviation of the initial weights. `None` if they came from a file.
    pub weight_init: Option<&'static str>,
    /// The standard deviation of all initial weights. `None` if it differs by layer, or if they came from a file.
    pub weight_init_std: Option<f32>,
    /// The file with the initial parameters.
    pub init: Option<String>,
    /// The activation function of the hidden layer.
    pub activation: &'static str,
    /// The output function.
    pub output: &'static str,
    /// The gradient method.
    pub gradient: &'static str,
    /// The step size of a numerical gradient. `None` for backpropagation.
    pub step_size: Option<f64>,
    /// The sampling of the batches.
    pub sampling: &'static str,
    /// The seed of the weights and the batches.
    pub seed: u64,
    /// The number of iterations of a whole run.
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
    /// The kernel of each dispatch of a step, in order.
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

    /// The description of the training set.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.data.description
    }

    /// The results as a few lines of text, `columns` wide.
    #[must_use]
    pub fn text(&self, columns: usize) -> String {
        let accuracies = self.r#final.as_ref().map_or(String::new(), |last| {
            let Final { train_accuracy, test_accuracy, test_loss } = last;
            format!("train acc, test acc | {train_accuracy:.4}, {test_accuracy:.4}   test loss {test_loss:.4}\n")
        });
        // A step with a naive gradient takes many seconds.
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
