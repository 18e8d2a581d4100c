//! The clock that durations are measured by: the system's, and in a browser, where the standard library's panics, the page's.

#[cfg(not(target_family = "wasm"))]
pub(crate) use std::time::Instant;
#[cfg(target_family = "wasm")]
pub(crate) use web_time::Instant;
