//! Training with the book's numerical gradient: two forward passes of the f64 reference for every parameter of every step. It
//! takes days, and exists to show that.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

use ndarray::Array2;

use super::events::{CHUNK, Checkpoint, CheckpointTimes, Done, End, Evaluations, Event, Outcome, Settings, Snapshot};
use crate::backend::Evaluation;
use crate::clock::Instant;
use crate::data::Dataset;
use crate::data::batches::Batches;
use crate::reference::TwoLayerNet;

/// Trains the reference as [`continue_training`](super::continue_training) trains a backend, with central differences of this
/// step size. There are no validation images, and every iteration is done.
///
/// The loss of a step is the book's, with its 1e-7, before the update. During a step, `on_event` receives about ten events a
/// second. If it ends the run, the step has no effect.
///
/// # Panics
/// If the images or labels of a set do not fit the network.
pub fn train_naive(
    network: &mut TwoLayerNet,
    sets: [&Dataset; 2],
    batches: &mut Batches,
    settings: &Settings,
    step_size: f64,
    done: Done,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Outcome {
    let [train, _] = sets;
    let mut evaluate_next = done.lacks_evaluation(settings.steps_per_epoch);
    let Done { mut losses, mut epochs, mut train_time, mut eval_time, .. } = done;
    let mut checkpoints = CheckpointTimes::new(settings, losses.len());
    let evaluate = |network: &TwoLayerNet| {
        let [train, test] = sets.map(|set| evaluation(network, set));
        Evaluations { train, validation: None, test }
    };
    // The evaluation of the current parameters.
    let mut last = None;
    // The last parameters with a finite loss.
    let mut good = network.params.clone();
    let mut end = End::Finished;
    let mut flow = on_event(Event::Started);
    loop {
        if std::mem::take(&mut evaluate_next) {
            let start = Instant::now();
            let evaluations = last.insert(evaluate(network));
            eval_time += start.elapsed();
            let accuracy = evaluations.accuracy(epochs.len(), losses.len() as u64 - 1);
            epochs.push(accuracy);
            let checkpoint = checkpoint(network, train_time, eval_time);
            let event = on_event(Event::Epoch { accuracy, evaluations, best: None, checkpoint: checkpoint.clone() });
            flow = if flow.is_break() { flow } else { event };
            if checkpoints.is_due_at_evaluation() {
                let event = on_event(Event::Checkpoint(checkpoint));
                flow = if flow.is_break() { flow } else { event };
                checkpoints.set(losses.len());
            }
        } else if checkpoints.is_due(losses.len()) {
            let event = on_event(Event::Checkpoint(checkpoint(network, train_time, eval_time)));
            flow = if flow.is_break() { flow } else { event };
            checkpoints.set(losses.len());
        }
        let step = losses.len() as u64;
        if step >= settings.iterations {
            break;
        }
        if flow.is_break() {
            end = End::Interrupted;
            break;
        }
        let start = Instant::now();
        let batch = batches.indices(step, 1);
        let (x, t) = train.batch(&batch);
        let loss = network.loss(&x, &t) as f32;
        if !loss.is_finite() {
            network.params = good;
            losses.push(loss);
            end = End::NotFinite { step };
            last = None;
            break;
        }
        good = network.params.clone();
        let stopped = descend(network, &x, &t, settings, step_size, step, on_event);
        train_time += start.elapsed();
        if stopped.is_break() {
            end = End::Interrupted;
            break;
        }
        losses.push(loss);
        last = None;
        flow = on_event(Event::Steps { done: step + 1, losses: &[loss] });
        evaluate_next = step.is_multiple_of(settings.steps_per_epoch.max(1));
    }
    if last.is_none() && end != End::Interrupted {
        let start = Instant::now();
        last = Some(evaluate(network));
        eval_time += start.elapsed();
    }
    let snapshot = Snapshot::Reference(Cow::Borrowed(&network.params)).into_owned();
    Outcome { end, snapshot, losses, epochs, last, best: None, train_time, eval_time }
}

fn checkpoint(network: &TwoLayerNet, train_time: Duration, eval_time: Duration) -> Checkpoint<'_> {
    Checkpoint { snapshot: Snapshot::Reference(Cow::Borrowed(&network.params)), train_time, eval_time }
}

/// One step of SGD, unless it is interrupted.
fn descend(
    network: &mut TwoLayerNet,
    x: &Array2<f64>,
    t: &[usize],
    settings: &Settings,
    step_size: f64,
    step: u64,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut gradient = network.params.clone();
    let of = gradient.values().count();
    let mut last_event = Instant::now();
    for (index, slope) in gradient.values_mut().enumerate() {
        *slope = network.slope(x, t, index, step_size);
        if last_event.elapsed() > CHUNK {
            last_event = Instant::now();
            on_event(Event::Parameters { step, done: index + 1, of })?;
        }
    }
    for (value, slope) in network.params.values_mut().zip(gradient.values()) {
        *value -= f64::from(settings.rate(step)) * slope;
    }
    ControlFlow::Continue(())
}

/// Loss, accuracy and confusion matrix over a whole set.
fn evaluation(network: &TwoLayerNet, set: &Dataset) -> Evaluation {
    /// Images that are evaluated together: 6 MB of MNIST in f64.
    const TILE: usize = 1000;
    let (images, classes) = (set.len(), network.net.shape.classes);
    let mut confusion = vec![0; classes * classes];
    let mut loss = 0.0;
    let all: Vec<u32> = (0..images as u32).collect();
    for tile in all.chunks(TILE) {
        let (x, t) = set.batch(tile);
        loss += network.loss(&x, &t) * tile.len() as f64;
        confusion.iter_mut().zip(network.confusion(&x, &t)).for_each(|(sum, count)| *sum += count);
    }
    Evaluation { images, loss: loss / images as f64, classes, confusion }
}
