//! Handles SIGINT, SIGTERM and SIGHUP, and the signals by which batch systems announce the end of a job: SIGXCPU and SIGUSR1.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::thread::Builder;

use libc::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGXCPU, SIGXFSZ, c_int};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

use super::unsaved::on_signal;

/// Handles each signal, except those that were ignored when the process started, as `nohup` does with SIGHUP.
///
/// There is one exception. A shell script starts `command &` with SIGINT and SIGQUIT ignored, because Ctrl-C on the terminal
/// reaches background jobs too. A SIGINT that another process sends should still work. So if both are ignored, SIGINT is
/// handled unless it comes from the terminal.
pub(super) fn listen() {
    // With a handler, a file that exceeds the size limit is a write error, as a full disk is.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    let background = is_ignored(SIGINT) && is_ignored(SIGQUIT);
    let handled: Vec<c_int> = [SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1]
        .into_iter()
        .filter(|&signal| !is_ignored(signal) || (signal == SIGINT && background))
        .collect();
    let (ready, is_ready) = channel::<()>();
    let handle = move || {
        let signals = SignalsInfo::<WithOrigin>::new(handled);
        drop(ready);
        let Ok(mut signals) = signals else { return };
        for origin in &mut signals {
            // A signal from the terminal has no sending process.
            if !(background && origin.signal == SIGINT && origin.process.is_none()) {
                on_signal(exit);
            }
        }
    };
    // The thread installs the handlers. So there are none if the system has no free thread.
    if Builder::new().name("signals".to_owned()).spawn(handle).is_ok() {
        let _ = is_ready.recv();
    }
}

/// Ends the process at once. `std::process::exit` would first let a GPU's driver take itself apart, while another thread still
/// waits in it: that one crashes.
fn exit(code: c_int) -> ! {
    signal_hook::low_level::exit(code)
}

#[allow(unsafe_code, reason = "the standard library has no signals")]
fn is_ignored(signal: c_int) -> bool {
    // SAFETY: sigaction is a plain C struct of integers and pointers. All bits 0 are a valid value of it.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the call changes nothing. The old action is written to a valid local variable.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) } == 0;
    known && action.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code, reason = "the standard library has no signals")]
    fn an_ignored_signal_is_recognised() {
        assert!(!is_ignored(libc::SIGUSR2));
        // SAFETY: no other test and no code of this process uses this signal.
        unsafe { libc::signal(libc::SIGUSR2, libc::SIG_IGN) };
        assert!(is_ignored(libc::SIGUSR2));
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGUSR2, libc::SIG_DFL) };
        assert!(!is_ignored(libc::SIGUSR2));
        assert!(!is_ignored(-1));
    }
}
