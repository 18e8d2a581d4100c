//! Progress on stderr: a bar on a terminal, plain lines elsewhere.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::reminder::{Heartbeat, Reminder};
use super::width::{columns_of_stderr, wrapped};
use crate::train::{EpochAccuracy, Event};

/// The longest time without a line of plain progress. The documented limit is 10 s; a busy machine may need the last second.
const QUIET_TIME: Duration = Duration::from_secs(9);
/// The time between two frames of a spinner.
const TICK: Duration = Duration::from_millis(100);

/// Shows the progress of a command on stderr.
pub struct Progress {
    bar: ProgressBar,
    /// Whether the bar is a spinner.
    spins: Arc<AtomicBool>,
    reminder: Reminder,
    /// The thread that turns the spinner or repeats the plain line.
    heartbeat: Mutex<Option<Heartbeat>>,
    /// Whether progress is plain lines instead of a bar.
    plain: bool,
    quiet: bool,
    is_silent: bool,
    batch_size: usize,
    /// Iterations done before this process began.
    first: u64,
    started: Instant,
}

impl Progress {
    /// With `quiet`, only notices are shown.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let plain = !(io::stderr().is_terminal() && can_draw());
        let target = if plain || quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        // Empty until the first message.
        let bar = ProgressBar::with_draw_target(None, target).with_style(style("{msg}"));
        let spins = Arc::new(AtomicBool::new(false));
        let shown = bar.clone();
        let reminder = Reminder::new(QUIET_TIME, move |line| shown.suspend(|| tell(line)));
        let heartbeat = match (quiet, plain) {
            (true, _) => None,
            (false, true) => {
                let reminder = reminder.clone();
                Heartbeat::start(move || reminder.remind())
            }
            (false, false) => {
                let (bar, spins) = (bar.clone(), spins.clone());
                Heartbeat::start(move || {
                    if spins.load(Ordering::Relaxed) {
                        bar.tick();
                    }
                    TICK
                })
            }
        };
        let heartbeat = Mutex::new(heartbeat);
        Self {
            bar,
            spins,
            reminder,
            heartbeat,
            plain,
            quiet,
            is_silent: false,
            batch_size: 0,
            first: 0,
            started: Instant::now(),
        }
    }

    /// Shows nothing at all, not even notices.
    #[must_use]
    pub fn silent() -> Self {
        let mut progress = Self::new(true);
        progress.is_silent = true;
        progress
    }

    /// Prints a note, even with `quiet`.
    pub fn notice(&self, line: impl Display) {
        if self.is_silent {
            return;
        }
        self.reminder.say(&format!("note: {line}"));
    }

    /// Prints a line.
    pub fn say(&self, line: impl Display) {
        if !self.quiet {
            let line = line.to_string();
            // A log keeps whole lines.
            let line = if self.plain { line } else { wrapped(&line, columns_of_stderr()) };
            self.reminder.say(&line);
        }
    }

    /// Shows a long task without a known length: as a spinner, or as a line.
    pub fn busy(&self, task: &str) {
        match (self.quiet, self.plain) {
            (true, _) => {}
            (false, true) => self.reminder.say_and_set(task),
            (false, false) => self.spin(task),
        }
    }

    /// Shows a task that is usually short: as a spinner, or as a line after 9 s without one.
    pub fn doing(&self, task: &str) {
        if self.plain {
            self.detail(task);
        } else {
            self.spin(task);
        }
    }

    fn spin(&self, task: &str) {
        self.bar.set_style(style("{spinner} {msg} {elapsed}"));
        self.bar.set_message(task.to_owned());
        self.spins.store(true, Ordering::Relaxed);
    }

    /// Shows a part of the current task. As plain progress it is a line only after 9 s without one.
    pub fn detail(&self, task: &str) {
        self.remind(|| task.to_owned());
        self.bar.set_message(task.to_owned());
    }

    /// Shows a download of `total` bytes, if known.
    pub fn download(&mut self, name: &str, received: u64, total: Option<u64>) {
        if self.plain {
            let line = format!("downloading {name}: {received} bytes");
            if received == 0 {
                self.busy(&line);
            } else {
                self.remind(|| line);
            }
            return;
        }
        self.spins.store(false, Ordering::Relaxed);
        self.bar.set_style(style("{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}"));
        self.bar.set_message(format!("downloading {name}"));
        self.bar.set_length(total.unwrap_or(received));
        self.bar.set_position(received);
    }

    /// Sets the length of a training run, and the number of iterations that it has done before.
    pub fn start(&mut self, first: u64, iterations: u64, batch_size: usize) {
        self.first = first;
        self.batch_size = batch_size;
        self.bar.set_length(iterations);
    }

    /// Shows an event of the training loop.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Started => {
                self.started = Instant::now();
                self.spins.store(false, Ordering::Relaxed);
                self.bar.set_style(style("[{wide_bar}] {pos}/{len} {msg}"));
                self.bar.reset();
                self.bar.set_position(self.first);
                self.remind(|| format!("iteration {}/{}", self.first, self.bar.length().unwrap_or(0)));
            }
            Event::Steps { done, losses } => self.steps(*done, losses),
            Event::Parameters { step, done, of } => {
                let time_left = self.time_left(*step as f64 + *done as f64 / *of as f64);
                self.line(*step, &format!("parameter {done}/{of}  {time_left}"));
            }
            Event::Epoch { accuracy: EpochAccuracy { epoch, train, test, validation: None, .. }, .. } => {
                self.say(format_args!("epoch {epoch:3}  train acc, test acc | {train:.4}, {test:.4}"));
            }
            Event::Epoch { accuracy, best, .. } => {
                let &EpochAccuracy { epoch, iteration, train, test, validation } = accuracy;
                let validation = validation.unwrap_or(f64::NAN);
                let best = if best.is_some_and(|best| best.iteration == iteration) { "  best" } else { "" };
                self.say(format_args!(
                    "epoch {epoch:3}  train acc, validation acc, test acc | {train:.4}, {validation:.4}, {test:.4}{best}"
                ));
            }
            Event::Checkpoint(_) => {}
        }
    }

    fn steps(&mut self, done: u64, losses: &[f32]) {
        let mean = losses.iter().sum::<f32>() / losses.len() as f32;
        let rate = (done - self.first) as f64 * self.batch_size as f64 / self.started.elapsed().as_secs_f64();
        let time_left = self.time_left(done as f64);
        self.line(done, &format!("loss {mean:.3}  {rate:.0} images/s  {time_left}"));
    }

    /// The estimated rest of the time, after `done` iterations.
    fn time_left(&self, done: f64) -> String {
        let total = self.bar.length().map_or(done, |total| total as f64);
        time_left(self.started.elapsed().as_secs_f64() / (done - self.first as f64) * (total - done))
    }

    fn line(&mut self, done: u64, message: &str) {
        let total = self.bar.length().unwrap_or(done);
        self.remind(|| format!("iteration {done}/{total}  {message}"));
        self.bar.set_message(message.to_owned());
        self.bar.set_position(done);
    }

    /// Sets the line of plain progress that is printed after [`QUIET_TIME`] without one.
    fn remind(&self, task: impl FnOnce() -> String) {
        if self.plain && !self.quiet {
            self.reminder.set(task());
            // The system may have no thread for the heartbeat.
            self.reminder.remind();
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.reminder.clear();
        self.spins.store(false, Ordering::Relaxed);
        let heartbeat = self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(heartbeat);
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Whether a terminal of this process can move its cursor.
#[must_use]
pub fn can_draw() -> bool {
    can_draw_with(std::env::var_os("TERM").as_deref())
}

/// Whether a terminal with this TERM can move its cursor.
fn can_draw_with(term: Option<&OsStr>) -> bool {
    match term {
        Some(term) => term != "dumb" && (cfg!(windows) || !term.is_empty()),
        // Terminals on Windows do not set TERM. All others do.
        None => cfg!(windows),
    }
}

/// Prints a line on stderr, below a bar if there is one.
pub fn tell_below_bar(line: impl Display) {
    let newline = if io::stderr().is_terminal() && can_draw() { "\n" } else { "" };
    tell(format_args!("{newline}{line}"));
}

/// Prints a line on stderr. A closed stderr is ignored; `eprintln!` would panic.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Text for a rest of time, in the largest unit that gives at least 2.
fn time_left(seconds: f64) -> String {
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
    fn a_dumb_terminal_gets_lines() {
        let terms = [Some("xterm-256color"), Some("dumb"), Some(""), None];
        let can_draw = terms.map(|term| can_draw_with(term.map(OsStr::new)));
        assert_eq!(can_draw, [true, false, cfg!(windows), cfg!(windows)]);
    }

    #[test]
    fn the_time_left_has_a_unit_that_fits() {
        let texts = [0.4, 119.0, 121.0, 7199.0, 7200.0, 172_799.0, 207_360.0].map(time_left);
        let expected = ["0 s", "119 s", "2.0 minutes", "120.0 minutes", "2.0 hours", "48.0 hours", "2.4 days"];
        assert_eq!(texts, expected.map(|time| format!("{time} left")));
    }
}
