//! The images of each step's batch. They depend on the seed, the sampling, the batch size, the set's size and the step's
//! number alone, so every backend and every resumed run has the same batches.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::net::names;
use crate::random::{Stream, stream};

/// How the images of a batch are drawn from the training set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Uniformly, with replacement, as the book's `np.random.choice` does.
    #[default]
    Replacement,
    /// From a sequence of permutations of the set, cut into full batches: every image once, then every image again.
    Shuffle,
    /// In file order: batch i has the images `i * B` to `(i + 1) * B - 1`, modulo the set's size.
    Sequential,
}

names!(Sampling, "sampling", {
    Replacement => "replacement", Shuffle => "shuffle", Sequential => "sequential",
});

/// The batches of one run.
#[derive(Clone, Debug)]
pub struct Batches {
    seed: u64,
    sampling: Sampling,
    batch_size: usize,
    /// The count of the set's images.
    count: usize,
    /// The permutation of `epoch`; empty before the first.
    permutation: Vec<u32>,
    epoch: u64,
}

impl Batches {
    /// Batches of `batch_size` from a set of `count` images; neither may be 0. A batch may be larger than the set.
    #[must_use]
    pub fn new(seed: u64, sampling: Sampling, batch_size: usize, count: usize) -> Self {
        Self { seed, sampling, batch_size, count, permutation: Vec::new(), epoch: 0 }
    }

    /// Images in a batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The indices of the images of the steps `first .. first + steps`, `[steps, batch_size]` row-major.
    pub fn indices(&mut self, first: u64, steps: usize) -> Vec<u32> {
        let mut indices = Vec::with_capacity(steps * self.batch_size);
        for step in first..first + steps as u64 {
            match self.sampling {
                Sampling::Replacement => {
                    let mut rng = stream(self.seed, &Stream::Batch(step));
                    let range = 0..self.count as u32;
                    indices.extend((0..self.batch_size).map(|_| rng.random_range(range.clone())));
                }
                Sampling::Shuffle => {
                    indices.extend(self.positions(step).map(|(epoch, position)| self.permuted(epoch, position)));
                }
                Sampling::Sequential => indices.extend(self.positions(step).map(|(_, position)| position as u32)),
            }
        }
        indices
    }

    /// The epoch and the position within it of each image of a step's batch.
    fn positions(&self, step: u64) -> impl Iterator<Item = (u64, usize)> + use<> {
        let (batch_size, count) = (self.batch_size as u64, self.count as u64);
        let first = step * batch_size;
        (first..first + batch_size).map(move |image| (image / count, (image % count) as usize))
    }

    /// The index at a position of an epoch's permutation.
    fn permuted(&mut self, epoch: u64, position: usize) -> u32 {
        if self.epoch != epoch || self.permutation.is_empty() {
            self.permutation = (0..self.count as u32).collect();
            self.permutation.shuffle(&mut stream(self.seed, &Stream::Permutation(epoch)));
            self.epoch = epoch;
        }
        self.permutation[position]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(sampling: Sampling, batch_size: usize, count: usize) -> Batches {
        Batches::new(3, sampling, batch_size, count)
    }

    #[test]
    fn a_seed_always_gives_the_same_batches() {
        assert_eq!(batches(Sampling::Replacement, 5, 60_000).indices(0, 2), PINNED_REPLACEMENT);
        assert_eq!(batches(Sampling::Shuffle, 4, 6).indices(0, 3), PINNED_SHUFFLE);
    }

    const PINNED_REPLACEMENT: [u32; 10] = [20_801, 59_034, 33_587, 24_078, 652, 3826, 40_284, 22_927, 6836, 22_379];
    const PINNED_SHUFFLE: [u32; 12] = [1, 5, 2, 4, 0, 3, 2, 0, 1, 3, 5, 4];

    #[test]
    fn a_batch_does_not_depend_on_the_chunks() {
        for sampling in [Sampling::Replacement, Sampling::Shuffle, Sampling::Sequential] {
            let all = batches(sampling, 7, 10).indices(0, 9);
            let mut batches_in_chunks = batches(sampling, 7, 10);
            let chunks = [(0, 1), (1, 5), (6, 3)].map(|(first, steps)| batches_in_chunks.indices(first, steps));
            assert_eq!(all, chunks.concat(), "{sampling}");
            assert_eq!(batches(sampling, 7, 10).indices(4, 1), all[28..35], "{sampling}");
        }
    }

    #[test]
    fn shuffle_shows_every_image_once_before_any_twice() {
        let mut seen = batches(Sampling::Shuffle, 8, 12).indices(0, 3);
        let second = seen.split_off(12);
        assert_ne!(seen, second);
        for mut epoch in [seen, second] {
            epoch.sort_unstable();
            assert_eq!(epoch, (0..12).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn sequential_goes_in_file_order_and_wraps() {
        assert_eq!(batches(Sampling::Sequential, 3, 4).indices(1, 2), [3, 0, 1, 2, 3, 0]);
        assert_eq!(batches(Sampling::Sequential, 5, 2).indices(0, 1), [0, 1, 0, 1, 0]);
    }

    #[test]
    fn replacement_draws_uniformly() {
        let mut counts = [0_u32; 10];
        for i in batches(Sampling::Replacement, 100, 10).indices(0, 100) {
            counts[i as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (880..1120).contains(&c)), "{counts:?}");
    }
}
