//! A list of runs.

use serde::Serialize;

use super::summary::{Progress, Run, Settings};
use super::width::wrapped;
use crate::book;
use crate::data::batches::Sampling;
use crate::net::optimizer::{MOMENTUM, Rule};
use crate::net::schedule::Decay;
use crate::net::{Activation, Output};
use crate::words::counted;

/// How far a run has come, and whether somebody works on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A process trains it now.
    Running,
    /// It has done all iterations.
    Finished,
    /// It was stopped, and saved its results.
    Interrupted,
    /// Its process ended without saving results.
    Killed,
    /// Its loss was not finite.
    Diverged,
    /// Its validation accuracy no longer rose.
    #[serde(rename = "stopped early")]
    StoppedEarly,
    /// It has reached its target accuracy.
    #[serde(rename = "target reached")]
    TargetReached,
}

/// A run in a list.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its folder.
    pub path: String,
    /// Its name in the list.
    #[serde(skip)]
    pub name: String,
    /// When it was last written, as 2026-01-31T12:00:00Z.
    pub date: String,
    /// How far it has come.
    pub state: State,
    /// Whether --resume goes on with it.
    pub resumable: bool,
    /// Its record.
    pub run: Run,
}

impl State {
    /// The state of a run that nobody works on.
    #[must_use]
    pub fn of(end: Progress, has_results: bool) -> Self {
        match end {
            _ if !has_results => Self::Killed,
            Progress::Running => Self::Killed,
            Progress::Finished => Self::Finished,
            Progress::Interrupted => Self::Interrupted,
            Progress::NotFinite => Self::Diverged,
            Progress::StoppedEarly => Self::StoppedEarly,
            Progress::TargetReached => Self::TargetReached,
        }
    }
}

/// Two lines or more for each run, at most `columns` wide.
#[must_use]
pub fn text(runs: &[Listed], columns: usize) -> String {
    let indented = |text: &str| format!("  {}", wrapped(text, columns.saturating_sub(2)).replace('\n', "\n  "));
    let lines = runs.iter().flat_map(|run| [wrapped(&run.result(), columns), indented(&run.details())]);
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

impl Listed {
    /// What came out of the run.
    fn result(&self) -> String {
        let Self { name, state, resumable, run, .. } = self;
        let iterations = if run.iterations == run.settings.iterations {
            counted(run.iterations, "iteration")
        } else {
            format!("{} of {}", run.iterations, counted(run.settings.iterations, "iteration"))
        };
        let state = match state {
            State::Running => "running",
            State::Finished => "finished",
            State::Interrupted => "interrupted",
            State::Killed => "killed",
            State::Diverged => "loss not finite",
            State::StoppedEarly => "stopped early",
            State::TargetReached => "target reached",
        };
        let state = if *resumable { format!("{state}, can be resumed") } else { state.to_owned() };
        let accuracy = run.test_accuracy().map_or(String::new(), |accuracy| format!(", test accuracy {accuracy:.4}"));
        format!("{name}: {state}; {iterations}{accuracy}")
    }

    /// What it is trained on, and how.
    fn details(&self) -> String {
        let Self { date, run, .. } = self;
        let date = date.get(..16).unwrap_or_default().replace('T', " ");
        let flags = flags(&run.settings);
        let settings = if flags.is_empty() { "the book's settings" } else { &flags };
        format!("{}, {}, {settings}; written {date} UTC", run.device.backend, run.data.source)
    }
}

/// The flags that make these settings of the book's.
#[must_use]
pub fn flags(settings: &Settings) -> String {
    let others = setting_flags(settings).into_iter().filter(|flag| !flag.is_usual);
    others.map(|Flag { name, value, .. }| format!("--{name} {value}")).collect::<Vec<_>>().join(" ")
}

/// A setting as its flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flag {
    pub name: &'static str,
    pub value: String,
    /// Whether a run without this flag has this value.
    pub is_usual: bool,
}

/// Every setting that a run has.
pub(super) fn setting_flags(settings: &Settings) -> Vec<Flag> {
    let Settings { hidden, batch_size, optimizer, learning_rate, weight_decay, activation, output, .. } = settings;
    let Settings { lr_schedule, warmup, validation, early_stop, target_accuracy, .. } = settings;
    let Settings { sampling, seed, iterations, .. } = settings;
    // The file of --init has these.
    let is_drawn = settings.init.is_none();
    let mut flags = Vec::new();
    let mut add = |differs: bool, name: &'static str, value: &dyn std::fmt::Display| {
        flags.push(Flag { name, value: value.to_string(), is_usual: !differs });
    };
    if let Some(init) = &settings.init {
        add(true, "init", init);
    }
    add(is_drawn && *hidden != usize::from(book::HIDDEN), "hidden", hidden);
    add(is_drawn && *activation != Activation::default(), "activation", activation);
    add(is_drawn && *output != Output::default(), "output", output);
    if let Some(weight_init) = &settings.weight_init {
        add(weight_init != "normal", "weight-init", weight_init);
    }
    if let Some(std) = settings.weight_init_std {
        add(std != book::WEIGHT_INIT_STD, "weight-init-std", &std);
    }
    add(*batch_size != usize::from(book::BATCH_SIZE), "batch-size", batch_size);
    add(*optimizer != Rule::default(), "optimizer", optimizer);
    add(Some(*learning_rate) != Some(optimizer.learning_rate()), "learning-rate", learning_rate);
    add(*lr_schedule != Decay::default(), "lr-schedule", lr_schedule);
    add(*warmup != 0, "warmup", warmup);
    if let Some(momentum) = settings.momentum {
        add(momentum != MOMENTUM, "momentum", &momentum);
    }
    add(Some(*weight_decay) != Some(optimizer.weight_decay()), "weight-decay", weight_decay);
    add(*iterations != book::ITERATIONS, ITERATIONS, iterations);
    if let Some(every) = settings.average_every {
        add(every != 1, "average-every", &every);
    }
    add(settings.gradient != "backprop", "gradient", &settings.gradient);
    if let Some(step_size) = settings.step_size {
        add(true, "step-size", &step_size);
    }
    for (flag, value) in [("validation", validation), ("target-accuracy", target_accuracy)] {
        if let Some(value) = value {
            add(true, flag, value);
        }
    }
    if let Some(early_stop) = early_stop {
        add(true, "early-stop", early_stop);
    }
    add(*sampling != Sampling::default(), "sampling", sampling);
    add(*seed != 0, "seed", seed);
    flags
}

/// The flag of the number of iterations.
pub(super) const ITERATIONS: &str = "iterations";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::book;

    #[test]
    fn settings_are_the_flags_that_differ_from_the_book() {
        assert_eq!(flags(&book()), "");
        let other = Settings {
            hidden: 100,
            learning_rate: 0.5,
            activation: Activation::Relu,
            weight_init: Some("he".to_owned()),
            weight_init_std: None,
            seed: 3,
            ..book()
        };
        assert_eq!(flags(&other), "--hidden 100 --activation relu --weight-init he --learning-rate 0.5 --seed 3");
        let other = Settings {
            hidden: 7,
            init: Some("run".to_owned()),
            weight_init: None,
            weight_init_std: None,
            batch_size: 1,
            gradient: "numerical".to_owned(),
            step_size: Some(1e-3),
            iterations: 5,
            sampling: Sampling::Shuffle,
            output: Output::Identity,
            ..book()
        };
        assert_eq!(
            flags(&other),
            "--init run --batch-size 1 --iterations 5 --gradient numerical --step-size 0.001 --sampling shuffle"
        );
    }
}
