//! The benchmark on every device of this machine: a correct device is timed, and a single wrong tensor is found.

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use pollster::block_on;
use twolayer::backend::{self, Profile};
use twolayer::bench::contest::{Contestant, Entrant, Outcome, Results, Settings, run};
use twolayer::bench::entry::Entry;
use twolayer::bench::task::{Computed, Task};
use twolayer::bench::workload::{Step, Workload};
use twolayer::data::{Dataset, digits};
use twolayer::devices::{self, Found, Info};

/// Short rounds: the tests do not use the speeds.
const SETTINGS: Settings =
    Settings { repetitions: 2, round: Duration::from_millis(1), budget: Duration::from_secs(600), chosen: true };

/// A test of one device.
type Check = fn(&Found);

fn main() -> ExitCode {
    let mut trials = Vec::new();
    // Kept to the end. Otherwise a test's thread might unload a driver while the process ends.
    let devices = block_on(devices::list(0));
    for found in &devices {
        let Info { index, name, backend, .. } = found.info.clone();
        let checks: [(&str, Check); 2] = [("a right device is timed", right), ("a wrong tensor is found", wrong)];
        for (what, check) in checks {
            let found = found.clone();
            let run = move || {
                check(&found);
                Ok::<_, Failed>(())
            };
            trials.push(Trial::test(format!("{backend} {index}, {name}: {what}"), run));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn workloads() -> [Workload; 2] {
    [Workload::custom(Some(7), Some(33)), Workload { name: "inference", hidden: 7, step: Step::Inference }]
}

fn contest(entrants: &[&dyn Entrant]) -> Results {
    let (images, labels) = digits::draw(200, 0);
    let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE).expect("a set");
    let tasks = workloads().map(|workload| Task::new(workload, &set));
    run(entrants, &tasks, &SETTINGS, &mut |_, _, _| ())
}

fn right(found: &Found) {
    let entry = Entry::open(found);
    let results = contest(&[&entry]);
    for row in &results.rows {
        let Outcome::Timed(timed) = &row.outcome else { panic!("{}", why(&row.outcome)) };
        assert_eq!(timed.samples.len(), SETTINGS.repetitions);
        assert!(timed.samples.iter().all(|rate| rate.is_finite() && *rate > 0.0), "{:?}", timed.samples);
        assert!(timed.errors.largest() < 1e-5, "{:?}", timed.errors);
        assert!(timed.profile.kernels.is_empty() == timed.profile.missing.is_some(), "{:?}", timed.profile);
    }
    assert_eq!(results.control.expect("a control").ratios.len(), SETTINGS.repetitions);
}

fn why(outcome: &Outcome) -> String {
    outcome.why_not().map_or("timed".to_owned(), ToString::to_string)
}

/// Corrupts one value of a device's results.
type Spoil = fn(&mut Computed);

fn wrong(found: &Found) {
    let spoilers: [Spoil; 2] = [
        |computed| {
            if let Computed::Training { found, .. } = computed {
                let largest = found.gradient.w1.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                found.gradient.w1[0] += largest;
            }
        },
        |computed| {
            if let Computed::Inference(evaluation) = computed {
                evaluation.loss *= 1.1;
            }
        },
    ];
    let entry = Entry::open(found);
    for (spoiled, spoil) in spoilers.into_iter().enumerate() {
        let wrong = Wrong { entry: &entry, spoil };
        let results = contest(&[&wrong, &entry]);
        for row in &results.rows {
            let is_spoiled = row.entrant == 0 && row.task == spoiled;
            assert_eq!(matches!(row.outcome, Outcome::Wrong(_)), is_spoiled, "{}", why(&row.outcome));
            assert_eq!(matches!(row.outcome, Outcome::Timed(_)), !is_spoiled, "{}", why(&row.outcome));
        }
    }
}

/// A device of this machine with a wrong value.
struct Wrong<'a> {
    entry: &'a Entry,
    spoil: Spoil,
}

struct WrongContestant {
    contestant: Box<dyn Contestant>,
    spoil: Spoil,
}

impl Entrant for Wrong<'_> {
    fn info(&self) -> &Info {
        self.entry.info()
    }

    fn peak_flops(&self) -> Option<f64> {
        self.entry.peak_flops()
    }

    fn spent(&self) -> Duration {
        self.entry.spent()
    }

    fn enter(&self, task: &Task) -> Result<Box<dyn Contestant>, backend::Error> {
        Ok(Box::new(WrongContestant { contestant: self.entry.enter(task)?, spoil: self.spoil }))
    }
}

impl Contestant for WrongContestant {
    fn compute(&mut self, task: &Task) -> Result<Computed, backend::Error> {
        let mut computed = self.contestant.compute(task)?;
        (self.spoil)(&mut computed);
        Ok(computed)
    }

    fn round(&mut self, task: &Task, steps: usize) -> Result<Duration, backend::Error> {
        self.contestant.round(task, steps)
    }

    fn profile(&mut self, task: &Task) -> Result<Profile, backend::Error> {
        self.contestant.profile(task)
    }

    fn dispatches(&self) -> Option<usize> {
        self.contestant.dispatches()
    }
}
