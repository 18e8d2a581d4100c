//! A browser's page: one thread, which does everything. The standard library starts none there, and waiting for one panics.

use std::sync::Arc;

use super::error::Error;

/// How many threads this machine runs at once.
pub fn cores() -> usize {
    1
}

/// How many threads compute, however many are asked for.
pub fn number(_: usize) -> usize {
    1
}

/// There is none.
#[derive(Debug)]
pub enum Pool {}

impl Pool {
    /// How many threads it has.
    pub fn threads(&self) -> usize {
        match *self {}
    }

    /// Works on jobs, and does the caller's own work.
    pub fn share<J>(&self, _: impl Iterator<Item = J>, _: impl Fn(J), _: impl FnOnce()) {
        match *self {}
    }
}

/// The pool of this many threads.
///
/// # Errors
/// Always.
pub fn pool(threads: usize) -> Result<Arc<Pool>, Error> {
    Err(Error { threads, started: 0, reason: "a page has one thread".to_owned() })
}

/// The pool for work in independent parts.
pub fn shared() -> Option<&'static Pool> {
    None
}

/// Whether a thread was started for this work.
pub fn spawn(_: impl FnOnce()) -> bool {
    false
}
