//! Contests among fake devices with a fake clock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pollster::block_on;

use super::*;
use crate::backend::{Backend, Untimed};
use crate::bench::stats::{Verdict, verdict};
use crate::bench::workload::{Step, Workload};
use crate::data::{Dataset, digits};
use crate::devices::{Card, CardKind, Device, Hardware, Kind};

/// A small evaluation, which the CPU backend computes.
const TINY: Workload = Workload { name: "tiny", hidden: 2, step: Step::Inference };

fn set() -> Dataset {
    let (images, labels) = digits::draw(5, 0);
    Dataset::new(images, labels, digits::SIDE, digits::SIDE).unwrap()
}

/// The fault of a fake device.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Wrong,
    FailsToEnter,
    FailsToCompute,
    /// In this round, counted from 1 with those of the warm-up.
    FailsInRound(usize),
    TooSmall,
    ControlFailsToEnter,
    ControlFailsInRound(usize),
    /// The control takes twice the time.
    ControlIsSlow,
}

/// Every round in order: the contestant's name and its steps. `a2` is the second contestant of device `a`.
type Log = Rc<RefCell<Vec<(String, usize)>>>;

struct Fake {
    info: Info,
    fault: Fault,
    step: Duration,
    peak_flops: Option<f64>,
    entered: Cell<usize>,
    log: Log,
}

struct FakeContestant {
    name: String,
    fault: Fault,
    is_control: bool,
    step: Duration,
    rounds: usize,
    log: Log,
}

fn error() -> backend::Error {
    backend::Error::OutOfMemory { adapter: "fake".to_owned() }
}

impl Entrant for Fake {
    fn info(&self) -> &Info {
        &self.info
    }

    fn peak_flops(&self) -> Option<f64> {
        self.peak_flops
    }

    fn spent(&self) -> Duration {
        Duration::ZERO
    }

    fn enter(&self, _: &Task) -> Result<Box<dyn Contestant>, backend::Error> {
        let is_control = self.entered.replace(self.entered.get() + 1) > 0;
        match self.fault {
            Fault::FailsToEnter => return Err(error()),
            Fault::ControlFailsToEnter if is_control => return Err(error()),
            Fault::TooSmall => {
                let (what, instead, adapter) = ("it", "less", "fake".to_owned());
                return Err(backend::Error::TooLarge { what, bytes: 2, adapter, most: 1, instead });
            }
            _ => {}
        }
        let slower = if is_control && self.fault == Fault::ControlIsSlow { 2 } else { 1 };
        Ok(Box::new(FakeContestant {
            name: format!("{}{}", self.info.name, self.entered.get()),
            fault: self.fault,
            is_control,
            step: self.step * slower,
            rounds: 0,
            log: self.log.clone(),
        }))
    }
}

impl Contestant for FakeContestant {
    fn compute(&mut self, task: &Task) -> Result<Computed, backend::Error> {
        if self.fault == Fault::FailsToCompute {
            return Err(error());
        }
        let mut evaluation = block_on(async {
            let mut backend = Backend::new(&Device::Cpu { threads: 1 }, task.net, 1, &task.params).await?;
            let set = backend.upload(task.set).await?;
            backend.evaluate(set).await
        })?;
        if self.fault == Fault::Wrong {
            evaluation.loss *= 2.0;
        }
        Ok(Computed::Inference(evaluation))
    }

    fn round(&mut self, _: &Task, steps: usize) -> Result<Duration, backend::Error> {
        self.rounds += 1;
        match self.fault {
            Fault::FailsInRound(round) if round == self.rounds => return Err(error()),
            Fault::ControlFailsInRound(round) if round == self.rounds && self.is_control => return Err(error()),
            _ => {}
        }
        self.log.borrow_mut().push((self.name.clone(), steps));
        Ok(self.step * steps as u32)
    }

    fn profile(&mut self, _: &Task) -> Result<Profile, backend::Error> {
        Ok(Profile { kernels: Vec::new(), missing: Some(Untimed::Inference) })
    }

    fn dispatches(&self) -> Option<usize> {
        None
    }
}

/// Fake devices and the log of their rounds.
struct Setup {
    fakes: Vec<Fake>,
    log: Log,
}

/// A step of every fake.
const STEP: Duration = Duration::from_millis(1);
/// Steps of a round of half a second.
const STEPS: usize = 500;
/// Steps of the warm-up's rounds.
const WARM_UP: [usize; 3] = [1, 16, 256];

