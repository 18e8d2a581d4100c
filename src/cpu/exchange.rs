//! What the threads of a step tell each other: their parts of the logits.
//!
//! Strips are dealt to threads in shares. The logits of shares are added up in pairs, those of 0 and 1, of 2 and 3, and then the sums
//! in pairs again. A thread adds up what is within its own shares and tells the sums that lack their other half; the rest is done
//! by all. So the order of the terms does not depend on the number of threads, and neither do the bits.

use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use super::layers::{self, CHAIN};
use super::simd::{Instructions, Row};
use super::team::Barrier;
use crate::{NoMemory, memory};

/// The most shares that strips are dealt in, and so the most threads that a step can use.
pub const MOST_SHARES: usize = 32;
/// Images whose logits are added up at a time: they stay in the first cache.
const TILE: usize = CHAIN;
/// The most sums at a time that lack their other half, as of 1, 2, 4, 8, 8, 4, 2 and 1 shares, and what comes to them.
const MOST_SUMS: usize = 2 * MOST_SHARES.ilog2() as usize;

/// What has been told in two steps: one thread may begin with the next while another still reads this one's.
#[derive(Default)]
pub struct Exchange {
    pub barrier: Barrier,
    batch_size: usize,
    /// Rows of the classes.
    rows: usize,
    /// Which sums each thread tells.
    subtrees: Vec<Vec<Subtree>>,
    /// Each thread's sums, `[tiles, sums, rows of classes, images of the tile]`.
    told: [Vec<RwLock<Vec<Row>>>; 2],
}

/// Shares that are added up among themselves first: a power of two of them, beginning at a multiple of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subtree {
    first: usize,
    shares: usize,
}

impl Subtree {
    fn of_share(share: usize) -> Self {
        Self { first: share, shares: 1 }
    }

    /// Both, if `next` is the other half.
    fn with(self, next: Self) -> Option<Self> {
        let are_halves = self.shares == next.shares && self.first.is_multiple_of(2 * self.shares);
        are_halves.then_some(Self { first: self.first, shares: 2 * self.shares })
    }
}

/// The logits of a tile's images while they are added up.
#[derive(Default)]
pub struct Sums {
    /// Those that lack their other half, in their order.
    subtrees: Vec<Subtree>,
    /// `[MOST_SUMS, rows of classes, images]`.
    values: Vec<Row>,
}

impl Sums {
    /// Makes room for what [`Self::fit`] takes on.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn reserve(&mut self, rows: usize) -> Result<(), NoMemory> {
        memory::reserve(&mut self.values, MOST_SUMS * rows * TILE, "a batch's values")
    }

    /// Takes on the size for so many rows of classes.
    pub fn fit(&mut self, rows: usize) {
        self.values.resize(MOST_SUMS * rows * TILE, Row::ZERO);
    }

    /// Adds what comes next, of `length` rows. What `write` gets may hold anything.
    fn push(&mut self, kind: Instructions, next: Subtree, length: usize, write: impl FnOnce(&mut [Row])) {
        write(&mut self.values[self.subtrees.len() * length..][..length]);
        self.subtrees.push(next);
        while let [.., left, right] = self.subtrees[..]
            && let Some(both) = left.with(right)
        {
            self.add_last(kind, both, length);
        }
    }

    /// Adds the last sum to the one before it.
    fn add_last(&mut self, kind: Instructions, both: Subtree, length: usize) {
        self.subtrees.truncate(self.subtrees.len() - 2);
        let (left, right) = self.values[self.subtrees.len() * length..][..2 * length].split_at_mut(length);
        layers::add(kind, 1.0, right, left);
        self.subtrees.push(both);
    }

    /// Ends with those that lack their other half.
    fn end(&mut self, length: usize) -> &[Row] {
        let count = self.subtrees.len();
        self.subtrees.clear();
        &self.values[..count * length]
    }

    /// Ends with the sum of all.
    fn total(&mut self, kind: Instructions, length: usize) -> &[Row] {
        while let [.., left, right] = self.subtrees[..] {
            self.add_last(kind, Subtree { shares: left.shares + right.shares, ..left }, length);
        }
        self.end(length)
    }
}

