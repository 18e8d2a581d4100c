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

/// The longest time without a line where there is no bar: less than the 10 s that are promised, for a machine that is busy.
const QUIET_TIME: Duration = Duration::from_secs(9);
/// Between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(100);

/// Shows how a run goes.
pub struct Progress {
    bar: ProgressBar,
    /// Whether the bar shows nothing but that something is done.
    spins: Arc<AtomicBool>,
    reminder: Reminder,
    /// What makes the spinner turn, or the reminder speak.
    heartbeat: Mutex<Option<Heartbeat>>,
    plain: bool,
    quiet: bool,
    batch_size: usize,
    started: Instant,
}

impl Progress {
    /// `quiet` shows nothing but notices.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let plain = !(io::stderr().is_terminal() && can_draw());
        let target = if plain || quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        // Nothing to show yet.
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
        Self { bar, spins, reminder, heartbeat, plain, quiet, batch_size: 0, started: Instant::now() }
    }

    /// A line that the person must see, whatever was asked for.
    pub fn notice(&self, line: impl Display) {
        self.reminder.say(&format!("note: {line}"));
    }

    /// A line about what is done next.
    pub fn say(&self, line: impl Display) {
        if !self.quiet {
            let line = line.to_string();
            // Only a person minds where a line is broken.
            let line = if self.plain { line } else { wrapped(&line, columns_of_stderr()) };
            self.reminder.say(&line);
        }
    }

    /// Something that takes a while and has no measure, shown until the next thing.
    pub fn busy(&self, what: &str) {
        if self.quiet {
            return;
        }
        if self.plain {
            self.reminder.say_and_set(what);
            return;
        }
        self.spin(what);
    }

    /// As [`busy`](Self::busy), but where there is no bar it is only said if it does take a while.
    pub fn doing(&self, what: &str) {
        if self.plain {
            self.detail(what);
        } else {
            self.spin(what);
        }
    }

    fn spin(&self, what: &str) {
        self.bar.set_style(style("{spinner} {msg} {elapsed}"));
        self.bar.set_message(what.to_owned());
        self.spins.store(true, Ordering::Relaxed);
    }

    /// What of that thing is done now: too little for a line where there is no bar.
    pub fn detail(&self, what: &str) {
        self.remind(|| what.to_owned());
        self.bar.set_message(what.to_owned());
    }

    /// A download of `total` bytes, if known.
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
                self.spins.store(false, Ordering::Relaxed);
                self.bar.set_style(style("[{wide_bar}] {pos}/{len} {msg}"));
                self.bar.reset();
                self.remind(|| format!("iteration 0/{}", self.bar.length().unwrap_or(0)));
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
        let total = self.bar.length().unwrap_or(done);
        self.remind(|| format!("iteration {done}/{total}  {message}"));
        self.bar.set_message(message.to_owned());
        self.bar.set_position(done);
    }

    /// What is being done, to be said if nothing else is for a while, where there is no bar.
    fn remind(&self, what: impl FnOnce() -> String) {
        if self.plain && !self.quiet {
            self.reminder.set(what());
            // Here too, for where there is no thread that does.
            self.reminder.remind();
        }
    }

    /// Takes the bar away.
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

/// Whether the terminal, if there is one, can do more than print lines.
#[must_use]
pub fn can_draw() -> bool {
    draws(std::env::var_os("TERM").as_deref())
}

/// Whether a terminal that TERM says this of can.
fn draws(term: Option<&OsStr>) -> bool {
    match term {
        Some(term) => term != "dumb" && (cfg!(windows) || !term.is_empty()),
        // Only elsewhere do terminals always say what they are.
        None => cfg!(windows),
    }
}

/// As [`tell`], in a line of its own where a bar may stand in this one.
pub fn tell_beside_a_bar(line: impl Display) {
    let fresh = if io::stderr().is_terminal() && can_draw() { "\n" } else { "" };
    tell(format_args!("{fresh}{line}"));
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
    fn a_dumb_terminal_gets_lines() {
        let draw = [Some("xterm-256color"), Some("dumb"), Some(""), None].map(|term| draws(term.map(OsStr::new)));
        assert_eq!(draw, [true, false, cfg!(windows), cfg!(windows)]);
    }

    #[test]
    fn what_is_left_is_told_in_a_unit_that_fits() {
        let told = [0.4, 119.0, 121.0, 7199.0, 7200.0, 172_799.0, 207_360.0].map(left);
        let expected = ["0 s", "119 s", "2.0 minutes", "120.0 minutes", "2.0 hours", "48.0 hours", "2.4 days"];
        assert_eq!(told, expected.map(|time| format!("{time} left")));
    }
}