impl Setup {
    /// Devices named a, b, c ... with these faults.
    fn new(faults: &[Fault]) -> Self {
        let log = Log::default();
        let fake = |(index, (name, fault)): (usize, (char, &Fault))| Fake {
            info: Info {
                index,
                name: name.to_string(),
                kind: Kind::Gpu,
                backend: "vulkan".to_owned(),
                driver: String::new(),
                software: false,
                among_equals: 0,
                hardware: Hardware::Gpu(Card { kind: CardKind::Discrete, pci: None }),
            },
            fault: *fault,
            step: STEP,
            peak_flops: None,
            entered: Cell::new(0),
            log: log.clone(),
        };
        Self { fakes: ('a'..='z').zip(faults).enumerate().map(fake).collect(), log }
    }

    fn run(&self, workloads: &[Workload], settings: Settings) -> Results {
        let set = set();
        let tasks: Vec<Task> = workloads.iter().map(|workload| Task::new(*workload, &set)).collect();
        let entrants: Vec<&dyn Entrant> = self.fakes.iter().map(|fake| fake as &dyn Entrant).collect();
        run(&entrants, &tasks, &settings, &mut |_, _, _| ())
    }

    fn three_rounds(&self) -> Results {
        self.run(&[TINY], Settings { repetitions: 3, ..Settings::default() })
    }

    /// The contestants of the rounds of full length, in order.
    fn turns(&self) -> Vec<String> {
        self.log.borrow().iter().filter(|(_, steps)| *steps == STEPS).map(|(name, _)| name.clone()).collect()
    }

    /// Steps of each round of one contestant.
    fn steps_of(&self, name: &str) -> Vec<usize> {
        self.log.borrow().iter().filter(|(other, _)| other == name).map(|(_, steps)| *steps).collect()
    }
}

fn timed(row: &Row) -> &Timed {
    let Outcome::Timed(timed) = &row.outcome else { panic!("{:?}", row.outcome) };
    timed
}

#[test]
fn devices_take_turns_with_the_control_beside_the_first() {
    let setup = Setup::new(&[Fault::None, Fault::None]);
    let results = setup.three_rounds();
    // The control is warmed up too.
    assert_eq!(setup.turns(), ["a2", "a1", "a2", "b1", "b1", "a2", "a1", "a1", "a2", "b1"]);
    assert_eq!(setup.steps_of("b1"), [&WARM_UP[..], &[STEPS; 3]].concat());
    for row in &results.rows {
        let Timed { steps, samples, .. } = timed(row);
        assert_eq!((*steps, samples.len()), (STEPS, 3));
        assert!(samples.iter().all(|rate| (rate - 1000.0).abs() < 1e-6), "{samples:?}");
    }
    let control = results.control.unwrap();
    assert_eq!((control.task, control.entrant), (0, 0));
    assert_eq!((control.ratios.len(), verdict(&control.ratios, None)), (3, Verdict::Quiet));
}

