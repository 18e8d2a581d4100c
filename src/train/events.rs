//! The settings, events and outcome of a training run.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{self, Evaluation};
use crate::clock::Instant;
use crate::data;
use crate::net::schedule::Schedule;
use crate::net::state::State;
use crate::net::{Params, Shape};
use crate::peers::Gone;
use crate::reference::Tensors;
use crate::words::counted;

/// A run fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device fails, or computes wrong values.
    #[error(transparent)]
    Backend(backend::Error),
    /// The images cannot be read.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// There is a device without an image to evaluate.
    #[error("{} for {}; give more images, or fewer devices", counted(*images, "image"), counted(*replicas, "device"))]
    FewerImages {
        /// The images of a split.
        images: usize,
        /// The replicas.
        replicas: usize,
    },
    /// Another replica has failed.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// One of several replicas fails.
    #[error("{device}: {reason}")]
    Replica {
        /// Its device.
        device: String,
        /// Its error.
        reason: Box<Self>,
    },
    /// Replicas that have exchanged their parameters do not have the same ones.
    #[error(
        "the devices ended with different parameters, so one of them keeps values wrongly; train on each by itself"
    )]
    Differ,
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            // A device that reads images itself has not failed where they cannot be read.
            backend::Error::Images(reason) => {
                Arc::try_unwrap(reason).map_or_else(|reason| Self::Backend(backend::Error::Images(reason)), Self::Data)
            }
            error => Self::Backend(error),
        }
    }
}

/// The shortest time between two checkpoints, so that fast epochs are not slowed down.
const MIN_CHECKPOINT: Duration = Duration::from_secs(2);

/// The times of the checkpoints.
pub(super) struct CheckpointTimes {
    every: Option<Duration>,
    last: Instant,
    /// The steps before the last one.
    steps: usize,
}

impl CheckpointTimes {
    /// For a run that has done this number of steps.
    pub fn new(settings: &Settings, steps: usize) -> Self {
        Self { every: settings.checkpoint_every, last: Instant::now(), steps }
    }

    /// Whether a checkpoint is due after this number of steps, between two evaluations.
    pub fn is_due(&self, steps: usize) -> bool {
        steps > self.steps && self.every.is_some_and(|every| self.last.elapsed() >= every)
    }

    /// Whether an evaluation is a checkpoint too, which costs less than one between evaluations.
    pub fn is_due_at_evaluation(&self) -> bool {
        self.every.is_some_and(|every| self.last.elapsed() >= every.min(MIN_CHECKPOINT))
    }

    /// A checkpoint after this number of steps is begun or written.
    pub fn set(&mut self, steps: usize) {
        (self.last, self.steps) = (Instant::now(), steps);
    }
}

/// The target time of one call of the backend. An interruption then takes effect soon, and no driver stops the GPU. The wait
/// at the end of a call is short in comparison.
pub(super) const CHUNK: Duration = Duration::from_millis(100);

/// The settings of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Steps of the optimiser.
    pub iterations: u64,
    /// Steps of an epoch, at least 1. There is an evaluation for each epoch.
    pub steps_per_epoch: u64,
    /// The learning rate, finite and above 0.
    pub learning_rate: f32,
    /// Its course over the iterations.
    pub schedule: Schedule,
    /// The longest time between two checkpoints. `None` for a run without checkpoints.
    pub checkpoint_every: Option<Duration>,
    /// A run stops early when the validation accuracy has not risen for so many epochs.
    pub early_stop: Option<u64>,
    /// The accuracy that ends the run: on the validation images where there are some, else on the test images.
    pub target_accuracy: Option<f64>,
}

impl Settings {
    /// A run with a constant learning rate, without checkpoints, that ends after its last iteration.
    #[must_use]
    pub fn new(iterations: u64, steps_per_epoch: u64, learning_rate: f32) -> Self {
        Self {
            iterations,
            steps_per_epoch,
            learning_rate,
            schedule: Schedule::default(),
            checkpoint_every: None,
            early_stop: None,
            target_accuracy: None,
        }
    }

