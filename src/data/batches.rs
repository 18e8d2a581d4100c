//! Which images each step trains on: a function of the seed, the sampling, the batch size, the set's size and the
//! step's number alone, so every backend and every resumed run sees the same batches.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::net::names;
use crate::random::{Stream, stream};

/// How a batch's images are chosen from the training set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Uniformly, with replacement, as the book's `np.random.choice` does.
    #[default]
    Replacement,
    /// From one stream of permutations of the set, cut into full batches: every image once, then every image again.
    Shuffle,
    /// In file order: batch i is the images `[i * B, (i + 1) * B)` modulo the set.
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
    images: usize,
    /// The permutation used last, with its number.
    permutation: Option<(u64, Vec<u32>)>,
}

impl Batches {
    /// Batches of `batch_size` out of a set of `images`; neither may be 0. A batch may be larger than the set.
    #[must_use]
    pub fn new(seed: u64, sampling: Sampling, batch_size: usize, images: usize) -> Self {
        Self { seed, sampling, batch_size, images, permutation: None }
    }

    /// Images in a batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The image numbers of the steps `first .. first + steps`, `[steps, batch_size]`, one step after another.
    pub fn indices(&mut self, first: u64, steps: usize) -> Vec<u32> {
        let mut indices = Vec::with_capacity(steps * self.batch_size);
        for step in first..first + steps as u64 {
            match self.sampling {
                Sampling::Replacement => {
                    let mut rng = stream(self.seed, &Stream::Batch(step));
                    let range = 0..self.images as u32;
                    indices.extend((0..self.batch_size).map(|_| rng.random_range(range.clone())));
                }
                Sampling::Shuffle => {
                    indices.extend(self.positions(step).map(|(epoch, place)| self.permuted(epoch, place)));
                }
                Sampling::Sequential => indices.extend(self.positions(step).map(|(_, place)| place as u32)),
            }
        }
        indices
    }

    /// Where the step's images lie in the endless repetition of the set: (how many whole sets before, place in the set).
    fn positions(&self, step: u64) -> impl Iterator<Item = (u64, usize)> + use<> {
        let (batch_size, images) = (self.batch_size as u64, self.images as u64);
        let first = step * batch_size;
        (first..first + batch_size).map(move |place| (place / images, (place % images) as usize))
    }

    fn permuted(&mut self, epoch: u64, place: usize) -> u32 {
        let permutation = match self.permutation.take() {
            Some((number, permutation)) if number == epoch => permutation,
            _ => {
                let mut permutation: Vec<u32> = (0..self.images as u32).collect();
                permutation.shuffle(&mut stream(self.seed, &Stream::Permutation(epoch)));
                permutation
            }
        };
        let image = permutation[place];
        self.permutation = Some((epoch, permutation));
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(sampling: Sampling, batch_size: usize, images: usize) -> Batches {
        Batches::new(3, sampling, batch_size, images)
    }

    #[test]
    fn a_seed_means_the_same_batches_for_ever() {
        assert_eq!(batches(Sampling::Replacement, 5, 60_000).indices(0, 2), PINNED_REPLACEMENT);
        assert_eq!(batches(Sampling::Shuffle, 4, 6).indices(0, 3), PINNED_SHUFFLE);
    }

    const PINNED_REPLACEMENT: [u32; 10] = [20_801, 59_034, 33_587, 24_078, 652, 3826, 40_284, 22_927, 6836, 22_379];
    const PINNED_SHUFFLE: [u32; 12] = [1, 5, 2, 4, 0, 3, 2, 0, 1, 3, 5, 4];

    #[test]
    fn a_step_does_not_depend_on_the_cut() {
        for sampling in [Sampling::Replacement, Sampling::Shuffle, Sampling::Sequential] {
            let whole = batches(sampling, 7, 10).indices(0, 9);
            let mut cut = batches(sampling, 7, 10);
            let parts = [cut.indices(0, 1), cut.indices(1, 5), cut.indices(6, 3)].concat();
            assert_eq!(whole, parts, "{sampling}");
            assert_eq!(batches(sampling, 7, 10).indices(4, 1), whole[28..35], "{sampling}");
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
