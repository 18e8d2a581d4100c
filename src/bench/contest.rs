//! The order of a benchmark: each device is prepared, checked and warmed up, and then the devices take turns.
//!
//! Turns, and not one device after the other, because what else a machine does comes and goes: it then meets all alike.
//! Every other round goes backwards, so that none always runs after the same other.

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
    /// How it is named.
    fn info(&self) -> &Info;

    /// Floating-point operations a second that it reaches at most, where that is known.
    fn peak_flops(&self) -> Option<f64>;

    /// What getting to know it has taken.
    fn spent(&self) -> Duration;

    /// Makes it ready for a task: compiles kernels and uploads the images.
    ///
    /// # Errors
    /// What the device lacks or reports.
    fn enter(&self, task: &Task) -> Result<Box<dyn Contestant>, backend::Error>;
}

/// A device that is ready for one task.
pub trait Contestant {
    /// Computes what the task's check compares with the reference.
    ///
    /// # Errors
    /// What the device reports.
    fn compute(&mut self, task: &Task) -> Result<Computed, backend::Error>;

    /// Runs so many steps and waits for their end; the time is theirs alone.
    ///
    /// # Errors
    /// What the device reports.
    fn round(&mut self, task: &Task, steps: usize) -> Result<Duration, backend::Error>;

    /// How long each kernel of a step takes.
    ///
    /// # Errors
    /// What the device reports.
    fn profile(&mut self, task: &Task) -> Result<Profile, backend::Error>;

    /// Kernels that a step dispatches; none where a step has none, or they are not counted.
    fn dispatches(&self) -> Option<usize>;
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Rounds of each row.
    pub repetitions: usize,
    /// What a round should take, if a step does not take longer.
    pub round: Duration,
    /// What all that is done with one device may take.
    pub budget: Duration,
    /// Whether a person chose the workloads; else a software GPU runs only those that suit it.
    pub chosen: bool,
}

impl Default for Settings {
    /// Five rounds of half a second, and less than a minute for a device, as no estimate is exact.
    fn default() -> Self {
        Self { repetitions: 5, round: Duration::from_millis(500), budget: Duration::from_secs(55), chosen: false }
    }
}

/// What was measured.
pub struct Results {
    /// One a task and device, the tasks in their order and the devices in theirs within each.
    pub rows: Vec<Row>,
    /// One configuration beside itself; none where nothing was timed.
    pub control: Option<Control>,
    /// What else the machine did during the rounds of each task; none where that is unknown, or there were none.
    pub others: Vec<Option<Others>>,
}

/// How one task went on one device.
pub struct Row {
    /// The task's place.
    pub task: usize,
    /// The device's place.
    pub entrant: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// How one task went on one device.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It computes rightly, and this fast.
    Timed(Timed),
    /// It was not tried, or not to the end.
    Skipped(Skip),
    /// It computes wrongly, so its speed means nothing.
    Wrong(Wrong),
    /// The device failed.
    Failed(backend::Error),
}

impl Outcome {
    /// Steps a second; none where it was not timed.
    #[must_use]
    pub fn speed(&self) -> Option<Spread> {
        match self {
            Self::Timed(timed) => Spread::of(&timed.samples),
            _ => None,
        }
    }

    /// Why it was not timed; none where it was.
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

/// How fast a device is at one task.
#[derive(Clone, Debug)]
pub struct Timed {
    /// How near it comes to the reference.
    pub errors: Errors,
    /// Steps of each round.
    pub steps: usize,
    /// Steps a second, one value a round.
    pub samples: Vec<f64>,
    /// Kernels that a step dispatches.
    pub dispatches: Option<usize>,
    /// How long each kernel takes.
    pub profile: Profile,
}

/// Why a row was skipped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Skip {
    /// A software GPU would take too long.
    #[error("a program on the CPU is too slow for it; --workload runs it all the same")]
    Software,
    /// The time that a device may take does not hold it.
    #[error(
        "it takes {} s more, and of the {} s that a device has, {} s are left; use fewer --repetitions or workloads",
        needs.as_secs(), budget.as_secs(), left.as_secs()
    )]
    Budget {
        /// What it needs at least.
        needs: Duration,
        /// What a device may take in all.
        budget: Duration,
        /// What is left of that.
        left: Duration,
    },
    /// The device is too small for it.
    #[error(transparent)]
    Unable(backend::Error),
}

