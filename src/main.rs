//! The command: parse, run, exit code.

use std::process::ExitCode;

#[allow(unsafe_code, reason = "the environment is prepared")]
fn main() -> ExitCode {
    // SAFETY: the process has just begun, and has started no thread.
    unsafe { twolayer::cli::prepare() };
    twolayer::cli::main()
}
