//! The number of threads for steps: all of them, unless other programs keep the cores busy. The threads wait for each other in
//! every step, so one thread without a core slows all of them.
//!
//! Any number gives the same bits, so only time matters. If threads sleep because others are late, a trial runs some steps with
//! fewer threads; with fewer threads, a trial with more runs from time to time. The faster number stays. If no thread sleeps there
//! are no trials, so a quiet machine loses nothing. This file reads no clock: it gets the time of each piece of work.

use std::mem::take;
use std::time::Duration;

/// The time of a piece of work, in seconds: several of the system's time slices.
const PIECE: f64 = 0.03;
/// The share of their time that threads sleep where they are disturbed, beyond what unequal parts make them sleep.
const DISTURBED: f64 = 0.2;
/// The wait before the next trial, as a multiple of the time of the last: the first, and the longest. Each trial that did not
/// help doubles it.
const PAUSES: [f64; 2] = [4.0, 64.0];

/// The work since the last decision.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    steps: usize,
    seconds: f64,
    /// Of all threads together.
    slept: f64,
}

/// Another number of threads that is tried: the next smaller or larger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    Fewer,
    More,
}

/// The numbers of threads that work can be done with, and which is the fastest now.
#[derive(Debug, Default)]
pub struct Pace {
    /// What the work is dealt in.
    parts: usize,
    /// From the most threads to one; a number that would leave the longest work as long as a smaller one is not among them.
    levels: Vec<usize>,
    now: usize,
    trial: Option<Trial>,
    work: Work,
    /// Seconds that a step takes at the level of now; 0 until one is known.
    per_step: f64,
    /// Seconds of work up to the next trial.
    left: f64,
    /// What passes after the next trial that does not help, in its own time.
    pause: f64,
}

impl Pace {
    /// Prepares for steps of `parts` equal parts on at most `threads` threads. The result for the same numbers is kept.
    pub fn fit(&mut self, threads: usize, parts: usize) {
        if (self.levels.first(), self.parts) == (Some(&threads), parts) {
            return;
        }
        let mut levels: Vec<usize> = (1..=parts).map(|longest| parts.div_ceil(longest)).collect();
        levels.retain(|level| *level < threads);
        levels.dedup();
        levels.insert(0, threads);
        *self = Self { parts, levels, pause: PAUSES[0], ..Self::default() };
    }

    /// Whether there is anything to choose.
    pub fn can_change(&self) -> bool {
        self.levels.len() > 1
    }

    /// How many threads the next steps are for, and how many steps those are at most.
    pub fn piece(&self) -> (usize, usize) {
        // A trial that goes wrong takes longer than it should.
        let seconds = if self.trial.is_some() { PIECE / 4.0 } else { PIECE };
        let steps = match () {
            () if !self.can_change() => usize::MAX,
            () if self.per_step == 0.0 => 1,
            () => ((seconds / self.per_step) as usize).max(1),
        };
        (self.levels[self.level()], steps)
    }

    /// The level that the next steps are for.
    fn level(&self) -> usize {
        match self.trial {
            None => self.now,
            Some(trial) => self.beside(trial),
        }
    }

    fn beside(&self, trial: Trial) -> usize {
        match trial {
            Trial::Fewer => self.now + 1,
            Trial::More => self.now - 1,
        }
    }

    /// What those steps took, and how long their threads slept, all of them together.
    pub fn took(&mut self, steps: usize, time: Duration, slept: Duration) {
        self.work.steps += steps;
        self.work.seconds += time.as_secs_f64();
        self.work.slept += slept.as_secs_f64();
        if self.per_step == 0.0 {
            self.per_step = self.work.seconds / self.work.steps as f64;
        }
        // Shorter work says little.
        if self.work.seconds < PIECE / 2.0 {
            return;
        }
        let is_disturbed = self.is_disturbed();
        let Work { steps, seconds, .. } = take(&mut self.work);
        let per_step = seconds / steps as f64;
        match self.trial.take() {
            None => {
                self.per_step = f64::midpoint(self.per_step, per_step);
                self.left -= seconds;
                self.trial = match is_disturbed {
                    _ if self.left > 0.0 => None,
                    true => (self.now + 1 < self.levels.len()).then_some(Trial::Fewer),
                    false => (self.now > 0).then_some(Trial::More),
                };
            }
            Some(trial) if per_step < self.limit(trial) * self.per_step => {
                self.now = self.beside(trial);
                self.per_step = per_step;
                self.pause = PAUSES[0];
                self.left = if trial == Trial::Fewer { self.pause * seconds } else { 0.0 };
            }
            Some(_) => {
                self.left = self.pause * seconds;
                self.pause = (2.0 * self.pause).min(PAUSES[1]);
            }
        }
    }

    /// What a step of a trial may take, over what one takes now, for its number of threads to stay.
    ///
    /// More threads must bring half of what they bring on a quiet machine. Fewer may be a little slower: where threads
    /// share their cores with other programs, a short trial finds them with a whole core or with half of one, by chance,
    /// and in the long run the one without waiting is faster.
    fn limit(&self, trial: Trial) -> f64 {
        let quiet = self.longest(self.beside(trial)) / self.longest(self.now);
        match trial {
            Trial::Fewer => 1.0 + (quiet - 1.0) / 4.0,
            Trial::More => f64::midpoint(quiet, 1.0),
        }
    }

