//! Repeats the current task as a line of plain progress when no line was printed for a while.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// A thread that calls a function at intervals. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat(#[expect(dead_code, reason = "its drop ends the thread")] Sender<()>);

impl Heartbeat {
    /// `beat` returns the time until its next call. `None` if the system has no free thread.
    pub fn start(mut beat: impl FnMut() -> Duration + Send + 'static) -> Option<Self> {
        let (end, ended) = channel();
        let run = move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(beat()) {}
        };
        Builder::new().name("progress".to_owned()).spawn(run).ok()?;
        Some(Self(end))
    }
}

/// Prints lines, and repeats the current task. Clones share their state.
#[derive(Clone)]
pub(super) struct Reminder {
    state: Arc<Mutex<State>>,
    print: Arc<dyn Fn(&str) + Send + Sync>,
    /// The longest time without a line.
    interval: Duration,
}

struct State {
    /// The time of the last line.
    last_line: Instant,
    task: Option<Task>,
}

struct Task {
    text: String,
    start: Instant,
    is_printed: bool,
}

impl Reminder {
    pub fn new(interval: Duration, print: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let state = State { last_line: Instant::now(), task: None };
        Self { state: Arc::new(Mutex::new(state)), print: Arc::new(print), interval }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn say(&self, line: &str) {
        let mut state = self.state();
        state.last_line = Instant::now();
        // The lock is held, so that lines do not mix.
        (self.print)(line);
    }

    /// Sets the current task, with its progress.
    pub fn set(&self, text: String) {
        let mut state = self.state();
        if state.task.as_ref().is_none_or(|task| task.text != text) {
            state.task = Some(Task { text, start: Instant::now(), is_printed: false });
        }
    }

    pub fn say_and_set(&self, text: &str) {
        self.say(text);
        self.state().task = Some(Task { text: text.to_owned(), start: Instant::now(), is_printed: true });
    }

    /// Removes the current task.
    pub fn clear(&self) {
        self.state().task = None;
    }

    /// Prints the current task if the interval is over. Returns the time until the next call.
    pub fn remind(&self) -> Duration {
        let mut state = self.state();
        let time_left = self.interval.saturating_sub(state.last_line.elapsed());
        if !time_left.is_zero() {
            return time_left;
        }
        let Some(task) = &mut state.task else { return self.interval };
        let seconds = task.start.elapsed().as_secs();
        // A repeated line gets the elapsed time.
        let line = if task.is_printed { format!("{} ({seconds} s)", task.text) } else { task.text.clone() };
        task.is_printed = true;
        state.last_line = Instant::now();
        (self.print)(&line);
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;

    fn reminder(interval: Duration) -> (Reminder, Receiver<String>) {
        let (lines, printed) = channel();
        (Reminder::new(interval, move |line| drop(lines.send(line.to_owned()))), printed)
    }

    #[test]
    fn a_long_task_is_repeated() {
        let (reminder, printed) = reminder(Duration::from_millis(1));
        let again = reminder.clone();
        let heartbeat = Heartbeat::start(move || again.remind()).unwrap();
        reminder.say_and_set("compiling");
        assert_eq!(printed.recv().unwrap(), "compiling");
        assert!(printed.recv().unwrap().starts_with("compiling ("));
        reminder.set("iteration 0/9".to_owned());
        let mut lines = printed.iter().skip_while(|line| line.starts_with("compiling"));
        assert_eq!(lines.next().unwrap(), "iteration 0/9");
        assert!(lines.next().unwrap().starts_with("iteration 0/9 ("));
        reminder.clear();
        drop((heartbeat, reminder));
        // The channel closes: the thread has ended.
        assert!(printed.iter().all(|line| line.starts_with("iteration 0/9 (")));
    }

    #[test]
    fn no_line_is_printed_before_the_interval_is_over() {
        let (reminder, printed) = reminder(Duration::MAX);
        reminder.set("iteration 0/9".to_owned());
        assert!(reminder.remind() > Duration::from_secs(60));
        assert!(printed.try_recv().is_err());
    }

    #[test]
    fn no_line_is_printed_without_a_task() {
        let (reminder, printed) = reminder(Duration::ZERO);
        reminder.remind();
        reminder.set("iteration 0/9".to_owned());
        reminder.clear();
        reminder.remind();
        assert!(printed.try_recv().is_err());
    }
}
