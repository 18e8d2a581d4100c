//! Handles the events of a console: Ctrl-C, Ctrl-Break, a closed window, and the end of the session.

use std::process::exit;
use std::thread::sleep;
use std::time::Duration;

use super::unsaved::on_signal;

type Routine = extern "system" fn(u32) -> i32;

#[allow(unsafe_code, reason = "the standard library does not know console events")]
#[link(name = "kernel32")]
unsafe extern "system" {
    fn SetConsoleCtrlHandler(routine: Option<Routine>, add: i32) -> i32;
}

const CTRL_C_EVENT: u32 = 0;
const CTRL_BREAK_EVENT: u32 = 1;

/// The time that a run has to stop by itself after its window is closed. Windows ends the process after 5 s.
const TIME_TO_STOP: Duration = Duration::from_secs(3);

pub(super) fn listen() {
    // If this fails, the events end the process as usual.
    let _ = add(routine);
}

#[allow(unsafe_code, reason = "the standard library does not know console events")]
fn add(routine: Routine) -> bool {
    // SAFETY: the routine lives as long as the process, and may run on any thread.
    unsafe { SetConsoleCtrlHandler(Some(routine), 1) != 0 }
}

/// Windows runs this on a thread of its own.
extern "system" fn routine(event: u32) -> i32 {
    on_signal(exit);
    if !matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT) {
        // The process ends when this returns. The second call saves the results if the run has not stopped.
        sleep(TIME_TO_STOP);
        on_signal(exit);
    }
    i32::from(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "system" fn pass_on(_: u32) -> i32 {
        0
    }

    #[test]
    fn a_routine_can_be_added() {
        assert!(add(pass_on));
    }
}
