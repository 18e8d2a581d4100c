//! Those that train one network together: threads of this process with a device each, or the ranks of an MPI job.
//!
//! Peer 0 leads: it says what is done next, and all do it at the same time, each on its part of the images.

mod launch;
#[cfg(feature = "mpi")]
mod mpi;
#[cfg(not(feature = "mpi"))]
mod no_mpi;
mod peer;
#[cfg(not(target_family = "wasm"))]
pub mod threads;

pub use launch::{JoinError, Local};
#[cfg(feature = "mpi")]
pub use mpi::Ranks;
#[cfg(not(feature = "mpi"))]
pub use no_mpi::Ranks;
pub use peer::{Gone, Peers};
