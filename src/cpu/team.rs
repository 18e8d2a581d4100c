//! The threads of one network: they compute parts of one step side by side, and wait for each other within it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Instant;
use crate::threads::{self, Pool};

/// The threads of one network.
pub struct Team {
    /// The number given.
    most: usize,
    /// The threads beside the caller's that share a step; none if the caller does everything.
    pool: Option<Arc<Pool>>,
}

impl Team {
    /// `threads` threads, or one a core if 0. At most `most_parts` of them share a step.
    ///
    /// # Errors
    /// [`threads::Error`].
    pub fn new(threads: usize, most_parts: usize) -> Result<Self, threads::Error> {
        let most = threads::number(threads);
        let together = most.min(most_parts);
        let pool = (together > 1).then(|| threads::pool(together - 1)).transpose()?;
        Ok(Self { most, pool })
    }

    /// How many threads can wait for each other.
    pub fn threads(&self) -> usize {
        1 + self.pool.as_ref().map_or(0, |pool| pool.threads())
    }

    /// Does `work` on every part, whatever the parts' number: they are dealt to the threads as they come, and none may wait
    /// for another. Each thread has a state of its own. The results are in the order of the parts.
    pub fn deal<P, S, R: Send>(
        &self,
        parts: impl ExactSizeIterator<Item = P> + Send,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, P) -> R + Sync,
    ) -> Vec<R> {
        threads::map_with(self.most, parts, state, work)
    }

    /// Does `work` on every part, each on a thread of its own and all at once, so that they may wait for each other; at
    /// most as many as there are threads. The results are in the order of the parts.
    ///
    /// The first part is done by the calling thread: one that only waited would be put to sleep, and a system may then wake
    /// the others on its core, both on one, while another core has nothing to do.
    pub fn run<P: Send, R: Send>(&self, parts: Vec<P>, work: impl Fn(usize, P) -> R + Sync) -> Vec<R> {
        debug_assert!(parts.len() <= self.threads(), "a part would never begin");
        let mut results: Vec<Option<R>> = parts.iter().map(|_| None).collect();
        let mut jobs = parts.into_iter().zip(&mut results).enumerate();
        let run = |(thread, (part, result)): (usize, (P, &mut Option<R>))| *result = Some(work(thread, part));
        let own = jobs.next();
        match &self.pool {
            Some(pool) if jobs.len() > 0 => pool.share(jobs, run, || own.into_iter().for_each(run)),
            _ => own.into_iter().chain(jobs).for_each(run),
        }
        results.into_iter().flatten().collect()
    }
}

/// How often a waiting thread checks the others before it sleeps: about 100 us. On a busy machine another thread may need this
/// core. The thread does not yield in between: the system could then run another program for some ms, at each yield.
const SPINS: u32 = 3000;

/// How far each thread is, point by point. A thread that is ahead of another waits for it.
#[derive(Default)]
pub struct Barrier {
    reached: Vec<Counter>,
    sleepers: AtomicUsize,
    /// Nanoseconds, of all threads together.
    slept: AtomicU64,
    lock: Mutex<()>,
    wake: Condvar,
}

/// Alone in its cache line and in the next one, which some CPUs fetch with it.
#[repr(align(128))]
struct Counter(AtomicUsize);

impl Barrier {
    pub fn new(threads: usize) -> Self {
        let reached = (0..threads).map(|_| Counter(AtomicUsize::new(0))).collect();
        Self { reached, ..Self::default() }
    }

    /// Says that `thread` has come to this point. What it wrote before is there for all that wait for it.
    pub fn reach(&self, thread: usize, point: usize) {
        // In one order with `sleepers`: either this thread sees the sleeper, or that one sees the point.
        self.reached[thread].0.store(point, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_all();
        }
    }

    /// Waits until every thread has come to this point. One thread alone, as in a browser, where none can sleep, never waits.
    pub fn wait(&self, point: usize) {
        let all = || self.reached.iter().all(|reached| reached.0.load(Ordering::SeqCst) >= point);
        for _ in 0..SPINS {
            if all() {
                return;
            }
            std::hint::spin_loop();
        }
        let start = Instant::now();
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while !all() {
            lock = self.wake.wait(lock).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        self.slept.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }

    /// How long threads slept in [`Self::wait`], all of them together.
    pub fn slept(&self) -> Duration {
        Duration::from_nanos(self.slept.load(Ordering::Relaxed))
    }

    /// What a thread holds while others may wait for it: if it panics, they go on, and the panic reaches the caller.
    pub fn member(&self, thread: usize) -> Member<'_> {
        Member { barrier: self, thread }
    }
}

/// A thread that others may wait for.
pub struct Member<'a> {
    barrier: &'a Barrier,
    thread: usize,
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.barrier.reach(self.thread, usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_part_is_worked_on_and_the_results_are_in_order() {
        for threads in [1, 2, 5] {
            let team = Team::new(threads, 9).unwrap();
            assert_eq!(team.threads(), threads);
            for parts in 0..=threads {
                let results = team.run((0..parts).collect(), |thread, part| (thread, part * 2));
                assert_eq!(results, (0..parts).map(|part| (part, part * 2)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn no_more_threads_than_parts() {
        assert_eq!(Team::new(1000, 4).unwrap().threads(), 4);
        assert_eq!(Team::new(0, 1).unwrap().threads(), 1);
    }

    #[test]
    fn who_sleeps_is_woken() {
        let team = Team::new(3, 3).unwrap();
        let (barrier, seen) = (Barrier::new(3), AtomicUsize::new(0));
        team.run(vec![(); 3], |thread, ()| {
            for point in 1..=20 {
                if thread == point % 3 {
                    // Long after the others have begun to sleep.
                    sleep(Duration::from_millis(5));
                }
                seen.fetch_add(1, Ordering::Relaxed);
                barrier.reach(thread, point);
                barrier.wait(point);
                assert!(seen.load(Ordering::Relaxed) >= 3 * point);
            }
        });
        assert_eq!(seen.into_inner(), 60);
    }

    #[test]
    fn who_is_alone_never_sleeps() {
        let barrier = Barrier::new(1);
        for point in 1..=3 {
            barrier.reach(0, point);
            barrier.wait(point);
        }
        assert_eq!(barrier.slept(), Duration::ZERO);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_nobody_waiting() {
        let team = Team::new(2, 2).unwrap();
        let barrier = Barrier::new(2);
        let run = || {
            team.run(vec![(); 2], |thread, ()| {
                let _member = barrier.member(thread);
                assert!(thread == 0, "the one who panics");
                barrier.reach(thread, 1);
                barrier.wait(1);
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        assert_eq!(team.run(vec![1, 2], |_, part| part), [1, 2], "the threads are still there");
    }
}
