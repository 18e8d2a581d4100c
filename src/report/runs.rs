//! A list of runs.

use std::fmt::Write;

use serde::Serialize;

use super::summary::{Progress, Run, Settings};
use super::table::plain;
use crate::book;
use crate::data::batches::Sampling;
use crate::net::{Activation, Output};

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
        }
    }
}

/// The runs as a table, at most `columns` wide.
#[must_use]
pub fn table(runs: &[Listed], columns: usize) -> String {
    let headings = ["run", "written (UTC)", "device", "data", "settings", "iterations", "test acc", "state"];
    let rows = runs.iter().map(|Listed { name, date, state, resumable, run, .. }| {
        let accuracy = run.test_accuracy().map_or("-".to_owned(), |accuracy| format!("{accuracy:.4}"));
        let state = match state {
            State::Running => "running",
            State::Finished => "finished",
            State::Diverged => "loss not finite",
            State::Interrupted if *resumable => "interrupted, resumable",
            State::Interrupted => "interrupted",
            State::Killed if *resumable => "killed, resumable",
            State::Killed => "killed",
        };
        let iterations = if run.iterations == run.settings.iterations {
            run.iterations.to_string()
        } else {
            format!("{} of {}", run.iterations, run.settings.iterations)
        };
        let date = date.get(..16).unwrap_or_default().replace('T', " ");
        let (device, data) = (run.device.backend.clone(), run.data.source.clone());
        [name.clone(), date, device, data, flags(&run.settings), iterations, accuracy, state.to_owned()]
    });
    let mut text = plain(headings, rows, &[0, 1, 2, 3, 4, 7], columns);
    text.push('\n');
    text
}

/// The flags that make these settings of the book's.
#[must_use]
pub fn flags(settings: &Settings) -> String {
    let Settings { hidden, batch_size, learning_rate, activation, output, sampling, seed, iterations, .. } = settings;
    let mut text = String::new();
    let mut add = |differs: bool, flag: &str, value: &dyn std::fmt::Display| {
        if differs {
            let _ = write!(text, "{}--{flag} {value}", if text.is_empty() { "" } else { " " });
        }
    };
    if let Some(init) = &settings.init {
        add(true, "init", init);
    } else {
        add(*hidden != usize::from(book::HIDDEN), "hidden", hidden);
        add(*activation != Activation::default(), "activation", activation);
        add(*output != Output::default(), "output", output);
    }
    if let Some(weight_init) = &settings.weight_init {
        add(weight_init != "normal", "weight-init", weight_init);
    }
    if let Some(std) = settings.weight_init_std {
        add(std != book::WEIGHT_INIT_STD, "weight-init-std", &std);
    }
    add(*batch_size != usize::from(book::BATCH_SIZE), "batch-size", batch_size);
    add(*learning_rate != book::LEARNING_RATE, "learning-rate", learning_rate);
    add(*iterations != book::ITERATIONS, "iterations", iterations);
    add(settings.gradient != "backprop", "gradient", &settings.gradient);
    if let Some(step_size) = settings.step_size {
        add(true, "step-size", &step_size);
    }
    add(*sampling != Sampling::default(), "sampling", sampling);
    add(*seed != 0, "seed", seed);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Settings {
        Settings {
            input: 784,
            hidden: 50,
            batch_size: 100,
            learning_rate: 0.1,
            weight_init: Some("normal".to_owned()),
            weight_init_std: Some(0.01),
            init: None,
            activation: Activation::Sigmoid,
            output: Output::Softmax,
            gradient: "backprop".to_owned(),
            step_size: None,
            sampling: Sampling::Replacement,
            seed: 0,
            iterations: 10_000,
        }
    }

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
