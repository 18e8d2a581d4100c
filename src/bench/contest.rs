//! Runs a benchmark: prepares, checks and warms up each device, and then times the devices in turns.
//!
//! The load of other programs changes with time. Devices that take turns meet the same load. Every second round runs in
//! the reverse order, so that no device always runs after the same other.

use std::error::Error;
use std::time::{Duration, Instant};

use super::check::{Errors, Wrong};
use super::others::{Others, Watch};
use super::stats::Spread;
use super::task::{Computed, Task};
use crate::backend::{self, Profile};
use crate::devices::Info;

/// A device that takes part.
pub trait Entrant {
    /// The device's name and properties.
    fn info(&self) -> &Info;

    /// The device's peak in floating-point operations a second, if known.
    fn peak_flops(&self) -> Option<f64>;

    /// The time that it took to open the device and to measure its peak.
    fn spent(&self) -> Duration;

    /// Prepares the device for a task: compiles kernels and uploads the images.
    ///
    /// # Errors
    /// The device is too small, or fails.
    fn enter(&self, task: &Task) -> Result<Box<dyn Contestant>, backend::Error>;
}

/// A device that is ready for one task.
pub trait Contestant {
    /// Computes the values that [`Task::check`] compares with the reference.
    ///
    /// # Errors
    /// The device's error.
    fn compute(&mut self, task: &Task) -> Result<Computed, backend::Error>;

    /// Runs `steps` steps, waits for their end, and returns their time.
    ///
    /// # Errors
    /// The device's error.
    fn round(&mut self, task: &Task, steps: usize) -> Result<Duration, backend::Error>;

    /// The time of each kernel of a step.
    ///
    /// # Errors
    /// The device's error.
    fn profile(&mut self, task: &Task) -> Result<Profile, backend::Error>;

    /// The number of kernels that a step dispatches. `None` if it dispatches none, or they are not counted.
    fn dispatches(&self) -> Option<usize>;
}

/// The amount of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Rounds of each row.
    pub repetitions: usize,
    /// The target time of a round. A round of one step may take longer.
    pub round: Duration,
    /// The time limit of one device, for everything together.
    pub budget: Duration,
    /// Whether the user chose the workloads. If not, a software GPU runs only those that suit it.
    pub chosen: bool,
}

impl Default for Settings {
    /// Five rounds of half a second. The limit of 55 s keeps a device below a minute, since the estimates are not exact.
    fn default() -> Self {
        Self { repetitions: 5, round: Duration::from_millis(500), budget: Duration::from_secs(55), chosen: false }
    }
}

/// The results of a benchmark.
pub struct Results {
    /// One row for each task and device, in the order of the tasks, then of the devices.
    pub rows: Vec<Row>,
    /// The A/A run. `None` if nothing was timed.
    pub control: Option<Control>,
    /// The load of other programs during the rounds of each task. `None` if unknown.
    pub others: Vec<Option<Others>>,
}

/// The result of one task on one device.
pub struct Row {
    /// The task's index.
    pub task: usize,
    /// The device's index among the entrants.
    pub entrant: usize,
    /// The result.
    pub outcome: Outcome,
}

/// The result of one task on one device.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The device computed correctly and was timed.
    Timed(Timed),
    /// The device was not tried, or its time was up.
    Skipped(Skip),
    /// The device computed wrong values, so it was not timed.
    Wrong(Wrong),
    /// The device failed.
    Failed(backend::Error),
}

impl Outcome {
    /// Steps a second. `None` if it was not timed.
    #[must_use]
    pub fn speed(&self) -> Option<Spread> {
        match self {
            Self::Timed(timed) => Spread::of(&timed.samples),
            _ => None,
        }
    }

    /// The reason that it was not timed. `None` if it was.
    #[must_use]
    pub fn why_not(&self) -> Option<&dyn Error> {
        match self {
            Self::Timed(_) => None,
            Self::Skipped(skip) => Some(skip),
            Self::Wrong(wrong) => Some(wrong),
            Self::Failed(error) => Some(error),
        }
    }
}

