//! What is being done, said again where nothing was said for a while.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// A thread that does something again and again, until this is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat(#[expect(dead_code, reason = "that it is dropped ends the thread")] Sender<()>);

impl Heartbeat {
    /// Each `beat` returns the time to the next. None where the system has no thread to spare.
    pub fn start(mut beat: impl FnMut() -> Duration + Send + 'static) -> Option<Self> {
        let (end, ended) = channel();
        let run = move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(beat()) {}
        };
        Builder::new().name("progress".to_owned()).spawn(run).ok()?;
        Some(Self(end))
    }
}

/// Says lines, and knows what to say again. Clones share what they know.
#[derive(Clone)]
pub(super) struct Reminder {
    state: Arc<Mutex<State>>,
    say: Arc<dyn Fn(&str) + Send + Sync>,
    /// The longest time without a line.
    interval: Duration,
}

struct State {
    /// When something was said.
    spoke: Instant,
    doing: Option<Doing>,
}

struct Doing {
    what: String,
    since: Instant,
    said: bool,
}

impl Reminder {
    pub fn new(interval: Duration, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let state = State { spoke: Instant::now(), doing: None };
        Self { state: Arc::new(Mutex::new(state)), say: Arc::new(say), interval }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn say(&self, line: &str) {
        let mut state = self.state();
        state.spoke = Instant::now();
        // While it is locked, so that lines do not mix.
        (self.say)(line);
    }

    /// What is being done from now on, and how far it is.
    pub fn set(&self, what: String) {
        let mut state = self.state();
        if state.doing.as_ref().is_none_or(|doing| doing.what != what) {
            state.doing = Some(Doing { what, since: Instant::now(), said: false });
        }
    }

    pub fn say_and_set(&self, what: &str) {
        self.say(what);
        self.state().doing = Some(Doing { what: what.to_owned(), since: Instant::now(), said: true });
    }

    /// Nothing is being done any more.
    pub fn clear(&self) {
        self.state().doing = None;
    }

    /// Says what is being done, if it is time to. Returns the time until it may be time again.
    pub fn remind(&self) -> Duration {
        let mut state = self.state();
        let left = self.interval.saturating_sub(state.spoke.elapsed());
        if !left.is_zero() {
            return left;
        }
        let Some(doing) = &mut state.doing else { return self.interval };
        let seconds = doing.since.elapsed().as_secs();
        // What has been said before is said with how long it has been so.
        let line = if doing.said { format!("{} ({seconds} s)", doing.what) } else { doing.what.clone() };
        doing.said = true;
        state.spoke = Instant::now();
        (self.say)(&line);
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;

    fn reminder(interval: Duration) -> (Reminder, Receiver<String>) {
        let (lines, said) = channel();
        (Reminder::new(interval, move |line| drop(lines.send(line.to_owned()))), said)
    }

    #[test]
    fn what_takes_long_is_said_again() {
        let (reminder, said) = reminder(Duration::from_millis(1));
        let again = reminder.clone();
        let heartbeat = Heartbeat::start(move || again.remind()).unwrap();
        reminder.say_and_set("compiling");
        assert_eq!(said.recv().unwrap(), "compiling");
        assert!(said.recv().unwrap().starts_with("compiling ("));
        reminder.set("iteration 0/9".to_owned());
        let mut lines = said.iter().skip_while(|line| line.starts_with("compiling"));
        assert_eq!(lines.next().unwrap(), "iteration 0/9");
        assert!(lines.next().unwrap().starts_with("iteration 0/9 ("));
        reminder.clear();
        drop((heartbeat, reminder));
        // The channel closes: the thread has ended.
        assert!(said.iter().all(|line| line.starts_with("iteration 0/9 (")));
    }

    #[test]
    fn nothing_is_said_before_its_time() {
        let (reminder, said) = reminder(Duration::MAX);
        reminder.set("iteration 0/9".to_owned());
        assert!(reminder.remind() > Duration::from_secs(60));
        assert!(said.try_recv().is_err());
    }

    #[test]
    fn where_nothing_is_done_nothing_is_said() {
        let (reminder, said) = reminder(Duration::ZERO);
        reminder.remind();
        reminder.set("iteration 0/9".to_owned());
        reminder.clear();
        reminder.remind();
        assert!(said.try_recv().is_err());
    }
}
