//! The training loop.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use super::events::{
    Best, CHUNK, Checkpoint, CheckpointTimes, Done, End, EpochAccuracy, Error, Evaluations, Event, Outcome, Settings,
    Snapshot,
};
use super::images::{Images, Sets};
use super::replica::{PendingEvaluations, Replica};
use super::stream::Stream;
use crate::backend::{Backend, Pending};
use crate::clock::Instant;
use crate::data::batches::Batches;
use crate::net::state::State;

/// The longest evaluation that is still done at the end of an interrupted run.
const MAX_LAST_EVALUATION: Duration = Duration::from_millis(500);

/// Trains a network. All splits are evaluated after iteration 0 and then once an epoch, as in the book.
///
/// `on_event` receives about ten events a second. It ends the run by returning [`ControlFlow::Break`].
///
/// # Errors
/// The device fails or computes wrong values, or the images cannot be read.
pub async fn train(
    backend: &mut Backend,
    sets: Sets,
    batches: &mut Batches,
    settings: &Settings,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome, Error> {
    continue_training(backend, sets, batches, settings, Done::default(), on_event).await
}

/// As [`train`], after steps that are done: the backend has the state of a [`Snapshot`] after them. All following steps give
/// the bits of a run that was not interrupted.
///
/// If the loss of the first step is not finite, the outcome has this state, as the state before is not known.
///
/// # Errors
/// Those of [`train`].
pub async fn continue_training(
    backend: &mut Backend,
    sets: Sets,
    batches: &mut Batches,
    settings: &Settings,
    done: Done,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome, Error> {
    lead(Replica::alone(backend, sets, batches), settings, done, on_event).await
}

/// As [`continue_training`], by the only replica or by the first of several, while the others [follow](Replica::follow). All
/// steps give the bits of an uninterrupted run on the same devices.
///
/// # Errors
/// Those of [`train`]; and those of the other replicas.
pub async fn lead<'a>(
    mut replica: Replica<'a>,
    settings: &'a Settings,
    done: Done,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome, Error> {
    let start = replica.begin().await?;
    let mut evaluate_next = done.lacks_evaluation(settings.steps_per_epoch);
    let Done { losses, epochs, best, train_time, eval_time } = done;
    let mut run = Run {
        replica,
        settings,
        first: losses.len(),
        started: losses.len() as u64,
        last_result: Instant::now(),
        losses,
        epochs,
        best,
        earlier_time: train_time,
        train_time,
        eval_time,
    };
    // The states at the last two evaluations. The parameters of the last one may be those whose loss is not finite.
    let mut good = (run.done(), start);
    let mut earlier = good.clone();
    let mut end = End::Finished;
    // The number of steps before the last evaluation, and its result.
    let mut last = None;
    let mut pending = VecDeque::new();
    let mut checkpoints = CheckpointTimes::new(settings, run.first);
    let mut flow = on_event(Event::Started);
    // A run that is resumed at its last epoch does no more steps.
    let is_at_epoch = run.epochs.last().is_some_and(|epoch| epoch.iteration + 1 == run.done());
    let mut over = if is_at_epoch { settings.end(&run.epochs) } else { None };
    loop {
        while over.is_none() && flow.is_continue() && pending.len() < run.replica.ahead() {
            if evaluate_next {
                // Only when all steps are done, and no step follows it before it is done. So the time between two results belongs
                // to one of them, whatever the driver does with work that is submitted early.
                if pending.is_empty() {
                    pending.push_back(run.start_evaluation().await?);
                    evaluate_next = false;
                }
                break;
            } else if checkpoints.is_due(run.started as usize) {
                checkpoints.set(run.started as usize);
                pending.push_back(Work::Checkpoint { state: run.replica.state() });
            } else if run.started < settings.iterations {
                pending.push_back(run.start_steps().await?);
                evaluate_next = (run.started - 1).is_multiple_of(run.steps_per_epoch());
            } else {
                break;
            }
        }
        match pending.pop_front() {
            None => break,
            Some(Work::Steps { since, losses }) => {
                let losses = losses.await?;
                let time = run.time_since(since);
                run.train_time += time;
                let first = run.losses.len();
                run.losses.extend(&losses);
                if let Some(index) = losses.iter().position(|loss| !loss.is_finite()) {
                    let step = (first + index) as u64;
                    run.losses.truncate(first + index + 1);
                    // Pending work is done first, and its results are overwritten.
                    run.back_to_finite(if good.0 < step { &good } else { &earlier }, step).await?;
                    end = End::NotFinite { step };
                    last = None;
                    break;
                }
                flow = either_stops(flow, on_event(Event::Steps { done: run.done(), losses: &losses }));
                if run.replica.is_stopped() {
                    flow = ControlFlow::Break(());
                }
            }
            Some(Work::Evaluation { since, evaluations, state }) => {
                let (evaluations, state) = (evaluations.answers().await?, state.await?);
                let time = run.time_since(since);
                run.eval_time += time;
                let accuracy = evaluations.accuracy(run.epochs.len(), run.done() - 1);
                run.epochs.push(accuracy);
                run.judge(&evaluations, accuracy.iteration, &Snapshot::Backend(Cow::Borrowed(&state)));
                over = settings.end(&run.epochs);
                let (_, evaluations) = last.insert((run.done(), evaluations));
                earlier = std::mem::replace(&mut good, (run.done(), state));
                let checkpoint = run.checkpoint(&good.1);
                flow = either_stops(
                    flow,
                    on_event(Event::Epoch { accuracy, evaluations, best: run.best, checkpoint: checkpoint.clone() }),
                );
                if checkpoints.is_due_at_evaluation() {
                    flow = either_stops(flow, on_event(Event::Checkpoint(checkpoint)));
                    checkpoints.set(run.losses.len());
                    run.last_result = Instant::now();
                }
            }
            Some(Work::Checkpoint { state }) => {
                let state = state.await?;
                flow = either_stops(flow, on_event(Event::Checkpoint(run.checkpoint(&state))));
                checkpoints.set(run.losses.len());
                // The time of writing is no step's.
                run.last_result = Instant::now();
            }
        }
    }
    if end == End::Finished && (over == Some(End::TargetReached) || run.done() < settings.iterations) {
        end = over.unwrap_or(End::Interrupted);
    }
    run.end(end, last).await
}

struct Run<'a> {
    replica: Replica<'a>,
    settings: &'a Settings,
    /// The number of steps that were done before.
    first: usize,
    /// The number of steps that were started. The number that is done is that of the losses.
    started: u64,
    /// The time of the last result.
    last_result: Instant,
    losses: Vec<f32>,
    epochs: Vec<EpochAccuracy>,
    best: Option<Best>,
    /// The time of the steps that were done before, perhaps on a faster device.
    earlier_time: Duration,
    train_time: Duration,
    eval_time: Duration,
}

/// A stop, if one of these is.
fn either_stops(flow: ControlFlow<()>, other: ControlFlow<()>) -> ControlFlow<()> {
    if flow.is_break() { flow } else { other }
}

/// Work of the backend, and the time of its start.
enum Work {
    Steps { since: Instant, losses: Pending<Vec<f32>> },
    Evaluation { since: Instant, evaluations: PendingEvaluations, state: Pending<State> },
    Checkpoint { state: Pending<State> },
}

impl Run<'_> {
    fn done(&self) -> u64 {
        self.losses.len() as u64
    }

    fn steps_per_epoch(&self) -> u64 {
        self.settings.steps_per_epoch.max(1)
    }

    fn checkpoint<'a>(&self, state: &'a State) -> Checkpoint<'a> {
        let &Self { train_time, eval_time, .. } = self;
        Checkpoint { snapshot: Snapshot::Backend(Cow::Borrowed(state)), train_time, eval_time }
    }

    /// Starts a chunk of steps, which ends at the next evaluation at the latest.
    async fn start_steps(&mut self) -> Result<Work, Error> {
        let steps = self.steps_in_a_chunk(self.left_of_epoch());
        let (first, rates) = (self.started, self.settings.rates(self.started, steps));
        self.started += steps as u64;
        let next = self.next_steps();
        let (since, losses) = self.replica.train(first, &rates, next).await?;
        Ok(Work::Steps { since, losses })
    }

    /// The number of steps before the next evaluation or the end.
    fn left_of_epoch(&self) -> u64 {
        let epoch = self.steps_per_epoch();
        let next_evaluation = self.started.div_ceil(epoch) * epoch + 1;
        next_evaluation.min(self.settings.iterations) - self.started
    }

    /// The first step of the next chunk and their number, if a stream reads ahead.
    fn next_steps(&self) -> Option<(u64, usize)> {
        let left = self.left_of_epoch();
        (left > 0 && self.replica.train.reads_ahead()).then(|| (self.started, self.steps_in_a_chunk(left)))
    }

    async fn start_evaluation(&mut self) -> Result<Work, Error> {
        let since = Instant::now();
        let evaluations = self.replica.evaluate().await?;
        Ok(Work::Evaluation { since, evaluations, state: self.replica.state() })
    }

    /// The time that the backend spent on the work whose result has just come. The time before the previous result does not
    /// count.
    fn time_since(&mut self, start: Instant) -> Duration {
        let since = start.max(self.last_result);
        self.last_result = Instant::now();
        self.last_result - since
    }

    /// The number of steps in the next chunk, at most `left`. A stream has room for a fixed number. Otherwise it follows from
    /// the mean time of a step, and the first chunk is one step. Replicas take the mean at the end of a chunk, so it is a
    /// multiple of the steps between two means.
    fn steps_in_a_chunk(&self, left: u64) -> usize {
        let steps = if let Images::Streamed(_) = self.replica.train {
            (Stream::IMAGES / self.replica.batches.batch_size()) as u64
        } else {
            let steps = (self.losses.len() - self.first).max(1);
            match self.train_time.saturating_sub(self.earlier_time).as_secs_f64() / steps as f64 {
                0.0 => 1,
                seconds_a_step => (CHUNK.as_secs_f64() / seconds_a_step) as u64,
            }
        };
        let between_means = self.replica.average_every();
        steps.max(1).div_ceil(between_means).saturating_mul(between_means).min(left) as usize
    }

    /// The outcome. `last` is the last evaluation, with the number of steps before it.
    async fn end(mut self, mut end: End, last: Option<(u64, Evaluations)>) -> Result<Outcome, Error> {
        let snapshot = Snapshot::Backend(Cow::Owned(self.replica.state().await?));
        // An evaluation of earlier parameters does not count.
        let mut last = last.filter(|(done, _)| *done == self.done()).map(|(_, evaluations)| evaluations);
        if last.is_none() && (end != End::Interrupted || self.evaluates_quickly()) {
            let evaluations = self.evaluate().await?;
            if let (End::Finished, Some(iteration)) = (end, self.done().checked_sub(1)) {
                self.judge(&evaluations, iteration, &snapshot);
                let accuracy = evaluations.accuracy(self.epochs.len(), iteration);
                if self.settings.reaches_target(accuracy.judged()) {
                    end = End::TargetReached;
                }
            }
            last = Some(evaluations);
        }
        self.replica.end().await?;
        let Run { losses, epochs, best, train_time, eval_time, .. } = self;
        Ok(Outcome { end, snapshot, losses, epochs, last, best, train_time, eval_time })
    }

    /// Compares the evaluations of a network, after the step `iteration`, with the best ones so far.
    fn judge(&mut self, evaluations: &Evaluations, iteration: u64, snapshot: &Snapshot) {
        if evaluations.validation.is_some() && snapshot.is_finite() {
            self.best = evaluations.or_better(self.best, iteration);
        }
    }

    /// Whether an evaluation takes less than [`MAX_LAST_EVALUATION`].
    fn evaluates_quickly(&self) -> bool {
        let count = self.epochs.len() as u32;
        count > 0 && self.eval_time < MAX_LAST_EVALUATION * count
    }

    async fn evaluate(&mut self) -> Result<Evaluations, Error> {
        let start = Instant::now();
        let evaluations = self.replica.evaluate().await?.answers().await?;
        self.eval_time += start.elapsed();
        Ok(evaluations)
    }

    /// Restores the last parameters with a finite loss, those before step `step - 1`. Trains again from `state`, the state after
    /// `done` steps. The same steps give the same bits.
    async fn back_to_finite(&mut self, (done, state): &(u64, State), step: u64) -> Result<(), Error> {
        self.replica.set_state(state).await?;
        let (mut done, until) = (*done, step.saturating_sub(1));
        while done < until {
            let steps = self.steps_in_a_chunk(until - done);
            let (_, losses) = self.replica.train(done, &self.settings.rates(done, steps), None).await?;
            losses.await?;
            done += steps as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pollster::block_on;

    use super::*;
    use crate::backend::{self, Answer, Device, Evaluation, Intermediates, Kernels, Network, Profile, Resident, ready};
    use crate::data::batches::Sampling;
    use crate::data::{Dataset, Source, Store};
    use crate::net::method::Method;
    use crate::net::optimizer::{Optimizer, Update};
    use crate::net::{Activation, Gradients, Net, Output, Params, Shape};
    use crate::train::{ReplicaDevice, ReplicaImages, Several, SplitStores, train_on_several};
    use crate::{devices, selftest};

    /// A device whose every result is 0, without an error.
    #[derive(Clone)]
    struct Zeros {
        net: Net,
        batch_size: usize,
    }

    impl Device for Zeros {
        fn network(&self, _: Net, _: usize, _: &Params) -> Result<Box<dyn Network>, backend::Error> {
            Ok(Box::new(self.clone()))
        }
    }

    impl Network for Zeros {
        fn set_method(&mut self, _: Method) -> Result<(), backend::Error> {
            Ok(())
        }

        fn set_optimizer(&mut self, _: Optimizer) -> Result<(), backend::Error> {
            Ok(())
        }

        fn upload(&mut self, _: Source) -> Result<Resident, backend::Error> {
            Ok(Resident(0))
        }

        fn replace(&mut self, _: Resident, _: Source) -> Result<(), backend::Error> {
            Ok(())
        }

        fn images(&self, _: Resident) -> Option<usize> {
            Some(self.batch_size)
        }

        fn train(&mut self, _: Resident, _: &[u32], updates: &[Update]) -> Pending<Vec<f32>> {
            ready(Ok(vec![0.0; updates.len()]))
        }

        fn gradient<'a>(&'a mut self, _: Resident, _: &'a [u32]) -> Answer<'a, (f32, Gradients)> {
            ready(Ok((0.0, Params::zeros(self.net.shape))))
        }

        fn apply(&mut self, _: &Gradients, _: &Update) -> Result<(), backend::Error> {
            Ok(())
        }

        fn params(&self) -> Pending<Params> {
            ready(Ok(Params::zeros(self.net.shape)))
        }

        fn set_params(&mut self, _: &Params) -> Result<(), backend::Error> {
            Ok(())
        }

        fn slots(&self) -> Pending<Vec<Params>> {
            ready(Ok(Vec::new()))
        }

        fn set_slots(&mut self, _: &[Params]) -> Result<(), backend::Error> {
            Ok(())
        }

        fn evaluate(&mut self, _: Resident) -> Pending<Evaluation> {
            let classes = self.net.shape.classes;
            let confusion = vec![0; classes * classes];
            ready(Ok(Evaluation { images: self.batch_size, loss: 0.0, classes, confusion }))
        }

        fn predict<'a>(&'a mut self, _: &'a [u8]) -> Answer<'a, Vec<f32>> {
            unreachable!("training predicts nothing")
        }

        fn intermediates<'a>(&'a mut self, _: Resident, _: &'a [u32]) -> Answer<'a, Intermediates> {
            unreachable!("training shows nothing between the stages")
        }

        fn ahead(&self) -> usize {
            1
        }

        fn kernels(&self) -> Option<Kernels> {
            None
        }

        fn profile<'a>(&'a mut self, _: Resident, _: &'a [u32]) -> Answer<'a, Profile> {
            unreachable!("training times no kernel")
        }
    }

    #[test]
    fn a_device_that_returns_zeros_fails_before_the_first_step() {
        let shape = Shape { input: 4, hidden: 3, classes: 2 };
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let device = Zeros { net, batch_size: 8 };
        let mut backend = block_on(Backend::new(&device, net, 8, &Params::zeros(shape))).unwrap();
        let sets = Sets { train: Resident(0).into(), validation: None, test: Resident(0).into() };
        let mut batches = Batches::new(0, Sampling::Replacement, 8, 8);
        let settings = Settings::new(10, 1, 0.1);
        let mut on_event = |_: Event| -> ControlFlow<()> { panic!("the run must not start") };
        let result = block_on(train(&mut backend, sets, &mut batches, &settings, &mut on_event));
        assert!(matches!(result, Err(Error::Backend(backend::Error::SelfTest { .. }))), "{result:?}");
        let result = block_on(selftest::evaluation(&mut backend));
        assert!(matches!(result, Err(backend::Error::SelfTest { .. })), "{result:?}");
    }

    #[test]
    fn of_several_devices_the_one_that_fails_is_named_and_none_waits_for_it() {
        let shape = Shape { input: 4, hidden: 3, classes: 2 };
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let store = || Arc::new(Store::Memory(Dataset::new((0..40).collect(), [0, 1].repeat(5), 2, 2).unwrap()));
        let stores = SplitStores { train: store(), validation: None, test: store() };
        let batches = Batches::new(0, Sampling::Replacement, 6, 10);
        for fails in 0..3 {
            let replica = |rank| {
                let params = Params::init(shape, 1.0, 0);
                let made = block_on(async {
                    let cpu = devices::Device::Cpu { threads: 1 };
                    let mut backend = Backend::new(&cpu, net, 2, &params).await?;
                    let images = ReplicaImages::upload(&mut backend, &stores, rank, 3).await?;
                    let zeros = Zeros { net, batch_size: 2 };
                    let backend = if rank == fails { Backend::new(&zeros, net, 2, &params).await? } else { backend };
                    Ok::<_, Error>((backend, images))
                });
                let (backend, images) = made.unwrap();
                ReplicaDevice { name: format!("device {rank}"), backend, images }
            };
            let several = Several { devices: (0..3).map(replica).collect(), batches: &batches, average_every: 1 };
            let settings = Settings::new(10, 1, 0.1);
            let result = train_on_several(several, &settings, Done::default(), &mut |_| ControlFlow::Continue(()));
            let error = result.unwrap_err();
            let is_self_test = matches!(&error, Error::Replica { reason, .. }
                if matches!(**reason, Error::Backend(backend::Error::SelfTest { .. })));
            assert!(is_self_test && error.to_string().starts_with(&format!("device {fails}: ")), "{error}");
        }
    }
}
