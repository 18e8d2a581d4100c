//! Threads: pools that are kept for whoever computes next, and work dealt to as many threads as there are.
//!
//! No other place starts threads, so rayon's own pool, which panics where the system gives no threads, never comes into being.
//! In a browser there is one thread, which does everything in order.

#[cfg(target_family = "wasm")]
mod alone;
mod error;
#[cfg(not(target_family = "wasm"))]
mod system;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

#[cfg(target_family = "wasm")]
use alone as system;
use system::shared;

pub(crate) use error::Error;
#[cfg(feature = "cli")]
pub(crate) use system::online;
#[cfg(not(target_family = "wasm"))]
pub(crate) use system::together;
pub(crate) use system::{Pool, cores, number, pool, spawn};

/// The part with this number of `count` things in order, of so many parts: they differ in length by one at most.
pub(crate) fn part(count: usize, number: usize, parts: usize) -> Range<usize> {
    count * number / parts..count * (number + 1) / parts
}

/// Does `work` on every part, on as many threads as there are cores and parts, or as the system gives. The results are in
/// the order of the parts.
pub(crate) fn map<P, R: Send>(parts: impl ExactSizeIterator<Item = P> + Send, work: impl Fn(P) -> R + Sync) -> Vec<R> {
    map_with(cores(), parts, || (), |(), part| work(part))
}

/// As [`map`], for an array. What needs it has files, which a browser has not.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn map_array<P: Send, R: Send, const N: usize>(parts: [P; N], work: impl Fn(P) -> R + Sync) -> [R; N] {
    let mut results = map(parts.into_iter(), work).into_iter();
    std::array::from_fn(|_| results.next().expect("there is a result for each part"))
}

/// As [`map`], on `threads` threads at most, each with a state of its own that `work` may change from part to part.
///
/// The calling thread is one of them: where the others are busy, or there are none, it does everything itself. So parts may
/// call this again, but must not wait for each other.
pub(crate) fn map_with<P, S, R: Send>(
    threads: usize,
    parts: impl ExactSizeIterator<Item = P> + Send,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, P) -> R + Sync,
) -> Vec<R> {
    let count = parts.len();
    let helpers = threads.min(count).saturating_sub(1);
    let pool = if helpers > 0 { shared() } else { None };
    let Some(pool) = pool else {
        let mut own = state();
        return parts.map(|part| work(&mut own, part)).collect();
    };
    let queue = Mutex::new(parts.enumerate());
    let results = Mutex::new(Vec::with_capacity(count));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        let mut own = None;
        let mut done = Vec::new();
        while let Some((number, part)) = next() {
            done.push((number, work(own.get_or_insert_with(&state), part)));
        }
        results.lock().unwrap_or_else(PoisonError::into_inner).append(&mut done);
    };
    pool.share(0..helpers.min(pool.threads()), |_| run(), run);
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::thread;

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

    #[test]
    fn results_are_in_the_order_of_the_parts() {
        for count in [0, 1, 2, 3, 1000] {
            assert_eq!(map(0..count, |part| 2 * part), (0..count).map(|part| 2 * part).collect::<Vec<_>>());
        }
        assert_eq!(map_array([1, 2, 3], |part| 2 * part), [2, 4, 6]);
    }

    #[test]
    fn no_more_threads_than_asked_for() {
        for most in [1, 2] {
            let threads = map_with(most, 0..100, || (), |(), _: usize| thread::current().id());
            assert!(threads.iter().collect::<HashSet<_>>().len() <= most);
        }
        let alone = map_with(1, 0..100, || (), |(), _: usize| thread::current().id());
        assert!(alone.iter().all(|id| *id == thread::current().id()));
    }

    #[test]
    fn a_state_goes_from_part_to_part() {
        let counts = map_with(
            2,
            0..100,
            || 0,
            |count, _: usize| {
                *count += 1;
                *count
            },
        );
        assert!(counts.iter().filter(|count| **count == 1).count() <= 2);
    }

    #[test]
    fn parts_may_have_parts() {
        let inner = |part: usize| map(0..50, |n| n * part).into_iter().sum::<usize>();
        let expected: Vec<usize> = (0..50).map(|part| part * 49 * 25).collect();
        assert_eq!(map(0..50, inner), expected);
        pool(2).unwrap().share(0..1, |_| assert_eq!(map(0..50, inner), expected), || ());
    }

    #[test]
    fn those_that_wait_for_each_other_may_share_work() {
        // In a pool, a thread that waits for shared work would begin with the next job, which waits for what this thread does.
        let others = Barrier::new(9);
        let work = |_: usize| {
            for _ in 0..20 {
                assert_eq!(map(0..50, |part| part).len(), 50);
                others.wait();
            }
        };
        for _ in 0..20 {
            together(0..8, work, || work(8)).unwrap();
        }
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let run = || map(0..100, |part| assert_ne!(part, 70));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        assert_eq!(map(0..3, |part| part), [0, 1, 2]);
    }
}