    /// The most parts that one thread has.
    fn longest(&self, level: usize) -> f64 {
        self.parts.div_ceil(self.levels[level]) as f64
    }

    /// Whether threads slept longer than where nothing but their parts is unequal.
    fn is_disturbed(&self) -> bool {
        let level = self.level();
        let threads = self.levels[level] as f64;
        let unequal = 1.0 - self.parts as f64 / (self.longest(level) * threads);
        self.work.slept > (unequal + DISTURBED) * self.work.seconds * threads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine: microseconds that a step takes with so many threads, and the share of that which each sleeps.
    type Machine = fn(usize) -> (f64, f64);

    const QUIET: Machine = |threads| (120.0 / threads as f64, 0.0);
    /// Of two cores one is another program's for half of the time.
    const BUSY: Machine = |threads| if threads > 1 { (240.0, 0.45) } else { (120.0, 0.0) };

    /// Works for so many seconds. Returns the seconds with each number of threads, up to 4.
    fn work(pace: &mut Pace, machine: Machine, seconds: f64) -> [f64; 5] {
        let mut spent = [0.0; 5];
        while spent.iter().sum::<f64>() < seconds {
            let (threads, steps) = pace.piece();
            let (per_step, slept) = machine(threads);
            let time = per_step * 1e-6 * steps as f64;
            pace.took(steps, Duration::from_secs_f64(time), Duration::from_secs_f64(time * slept * threads as f64));
            spent[threads] += time;
        }
        spent
    }

    fn pace(threads: usize, parts: usize) -> Pace {
        let mut pace = Pace::default();
        pace.fit(threads, parts);
        pace
    }

    #[test]
    fn a_smaller_number_that_is_as_fast_stands_for_all_up_to_the_next() {
        assert_eq!(pace(4, 4).levels, [4, 2, 1]);
        assert_eq!(pace(3, 4).levels, [3, 2, 1]);
        assert_eq!(pace(16, 32).levels, [16, 11, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(pace(1, 4).levels, [1]);
    }

    #[test]
    fn one_thread_does_everything_at_once() {
        let pace = pace(1, 4);
        assert_eq!((pace.can_change(), pace.piece()), (false, (1, usize::MAX)));
    }

    #[test]
    fn on_a_quiet_machine_nothing_else_is_tried() {
        let mut pace = pace(2, 4);
        assert_eq!(pace.piece(), (2, 1), "nothing is known of the first step");
        assert!(work(&mut pace, QUIET, 10.0)[1] == 0.0);
        // Of five parts one thread has three and the other two, so it sleeps a third of the time.
        let unequal = |threads| if threads == 2 { (60.0, 1.0 / 6.0) } else { (120.0, 0.0) };
        let mut pace = self::pace(2, 5);
        assert!(work(&mut pace, unequal, 10.0)[1] == 0.0);
    }

    #[test]
    fn beside_another_program_fewer_threads_work_and_later_all_again() {
        let mut pace = pace(2, 4);
        work(&mut pace, QUIET, 1.0);
        let spent = work(&mut pace, BUSY, 1.0);
        assert!(spent[2] < 0.25, "{spent:?}");
        let spent = work(&mut pace, BUSY, 10.0);
        assert!(spent[2] < 0.3, "{spent:?}");
        // The last trial may have been just before.
        let spent = work(&mut pace, QUIET, 2.0);
        assert!(spent[1] < 1.2, "{spent:?}");
        assert!(work(&mut pace, QUIET, 10.0)[1] == 0.0);
    }

    #[test]
    fn what_does_not_help_is_seldom_tried() {
        // Every thread has half a core, alone too.
        let crowded = |threads| (240.0 / threads as f64, if threads > 1 { 0.3 } else { 0.0 });
        let mut pace = pace(2, 4);
        work(&mut pace, crowded, 2.0);
        let spent = work(&mut pace, crowded, 10.0);
        assert!(spent[1] < 0.3, "{spent:?}");
    }

    #[test]
    fn long_steps_are_done_one_by_one_and_a_trial_costs_little() {
        let mut pace = pace(2, 4);
        let long = |threads| if threads > 1 { (500_000.0, 0.4) } else { (900_000.0, 0.0) };
        let spent = work(&mut pace, long, 1000.0);
        assert_eq!(pace.piece().1, 1);
        assert!(spent[1] < 50.0, "{spent:?}");
    }

    #[test]
    fn as_many_threads_are_left_as_help() {
        // One of four cores is taken; three threads would have as long work as two.
        let one_taken = |threads| match threads {
            4 => (60.0, 0.4),
            2 => (60.0, 0.0),
            _ => (120.0, 0.0),
        };
        let mut pace = pace(4, 4);
        let spent = work(&mut pace, one_taken, 10.0);
        assert!(spent[2] > 9.0, "{spent:?}");
    }

    #[test]
    fn other_work_begins_anew() {
        let mut pace = pace(2, 4);
        work(&mut pace, BUSY, 1.0);
        assert_eq!(pace.piece().0, 1);
        pace.fit(2, 4);
        assert_eq!(pace.piece().0, 1);
        pace.fit(2, 8);
        assert_eq!(pace.piece(), (2, 1));
    }
}
