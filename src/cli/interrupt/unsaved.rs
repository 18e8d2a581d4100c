//! What a signal finds: something unsaved, something expected, or nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::files::discard_unfinished;
use crate::report::progress::tell_below_bar;

/// How long after the first signal others belong to it.
const SAME_EVENT: Duration = Duration::from_secs(1);

/// How long a signal waits for what there will be to save: long enough for digits to be drawn or a folder to be read.
const WAIT: Duration = Duration::from_secs(3);

/// Set by the first signal, where there is something to save.
static ASKED: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<State> = Mutex::new(State { unsaved: None, expected: false, asked: None, over: None });
static CHANGED: Condvar = Condvar::new();

struct State {
    unsaved: Option<Arc<Mutex<dyn Unsaved>>>,
    /// Whether there will be something to save.
    expected: bool,
    /// When the first signal came.
    asked: Option<Instant>,
    /// When what was to save was saved, or was lost by an error.
    over: Option<Instant>,
}

/// What is lost if the process ends at once. Whoever locks it and does not let it go holds up the end.
pub(in crate::cli) trait Unsaved: Send {
    /// Saves what can be saved at this moment. Returns what was.
    fn keep(&mut self) -> String;
}

/// Keeps the first signal from ending the process.
pub(in crate::cli) struct Protection(());

impl Protection {
    /// Where it is `expected` that there will be something to save, a signal waits a few seconds for that.
    pub fn new(expected: bool) -> Self {
        lock(&STATE).expected = expected;
        Self(())
    }

    /// From here on, until this is dropped, there is something to save.
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
        state.over = unsaved.is_some().then(Instant::now);
        drop(state);
        CHANGED.notify_all();
        drop(unsaved);
    }
}

/// Whether the command is to end, and to save.
pub(in crate::cli) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// What a panic leaves locked is as good as before.
pub(in crate::cli) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn on_signal() {
    let mut state = lock(&STATE);
    match state.asked {
        None if state.unsaved.is_some() || state.expected => {
            state.asked = Some(Instant::now());
            ASKED.store(true, Ordering::Relaxed);
            let wait = |state: &mut State| state.expected && state.unsaved.is_none();
            if wait(&mut state) {
                tell_below_bar("stopping as soon as there is a network to save");
            }
            let waited = CHANGED.wait_timeout_while(state, WAIT, wait);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.unsaved.is_none() {
                end(&state);
            }
            drop(state);
            tell_below_bar(
                "stopping after this step, or the evaluation it is in; Ctrl-C again goes back to the last evaluation and ends \
                 at once",
            );
        }
        // The process is about to end by itself, and says better how.
        _ if state.over.is_some_and(|over| over.elapsed() < SAME_EVENT) => {}
        Some(first) if (state.unsaved.is_some() || state.expected) && first.elapsed() < SAME_EVENT => {}
        _ => end(&state),
    }
}

/// Keeps what can be kept and ends the process. The state stays locked, and so does what is unsaved: nobody writes after this.
fn end(state: &State) -> ! {
    let mut unsaved = state.unsaved.as_ref().map(|unsaved| lock(unsaved));
    let kept = unsaved.as_mut().map(|unsaved| unsaved.keep());
    let kept = match (kept, discard_unfinished()) {
        (Some(kept), _) => kept,
        (None, 0) => "nothing was kept".to_owned(),
        (None, 1) => "one file was complete and is kept".to_owned(),
        (None, files) => format!("{files} files were complete and are kept"),
    };
    tell_below_bar(format_args!("interrupted; {kept}"));
    std::process::exit(130);
}
