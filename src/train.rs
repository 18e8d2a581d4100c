//! The training loop: batches in, losses and accuracies out as events. It knows no terminal and no file.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::backend::{self, Backend, Evaluation, Resident};
use crate::data::batches::Batches;
use crate::net::Params;

/// How long one call of the backend should take: short enough that an interruption is heard at once and no driver
/// takes the GPU for hung, long enough that the wait at its end does not count.
const CHUNK: Duration = Duration::from_millis(100);

/// How long someone who interrupts a run waits for its last evaluation.
const PATIENCE: Duration = Duration::from_millis(500);

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

/// The two sets of a run, resident on the backend.
#[derive(Clone, Copy, Debug)]
pub struct Sets {
    /// What is trained on.
    pub train: Resident,
    /// What is only evaluated.
    pub test: Resident,
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
    /// An evaluation of both sets is done.
    Epoch(EpochAccuracy),
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

/// Trains, and evaluates both sets after each iteration i where i is a multiple of the epoch, as the book does.
///
/// `on_event` hears of every chunk of steps (about ten a second) and can end the run with [`ControlFlow::Break`].
///
/// # Errors
/// What the device reports.
pub async fn train(
    backend: &mut Backend,
    sets: Sets,
    batches: &mut Batches,
    settings: &Settings,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome, backend::Error> {
    // Some drivers compile a kernel only when it first runs. A gradient runs all those of a step and changes nothing.
    backend.gradient(sets.train, &batches.indices(0, 1)).await?;
    let mut run = Run {
        backend,
        sets,
        batches,
        settings,
        losses: Vec::new(),
        epochs: Vec::new(),
        train_time: Duration::ZERO,
        eval_time: Duration::ZERO,
    };
    // The weights at the last evaluation, and at the one before: the loss of the last ones may be the first bad one.
    let mut good = (0, run.backend.params().await?);
    let mut earlier = good.clone();
    let mut end = End::Finished;
    // The last evaluation, while it is of the parameters as they are.
    let mut last = None;
    let mut flow = on_event(Event::Started);
    while run.done() < settings.iterations {
        if flow.is_break() {
            end = End::Interrupted;
            break;
        }
        let first = run.losses.len();
        last = None;
        run.chunk().await?;
        let losses = &run.losses[first..];
        if let Some(place) = losses.iter().position(|loss| !loss.is_finite()) {
            let step = (first + place) as u64;
            run.losses.truncate(first + place + 1);
            run.back_to_finite(if good.0 < step { &good } else { &earlier }, step).await?;
            end = End::NotFinite { step };
            break;
        }
        flow = on_event(Event::Steps { done: run.done(), losses });
        let iteration = run.done() - 1;
        if iteration.is_multiple_of(settings.steps_per_epoch.max(1)) && flow.is_continue() {
            let [train, test] = run.evaluate().await?;
            let epoch =
                EpochAccuracy { epoch: run.epochs.len(), iteration, train: train.accuracy(), test: test.accuracy() };
            last = Some([train, test]);
            run.epochs.push(epoch);
            flow = on_event(Event::Epoch(epoch));
            earlier = std::mem::replace(&mut good, (run.done(), run.backend.params().await?));
        }
    }
    if last.is_none() && (end != End::Interrupted || run.evaluates_at_once()) {
        last = Some(run.evaluate().await?);
    }
    let params = run.backend.params().await?;
    let Run { losses, epochs, train_time, eval_time, .. } = run;
    Ok(Outcome { end, params, losses, epochs, last, train_time, eval_time })
}

struct Run<'a> {
    backend: &'a mut Backend,
    sets: Sets,
    batches: &'a mut Batches,
    settings: &'a Settings,
    losses: Vec<f32>,
    epochs: Vec<EpochAccuracy>,
    train_time: Duration,
    eval_time: Duration,
}

impl Run<'_> {
    fn done(&self) -> u64 {
        self.losses.len() as u64
    }

    /// Runs as many steps as should take a chunk's time, up to the next evaluation.
    async fn chunk(&mut self) -> Result<(), backend::Error> {
        let done = self.done();
        let epoch = self.settings.steps_per_epoch.max(1);
        let next_evaluation = done.div_ceil(epoch) * epoch + 1;
        let steps = self.steps_in_a_chunk(next_evaluation.min(self.settings.iterations) - done);
        let indices = self.batches.indices(done, steps);
        let start = Instant::now();
        let losses = self.backend.train(self.sets.train, &indices, self.settings.learning_rate).await?;
        self.train_time += start.elapsed();
        self.losses.extend(losses);
        Ok(())
    }

    /// How many of the steps that are left a chunk takes, by the time that steps took so far; one at first.
    fn steps_in_a_chunk(&self, left: u64) -> usize {
        let in_time = match self.train_time.as_secs_f64() / self.done().max(1) as f64 {
            0.0 => 1.0,
            seconds_a_step => CHUNK.as_secs_f64() / seconds_a_step,
        };
        (in_time as usize).clamp(1, left as usize)
    }

    /// Whether an evaluation is over so soon that someone who interrupts the run can wait for it.
    fn evaluates_at_once(&self) -> bool {
        let count = self.epochs.len() as u32;
        count > 0 && self.eval_time < PATIENCE * count
    }

    async fn evaluate(&mut self) -> Result<[Evaluation; 2], backend::Error> {
        let start = Instant::now();
        let train = self.backend.evaluate(self.sets.train).await?;
        let test = self.backend.evaluate(self.sets.test).await?;
        self.eval_time += start.elapsed();
        Ok([train, test])
    }

    /// Trains again, from parameters that were good after so many steps, to the last ones that had a finite loss:
    /// those of the step before `step`. The same steps give the same bits.
    async fn back_to_finite(&mut self, (done, params): &(u64, Params), step: u64) -> Result<(), backend::Error> {
        self.backend.set_params(params).await?;
        let (mut done, until) = (*done, step.saturating_sub(1));
        while done < until {
            let steps = self.steps_in_a_chunk(until - done);
            let indices = self.batches.indices(done, steps);
            self.backend.train(self.sets.train, &indices, self.settings.learning_rate).await?;
            done += steps as u64;
        }
        Ok(())
    }
}
