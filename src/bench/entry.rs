//! The devices of this machine as entrants of a contest.

use std::time::{Duration, Instant};

use pollster::block_on;

use super::check::{self, Found};
use super::contest::{Contestant, Entrant};
use super::peak::{self, Peak};
use super::task::{Computed, Task};
use super::workload::Step;
use crate::backend::{self, Backend, Profile, Resident, Untimed};
use crate::data::Dataset;
use crate::devices::{self, Device, Info};

/// An opened device of this machine, with its measured peak.
pub struct Entry {
    info: Info,
    device: Result<Device, backend::Error>,
    peak: Result<Peak, backend::Error>,
    spent: Duration,
}

impl Entry {
    /// Opens a device and measures its peak. If that fails, every row of the device holds the error.
    #[must_use]
    pub fn open(found: &devices::Found) -> Self {
        let start = Instant::now();
        let device = block_on(found.open());
        let peak = device.as_ref().map_err(Clone::clone).and_then(|device| block_on(peak::measure(device)));
        Self { info: found.info.clone(), device, peak, spent: start.elapsed() }
    }

    /// The device's measured peak.
    ///
    /// # Errors
    /// The device's error.
    pub fn peak(&self) -> Result<Peak, backend::Error> {
        self.peak.clone()
    }
}

impl Entrant for Entry {
    fn info(&self) -> &Info {
        &self.info
    }

    fn peak_flops(&self) -> Option<f64> {
        self.peak.as_ref().ok().map(|peak| peak.flops)
    }

    fn spent(&self) -> Duration {
        self.spent
    }

    fn enter(&self, task: &Task) -> Result<Box<dyn Contestant>, backend::Error> {
        enter(self.device.as_ref().map_err(Clone::clone)?, task)
    }
}

/// Prepares a device for a task: compiles the kernels and uploads the images.
///
/// # Errors
/// The device's error.
pub fn enter(device: &Device, task: &Task) -> Result<Box<dyn Contestant>, backend::Error> {
    // An inference task has no batch, but a backend needs room for one image.
    let batch_size = task.batch.len().max(1);
    block_on(async {
        let mut backend = Backend::new(device, task.net, batch_size, &task.params).await?;
        let set = backend.upload(task.set).await?;
        Ok(Box::new(Timed { backend, set, indices: Vec::new() }) as Box<dyn Contestant>)
    })
}

/// A network on a device.
struct Timed {
    backend: Backend,
    set: Resident,
    /// Image indices of the longest round so far. A shorter round uses the first of them.
    indices: Vec<u32>,
}

/// The learning rate of a timed network is this number over its hidden units: the book's 0.1 for its 50 units. Wider
/// networks then change their output as much in a step, and do not diverge.
const LEARNING_RATE_TIMES_HIDDEN: f32 = 0.1 * 50.0;

impl Contestant for Timed {
    fn compute(&mut self, task: &Task) -> Result<Computed, backend::Error> {
        let Self { backend, set, .. } = self;
        let (set, batch) = (*set, &task.batch);
        block_on(async {
            Ok(match task.workload.step {
                Step::Inference => Computed::Inference(backend.evaluate(set).await?),
                Step::Training { .. } => {
                    let intermediates = backend.intermediates(set, batch).await?;
                    let (loss, gradient) = backend.gradient(set, batch).await?;
                    let learning_rate = check::learning_rate(&task.params, &gradient);
                    backend.train(set, batch, learning_rate).await?;
                    let after = backend.params().await?;
                    backend.set_params(&task.params).await?;
                    Computed::Training {
                        found: Box::new(Found { intermediates, loss, gradient, after }),
                        learning_rate,
                    }
                }
            })
        })
    }

    fn round(&mut self, task: &Task, steps: usize) -> Result<Duration, backend::Error> {
        let count = steps * task.batch.len();
        if self.indices.len() < count {
            self.indices = task.batches(steps);
        }
        let Self { backend, set, indices } = self;
        let learning_rate = LEARNING_RATE_TIMES_HIDDEN / task.workload.hidden as f32;
        block_on(async {
            let start = Instant::now();
            match task.workload.step {
                Step::Training { .. } => {
                    backend.train(*set, &indices[..count], learning_rate).await?;
                }
                Step::Inference => {
                    for _ in 0..steps {
                        backend.evaluate(*set).await?;
                    }
                }
            }
            Ok(start.elapsed())
        })
    }

    fn profile(&mut self, task: &Task) -> Result<Profile, backend::Error> {
        match task.workload.step {
            Step::Training { .. } => block_on(self.backend.profile(self.set, &task.batch)),
            Step::Inference => Ok(Untimed::Inference.into()),
        }
    }

    fn dispatches(&self) -> Option<usize> {
        // The number of an evaluation depends on its tiles, so only training steps are counted.
        self.backend.kernels().filter(|_| !self.indices.is_empty()).map(|kernels| kernels.dispatches.len())
    }
}

/// The share of a set's pixels that are not 0. Kernels that skip zeros are faster on sparser images.
#[must_use]
pub fn density(set: &Dataset) -> f64 {
    let nonzero = set.images().iter().filter(|pixel| **pixel > 0).count();
    nonzero as f64 / set.images().len() as f64
}
