//! What peers do together, and their parts of the work.

use std::ops::Range;

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

/// A peer's part of `count` things, which are in order: the parts differ in length by one at most.
#[must_use]
pub fn part(count: usize, rank: usize, size: usize) -> Range<usize> {
    count * rank / size..count * (rank + 1) / size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_everything_once() {
        for (count, size) in [(10, 1), (10, 3), (2, 5), (60_000, 7)] {
            let parts: Vec<_> = (0..size).map(|rank| part(count, rank, size)).collect();
            assert_eq!((parts[0].start, parts[size - 1].end), (0, count));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            let lengths = || parts.iter().map(ExactSizeIterator::len);
            assert!(lengths().max().unwrap() - lengths().min().unwrap() <= 1, "{parts:?}");
        }
    }
}
