//! The events of a console: Ctrl-C, Ctrl-Break, its window closed, the session ended.

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

/// Of the 5 s that Windows leaves a process whose window is closed, those before what can be kept is kept.
const UNTIL_KEPT: Duration = Duration::from_secs(3);

pub(super) fn listen() {
    // Where it cannot be added, these events end the process as they always do.
    let _ = add(routine);
}

#[allow(unsafe_code, reason = "the standard library does not know console events")]
fn add(routine: Routine) -> bool {
    // SAFETY: the routine lives as long as the process, and may run on any thread.
    unsafe { SetConsoleCtrlHandler(Some(routine), 1) != 0 }
}

/// Windows runs this on a thread of its own.
extern "system" fn routine(event: u32) -> i32 {
    on_signal();
    if !matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT) {
        // When this returns the process ends, so the run has till then to save; then this counts as impatience.
        sleep(UNTIL_KEPT);
        on_signal();
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