/// The speed of a device at one task.
#[derive(Clone, Debug)]
pub struct Timed {
    /// The relative errors against the reference.
    pub errors: Errors,
    /// Steps of each round.
    pub steps: usize,
    /// Steps a second, one value a round.
    pub samples: Vec<f64>,
    /// Kernels that a step dispatches.
    pub dispatches: Option<usize>,
    /// The time of each kernel.
    pub profile: Profile,
}

/// The reason that a row was skipped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Skip {
    /// A software GPU would take too long.
    #[error("a software GPU is too slow for this workload; add --workload to run it all the same")]
    Software,
    /// The time limit of the device is too short for it.
    #[error(
        "it needs {} s more, but {} s of the device's {} s are left; use fewer --repetitions or workloads",
        needs.as_secs(), left.as_secs(), budget.as_secs()
    )]
    Budget {
        /// The time that it needs at least.
        needs: Duration,
        /// The time limit of the device.
        budget: Duration,
        /// The rest of that time.
        left: Duration,
    },
    /// The device is too small for it.
    #[error(transparent)]
    Unable(backend::Error),
}

/// The A/A run: one configuration is timed twice, in turns with itself.
pub struct Control {
    /// The task's index.
    pub task: usize,
    /// The device's index among the entrants.
    pub entrant: usize,
    /// The speed of the second contestant over that of the first, one value for each round that both ran.
    pub ratios: Vec<f64>,
    /// The error that ended it early.
    pub failed: Option<backend::Error>,
}

/// The start of a part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device is prepared for a task.
    Preparing,
    /// A device computes the values that are compared with the reference.
    Checking,
    /// A device runs until the time of a step is known.
    WarmingUp,
    /// Every prepared device runs a round. The number counts from 0.
    Round(usize),
}

/// Runs every task on every device. `on_event` receives each event with its task and device; for a round, the first
/// device.
pub fn run(
    entrants: &[&dyn Entrant],
    tasks: &[Task],
    settings: &Settings,
    on_event: &mut dyn FnMut(Event, &Task, &Info),
) -> Results {
    let spent = entrants.iter().map(|entrant| entrant.spent()).collect();
    let mut contest = Contest { entrants, tasks, settings, on_event, spent, control: None, others: Vec::new() };
    let mut rows = Vec::new();
    for task in 0..tasks.len() {
        let outcomes = contest.task(task);
        rows.extend(outcomes.into_iter().enumerate().map(|(entrant, outcome)| Row { task, entrant, outcome }));
    }
    Results { rows, control: contest.control, others: contest.others }
}

struct Contest<'a> {
    entrants: &'a [&'a dyn Entrant],
    tasks: &'a [Task<'a>],
    settings: &'a Settings,
    on_event: &'a mut dyn FnMut(Event, &Task, &Info),
    /// The time spent on each device.
    spent: Vec<Duration>,
    control: Option<Control>,
    /// One for each finished task.
    others: Vec<Option<Others>>,
}

/// A contestant in its rounds.
struct Lane {
    entrant: usize,
    is_control: bool,
    contestant: Box<dyn Contestant>,
    errors: Errors,
    steps: usize,
    /// The expected time of a round.
    round: Duration,
    /// Steps a second.
    samples: Vec<f64>,
    failed: Option<backend::Error>,
}

/// The largest number of steps in a round. Their image indices are kept in memory.
const MAX_STEPS: usize = 100_000;
/// The largest factor between the steps of two rounds of a warm-up.
const MAX_GROWTH: f64 = 16.0;
/// The smallest number of steps that the check and the warm-up take together.
const MIN_STEPS: usize = 4;

