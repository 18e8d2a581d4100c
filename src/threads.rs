//! Threads: pools that are made once and shared by all that compute, and work dealt to as many threads as there are.
//!
//! No other place starts threads to compute with, so rayon's own pool, which panics where the system gives no threads, never
//! comes into being.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle, available_parallelism};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The system gave fewer threads than were asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("can't start {threads} threads: {reason}")]
pub(crate) struct Error {
    /// The threads asked for.
    pub threads: usize,
    /// Those that the system gave before it refused one.
    pub started: usize,
    /// What the system said.
    pub reason: String,
}

/// How many threads this machine runs at once.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// The pools of this process, by their number of threads. Their threads sleep while there is nothing to do.
static POOLS: Mutex<BTreeMap<usize, Arc<ThreadPool>>> = Mutex::new(BTreeMap::new());

/// The pool of this many threads: the one there is, or a new one.
///
/// # Errors
/// When the system gives fewer threads.
pub(crate) fn pool(threads: usize) -> Result<Arc<ThreadPool>, Error> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&threads) {
        return Ok(pool.clone());
    }
    let pool = Arc::new(start(threads, |run| Builder::new().spawn(run))?);
    pools.insert(threads, pool.clone());
    Ok(pool)
}

/// Starts a pool, its threads by `spawn`.
fn start(
    threads: usize,
    mut spawn: impl FnMut(Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>,
) -> Result<ThreadPool, Error> {
    let mut started = Vec::new();
    let pool = ThreadPoolBuilder::new().num_threads(threads).spawn_handler(|thread| {
        started.push(spawn(Box::new(|| thread.run()))?);
        Ok(())
    });
    pool.build().map_err(|error| {
        let error = Error { threads, started: started.len(), reason: error.to_string() };
        // They are told to end. Once they are gone, the system may give them to someone else.
        for thread in started {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
        error
    })
}

/// The pool for work in independent parts: a thread a core, or as many as the system gives; none where that is one.
fn shared() -> Option<&'static ThreadPool> {
    static SHARED: OnceLock<Option<Arc<ThreadPool>>> = OnceLock::new();
    SHARED.get_or_init(|| most_of(cores(), pool)).as_deref()
}

/// The largest pool of at most this many threads that the system gives.
fn most_of<T>(mut threads: usize, mut pool: impl FnMut(usize) -> Result<T, Error>) -> Option<T> {
    while threads > 1 {
        match pool(threads) {
            Ok(pool) => return Some(pool),
            Err(error) => threads = error.started.min(threads - 1),
        }
    }
    None
}

/// Does `work` on every part, on as many threads as there are cores and parts, or as the system gives. The results are in
/// the order of the parts.
pub(crate) fn map<P, R: Send>(parts: impl ExactSizeIterator<Item = P> + Send, work: impl Fn(P) -> R + Sync) -> Vec<R> {
    map_with(cores(), parts, || (), |(), part| work(part))
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
    pool.in_place_scope(|scope| {
        for _ in 0..helpers.min(pool.current_num_threads()) {
            scope.spawn(|_| run());
        }
        run();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    #[test]
    fn a_pool_is_made_once() {
        let [first, second] = [3, 3].map(|threads| pool(threads).unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.current_num_threads(), 3);
        assert_eq!(pool(2).unwrap().current_num_threads(), 2);
    }

    #[test]
    fn a_system_without_threads_is_an_error_that_says_how_many_it_gave() {
        let mut left = 2;
        let error = start(5, |run| {
            left = usize::checked_sub(left, 1).ok_or_else(|| io::Error::other("no more"))?;
            Builder::new().spawn(run)
        });
        let error = error.unwrap_err();
        assert_eq!((error.started, error.to_string().as_str()), (2, "can't start 5 threads: no more"));
    }

    #[test]
    fn work_takes_as_many_threads_as_there_are() {
        let given = |most: usize| {
            move |threads: usize| {
                let refused = || Error { threads, started: most, reason: "no more".to_owned() };
                if threads <= most { Ok(threads) } else { Err(refused()) }
            }
        };
        assert_eq!(most_of(8, given(8)), Some(8));
        assert_eq!(most_of(8, given(3)), Some(3));
        assert_eq!(most_of(8, given(1)), None);
        assert_eq!(most_of(8, given(0)), None);
        assert_eq!(most_of(1, given(8)), None);
        // One that promises more than it keeps.
        let refused = |threads| Err::<usize, _>(Error { threads, started: threads, reason: String::new() });
        assert_eq!(most_of(8, refused), None);
    }

    #[test]
    fn results_are_in_the_order_of_the_parts() {
        for count in [0, 1, 2, 3, 1000] {
            assert_eq!(map(0..count, |part| 2 * part), (0..count).map(|part| 2 * part).collect::<Vec<_>>());
        }
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
        assert_eq!(pool(2).unwrap().install(|| map(0..50, inner)), expected);
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let run = || map(0..100, |part| assert_ne!(part, 70));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        assert_eq!(map(0..3, |part| part), [0, 1, 2]);
    }
}
