//! The results of a training run as one JSON object: on stdout with `--json`, as run.json in the run's folder, and in a
//! checkpoint as far as the run has come.

use std::ffi::OsString;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::width::wrapped;
use crate::backend::{self, Evaluation};
use crate::data::batches::Sampling;
use crate::data::description::Description;
use crate::devices::{Hardware, Info, Kind};
use crate::net::method::STEP_SIZES;
use crate::net::optimizer::{MOMENTUM, Optimizer, Rule};
use crate::net::schedule::Decay;
use crate::net::{Activation, Output, Shape};
use crate::train::{Best, Done, End, EpochAccuracy, Evaluations, Outcome};
use crate::words::counted;

/// A device, as in `twolayer devices --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Whether it is the CPU.
    pub kind: Kind,
    /// `cpu`, `vulkan`, `metal`, `dx12`, `gl`, or `reference` for the f64 reference.
    pub backend: String,
    /// Its driver and the driver's version.
    pub driver: String,
    software: bool,
    /// What it is made of. Older results do not say it.
    #[serde(flatten)]
    pub hardware: Option<Hardware>,
}

impl From<&Info> for Device {
    fn from(info: &Info) -> Self {
        let Info { name, kind, backend, driver, software, hardware, .. } = info.clone();
        Self { name, kind, backend, driver, software, hardware: Some(hardware) }
    }
}

/// One of the devices of a run on several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// The machine, if the run was on several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The device.
    #[serde(flatten)]
    pub device: Device,
}

/// The images of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// `mnist`, `built-in` or a path.
    pub source: String,
    /// The number of training images.
    pub train: usize,
    /// The number of validation images, which are none of the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Pixels of an image.
    pub input: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Images in a batch.
    pub batch_size: usize,
    /// The optimiser. Older results do not say: it was SGD.
    #[serde(default)]
    pub optimizer: Rule,
    /// The learning rate.
    pub learning_rate: f32,
    /// Its course after the warmup. Older results do not say: it was constant.
    #[serde(default)]
    pub lr_schedule: Decay,
    /// The iterations of its warmup.
    #[serde(default)]
    pub warmup: u64,
    /// The momentum. `None` for optimisers without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f32>,
    /// The weight decay.
    #[serde(default)]
    pub weight_decay: f32,
    /// The rule for the standard deviation of the initial weights. `None` if they came from a file.
    pub weight_init: Option<String>,
    /// The standard deviation of all initial weights. `None` if it differs by layer, or if they came from a file.
    pub weight_init_std: Option<f32>,
    /// The file with the initial parameters.
    pub init: Option<String>,
    /// The activation function of the hidden layer.
    pub activation: Activation,
    /// The output function.
    pub output: Output,
    /// The gradient method.
    pub gradient: String,
    /// The step size of a numerical gradient. `None` for backpropagation.
    pub step_size: Option<f64>,
    /// The sampling of the batches.
    pub sampling: Sampling,
    /// The seed of the weights and the batches.
    pub seed: u64,
    /// The number of iterations of a whole run.
    pub iterations: u64,
    /// The steps between two means of the weights of several devices. `None` for a run on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_every: Option<u64>,
    /// The share of the training images that is held out for validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// For how many epochs the validation accuracy does not rise before it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stop: Option<u64>,
    /// The accuracy at which it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_accuracy: Option<f64>,
}

impl Settings {
    /// The optimiser with its numbers.
    #[must_use]
    pub fn optimizer(&self) -> Optimizer {
        let &Self { optimizer: rule, momentum, weight_decay, .. } = self;
        Optimizer { rule, momentum: momentum.unwrap_or(MOMENTUM), weight_decay }
    }
}

/// The accuracies and the loss at the end of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Final {
    /// Accuracy on the training images.
    pub train_accuracy: f64,
    /// Accuracy on the validation images, if there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// Accuracy on the test images.
    pub test_accuracy: f64,
    /// JSON has no infinity: `null` stands for it.
    test_loss: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Epoch {
    iteration: u64,
    train_accuracy: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation_accuracy: Option<f64>,
    test_accuracy: f64,
}

/// The evaluation that is best on the validation images, whose network is best.safetensors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct BestEvaluation {
    iteration: u64,
    validation_accuracy: f64,
    /// JSON has no infinity: `null` stands for it.
    validation_loss: Option<f64>,
    test_accuracy: f64,
}