#[test]
fn every_task_is_run_and_the_control_once() {
    let setup = Setup::new(&[Fault::None, Fault::None]);
    let results =
        setup.run(&[TINY, Workload { name: "other", ..TINY }], Settings { repetitions: 1, ..Settings::default() });
    let rows: Vec<_> = results.rows.iter().map(|row| (row.task, row.entrant)).collect();
    assert_eq!(rows, [(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_eq!(setup.turns(), ["a2", "a1", "a2", "b1", "a3", "b2"]);
}

#[test]
fn a_wrong_device_is_not_timed() {
    let setup = Setup::new(&[Fault::Wrong, Fault::None]);
    let results = setup.three_rounds();
    assert!(matches!(results.rows[0].outcome, Outcome::Wrong(_)));
    assert_eq!(setup.steps_of("a1"), [0; 0]);
    assert_eq!(timed(&results.rows[1]).samples.len(), 3);
    assert_eq!(results.control.unwrap().entrant, 1);
}

#[test]
fn an_error_ends_its_row_and_no_other() {
    let in_its_rounds = Fault::FailsInRound(WARM_UP.len() + 2);
    for fault in [Fault::FailsToEnter, Fault::FailsToCompute, Fault::FailsInRound(2), in_its_rounds] {
        let setup = Setup::new(&[Fault::None, fault, Fault::None]);
        let results = setup.three_rounds();
        assert!(matches!(results.rows[1].outcome, Outcome::Failed(_)));
        for row in [0, 2] {
            assert_eq!(timed(&results.rows[row]).samples.len(), 3);
        }
        assert_eq!(results.control.unwrap().ratios.len(), 3);
    }
    let results = Setup::new(&[Fault::FailsToEnter]).three_rounds();
    assert!(results.control.is_none());
}

#[test]
fn a_device_that_is_too_small_is_skipped() {
    let results = Setup::new(&[Fault::TooSmall]).three_rounds();
    assert!(matches!(results.rows[0].outcome, Outcome::Skipped(Skip::Unable(_))));
}

#[test]
fn a_slow_control_makes_the_verdict_too_noisy() {
    let results = Setup::new(&[Fault::ControlIsSlow]).three_rounds();
    let ratios = results.control.unwrap().ratios;
    assert!(ratios.iter().all(|ratio| (ratio - 0.5).abs() < 1e-9), "{ratios:?}");
    assert_eq!(verdict(&ratios, None), Verdict::TooNoisy);
}

#[test]
fn a_control_that_fails_ends_no_row() {
    // At the start, or in the second round after the warm-up.
    for (fault, ratios) in [(Fault::ControlFailsToEnter, 0), (Fault::ControlFailsInRound(3), 1)] {
        let results = Setup::new(&[fault]).three_rounds();
        assert_eq!(timed(&results.rows[0]).samples.len(), 3);
        let control = results.control.unwrap();
        assert_eq!((control.ratios.len(), control.failed.is_some()), (ratios, true));
    }
}

#[test]
fn a_software_gpu_skips_slow_workloads_unless_they_were_chosen() {
    let mut setup = Setup::new(&[Fault::None]);
    setup.fakes[0].info.software = true;
    let wide = Workload { hidden: 1024, ..TINY };
    let settings = Settings { repetitions: 1, ..Settings::default() };
    let results = setup.run(&[wide, TINY], settings);
    assert!(matches!(results.rows[0].outcome, Outcome::Skipped(Skip::Software)));
    timed(&results.rows[1]);
    let results = setup.run(&[wide, TINY], Settings { chosen: true, ..settings });
    timed(&results.rows[0]);
}

#[test]
fn a_task_that_exceeds_the_time_limit_is_skipped() {
    let mut setup = Setup::new(&[Fault::None, Fault::None]);
    setup.fakes[0].step = Duration::from_secs(20);
    let results = setup.three_rounds();
    // The warm-up took 20 of 55 s, so 35 s are left.
    let Outcome::Skipped(Skip::Budget { needs, left, .. }) = &results.rows[0].outcome else { panic!("not skipped") };
    assert_eq!(needs.as_secs(), 60);
    assert!(*left <= Duration::from_secs(35), "{left:?}");
    assert_eq!(setup.steps_of("a1"), [1]);
    assert_eq!(timed(&results.rows[1]).samples.len(), 3);
}

#[test]
fn a_task_that_is_too_slow_at_the_peak_is_not_prepared() {
    let mut setup = Setup::new(&[Fault::None]);
    let set = set();
    // A step a minute at best.
    setup.fakes[0].peak_flops = Some(Task::new(TINY, &set).flops() / 60.0);
    let results = setup.three_rounds();
    assert!(matches!(results.rows[0].outcome, Outcome::Skipped(Skip::Budget { .. })));
    assert_eq!(setup.fakes[0].entered.get(), 0);
}

#[test]
fn many_repetitions_make_short_rounds() {
    let setup = Setup::new(&[Fault::None]);
    let settings = Settings { repetitions: 100, ..Settings::default() };
    let results = setup.run(&[TINY; 4], settings);
    for row in &results.rows {
        let Timed { steps, samples, .. } = timed(row);
        assert_eq!(samples.len(), 100);
        assert!(*steps < STEPS, "{steps}");
    }
    let steps: usize = setup.log.borrow().iter().map(|(_, steps)| steps).sum();
    assert!(STEP * steps as u32 <= settings.budget, "{steps}");
}

#[test]
fn every_part_sends_an_event() {
    let setup = Setup::new(&[Fault::None]);
    let set = set();
    let mut events = Vec::new();
    let settings = Settings { repetitions: 2, ..Settings::default() };
    run(&[&setup.fakes[0]], &[Task::new(TINY, &set)], &settings, &mut |event, _, info| {
        events.push((event, info.name.clone()));
    });
    let expected = [Event::Preparing, Event::Checking, Event::WarmingUp, Event::Round(0), Event::Round(1)]
        .map(|event| (event, "a".to_owned()));
    assert_eq!(events, expected);
}
