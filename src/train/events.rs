//! What a run is given, what it tells while it goes on, and what it leaves.

use std::time::Duration;

use crate::backend::{self, Evaluation};
use crate::data;
use crate::net::Params;

/// Why a run fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device failed, or computes wrongly.
    #[error(transparent)]
    Backend(#[from] backend::Error),
    /// Images cannot be read any more.
    #[error(transparent)]
    Data(#[from] data::Error),
}

/// How long one call of the backend should take: short enough that an interruption is heard at once and no driver
/// takes the GPU for hung, long enough that the wait at its end does not count.
pub(super) const CHUNK: Duration = Duration::from_millis(100);

/// What to train with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Steps of SGD.
    pub iterations: u64,
    /// Steps from one evaluation to the next: an epoch, at least 1.
    pub steps_per_epoch: u64,
    /// What every gradient is multiplied by, finite and above 0.
    pub learning_rate: f32,
}

impl Settings {
    /// The steps of an epoch: as many batches as the training set fills, at least 1.
    #[must_use]
    pub fn steps_per_epoch(images: usize, batch_size: usize) -> u64 {
        images.checked_div(batch_size).unwrap_or(0).max(1) as u64
    }
}

/// Something that happened while training.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The kernels are warm; the clock starts.
    Started,
    /// Some steps are done.
    Steps {
        /// Steps done since the start.
        done: u64,
        /// The losses of those done since the last event, one a step.
        losses: &'a [f32],
    },
    /// Some parameters of a step's gradient are done: only where that takes long, as [`train_naive`](super::train_naive) does.
    Parameters {
        /// The step, from 0.
        step: u64,
        /// Parameters whose slope is known.
        done: usize,
        /// Parameters of the network.
        of: usize,
    },
    /// An evaluation of both sets is done.
    Epoch {
        /// What it found.
        accuracy: EpochAccuracy,
        /// What a run that is cut short here can keep.
        checkpoint: Checkpoint<'a>,
    },
}

/// A run as it was when both sets were evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint<'a> {
    /// The parameters that were evaluated.
    pub params: &'a Params,
    /// The training and the test set.
    pub evaluations: &'a [Evaluation; 2],
    /// Time spent in steps so far.
    pub train_time: Duration,
    /// Time spent in evaluations so far, this one among them.
    pub eval_time: Duration,
}

/// Both accuracies after one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochAccuracy {
    /// Which epoch, from 0.
    pub epoch: usize,
    /// The step after which it was taken, from 0.
    pub iteration: u64,
    /// Accuracy on the whole training set.
    pub train: f64,
    /// Accuracy on the whole test set.
    pub test: f64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every iteration is done.
    Finished,
    /// The receiver of the events asked to stop.
    Interrupted,
    /// The loss of this step was infinite or not a number. The parameters are the last that had a finite loss.
    NotFinite {
        /// The step, from 0.
        step: u64,
    },
}

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The parameters at the end.
    pub params: Params,
    /// The loss of each step's batch before its update.
    pub losses: Vec<f32>,
    /// The accuracies, one entry an epoch.
    pub epochs: Vec<EpochAccuracy>,
    /// The training and the test set, evaluated with the parameters at the end; none if the run was interrupted and an
    /// evaluation takes long.
    pub last: Option<[Evaluation; 2]>,
    /// Time spent in steps: no evaluation, loading or compiling.
    pub train_time: Duration,
    /// Time spent in evaluations.
    pub eval_time: Duration,
}
