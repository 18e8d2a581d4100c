//! An all-reduce of the logits among the threads of a step.
//!
//! Strips are dealt to threads in shares, and the logits of all shares are summed pairwise, as a fixed binary tree: shares 0 and 1, 2
//! and 3, then these two sums, and so on. A thread sums up the subtrees that lie within its own shares, and publishes these few
//! partial sums; each thread then sums up the rest for itself. So the order of the terms does not depend on the number of threads,
//! and neither do the bits.

use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use super::layers;
use super::simd::{Instructions, Row};
use super::team::Barrier;
use super::tiles::{TILE, tiles};
use crate::{NoMemory, memory};

/// The most shares that strips are dealt in, and so the most threads that a step can use.
pub const MOST_SHARES: usize = 32;
/// The most partial sums at a time: shares 1 to 30 leave eight, of 1, 2, 4, 8, 8, 4, 2 and 1 shares; and one for the share that
/// comes to them.
const MOST_SUMS: usize = 2 * MOST_SHARES.ilog2() as usize - 1;

/// The partial sums of two steps: one thread may begin with the next while another still reads this one's.
#[derive(Default)]
pub struct Exchange {
    pub barrier: Barrier,
    batch_size: usize,
    /// Rows of the classes.
    rows: usize,
    /// Each thread's shares, and the subtrees that lie within them.
    threads: Vec<(Range<usize>, Vec<Subtree>)>,
    /// What each thread publishes, `[tiles, subtrees, rows of classes, images of the tile]`. Those of threads that rest are kept.
    published: [Vec<RwLock<Vec<Row>>>; 2],
}

/// A node of the tree: a power of two of shares, from a multiple of that on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subtree {
    first: usize,
    shares: usize,
}

impl Subtree {
    fn of_share(share: usize) -> Self {
        Self { first: share, shares: 1 }
    }

    /// The node above both, if `next` is the other half.
    fn with(self, next: Self) -> Option<Self> {
        let are_halves = self.shares == next.shares && self.first.is_multiple_of(2 * self.shares);
        are_halves.then_some(Self { first: self.first, shares: 2 * self.shares })
    }
}

/// Appends a subtree to those that lack their other half. `add` is called with the place of each sum that the one behind it is added to.
fn append(subtrees: &mut Vec<Subtree>, next: Subtree, mut add: impl FnMut(usize)) {
    subtrees.push(next);
    while let [.., left, right] = subtrees[..]
        && let Some(both) = left.with(right)
    {
        subtrees.truncate(subtrees.len() - 2);
        add(subtrees.len());
        subtrees.push(both);
    }
}

/// The largest subtrees that lie within these shares, in their order.
fn subtrees(shares: Range<usize>) -> Vec<Subtree> {
    let mut subtrees = Vec::new();
    shares.for_each(|share| append(&mut subtrees, Subtree::of_share(share), |_| {}));
    subtrees
}

/// Partial sums of the logits of a tile, while they are summed up.
#[derive(Default)]
pub struct PartialSums {
    /// Those that lack their other half, in their order.
    subtrees: Vec<Subtree>,
    /// `[MOST_SUMS, rows of classes, images]`.
    values: Vec<Row>,
}

impl PartialSums {
    /// Makes room for what [`Self::fit`] takes on.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn reserve(&mut self, rows: usize) -> Result<(), NoMemory> {
        self.subtrees.reserve(MOST_SUMS);
        memory::reserve(&mut self.values, MOST_SUMS * rows * TILE, "a batch's values")
    }

    /// Takes on the size for so many rows of classes.
    pub fn fit(&mut self, rows: usize) {
        self.subtrees.clear();
        self.values.resize(MOST_SUMS * rows * TILE, Row::ZERO);
    }

    /// Appends a subtree, of `length` rows. What `write` gets may hold anything.
    fn append(&mut self, kind: Instructions, next: Subtree, length: usize, write: impl FnOnce(&mut [Row])) {
        let Self { subtrees, values } = self;
        write(&mut values[subtrees.len() * length..][..length]);
        append(subtrees, next, |place| add_next(kind, values, place, length));
    }

    /// Ends with those that lack their other half.
    fn end(&mut self, length: usize) -> &[Row] {
        let count = self.subtrees.len();
        self.subtrees.clear();
        &self.values[..count * length]
    }

    /// Ends with the sum of all.
    fn total(&mut self, kind: Instructions, length: usize) -> &[Row] {
        for place in (0..self.subtrees.len() - 1).rev() {
            add_next(kind, &mut self.values, place, length);
        }
        self.subtrees.truncate(1);
        self.end(length)
    }
}

/// Adds to the sum at a place the one behind it.
fn add_next(kind: Instructions, values: &mut [Row], place: usize, length: usize) {
    let (sum, next) = values[place * length..][..2 * length].split_at_mut(length);
    layers::add(kind, 1.0, next, sum);
}