impl Contest<'_> {
    /// One task on every device.
    fn task(&mut self, task: usize) -> Vec<Outcome> {
        let mut lanes = Vec::new();
        let mut outcomes = Vec::new();
        for entrant in 0..self.entrants.len() {
            match self.prepare(task, entrant) {
                Ok(lane) => {
                    lanes.push(lane);
                    outcomes.push(None);
                }
                Err(outcome) => outcomes.push(Some(*outcome)),
            }
        }
        if self.control.is_none() {
            self.add_control(task, &mut lanes);
        }
        let watch = Watch::start();
        self.rounds(task, &mut lanes);
        self.others.push(watch.others());
        if let Some(index) = lanes.iter().position(|lane| lane.is_control) {
            let control = lanes.remove(index);
            let row = &lanes[index - 1];
            let ratios = control.samples.iter().zip(&row.samples).map(|(control, row)| control / row).collect();
            self.control = Some(Control { task, entrant: row.entrant, ratios, failed: control.failed });
        }
        for lane in lanes {
            let entrant = lane.entrant;
            let start = Instant::now();
            outcomes[entrant] = Some(lane.finish(&self.tasks[task]));
            self.spent[entrant] += start.elapsed();
        }
        outcomes.into_iter().flatten().collect()
    }

    /// Prepares, checks and warms up a device, or returns the reason that it gets no rounds.
    fn prepare(&mut self, task_index: usize, entrant: usize) -> Result<Lane, Box<Outcome>> {
        let task = &self.tasks[task_index];
        if self.is_skipped(task, entrant) {
            return Err(Outcome::Skipped(Skip::Software).into());
        }
        let repetitions = self.settings.repetitions;
        // No step is faster than the device's peak.
        let shortest = self.entrants[entrant].peak_flops().map_or(0.0, |peak| task.flops() / peak);
        self.check_budget(entrant, seconds(shortest * (MIN_STEPS + repetitions) as f64))?;
        let start = Instant::now();
        let contestant = self.enter_and_check(task, entrant);
        self.spent[entrant] += start.elapsed();
        let (mut contestant, errors) = contestant?;
        (self.on_event)(Event::WarmingUp, task, self.entrants[entrant].info());
        let per_step = self.warm_up(task, entrant, &mut *contestant).map_err(Outcome::from)?;
        self.check_budget(entrant, seconds(per_step * repetitions as f64))?;
        let share = self.time_left(entrant).as_secs_f64() / self.tasks_left(task_index, entrant) as f64;
        let round = self.settings.round.as_secs_f64().min(share / repetitions as f64);
        // The cast saturates.
        let steps = ((round / per_step) as usize).clamp(1, MAX_STEPS);
        let round = seconds(per_step * steps as f64);
        Ok(Lane { entrant, is_control: false, contestant, errors, steps, round, samples: Vec::new(), failed: None })
    }

    /// Prepares the device for the task and compares its results with the reference.
    fn enter_and_check(&mut self, task: &Task, entrant: usize) -> Result<(Box<dyn Contestant>, Errors), Box<Outcome>> {
        let info = self.entrants[entrant].info();
        (self.on_event)(Event::Preparing, task, info);
        let mut contestant = self.entrants[entrant].enter(task).map_err(Outcome::from)?;
        (self.on_event)(Event::Checking, task, info);
        let computed = contestant.compute(task).map_err(Outcome::from)?;
        let errors = task.check(&computed).map_err(Outcome::Wrong)?;
        Ok((contestant, errors))
    }

    /// Runs rounds of increasing length until one takes at least half of `settings.round`. Returns the seconds that a step
    /// of the last round took.
    fn warm_up(&mut self, task: &Task, entrant: usize, contestant: &mut dyn Contestant) -> Result<f64, backend::Error> {
        // Drivers that compile a kernel in its first run did so in the check.
        let mut steps = 1;
        loop {
            let took = self.round(task, entrant, contestant, steps)?;
            if took * 2 >= self.settings.round || steps == MAX_STEPS {
                return Ok(took.as_secs_f64() / steps as f64);
            }
            let growth = self.settings.round.as_secs_f64() / took.as_secs_f64();
            steps = ((steps as f64 * growth.min(MAX_GROWTH)) as usize).min(MAX_STEPS);
        }
    }

    /// Adds the A/A run: a second contestant for the first device that has enough time left for its rounds.
    fn add_control(&mut self, task_index: usize, lanes: &mut Vec<Lane>) {
        let task = &self.tasks[task_index];
        let rounds = |lane: &Lane| lane.round * self.settings.repetitions as u32;
        let Some(row) = lanes.iter().position(|lane| rounds(lane) * 2 <= self.time_left(lane.entrant)) else { return };
        let Lane { entrant, steps, round, .. } = lanes[row];
        let errors = lanes[row].errors.clone();
        let start = Instant::now();
        let contestant = self.entrants[entrant].enter(task);
        self.spent[entrant] += start.elapsed();
        let warm = contestant.and_then(|mut contestant| {
            self.round(task, entrant, &mut *contestant, steps)?;
            Ok(contestant)
        });
        match warm {
            Ok(contestant) => {
                let samples = Vec::new();
                let control =
                    Lane { entrant, is_control: true, contestant, errors, steps, round, samples, failed: None };
                lanes.insert(row + 1, control);
            }
            Err(error) => {
                self.control = Some(Control { task: task_index, entrant, ratios: Vec::new(), failed: Some(error) });
            }
        }
    }

    /// Runs the rounds of all lanes, in turns.
    fn rounds(&mut self, task_index: usize, lanes: &mut [Lane]) {
        let task = &self.tasks[task_index];
        let Some(first) = lanes.first().map(|lane| lane.entrant) else { return };
        for repetition in 0..self.settings.repetitions {
            (self.on_event)(Event::Round(repetition), task, self.entrants[first].info());
            let mut order: Vec<&mut Lane> = lanes.iter_mut().collect();
            if repetition % 2 == 1 {
                order.reverse();
            }
            for lane in order.into_iter().filter(|lane| lane.failed.is_none()) {
                match self.round(task, lane.entrant, &mut *lane.contestant, lane.steps) {
                    Ok(took) => lane.samples.push(lane.steps as f64 / took.as_secs_f64()),
                    Err(error) => lane.failed = Some(error),
                }
            }
        }
    }

    /// Runs one round. All of its time, not only that of the steps, counts as spent.
    fn round(
        &mut self,
        task: &Task,
        entrant: usize,
        contestant: &mut dyn Contestant,
        steps: usize,
    ) -> Result<Duration, backend::Error> {
        let start = Instant::now();
        let took = contestant.round(task, steps)?;
        self.spent[entrant] += start.elapsed().max(took);
        Ok(took)
    }

    fn is_skipped(&self, task: &Task, entrant: usize) -> bool {
        !self.settings.chosen && self.entrants[entrant].info().software && !task.workload.suits_software()
    }

    /// The number of tasks, from this one on, that the device runs.
    fn tasks_left(&self, task_index: usize, entrant: usize) -> usize {
        self.tasks[task_index..].iter().filter(|task| !self.is_skipped(task, entrant)).count()
    }

    fn time_left(&self, entrant: usize) -> Duration {
        self.settings.budget.saturating_sub(self.spent[entrant])
    }

    fn check_budget(&self, entrant: usize, needs: Duration) -> Result<(), Outcome> {
        let (budget, left) = (self.settings.budget, self.time_left(entrant));
        if needs < left { Ok(()) } else { Err(Outcome::Skipped(Skip::Budget { needs, budget, left })) }
    }
}

impl Lane {
    /// The outcome, after the rounds.
    fn finish(mut self, task: &Task) -> Outcome {
        let profile = match self.failed {
            None => self.contestant.profile(task),
            Some(error) => Err(error),
        };
        match profile {
            Ok(profile) => Outcome::Timed(Timed {
                errors: self.errors,
                steps: self.steps,
                samples: self.samples,
                dispatches: self.contestant.dispatches(),
                profile,
            }),
            Err(error) => error.into(),
        }
    }
}

impl From<backend::Error> for Outcome {
    /// A task that is too large for a device is skipped. Any other error is a failure.
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::TooLarge { .. } | backend::Error::Unfit { .. } => Self::Skipped(Skip::Unable(error)),
            error => Self::Failed(error),
        }
    }
}

/// The longest duration if the number is larger than a duration can be.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
