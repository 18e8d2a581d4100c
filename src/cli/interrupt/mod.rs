//! The effect of a signal (Ctrl-C and similar ones) on a command.
//!
//! If there is nothing to save, a signal ends the process. While `train` starts, the signal first waits a few seconds for a
//! network to save. During a run, the first signal makes the command stop and save. More signals within a second belong to
//! the first, because `timeout`, `npm run` and others send two. A later signal saves the last evaluation and ends the
//! process at once. No temporary file and no empty folder is left.

#[cfg(unix)]
mod unix;
mod unsaved;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(super) use unsaved::{Protection, Unsaved, follow, is_requested, lock};

/// Handles signals from now on. If the handlers cannot be installed, signals end the process as usual.
pub(super) fn listen() {
    system::listen();
}