impl Exchange {
    /// Takes on the size for threads that have these shares.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn fit(
        &mut self,
        shares: impl ExactSizeIterator<Item = Range<usize>>,
        rows: usize,
        batch_size: usize,
    ) -> Result<(), NoMemory> {
        self.barrier = Barrier::new(shares.len());
        (self.rows, self.batch_size) = (rows, batch_size);
        self.threads = shares.map(|shares| (shares.clone(), subtrees(shares))).collect();
        for published in &mut self.published {
            published.resize_with(published.len().max(self.threads.len()), RwLock::default);
            for (published, (_, subtrees)) in published.iter_mut().zip(&self.threads) {
                let published = published.get_mut().unwrap_or_else(PoisonError::into_inner);
                memory::resize(published, subtrees.len() * rows * batch_size, "a batch's values")?;
            }
        }
        Ok(())
    }

    /// Publishes the partial sums of a thread. `write` puts the logits of a share and of some images, `[rows of classes, images]`, in
    /// place of whatever is there.
    pub fn publish(
        &self,
        kind: Instructions,
        step: usize,
        thread: usize,
        sums: &mut PartialSums,
        mut write: impl FnMut(usize, Range<usize>, &mut [Row]),
    ) {
        let mut published = self.published[step % 2][thread].write().unwrap_or_else(PoisonError::into_inner);
        let mut left = &mut published[..];
        for images in tiles(self.batch_size) {
            let length = self.rows * images.len();
            for share in self.threads[thread].0.clone() {
                sums.append(kind, Subtree::of_share(share), length, |a2| write(share, images.clone(), a2));
            }
            let ended = sums.end(length);
            left.split_off_mut(..ended.len()).expect("room for every tile").copy_from_slice(ended);
        }
    }

    /// The logits, `[rows of classes, N]`: b2 and what all threads have published.
    pub fn reduce(&self, kind: Instructions, step: usize, b2: &[Row], sums: &mut PartialSums, logits: &mut [Row]) {
        let published = self.published[step % 2].iter().zip(&self.threads);
        let published: Vec<_> = published
            .map(|(published, (_, subtrees))| (published.read().unwrap_or_else(PoisonError::into_inner), subtrees))
            .collect();
        layers::bias(b2, self.batch_size, logits);
        for images in tiles(self.batch_size) {
            let length = self.rows * images.len();
            for (published, subtrees) in &published {
                let published = published[subtrees.len() * self.rows * images.start..].chunks_exact(length);
                for (subtree, published) in subtrees.iter().zip(published) {
                    sums.append(kind, *subtree, length, |a2| a2.copy_from_slice(published));
                }
            }
            let total = sums.total(kind, length).chunks_exact(images.len());
            for (total, logits) in total.zip(logits.chunks_exact_mut(self.batch_size)) {
                layers::add(kind, 1.0, total, &mut logits[images.clone()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::LANES;
    use super::*;
    use crate::threads::part;

    /// A value that its neighbours do not have, and whose sums are rounded.
    fn value(share: usize, place: usize) -> f32 {
        ((share * 131 + place * 17) as f32 * 0.7).sin()
    }

    /// The sum in pairs, pairs of pairs and so on.
    fn in_pairs(terms: &[f32]) -> f32 {
        if let [one] = terms {
            return *one;
        }
        let (left, right) = terms.split_at(terms.len().next_power_of_two() / 2);
        in_pairs(left) + in_pairs(right)
    }

    #[test]
    fn all_threads_find_the_pairwise_sum_whatever_their_number() {
        // Kept from one to the next, with what was there before.
        let (mut exchange, mut sums) = (Exchange::default(), PartialSums::default());
        for (shares, rows, batch_size) in [(1, 1, 1), (2, 1, 7), (4, 1, 100), (7, 2, 129), (13, 3, 65), (32, 1, 300)] {
            let b2: Vec<Row> = (0..rows).map(|row| Row([value(99, row); LANES])).collect();
            for threads in 1..=shares {
                let parts = (0..threads).map(|thread| part(shares, thread, threads));
                exchange.fit(parts, rows, batch_size).unwrap();
                sums.reserve(rows).unwrap();
                sums.fit(rows);
                sums.values.fill(Row([f32::NAN; LANES]));
                for kind in Instructions::all() {
                    let publish = |step: usize, thread: usize, sums: &mut PartialSums| {
                        exchange.publish(kind, step, thread, sums, |share, images, a2| {
                            for (row, a2) in a2.chunks_exact_mut(images.len()).enumerate() {
                                for (n, a2) in images.clone().zip(a2) {
                                    *a2 = Row([value(share + step, row * batch_size + n); LANES]);
                                }
                            }
                        });
                    };
                    publish(0, 0, &mut sums);
                    for step in 0..3 {
                        (1..threads).for_each(|thread| publish(step, thread, &mut sums));
                        // One thread is ahead.
                        publish(step + 1, 0, &mut sums);
                        let mut logits = vec![Row([f32::NAN; LANES]); rows * batch_size];
                        exchange.reduce(kind, step, &b2, &mut sums, &mut logits);
                        for (place, logits) in logits.iter().enumerate() {
                            let terms: Vec<_> = (0..shares).map(|share| value(share + step, place)).collect();
                            let expected = in_pairs(&terms) + b2[place / batch_size].0[0];
                            let found = logits.0.map(f32::to_bits);
                            assert_eq!(found, [expected.to_bits(); LANES], "{shares}, {threads}, {place}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn there_is_room_for_the_partial_sums_of_any_shares() {
        assert_eq!(subtrees(1..4), [Subtree { first: 1, shares: 1 }, Subtree { first: 2, shares: 2 }]);
        assert_eq!(subtrees(0..32), [Subtree { first: 0, shares: 32 }]);
        let mut most = 0;
        for first in 0..MOST_SHARES {
            for end in first + 1..=MOST_SHARES {
                let mut sums = PartialSums::default();
                sums.reserve(1).unwrap();
                sums.fit(1);
                for share in first..end {
                    most = most.max(sums.subtrees.len() + 1);
                    sums.append(Instructions::Baseline, Subtree::of_share(share), TILE, |a2| a2.fill(Row::ZERO));
                }
                assert_eq!(sums.subtrees, subtrees(first..end));
            }
        }
        assert_eq!(most, MOST_SUMS);
    }
}