    /// Why a run with these epochs goes no further, if it does not.
    pub(super) fn end(&self, epochs: &[EpochAccuracy]) -> Option<End> {
        let last = epochs.last()?;
        if self.reaches_target(last.judged()) {
            return Some(End::TargetReached);
        }
        let highest = epochs.iter().filter_map(|epoch| epoch.validation).fold(f64::NEG_INFINITY, f64::max);
        let risen = epochs.iter().position(|epoch| epoch.validation == Some(highest))?;
        let stops = self.early_stop.is_some_and(|patience| (epochs.len() - 1 - risen) as u64 >= patience);
        stops.then_some(End::StoppedEarly)
    }

    pub(super) fn reaches_target(&self, accuracy: f64) -> bool {
        self.target_accuracy.is_some_and(|target| accuracy >= target)
    }

    /// The learning rates of the steps from `first` on.
    pub(super) fn rates(&self, first: u64, steps: usize) -> Vec<f32> {
        (first..first + steps as u64).map(|step| self.rate(step)).collect()
    }

    /// The learning rate of a step, from 0.
    #[must_use]
    pub fn rate(&self, step: u64) -> f32 {
        self.schedule.rate(self.learning_rate, step, self.iterations)
    }

    /// The steps of an epoch: the number of full batches in the training set, at least 1.
    #[must_use]
    pub fn steps_per_epoch(images: usize, batch_size: usize) -> u64 {
        images.checked_div(batch_size).unwrap_or(0).max(1) as u64
    }
}

/// The steps that a run has done, for a run that continues after them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// The loss of each step's batch before the update.
    pub losses: Vec<f32>,
    /// The accuracies of each epoch.
    pub epochs: Vec<EpochAccuracy>,
    /// The best evaluation. `None` without validation images.
    pub best: Option<Best>,
    /// Time spent in these steps.
    pub train_time: Duration,
    /// Time spent in evaluations.
    pub eval_time: Duration,
}

impl Done {
    /// Whether the last of these steps ends an epoch that is not evaluated.
    pub(super) fn lacks_evaluation(&self, steps_per_epoch: u64) -> bool {
        let evaluations = (self.losses.len() as u64).div_ceil(steps_per_epoch.max(1));
        (self.epochs.len() as u64) < evaluations
    }
}

/// What a network in training is, to the last bit: training continues from it as if it had not been interrupted.
#[derive(Clone, Debug, PartialEq)]
pub enum Snapshot<'a> {
    /// The state of a backend.
    Backend(Cow<'a, State>),
    /// The parameters of the f64 reference.
    Reference(Cow<'a, Tensors>),
}

impl Snapshot<'_> {
    /// The parameters, rounded to f32.
    #[must_use]
    pub fn params(&self) -> Cow<'_, Params> {
        match self {
            Self::Backend(state) => Cow::Borrowed(&state.params),
            Self::Reference(tensors) => {
                let ((input, hidden), classes) = (tensors.w1.dim(), tensors.b2.len());
                Cow::Owned(tensors.rounded(Shape { input, hidden, classes }))
            }
        }
    }

    /// Whether all values are finite. The update after a finite loss may overflow.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let is_finite =
            |params: &Params| params.tensors().iter().all(|tensor| tensor.values.iter().all(|v| v.is_finite()));
        match self {
            Self::Backend(state) => is_finite(&state.params) && state.slots.iter().all(is_finite),
            Self::Reference(tensors) => tensors.values().all(|value| value.is_finite()),
        }
    }

    /// The snapshot with values of its own.
    #[must_use]
    pub fn into_owned(self) -> Snapshot<'static> {
        match self {
            Self::Backend(state) => Snapshot::Backend(Cow::Owned(state.into_owned())),
            Self::Reference(tensors) => Snapshot::Reference(Cow::Owned(tensors.into_owned())),
        }
    }
}

/// An event of a run.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The kernels are warm, and the first step starts.
    Started,
    /// Some steps are done.
    Steps {
        /// Steps since the start of the run.
        done: u64,
        /// The losses of the steps since the last event.
        losses: &'a [f32],
    },
    /// A part of a step's gradient is computed. Only [`train_naive`](super::train_naive) sends it.
    Parameters {
        /// The step, from 0.
        step: u64,
        /// The number of parameters whose derivative is computed.
        done: usize,
        /// The number of parameters of the network.
        of: usize,
    },
    /// All splits are evaluated.
    Epoch {
        /// The accuracies.
        accuracy: EpochAccuracy,
        /// The evaluations of the splits.
        evaluations: &'a Evaluations,
        /// The best evaluation so far, this one or an earlier one. `None` without validation images.
        best: Option<Best>,
        /// The network that was evaluated.
        checkpoint: Checkpoint<'a>,
    },
    /// It is time to save the run.
    Checkpoint(Checkpoint<'a>),
}

