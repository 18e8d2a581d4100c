//! The system's threads, in pools that are kept for the next user.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Builder, JoinHandle, available_parallelism};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::error::Error;

/// How many threads this process can run at once.
pub fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// How many threads the machine runs at once, if the system says so. A launcher may leave a process some of them.
#[cfg(all(unix, feature = "cli"))]
#[allow(unsafe_code, reason = "the standard library knows only this process's")]
pub fn online() -> Option<usize> {
    // SAFETY: the call has no conditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).ok().filter(|threads| *threads > 0)
}

/// Not known here.
#[cfg(all(not(unix), feature = "cli"))]
pub fn online() -> Option<usize> {
    None
}

/// The number of threads for a request: as many as asked for, and one a core for 0.
pub fn number(asked: usize) -> usize {
    if asked == 0 { cores() } else { asked }
}

/// Threads that sleep while there is nothing to do.
#[derive(Debug)]
pub struct Pool(ThreadPool);

impl Pool {
    /// How many threads it has.
    pub fn threads(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Does `work` on every job, each on a thread of its own as far as they go, and `own` on the calling thread meanwhile.
    /// Returns when all is done.
    ///
    /// A thread of a pool that waits here for another pool does other jobs of its own one meanwhile. So jobs that wait for each
    /// other must not share work: [`together`] is for those.
    pub fn share<J: Send>(&self, jobs: impl Iterator<Item = J>, work: impl Fn(J) + Sync, own: impl FnOnce()) {
        let work = &work;
        self.0.in_place_scope(|scope| {
            for job in jobs {
                scope.spawn(move |_| work(job));
            }
            own();
        });
    }
}

/// Does `work` on every job, each on a thread that is started for it, and `own` on the calling thread meanwhile. Returns when all is
/// done. The jobs may wait for each other, and share work with pools.
///
/// # Errors
/// When the system gives fewer threads. The jobs that have begun go on to their end; the others and `own` are dropped before.
pub fn together<J: Send>(
    jobs: impl ExactSizeIterator<Item = J>,
    work: impl Fn(J) + Sync,
    own: impl FnOnce(),
) -> Result<(), Error> {
    together_by(|_| Builder::new(), jobs, work, own)
}

/// As [`together`], each thread by what `builder` says for its number.
fn together_by<J: Send>(
    builder: impl Fn(usize) -> Builder,
    jobs: impl ExactSizeIterator<Item = J>,
    work: impl Fn(J) + Sync,
    own: impl FnOnce(),
) -> Result<(), Error> {
    let (threads, work) = (jobs.len(), &work);
    thread::scope(move |scope| {
        for (started, job) in jobs.enumerate() {
            let begun = builder(started).spawn_scoped(scope, move || work(job));
            begun.map_err(|reason| Error { threads, started, reason: reason.to_string() })?;
        }
        own();
        Ok(())
    })
}

/// The pools of this process, by their number of threads.
static POOLS: Mutex<BTreeMap<usize, Vec<Arc<Pool>>>> = Mutex::new(BTreeMap::new());

/// A pool of this many threads: one that nobody has any more, or a new one. Jobs that wait for each other need a thread each, and
/// would wait for ever if two networks shared too few.
///
/// # Errors
/// When the system gives fewer threads.
pub fn pool(threads: usize) -> Result<Arc<Pool>, Error> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.entry(threads).or_default();
    if let Some(free) = pools.iter().find(|pool| Arc::strong_count(pool) == 1) {
        return Ok(free.clone());
    }
    let pool = Arc::new(start(threads, |run| Builder::new().spawn(run))?);
    pools.push(pool.clone());
    Ok(pool)
}

/// Starts a pool, its threads by `spawn`.
fn start(
    threads: usize,
    mut spawn: impl FnMut(Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>,
) -> Result<Pool, Error> {
    let mut started = Vec::new();
    let pool = ThreadPoolBuilder::new().num_threads(threads).spawn_handler(|thread| {
        started.push(spawn(Box::new(|| thread.run()))?);
        Ok(())
    });
    pool.build().map(Pool).map_err(|error| {
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
pub fn shared() -> Option<&'static Pool> {
    static SHARED: OnceLock<Option<Arc<Pool>>> = OnceLock::new();
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

/// Whether a thread was started for this work; it goes on by itself.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> bool {
    Builder::new().spawn(work).is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    #[test]
    fn a_pool_is_used_again_and_never_shared() {
        // No other test has so many threads.
        let [first, second] = [7, 7].map(|threads| pool(threads).unwrap());
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(first.threads(), 7);
        drop(first);
        let third = pool(7).unwrap();
        assert_eq!(POOLS.lock().unwrap()[&7].len(), 2);
        drop((second, third));
    }

    #[test]
    #[cfg(all(unix, feature = "cli"))]
    fn a_process_has_some_of_the_machine_s_threads() {
        assert!(online().unwrap() >= cores());
    }

    #[test]
    fn a_system_without_threads_is_an_error_that_says_how_many_it_gave() {
        let mut left = 2;
        let error = start(5, |run| {
            left = usize::checked_sub(left, 1).ok_or_else(|| io::Error::other("no more"))?;
            Builder::new().spawn(run)
        });
        let error = error.unwrap_err();
        assert_eq!((error.started, error.to_string().as_str()), (2, "cannot start 5 threads: no more"));
    }

    #[test]
    fn those_begun_end_where_the_system_gives_no_more_threads() {
        let (sender, received) = channel();
        let no_memory = |number: usize| Builder::new().stack_size(if number < 2 { 1 << 20 } else { usize::MAX / 2 });
        let waits = Mutex::new(received);
        // Both wait for one that never comes, until nobody can send it.
        let work = |sender: Sender<()>| {
            drop(sender);
            assert!(waits.lock().unwrap().recv().is_err());
        };
        let jobs = vec![sender.clone(), sender.clone(), sender.clone(), sender.clone()];
        let error = together_by(no_memory, jobs.into_iter(), work, move || drop(sender)).unwrap_err();
        assert_eq!((error.threads, error.started), (4, 2));
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
}
