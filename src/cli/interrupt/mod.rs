//! What a signal (Ctrl-C and its kin) does to a command.
//!
//! Where nothing would be lost it ends the process; while `train` gets ready it first waits a few seconds for there to be
//! something. Else the first one asks the command to end and to save. Signals within a second of it are the same event:
//! `timeout`, `npm run` and others signal twice. A later one means impatience: what can be kept at this moment is kept, and the
//! process ends. Either way no temporary file and no empty folder stays.

#[cfg(unix)]
mod unix;
mod unsaved;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(super) use unsaved::{Protection, Unsaved, asked, lock};

/// Hears signals from here on. Where that cannot be, they end the process as they always do.
pub(super) fn listen() {
    system::listen();
}
