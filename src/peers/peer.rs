//! What peers do together.

/// What peers do together. All must call the same methods in the same order, with as many values; each call waits for the others.
pub trait Peers {
    /// The number of this peer, from 0.
    fn rank(&self) -> usize;

    /// The number of peers.
    fn size(&self) -> usize;

    /// Replaces each value by the sum of all peers' values in its place. All get the same bits.
    ///
    /// # Errors
    /// [`Gone`].
    fn sum(&mut self, values: &mut [f32]) -> Result<(), Gone>;

    /// As [`Peers::sum`], for a few values of higher precision.
    ///
    /// # Errors
    /// [`Gone`].
    fn sum_f64(&mut self, values: &mut [f64]) -> Result<(), Gone>;

    /// Replaces everyone's bytes by those of peer 0.
    ///
    /// # Errors
    /// [`Gone`].
    fn broadcast(&mut self, bytes: &mut [u8]) -> Result<(), Gone>;
}

/// Another peer has ended. Its own error says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another device of this run has failed")]
pub struct Gone;