/// One configuration, run twice beside itself.
pub struct Control {
    /// The task's place.
    pub task: usize,
    /// The device's place.
    pub entrant: usize,
    /// Its speed over that of the row, one value a round that both ran.
    pub ratios: Vec<f64>,
    /// What ended it early.
    pub failed: Option<backend::Error>,
}

/// What is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device is made ready for a task.
    Preparing,
    /// It computes what is compared with the reference.
    Checking,
    /// It runs until the speed of a step is known.
    WarmingUp,
    /// All that are ready run a round, this one, counted from 0.
    Round(usize),
}

/// Runs every task on every device. `hear` is told what is done next, for which task and which device; of a round, the
/// first of them.
pub fn run(
    entrants: &[&dyn Entrant],
    tasks: &[Task],
    settings: &Settings,
    hear: &mut dyn FnMut(Event, &Task, &Info),
) -> Results {
    let spent = entrants.iter().map(|entrant| entrant.spent()).collect();
    let mut contest = Contest { entrants, tasks, settings, hear, spent, control: None, others: Vec::new() };
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
    hear: &'a mut dyn FnMut(Event, &Task, &Info),
    /// What all that was done with each device has taken.
    spent: Vec<Duration>,
    control: Option<Control>,
    /// One for each task that is over.
    others: Vec<Option<Others>>,
}

/// A contestant in its rounds.
struct Lane {
    entrant: usize,
    is_control: bool,
    contestant: Box<dyn Contestant>,
    errors: Errors,
    steps: usize,
    /// What a round is expected to take.
    round: Duration,
    /// Steps a second.
    samples: Vec<f64>,
    failed: Option<backend::Error>,
}

/// The most steps of a round: their image numbers are kept in memory.
const MOST_STEPS: usize = 100_000;
/// How many times the steps of the last round the next round of a warm-up has at most.
const MOST_GROWTH: f64 = 16.0;
/// What the check and the warm-up take at least, in steps.
const FEWEST_STEPS: usize = 4;

