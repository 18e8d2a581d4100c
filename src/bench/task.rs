//! A workload on a dataset: the input of every device, and the check of its results before it is timed.

use super::check::{Errors, Found, Wrong, check, check_evaluation, params};
use super::workload::{Step, Workload};
use crate::backend::Evaluation;
use crate::data::Dataset;
use crate::data::batches::{Batches, Sampling};
use crate::net::{Activation, Net, Output, Params};

/// A workload with its data and initial parameters.
pub struct Task<'a> {
    /// The workload.
    pub workload: Workload,
    /// The workload's network, with the book's activation and output functions.
    pub net: Net,
    /// The initial parameters.
    pub params: Params,
    /// The images.
    pub set: &'a Dataset,
    /// The image indices of the batch that is checked. Empty for inference, which takes the whole set.
    pub batch: Vec<u32>,
}

/// A device's results for a task.
#[derive(Clone, Debug)]
pub enum Computed {
    /// The results for one batch.
    Training {
        /// The values of the pass, and the parameters after a step.
        found: Box<Found>,
        /// The step's learning rate.
        learning_rate: f32,
    },
    /// The evaluation of the whole set.
    Inference(Evaluation),
}

/// The seed of the batches.
const SEED: u64 = 0;

impl<'a> Task<'a> {
    /// Puts a workload on these images.
    #[must_use]
    pub fn new(workload: Workload, set: &'a Dataset) -> Self {
        let shape = workload.shape();
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let mut task = Self { workload, net, params: params(shape), set, batch: Vec::new() };
        task.batch = task.batches(1);
        task
    }

    /// The number of images in a step.
    #[must_use]
    pub fn images_per_step(&self) -> usize {
        match self.workload.step {
            Step::Training { batch_size } => batch_size,
            Step::Inference => self.set.len(),
        }
    }

    /// The floating-point operations of a step.
    #[must_use]
    pub fn flops(&self) -> f64 {
        self.workload.flops(self.images_per_step())
    }

    /// The image indices of the first steps, `[steps, batch_size]`. Empty for inference.
    #[must_use]
    pub fn batches(&self, steps: usize) -> Vec<u32> {
        match self.workload.step {
            Step::Training { batch_size } => {
                Batches::new(SEED, Sampling::Replacement, batch_size, self.set.len()).indices(0, steps)
            }
            Step::Inference => Vec::new(),
        }
    }

    /// Compares a device's results with the f64 reference.
    ///
    /// # Errors
    /// The first wrong stage.
    pub fn check(&self, computed: &Computed) -> Result<Errors, Wrong> {
        let Self { net, params, set, batch, .. } = self;
        match computed {
            Computed::Training { found, learning_rate } => check(net, params, set, batch, *learning_rate, found),
            Computed::Inference(found) => check_evaluation(net, params, set, found),
        }
    }
}
