//! The error of starting threads.

/// The system gave fewer threads than were asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot start {threads} threads: {reason}")]
pub(crate) struct Error {
    /// The threads asked for.
    pub threads: usize,
    /// Those that the system gave before it refused one.
    pub started: usize,
    /// The system's error.
    pub reason: String,
}