impl From<Best> for BestEvaluation {
    fn from(Best { iteration, accuracy, loss, test }: Best) -> Self {
        let validation_loss = loss.is_finite().then_some(loss);
        Self { iteration, validation_accuracy: accuracy, validation_loss, test_accuracy: test }
    }
}

impl From<BestEvaluation> for Best {
    fn from(best: BestEvaluation) -> Self {
        let BestEvaluation { iteration, validation_accuracy, validation_loss, test_accuracy } = best;
        let loss = validation_loss.unwrap_or(f64::INFINITY);
        Self { iteration, accuracy: validation_accuracy, loss, test: test_accuracy }
    }
}

/// The kernels that ran on a GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernels {
    /// A folder of shaders/.
    family: String,
    /// How they are set. Older results do not say.
    #[serde(default)]
    plan: Option<String>,
    /// The kernel of each dispatch of a step, in order.
    step: Vec<String>,
}

impl From<backend::Kernels> for Kernels {
    fn from(backend::Kernels { family, plan, dispatches }: backend::Kernels) -> Self {
        Self { family: family.to_owned(), plan: Some(plan), step: dispatches.into_iter().map(str::to_owned).collect() }
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// It was training when this was written.
    #[serde(rename = "running")]
    Running,
    /// Every iteration is done.
    #[serde(rename = "finished")]
    Finished,
    /// It was stopped.
    #[serde(rename = "interrupted")]
    Interrupted,
    /// The loss was not finite.
    #[serde(rename = "loss not finite")]
    NotFinite,
    /// Its validation accuracy no longer rose.
    #[serde(rename = "stopped early")]
    StoppedEarly,
    /// It has reached its target accuracy.
    #[serde(rename = "target reached")]
    TargetReached,
}

/// The largest deviation of the initial weights. No network learns with so large a one, but all its weights are finite.
pub const MAX_WEIGHT_INIT_STD: f32 = 1e6;

/// Whether a run can hold out this share of each class.
#[must_use]
pub fn is_validation_share(share: f64) -> bool {
    0.0 < share && share < 1.0
}

/// Whether a run can stop at this accuracy.
#[must_use]
pub fn is_target_accuracy(accuracy: f64) -> bool {
    0.0 < accuracy && accuracy <= 1.0
}

/// The version of the format of run.json and of a checkpoint. Files without a version are older, and have no checkpoint.
pub const FORMAT: u32 = 1;

/// A run's results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    #[serde(default)]
    format: u32,
    /// The version of the program that wrote it.
    pub version: String,
    /// The device, or the first of several.
    pub device: Device,
    /// All devices of a run on several, in their order. Empty for a run on one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replicas: Vec<Replica>,
    /// `None` for a CPU.
    pub kernels: Option<Kernels>,
    /// The images.
    pub data: Data,
    /// A hash of all labels and of a sample of the images. Older results have none.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The settings.
    pub settings: Settings,
    /// How far it has come.
    pub end: Progress,
    /// Iterations that are done.
    pub iterations: u64,
    /// The iterations after which it was resumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed_at: Vec<u64>,
    train_seconds: f64,
    eval_seconds: f64,
    /// Time of all processes that worked on it.
    pub seconds: f64,
    steps_per_second: f64,
    images_per_second: f64,
    /// The last evaluation.
    pub r#final: Option<Final>,
    epochs: Vec<Epoch>,
    /// The best evaluation. `None` without validation images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    best: Option<BestEvaluation>,
    out: Option<String>,
}