/// A run after its last steps or its last evaluation.
#[derive(Clone, Debug)]
pub struct Checkpoint<'a> {
    /// The network.
    pub snapshot: Snapshot<'a>,
    /// Time spent in steps so far.
    pub train_time: Duration,
    /// Time spent in evaluations so far.
    pub eval_time: Duration,
}

/// The accuracies of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochAccuracy {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The step before the evaluation, from 0.
    pub iteration: u64,
    /// Accuracy on the whole training set.
    pub train: f64,
    /// Accuracy on the whole test set.
    pub test: f64,
    /// Accuracy on the validation images, if there are some.
    pub validation: Option<f64>,
}

impl EpochAccuracy {
    /// The accuracy that a target is compared with.
    pub(super) fn judged(&self) -> f64 {
        self.validation.unwrap_or(self.test)
    }
}

/// The evaluations of the splits, all of the same network.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluations {
    /// Of the training images.
    pub train: Evaluation,
    /// Of the validation images, if there are some.
    pub validation: Option<Evaluation>,
    /// Of the test images.
    pub test: Evaluation,
}

impl Evaluations {
    /// The evaluation of each split.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut Evaluation> {
        [Some(&mut self.train), self.validation.as_mut(), Some(&mut self.test)].into_iter().flatten()
    }

    /// The accuracies of an epoch; `iteration` is the step before.
    #[must_use]
    pub fn accuracy(&self, epoch: usize, iteration: u64) -> EpochAccuracy {
        let Self { train, validation, test } = self;
        let validation = validation.as_ref().map(Evaluation::accuracy);
        EpochAccuracy { epoch, iteration, train: train.accuracy(), test: test.accuracy(), validation }
    }

    /// The better one of these, of a network whose values are finite, and the best ones before; none without validation images.
    pub(super) fn or_better(&self, best: Option<Best>, iteration: u64) -> Option<Best> {
        let Some(validation) = &self.validation else { return best };
        let (accuracy, loss) = (validation.accuracy(), validation.loss);
        let loss = if loss.is_nan() { f64::INFINITY } else { loss };
        let is_best = |best: Best| (accuracy, -loss) > (best.accuracy, -best.loss);
        let this = Best { iteration, accuracy, loss, test: self.test.accuracy() };
        if best.is_none_or(is_best) { Some(this) } else { best }
    }
}

/// The evaluation of a run that is best on the validation images: of the highest accuracy, then of the lowest loss, then the
/// first. The test images have no part in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// The step before it, from 0.
    pub iteration: u64,
    /// The accuracy on the validation images.
    pub accuracy: f64,
    /// The mean loss on the validation images.
    pub loss: f64,
    /// The accuracy on the test images.
    pub test: f64,
}

/// The reason that a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every iteration is done.
    Finished,
    /// The validation accuracy has not risen for as many epochs as [`Settings::early_stop`] says.
    StoppedEarly,
    /// [`Settings::target_accuracy`] is reached.
    TargetReached,
    /// The receiver of the events stopped the run.
    Interrupted,
    /// The loss of this step was infinite or NaN. The parameters are the last ones with a finite loss.
    NotFinite {
        /// The step, from 0.
        step: u64,
    },
}

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The reason that it ended.
    pub end: End,
    /// The network at the end.
    pub snapshot: Snapshot<'static>,
    /// The loss of each step's batch before the update.
    pub losses: Vec<f32>,
    /// The accuracies of each epoch.
    pub epochs: Vec<EpochAccuracy>,
    /// The evaluations of the splits at the end. `None` if the run was interrupted and an evaluation takes long.
    pub last: Option<Evaluations>,
    /// The best evaluation, at the end or before. `None` without validation images.
    pub best: Option<Best>,
    /// Time spent in steps, without evaluation, loading and compiling.
    pub train_time: Duration,
    /// Time spent in evaluations.
    pub eval_time: Duration,
}