impl Contest<'_> {
    /// One task on every device.
    fn task(&mut self, task: usize) -> Vec<Outcome> {
        let prepared: Vec<_> = (0..self.entrants.len()).map(|entrant| self.prepare(task, entrant)).collect();
        let mut lanes = Vec::new();
        let mut outcomes = Vec::new();
        for prepared in prepared {
            match prepared {
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
        if let Some(place) = lanes.iter().position(|lane| lane.is_control) {
            let control = lanes.remove(place);
            let row = &lanes[place - 1];
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

    /// Everything that comes before a device's rounds, or why there are none.
    fn prepare(&mut self, place: usize, entrant: usize) -> Result<Lane, Box<Outcome>> {
        let task = &self.tasks[place];
        if self.is_skipped(task, entrant) {
            return Err(Outcome::Skipped(Skip::Software).into());
        }
        let repetitions = self.settings.repetitions;
        // No step is faster than at the device's peak.
        let least = self.entrants[entrant].peak_flops().map_or(0.0, |peak| task.flops() / peak);
        self.afford(entrant, seconds(least * (FEWEST_STEPS + repetitions) as f64))?;
        let start = Instant::now();
        let contestant = self.checked(task, entrant);
        self.spent[entrant] += start.elapsed();
        let (mut contestant, errors) = contestant?;
        (self.hear)(Event::WarmingUp, task, self.entrants[entrant].info());
        let per_step = self.warmed_up(task, entrant, &mut *contestant).map_err(Outcome::from)?;
        self.afford(entrant, seconds(per_step * repetitions as f64))?;
        let share = self.left(entrant).as_secs_f64() / self.tasks_left(place, entrant) as f64;
        let round = self.settings.round.as_secs_f64().min(share / repetitions as f64);
        // The cast saturates.
        let steps = ((round / per_step) as usize).clamp(1, MOST_STEPS);
        let round = seconds(per_step * steps as f64);
        Ok(Lane { entrant, is_control: false, contestant, errors, steps, round, samples: Vec::new(), failed: None })
    }

    /// The device, ready for the task and compared with the reference.
    fn checked(&mut self, task: &Task, entrant: usize) -> Result<(Box<dyn Contestant>, Errors), Box<Outcome>> {
        let info = self.entrants[entrant].info();
        (self.hear)(Event::Preparing, task, info);
        let mut contestant = self.entrants[entrant].enter(task).map_err(Outcome::from)?;
        (self.hear)(Event::Checking, task, info);
        let computed = contestant.compute(task).map_err(Outcome::from)?;
        let errors = task.judge(&computed).map_err(Outcome::Wrong)?;
        Ok((contestant, errors))
    }

    /// Runs longer and longer rounds, up to one that takes half as long as the rounds are to, and returns the seconds that
    /// a step of the last takes.
    fn warmed_up(
        &mut self,
        task: &Task,
        entrant: usize,
        contestant: &mut dyn Contestant,
    ) -> Result<f64, backend::Error> {
        // Drivers that compile a kernel only when it first runs have done so in the check.
        let mut steps = 1;
        loop {
            let took = self.round(task, entrant, contestant, steps)?;
            if took * 2 >= self.settings.round || steps == MOST_STEPS {
                return Ok(took.as_secs_f64() / steps as f64);
            }
            let growth = self.settings.round.as_secs_f64() / took.as_secs_f64();
            steps = ((steps as f64 * growth.min(MOST_GROWTH)) as usize).min(MOST_STEPS);
        }
    }

    /// Puts a second contestant of one configuration beside the first, of the first device whose time holds its rounds.
    fn add_control(&mut self, place: usize, lanes: &mut Vec<Lane>) {
        let task = &self.tasks[place];
        let rounds = |lane: &Lane| lane.round * self.settings.repetitions as u32;
        let Some(row) = lanes.iter().position(|lane| rounds(lane) * 2 <= self.left(lane.entrant)) else { return };
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
                self.control = Some(Control { task: place, entrant, ratios: Vec::new(), failed: Some(error) });
            }
        }
    }

    /// The rounds of all, in turns.
    fn rounds(&mut self, place: usize, lanes: &mut [Lane]) {
        let task = &self.tasks[place];
        let Some(first) = lanes.first().map(|lane| lane.entrant) else { return };
        for repetition in 0..self.settings.repetitions {
            (self.hear)(Event::Round(repetition), task, self.entrants[first].info());
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

    /// One round, on the device's account with all that it needs besides.
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

    /// The tasks from this one on that the device takes part in.
    fn tasks_left(&self, place: usize, entrant: usize) -> usize {
        self.tasks[place..].iter().filter(|task| !self.is_skipped(task, entrant)).count()
    }

    fn left(&self, entrant: usize) -> Duration {
        self.settings.budget.saturating_sub(self.spent[entrant])
    }

    fn afford(&self, entrant: usize, needs: Duration) -> Result<(), Outcome> {
        let (budget, left) = (self.settings.budget, self.left(entrant));
        if needs < left { Ok(()) } else { Err(Outcome::Skipped(Skip::Budget { needs, budget, left })) }
    }
}

impl Lane {
    /// The row, once its rounds are over.
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
    /// What a device is too small for is no failure of it.
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::TooLarge { .. } | backend::Error::Unfit { .. } => Self::Skipped(Skip::Unable(error)),
            error => Self::Failed(error),
        }
    }
}

/// No more than a duration can hold.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