impl Exchange {
    /// Takes on the size for threads that have these shares.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn fit(&mut self, shares: &[Range<usize>], rows: usize, batch_size: usize) -> Result<(), NoMemory> {
        self.barrier = Barrier::new(shares.len());
        (self.rows, self.batch_size) = (rows, batch_size);
        self.subtrees = shares.iter().cloned().map(subtrees).collect();
        for told in &mut self.told {
            told.resize_with(shares.len(), RwLock::default);
            for (told, subtrees) in told.iter_mut().zip(&self.subtrees) {
                let told = told.get_mut().unwrap_or_else(PoisonError::into_inner);
                memory::resize(told, subtrees.len() * rows * batch_size, "a batch's values")?;
            }
        }
        Ok(())
    }

    /// Tells the logits of a thread's shares. `write` puts those of a share and some images, `[rows of classes, images]`, in place of
    /// whatever is there.
    pub fn give(
        &self,
        kind: Instructions,
        step: usize,
        thread: usize,
        shares: &Range<usize>,
        sums: &mut Sums,
        mut write: impl FnMut(usize, Range<usize>, &mut [Row]),
    ) {
        let mut told = self.told[step % 2][thread].write().unwrap_or_else(PoisonError::into_inner);
        let mut told = &mut told[..];
        for images in self.tiles() {
            let length = self.rows * images.len();
            for share in shares.clone() {
                sums.push(kind, Subtree::of_share(share), length, |a2| write(share, images.clone(), a2));
            }
            let ended = sums.end(length);
            told.split_off_mut(..ended.len()).expect("room for every tile").copy_from_slice(ended);
        }
    }

    /// The logits, `[rows of classes, N]`: b2 and what all threads have told.
    pub fn take(&self, kind: Instructions, step: usize, b2: &[Row], sums: &mut Sums, logits: &mut [Row]) {
        let told: Vec<_> =
            self.told[step % 2].iter().map(|told| told.read().unwrap_or_else(PoisonError::into_inner)).collect();
        layers::bias(b2, self.batch_size, logits);
        for images in self.tiles() {
            let length = self.rows * images.len();
            for (subtrees, told) in self.subtrees.iter().zip(&told) {
                let told = told[subtrees.len() * self.rows * images.start..].chunks_exact(length);
                for (subtree, told) in subtrees.iter().zip(told) {
                    sums.push(kind, *subtree, length, |a2| a2.copy_from_slice(told));
                }
            }
            let total = sums.total(kind, length).chunks_exact(images.len());
            for (total, logits) in total.zip(logits.chunks_exact_mut(self.batch_size)) {
                layers::add(kind, 1.0, total, &mut logits[images.clone()]);
            }
        }
    }

    fn tiles(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let count = self.batch_size;
        (0..count).step_by(TILE).map(move |first| first..count.min(first + TILE))
    }
}

/// The sums of these shares that lack their other half.
fn subtrees(shares: Range<usize>) -> Vec<Subtree> {
    let mut subtrees: Vec<Subtree> = Vec::new();
    for share in shares {
        let mut next = Subtree::of_share(share);
        while let Some(both) = subtrees.last().and_then(|last| last.with(next)) {
            subtrees.pop();
            next = both;
        }
        subtrees.push(next);
    }
    subtrees
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
    fn all_threads_find_the_sum_in_pairs_whatever_their_number() {
        for (shares, rows, batch_size) in [(1, 1, 1), (2, 1, 7), (4, 1, 100), (7, 2, 129), (13, 3, 65), (32, 1, 300)] {
            let b2: Vec<Row> = (0..rows).map(|row| Row([value(99, row); LANES])).collect();
            for threads in 1..=shares {
                let parts: Vec<_> = (0..threads).map(|thread| part(shares, thread, threads)).collect();
                let mut exchange = Exchange::default();
                exchange.fit(&parts, rows, batch_size).unwrap();
                for kind in Instructions::all() {
                    // What was there before changes nothing.
                    let mut sums = Sums::default();
                    sums.reserve(rows).unwrap();
                    sums.fit(rows);
                    sums.values.fill(Row([f32::NAN; LANES]));
                    for step in 0..3 {
                        for (thread, part) in parts.iter().enumerate() {
                            exchange.give(kind, step, thread, part, &mut sums, |share, images, a2| {
                                for (row, a2) in a2.chunks_exact_mut(images.len()).enumerate() {
                                    for (n, a2) in images.clone().zip(a2) {
                                        *a2 = Row([value(share + step, row * batch_size + n); LANES]);
                                    }
                                }
                            });
                        }
                        let mut logits = vec![Row([f32::NAN; LANES]); rows * batch_size];
                        exchange.take(kind, step, &b2, &mut sums, &mut logits);
                        for (place, logits) in logits.iter().enumerate() {
                            let terms: Vec<_> = (0..shares).map(|share| value(share + step, place)).collect();
                            let expected = in_pairs(&terms) + b2[place / batch_size].0[0];
                            assert_eq!(
                                logits.0.map(f32::to_bits),
                                [expected.to_bits(); LANES],
                                "{shares}, {threads}, {place}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn no_part_of_the_shares_has_more_sums_than_there_is_room_for() {
        assert_eq!(subtrees(1..4), [Subtree { first: 1, shares: 1 }, Subtree { first: 2, shares: 2 }]);
        assert_eq!(subtrees(0..32), [Subtree { first: 0, shares: 32 }]);
        for first in 0..MOST_SHARES {
            for end in first + 1..=MOST_SHARES {
                // The next one is put behind them before it is added to any.
                assert!(subtrees(first..end).len() < MOST_SUMS, "{first}..{end}");
            }
        }
    }
}