/// A run's results that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A newer program wrote them.
    #[error("has format {0}, and this twolayer reads up to {FORMAT}; use the one that wrote it, or a newer one")]
    Newer(u64),
    /// They contradict themselves, or what any run can be.
    #[error("contradicts itself: {0}")]
    Contradiction(&'static str),
    /// They are no results of a run.
    #[error("is not what twolayer writes about a run ({0})")]
    Json(#[from] serde_json::Error),
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
        let steps_per_second = if train_seconds > 0.0 { iterations as f64 / train_seconds } else { 0.0 };
        let last = |Evaluations { train, validation, test }: &Evaluations| Final {
            train_accuracy: train.accuracy(),
            validation_accuracy: validation.as_ref().map(Evaluation::accuracy),
            test_accuracy: test.accuracy(),
            test_loss: test.loss.is_finite().then_some(test.loss),
        };
        let epoch = |&EpochAccuracy { iteration, train, test, validation, .. }: &EpochAccuracy| Epoch {
            iteration,
            train_accuracy: train,
            validation_accuracy: validation,
            test_accuracy: test,
        };
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: device.into(),
            replicas: Vec::new(),
            kernels: kernels.map(Kernels::from),
            data,
            fingerprint: None,
            end: match outcome.end {
                End::Finished => Progress::Finished,
                End::Interrupted => Progress::Interrupted,
                End::NotFinite { .. } => Progress::NotFinite,
                End::StoppedEarly => Progress::StoppedEarly,
                End::TargetReached => Progress::TargetReached,
            },
            iterations,
            resumed_at: Vec::new(),
            train_seconds,
            eval_seconds: outcome.eval_time.as_secs_f64(),
            seconds,
            steps_per_second,
            images_per_second: steps_per_second * settings.batch_size as f64,
            r#final: outcome.last.as_ref().map(last),
            epochs: outcome.epochs.iter().map(epoch).collect(),
            best: outcome.best.map(BestEvaluation::from),
            settings,
            out,
        }
    }

    /// These results, of images with this fingerprint, and of a run that was resumed after these iterations.
    #[must_use]
    pub fn with(mut self, fingerprint: &str, resumed_at: &[u64]) -> Self {
        self.fingerprint = Some(fingerprint.to_owned());
        resumed_at.clone_into(&mut self.resumed_at);
        self
    }

    /// These results, of a run on these devices.
    #[must_use]
    pub fn on(mut self, replicas: &[Replica]) -> Self {
        replicas.clone_into(&mut self.replicas);
        self
    }

    /// The devices of this machine that it was trained on. Of a run on several machines, the first.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        let several = self.replicas.iter().all(|replica| replica.host.is_none());
        let one = (self.replicas.is_empty() || !several).then_some(&self.device);
        one.into_iter().chain(self.replicas.iter().filter(move |_| several).map(|replica| &replica.device))
    }

    /// Reads results.
    ///
    /// # Errors
    /// They are of a newer format, or are no results.
    pub fn read(json: &str) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        struct Format {
            #[serde(default)]
            format: u64,
        }
        let Format { format } = serde_json::from_str(json)?;
        if format > u64::from(FORMAT) {
            return Err(ReadError::Newer(format));
        }
        let run: Self = serde_json::from_str(json)?;
        run.check().map_err(ReadError::Contradiction)?;
        Ok(run)
    }

    /// The shape of its network.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape { input: self.settings.input, hidden: self.settings.hidden, classes: self.data.classes }
    }

    /// Says what no run can have.
    fn check(&self) -> Result<(), &'static str> {
        let Self { settings, data, iterations, .. } = self;
        let is_std = |std: f32| (0.0..=MAX_WEIGHT_INIT_STD).contains(&std);
        let checks = [
            (self.shape().check(settings.batch_size).is_ok(), "its network or its batch is larger than any"),
            (
                settings.learning_rate.is_finite() && settings.learning_rate > 0.0,
                "its learning rate is no finite number above 0",
            ),
            (settings.warmup <= settings.iterations, "its warmup is longer than the run"),
            (settings.target_accuracy.is_none_or(is_target_accuracy), "its target accuracy is out of range"),
            (settings.early_stop != Some(0), "it is to stop before its first epoch"),
            (settings.average_every != Some(0), "it is to take a mean after no steps"),
            (settings.validation.is_none_or(is_validation_share), "its validation share is out of range"),
            (
                settings.early_stop.is_none() || settings.validation.is_some(),
                "it is to stop early without validation images",
            ),
            (settings.optimizer().check().is_ok(), "its momentum or its weight decay is out of range"),
            (settings.weight_init_std.is_none_or(is_std), "its deviation of the initial weights is out of range"),
            (settings.step_size.is_none_or(|size| STEP_SIZES.contains(&size)), "its step size is out of range"),
            (*iterations <= settings.iterations.max(1), "it has done more iterations than it was to do"),
            (data.description.fits(settings.input, data.classes), "its images are others than its network's"),
        ];
        checks.into_iter().try_for_each(|(is_so, contradiction)| if is_so { Ok(()) } else { Err(contradiction) })
    }

    /// These results of a run that goes on.
    #[must_use]
    pub fn running(mut self) -> Self {
        self.end = Progress::Running;
        self
    }

    /// What the run had done.
    #[must_use]
    pub fn done(&self, losses: Vec<f32>) -> Done {
        let accuracy = |(epoch, of_epoch): (usize, &Epoch)| {
            let &Epoch { iteration, train_accuracy, validation_accuracy, test_accuracy } = of_epoch;
            EpochAccuracy {
                epoch,
                iteration,
                train: train_accuracy,
                test: test_accuracy,
                validation: validation_accuracy,
            }
        };
        let [train_time, eval_time] = [self.train_seconds, self.eval_seconds]
            .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        let epochs = self.epochs.iter().enumerate().map(accuracy).collect();
        Done { losses, epochs, best: self.best.map(Best::from), train_time, eval_time }
    }

    /// The accuracy on the test images at the end, or else at the last epoch.
    #[must_use]
    pub fn test_accuracy(&self) -> Option<f64> {
        let of_epoch = self.epochs.last().map(|epoch| epoch.test_accuracy);
        self.r#final.as_ref().map(|last| last.test_accuracy).or(of_epoch)
    }

    /// Whether an evaluation is the best one, so that its network is saved too.
    #[must_use]
    pub fn has_best(&self) -> bool {
        self.best.is_some()
    }

    /// The description of the training set.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.data.description
    }

    /// The accuracies on the validation images.
    fn validation_text(&self) -> Option<String> {
        let best = self.best?;
        let last = self.r#final.as_ref().and_then(|last| last.validation_accuracy);
        let last = last.map_or(String::new(), |accuracy| format!("{accuracy:.4}, "));
        Some(format!(
            "validation acc | {last}best {:.4} after {}, with test acc {:.4}",
            best.validation_accuracy,
            counted(best.iteration + 1, "iteration"),
            best.test_accuracy
        ))
    }

    /// Why it ended, if not by its last iteration; and whether its target was reached.
    fn end_text(&self) -> Option<String> {
        let Settings { target_accuracy, early_stop, validation, .. } = self.settings;
        let judged = if validation.is_some() { "validation" } else { "test" };
        match (self.end, target_accuracy, early_stop) {
            (Progress::StoppedEarly, _, Some(epochs)) => {
                Some(format!("stopped early: {} without a higher validation accuracy", counted(epochs, "epoch")))
            }
            (Progress::TargetReached, Some(target), _) => Some(format!(
                "reached a {judged} accuracy of {target} after {}, in {:.2} s of training",
                counted(self.iterations, "iteration"),
                self.train_seconds
            )),
            (Progress::Finished, Some(target), _) => Some(format!("a {judged} accuracy of {target} was not reached")),
            _ => None,
        }
    }

    /// The results as a few lines of text, `columns` wide.
    #[must_use]
    pub fn text(&self, columns: usize) -> String {
        let accuracies = self.r#final.as_ref().map_or(String::new(), |last| {
            let &Final { train_accuracy, test_accuracy, test_loss, .. } = last;
            let test_loss = test_loss.unwrap_or(f64::INFINITY);
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
        let lines = self.validation_text().into_iter().chain(self.end_text()).chain([speed]);
        lines.fold(accuracies, |text, line| text + &wrapped(&line, columns) + "\n")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::book;

    /// The settings of the book's run.
    pub fn book() -> Settings {
        Settings {
            input: 784,
            hidden: book::HIDDEN.into(),
            batch_size: book::BATCH_SIZE.into(),
            optimizer: Rule::Sgd,
            learning_rate: book::LEARNING_RATE,
            lr_schedule: Decay::Constant,
            warmup: 0,
            momentum: None,
            weight_decay: 0.0,
            weight_init: Some("normal".to_owned()),
            weight_init_std: Some(book::WEIGHT_INIT_STD),
            init: None,
            activation: Activation::Sigmoid,
            output: Output::Softmax,
            gradient: "backprop".to_owned(),
            step_size: None,
            sampling: Sampling::Replacement,
            seed: 0,
            iterations: book::ITERATIONS,
            validation: None,
            early_stop: None,
            target_accuracy: None,
            average_every: None,
        }
    }
}
