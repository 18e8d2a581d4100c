//! The settings, events and outcome of a training run.

use std::time::Duration;

use crate::backend::{self, Evaluation};
use crate::data;
use crate::net::Params;

/// A run fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device fails, or computes wrong values.
    #[error(transparent)]
    Backend(#[from] backend::Error),
    /// The images cannot be read.
    #[error(transparent)]
    Data(#[from] data::Error),
}

/// The target time of one call of the backend. An interruption then takes effect soon, and no driver stops the GPU. The wait
/// at the end of a call is short in comparison.
pub(super) const CHUNK: Duration = Duration::from_millis(100);

/// The settings of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Steps of SGD.
    pub iterations: u64,
    /// Steps of an epoch, at least 1. There is an evaluation for each epoch.
    pub steps_per_epoch: u64,
    /// The learning rate, finite and above 0.
    pub learning_rate: f32,
}

impl Settings {
    /// The steps of an epoch: the number of full batches in the training set, at least 1.
    #[must_use]
    pub fn steps_per_epoch(images: usize, batch_size: usize) -> u64 {
        images.checked_div(batch_size).unwrap_or(0).max(1) as u64
    }
}

/// An event of a run.
#[derive(Clone, Copy, Debug)]
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
    /// Both splits are evaluated.
    Epoch {
        /// The accuracies.
        accuracy: EpochAccuracy,
        /// The state to save if the run ends here.
        checkpoint: Checkpoint<'a>,
    },
}

/// The state of a run at an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint<'a> {
    /// The parameters that were evaluated.
    pub params: &'a Params,
    /// The evaluations of the training and the test split.
    pub evaluations: &'a [Evaluation; 2],
    /// Time spent in steps so far.
    pub train_time: Duration,
    /// Time spent in evaluations so far, including these.
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
}

/// The reason that a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every iteration is done.
    Finished,
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
    /// The parameters at the end.
    pub params: Params,
    /// The loss of each step's batch before the update.
    pub losses: Vec<f32>,
    /// The accuracies of each epoch.
    pub epochs: Vec<EpochAccuracy>,
    /// The evaluations of the training and the test split at the end. `None` if the run was interrupted and an evaluation
    /// takes long.
    pub last: Option<[Evaluation; 2]>,
    /// Time spent in steps, without evaluation, loading and compiling.
    pub train_time: Duration,
    /// Time spent in evaluations.
    pub eval_time: Duration,
}
