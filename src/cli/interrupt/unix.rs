//! SIGINT, SIGTERM and SIGHUP; and those by which batch systems announce the end of a job, SIGXCPU and SIGUSR1.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::thread::Builder;

use libc::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGXCPU, SIGXFSZ, c_int};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

use super::unsaved::on_signal;

/// Hears each signal that was not ignored when the process started: whoever had it ignored meant it (nohup and SIGHUP).
///
/// There is one exception. A shell without job control, so every script, starts `command &` with SIGINT and SIGQUIT ignored,
/// because the keyboard's Ctrl-C reaches background jobs too. It cannot mean a SIGINT that a process sends to this one. So
/// where both are ignored, SIGINT is heard unless it comes from the terminal.
pub(super) fn listen() {
    // So that a file that may not grow further is an error of writing, as a full disk is.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    let background = is_ignored(SIGINT) && is_ignored(SIGQUIT);
    let heard: Vec<c_int> = [SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1]
        .into_iter()
        .filter(|&signal| !is_ignored(signal) || (signal == SIGINT && background))
        .collect();
    let (ready, is_ready) = channel::<()>();
    let hear = move || {
        let signals = SignalsInfo::<WithOrigin>::new(heard);
        drop(ready);
        let Ok(mut signals) = signals else { return };
        for origin in &mut signals {
            // What a terminal sends has no process that sent it.
            if !(background && origin.signal == SIGINT && origin.process.is_none()) {
                on_signal();
            }
        }
    };
    // The handlers are set up on the thread, so that none is where the system has no thread to spare.
    if Builder::new().name("signals".to_owned()).spawn(hear).is_ok() {
        let _ = is_ready.recv();
    }
}

#[allow(unsafe_code, reason = "the standard library does not know signals")]
fn is_ignored(signal: c_int) -> bool {
    // SAFETY: sigaction is a plain C struct of integers and pointers, for which all bits 0 are a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: with no new action it changes nothing; the old one is written to a place that is valid and ours alone.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) } == 0;
    known && action.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code, reason = "the standard library does not know signals")]
    fn an_ignored_signal_is_known() {
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
