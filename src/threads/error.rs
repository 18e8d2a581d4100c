//! What starting threads fails with.

/// The system gave fewer threads than were asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("can't start {threads} threads: {reason}")]
pub(crate) struct Error {
    /// The threads asked for.
    pub threads: usize,
    /// Those that the system gave before it refused one.
    pub started: usize,
    /// What the system said.
    pub reason: String,
}
