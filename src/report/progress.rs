//! Progress on stderr: a bar on a terminal, plain lines elsewhere.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::train::{EpochAccuracy, Event};

/// Between two plain lines where there is no bar.
const QUIET_TIME: Duration = Duration::from_secs(10);

/// Shows how a run goes.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    quiet: bool,
    batch_size: usize,
    started: Instant,
    spoke: Instant,
}

impl Progress {
    /// `quiet` shows nothing but notices.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal && !quiet { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let now = Instant::now();
        Self {
            // Nothing to show yet.
            bar: ProgressBar::with_draw_target(None, target).with_style(style("{msg}")),
            plain: !terminal,
            quiet,
            batch_size: 0,
            started: now,
            spoke: now,
        }
    }

    /// A line that the person must see, whatever was asked for.
    pub fn notice(&self, line: impl Display) {
        self.bar.suspend(|| tell(format_args!("note: {line}")));
    }

    /// A line about what is done next.
    pub fn say(&self, line: impl Display) {
        if !self.quiet {
            self.bar.suspend(|| tell(line));
        }
    }

    /// Something that takes a while and has no measure, shown until the next thing.
    pub fn busy(&self, what: &str) {
        if self.plain {
            self.say(what);
            return;
        }
        self.bar.set_style(style("{spinner} {msg} {elapsed}"));
        self.bar.set_message(what.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }

    /// What of that thing is done now: too little for a line where there is no bar.
    pub fn detail(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// A download of `total` bytes, if known.
    pub fn download(&mut self, name: &str, received: u64, total: Option<u64>) {
        if self.plain {
            if received == 0 || self.spoke.elapsed() > QUIET_TIME {
                self.spoke = Instant::now();
                self.say(format_args!("downloading {name}: {received} bytes"));
            }
            return;
        }
        self.bar.set_style(style("{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}"));
        self.bar.set_message(format!("downloading {name}"));
        self.bar.set_length(total.unwrap_or(received));
        self.bar.set_position(received);
    }

    /// Gets ready for a run.
    pub fn start(&mut self, iterations: u64, batch_size: usize) {
        self.batch_size = batch_size;
        self.bar.set_length(iterations);
    }

    /// Shows what the training loop reports.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Started => {
                self.started = Instant::now();
                self.spoke = self.started;
                self.bar.set_style(style("[{wide_bar}] {pos}/{len} {msg}"));
                self.bar.disable_steady_tick();
                self.bar.reset();
            }
            Event::Steps { done, losses } => self.steps(*done, losses),
            Event::Parameters { step, done, of } => {
                let left = self.left(*step as f64 + *done as f64 / *of as f64);
                self.line(*step, &format!("parameter {done}/{of}  {left}"));
            }
            Event::Epoch { accuracy: EpochAccuracy { epoch, train, test, .. }, .. } => {
                self.say(format_args!("epoch {epoch:3}  train acc, test acc | {train:.4}, {test:.4}"));
            }
        }
    }

    fn steps(&mut self, done: u64, losses: &[f32]) {
        let mean = losses.iter().sum::<f32>() / losses.len() as f32;
        let rate = done as f64 * self.batch_size as f64 / self.started.elapsed().as_secs_f64();
        let left = self.left(done as f64);
        self.line(done, &format!("loss {mean:.3}  {rate:.0} images/s  {left}"));
    }

    /// How long the rest takes if it goes on as it did, where `done` iterations are done.
    fn left(&self, done: f64) -> String {
        let total = self.bar.length().map_or(done, |total| total as f64);
        left(self.started.elapsed().as_secs_f64() / done * (total - done))
    }

    fn line(&mut self, done: u64, message: &str) {
        if self.plain && self.spoke.elapsed() > QUIET_TIME {
            self.spoke = Instant::now();
            let total = self.bar.length().unwrap_or(done);
            self.say(format_args!("iteration {done}/{total}  {message}"));
        }
        self.bar.set_message(message.to_owned());
        self.bar.set_position(done);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A line on stderr. That nobody reads it any more is no reason to stop, as `eprintln!` would.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Seconds in the largest unit of which there are two or more.
fn left(seconds: f64) -> String {
    for (unit, length) in [("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)] {
        if seconds >= 2.0 * length {
            return format!("{:.1} {unit} left", seconds / length);
        }
    }
    format!("{seconds:.0} s left")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_a_unit_that_fits() {
        let told = [0.4, 119.0, 121.0, 7199.0, 7200.0, 172_799.0, 207_360.0].map(left);
        let expected = ["0 s", "119 s", "2.0 minutes", "120.0 minutes", "2.0 hours", "48.0 hours", "2.4 days"];
        assert_eq!(told, expected.map(|time| format!("{time} left")));
    }
}
