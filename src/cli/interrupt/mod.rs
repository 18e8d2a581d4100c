//! What a signal (Ctrl-C and its kin) does to a command.
//!
//! Where nothing would be lost it ends the process at once. Else the first one asks the command to end and to save. Signals
//! within a second of it are the same event: `timeout`, `npm run` and others signal twice. A later one means impatience: what
//! can be kept at this moment is kept, and the process ends. Either way no temporary file and no empty folder stays.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use crate::files::discard_unfinished;
use crate::report::progress::tell;

/// How long after the first signal others belong to it.
const SAME_EVENT: Duration = Duration::from_secs(1);

/// Set by the first signal, where there is something to save.
static ASKED: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<State> = Mutex::new(State { unsaved: None, asked: None });

struct State {
    unsaved: Option<Arc<Mutex<dyn Unsaved>>>,
    /// When the first signal came.
    asked: Option<Instant>,
}

/// What is lost if the process ends at once. Whoever locks it and does not let it go holds up the end.
pub(super) trait Unsaved: Send {
    /// Saves what can be saved at this moment. Returns what was.
    fn keep(&mut self) -> String;
}

/// While this lives, the first signal does not end the process.
pub(super) struct Protected(());

impl Drop for Protected {
    fn drop(&mut self) {
        let unsaved = lock(&STATE).unsaved.take();
        drop(unsaved);
    }
}

/// From here on there is something to save.
#[must_use]
pub(super) fn protect(unsaved: Arc<Mutex<impl Unsaved + 'static>>) -> Protected {
    lock(&STATE).unsaved = Some(unsaved);
    Protected(())
}

/// Whether the command is to end, and to save.
pub(super) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Hears signals from here on. Where that cannot be, they end the process as they always do.
pub(super) fn listen() {
    system::listen();
}

/// What a panic leaves locked is as good as before.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_signal() {
    let mut state = lock(&STATE);
    match state.asked {
        _ if state.unsaved.is_none() => end(&state),
        None => {
            state.asked = Some(Instant::now());
            ASKED.store(true, Ordering::Relaxed);
            drop(state);
            tell(
                "stopping after this step, or the evaluation it is in; Ctrl-C again goes back to the last evaluation and ends \
                 at once",
            );
        }
        Some(first) if first.elapsed() < SAME_EVENT => {}
        Some(_) => end(&state),
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
    tell(format_args!("interrupted; {kept}"));
    std::process::exit(130);
}
