//! The place of [`Ranks`] in a build without MPI: there are none.

use super::launch::{JoinError, Local, processes};
use super::peer::{Gone, Peers};

/// This process's place among the ranks of an MPI job, which it cannot have without MPI.
pub enum Ranks {}

#[allow(clippy::unnecessary_wraps, clippy::must_use_candidate, reason = "as with MPI")]
impl Ranks {
    /// No rank.
    ///
    /// # Errors
    /// `mpirun` has started several of this process, which would each do the same.
    pub fn join() -> Result<Option<Self>, JoinError> {
        match processes() {
            Some(processes) if processes > 1 => Err(JoinError::NoMpi { processes }),
            _ => Ok(None),
        }
    }

    /// As with MPI.
    pub fn name(&self) -> String {
        match *self {}
    }

    /// As with MPI.
    pub fn host(&self) -> &str {
        match *self {}
    }

    /// As with MPI.
    pub fn local(&self) -> Local {
        match *self {}
    }

    /// As with MPI.
    pub fn end(&mut self) {
        match *self {}
    }

    /// As with MPI.
    pub fn is_over(&self) -> bool {
        match *self {}
    }

    /// As with MPI.
    pub fn abort(&self, _: i32) -> ! {
        match *self {}
    }

    /// As with MPI.
    pub fn share(&mut self, _: &mut String) {
        match *self {}
    }

    /// As with MPI.
    pub fn gather(&mut self, _: &str) -> Vec<String> {
        match *self {}
    }

    /// As with MPI.
    pub fn wait(&mut self) {
        match *self {}
    }
}

impl Peers for Ranks {
    fn rank(&self) -> usize {
        match *self {}
    }

    fn size(&self) -> usize {
        match *self {}
    }

    fn sum(&mut self, _: &mut [f32]) -> Result<(), Gone> {
        match *self {}
    }

    fn sum_f64(&mut self, _: &mut [f64]) -> Result<(), Gone> {
        match *self {}
    }

    fn broadcast(&mut self, _: &mut [u8]) -> Result<(), Gone> {
        match *self {}
    }
}
