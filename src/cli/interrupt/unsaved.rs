//! Saves unsaved results when a signal arrives.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::files::discard_unfinished;
use crate::report::progress::tell_below_bar;

/// Signals within this time after the first belong to it.
const SAME_EVENT: Duration = Duration::from_secs(1);

/// The time that a signal waits for a network to save: enough to draw the digits or to read a folder.
const WAIT: Duration = Duration::from_secs(3);

/// Set by the first signal if there is something to save.
static REQUESTED: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<State> = Mutex::new(State { unsaved: None, expected: false, first_signal: None, finished: None });
static CHANGED: Condvar = Condvar::new();
/// Whether another process keeps the results.
static FOLLOWS: AtomicBool = AtomicBool::new(false);

struct State {
    unsaved: Option<Arc<Mutex<dyn Unsaved>>>,
    /// Whether there will be something to save.
    expected: bool,
    /// The time of the first signal.
    first_signal: Option<Instant>,
    /// The time when the results were saved, or lost by an error.
    finished: Option<Instant>,
}

/// Results that are not saved yet. The process cannot end while they are locked.
pub(in crate::cli) trait Unsaved: Send {
    /// Saves the results so far. Returns a message.
    fn keep(&mut self) -> String;
}

/// While this exists, the first signal does not end the process.
pub(in crate::cli) struct Protection(());

impl Protection {
    /// If results are `expected`, a signal waits a few seconds for them.
    pub fn new(expected: bool) -> Self {
        lock(&STATE).expected = expected;
        Self(())
    }

    /// Sets the results that a signal saves, until this is dropped.
    #[must_use]
    pub fn of(self, unsaved: Arc<Mutex<impl Unsaved + 'static>>) -> Self {
        lock(&STATE).unsaved = Some(unsaved);
        CHANGED.notify_all();
        self
    }
}

impl Drop for Protection {
    fn drop(&mut self) {
        let mut state = lock(&STATE);
        state.expected = false;
        let unsaved = state.unsaved.take();
        state.finished = unsaved.is_some().then(Instant::now);
        drop(state);
        CHANGED.notify_all();
        drop(unsaved);
    }
}

/// Leaves it to another process to save results and to say so. The first signal asks that one to stop.
pub(in crate::cli) fn follow() {
    FOLLOWS.store(true, Ordering::Relaxed);
}

/// Whether the command should stop and save.
pub(in crate::cli) fn is_requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Locks a mutex, even after a panic of another thread.
pub(in crate::cli) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a signal does. `exit` ends the process at once with its code.
pub(super) fn on_signal(exit: fn(i32) -> !) {
    let mut state = lock(&STATE);
    if FOLLOWS.load(Ordering::Relaxed) && state.first_signal.is_none_or(|first| first.elapsed() < SAME_EVENT) {
        state.first_signal.get_or_insert_with(Instant::now);
        REQUESTED.store(true, Ordering::Relaxed);
        return;
    }
    match state.first_signal {
        None if state.unsaved.is_some() || state.expected => {
            state.first_signal = Some(Instant::now());
            REQUESTED.store(true, Ordering::Relaxed);
            let wait = |state: &mut State| state.expected && state.unsaved.is_none();
            if wait(&mut state) {
                tell_below_bar("stopping as soon as there is a network to save");
            }
            let waited = CHANGED.wait_timeout_while(state, WAIT, wait);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.unsaved.is_none() {
                end(&state, exit);
            }
            drop(state);
            tell_below_bar("stopping after this step or evaluation; Ctrl-C again ends at once");
        }
        // The process ends by itself, with its own message.
        _ if state.finished.is_some_and(|finished| finished.elapsed() < SAME_EVENT) => {}
        Some(first) if (state.unsaved.is_some() || state.expected) && first.elapsed() < SAME_EVENT => {}
        _ => end(&state, exit),
    }
}

/// Saves the results and ends the process. The state and the results stay locked, so that no thread writes after this.
fn end(state: &State, exit: fn(i32) -> !) -> ! {
    let mut unsaved = state.unsaved.as_ref().map(|unsaved| lock(unsaved));
    let kept = unsaved.as_mut().map(|unsaved| unsaved.keep());
    let kept = match (kept, discard_unfinished()) {
        (Some(kept), _) => kept,
        (None, 0) => "nothing was kept".to_owned(),
        (None, 1) => "one file was complete and is kept".to_owned(),
        (None, files) => format!("{files} files were complete and are kept"),
    };
    tell_below_bar(format_args!("interrupted; {kept}"));
    exit(130)
}
