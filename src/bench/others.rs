//! What else the machine did while something was timed. A program that keeps a core busy slows all rounds alike, so they
//! scatter no more than on a quiet machine, and a configuration beside itself is still equal to itself: only the time that
//! the cores spent for others shows it.

use std::fs;

use serde::{Deserialize, Serialize};

/// The most that others may take of the cores' time: where it is more, the speeds are those of a busy machine.
pub const MOST_OTHERS: f64 = 0.05;

/// The least time of all cores together that tells anything, in ticks of 10 ms: a tick is then half a percent.
const LEAST_TICKS: u64 = 200;

/// What the cores had done up to a moment, in ticks since the system started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    /// The cores that this process may run on.
    cores: usize,
    /// Their time, in whatever state.
    total: u64,
    /// Their time with something to do.
    busy: u64,
    /// The time that the host of a virtual machine kept them waiting.
    stolen: u64,
    /// The time that this process computed.
    own: u64,
}

/// What the cores that this process may run on did for others, in the mean over a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Others {
    /// How many of these cores other programs took.
    pub programs: f64,
    /// How many of them the host of a virtual machine kept waiting.
    pub stolen: f64,
    /// How many there are.
    pub cores: usize,
}

/// A time during which others are watched.
#[derive(Clone, Copy, Debug)]
pub struct Watch(Option<Moment>);

impl Watch {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Moment::now())
    }

    /// What others did from the start to now; none where the system does not say it (only Linux does), where what it says
    /// can't be, or after less than about a second.
    #[must_use]
    pub fn others(self) -> Option<Others> {
        self.0?.others(&Moment::now()?)
    }
}

impl Moment {
    fn now() -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/{name}")).ok();
        Self::of(&read("stat")?, &read("self/status")?, &read("self/stat")?)
    }

    /// Of Linux's /proc/stat, /proc/self/status and /proc/self/stat; proc(5) says what they hold. The first is that of the whole
    /// machine in a container too.
    fn of(stat: &str, status: &str, own: &str) -> Option<Self> {
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        let mut moment = Self { cores: 0, total: 0, busy: 0, stolen: 0, own: own_ticks(own)? };
        for line in stat.lines() {
            let mut words = line.split_ascii_whitespace();
            let core = words.next().and_then(|name| name.strip_prefix("cpu")?.parse().ok());
            if !core.is_some_and(|core| lists(allowed, core)) {
                continue;
            }
            // What comes after them, a guest's time, is within the first two.
            let ticks: Vec<u64> = words.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
            let &[user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen] = ticks.as_slice() else {
                return None;
            };
            let busy = user + nice + system + interrupts + soft_interrupts;
            moment.cores += 1;
            moment.busy += busy;
            moment.stolen += stolen;
            moment.total += busy + stolen + idle + waiting;
        }
        (moment.cores > 0).then_some(moment)
    }

    fn others(&self, later: &Self) -> Option<Others> {
        if self.cores != later.cores {
            return None;
        }
        // A core's time waiting for a disk may go back a little.
        let since = |value: fn(&Self) -> u64| value(later).saturating_sub(value(self));
        let [total, busy, stolen, own] = [since(|m| m.total), since(|m| m.busy), since(|m| m.stolen), since(|m| m.own)];
        // The kernel counts the two in different ways. Where this process has computed for longer than the cores have been
        // busy, they are not the cores that it runs on.
        let is_possible = own.saturating_sub(busy) as f64 <= MOST_OTHERS * total as f64;
        let of_cores = |ticks: u64| ticks as f64 / total as f64 * self.cores as f64;
        (total >= LEAST_TICKS && is_possible).then(|| Others {
            programs: of_cores(busy.saturating_sub(own)),
            stolen: of_cores(stolen),
            cores: self.cores,
        })
    }
}

/// The time that a process and the children that it waited for computed, of its /proc/PID/stat.
fn own_ticks(stat: &str) -> Option<u64> {
    // The second word is the program's name in brackets, and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    words.get(11..15)?.iter().map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Whether a list such as `0-3,8` holds the number.
fn lists(list: &str, number: usize) -> bool {
    list.trim().split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse().is_ok_and(|first: usize| first <= number) && last.parse().is_ok_and(|last: usize| number <= last)
    })
}

impl Others {
    /// Whether so little was left that what was timed is slower than on a quiet machine: more than [`MOST_OTHERS`] was taken.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.taken() > MOST_OTHERS * self.cores as f64
    }

    /// How many cores were taken by whatever it was.
    #[must_use]
    pub fn taken(&self) -> f64 {
        self.programs + self.stolen
    }
}

/// The mean number of threads that ran or waited to run in the last minute, this process's own among them; none where the
/// system does not say it.
#[must_use]
pub fn load_average() -> Option<f64> {
    #[cfg(target_os = "macos")]
    return apple_load_average();
    #[allow(unreachable_code, reason = "on one system")]
    fs::read_to_string("/proc/loadavg").ok()?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(target_os = "macos")]
#[allow(unsafe_code, reason = "the standard library does not know the load average")]
fn apple_load_average() -> Option<f64> {
    let mut average = 0.0;
    // SAFETY: room for one value is given, and no more than one is asked for.
    (unsafe { libc::getloadavg(&raw mut average, 1) } == 1).then_some(average)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  400 0 200 800 0 0 0 40 7 0\ncpu0 100 0 50 200 0 0 0 10 7 0\ncpu1 200 0 100 400 0 0 0 20 0 0\n\
                        cpu10 100 0 50 200 0 0 0 10 0 0\nintr 1 2 3\n";
    const OWN: &str = "77 (a ) name) R 1 77 77 0 -1 4194304 100 0 0 0 120 30 5 1 20 0 2 0 100";

    fn moment(allowed: &str) -> Option<Moment> {
        Moment::of(STAT, &format!("Name:\tx\nCpus_allowed_list:\t{allowed}\n"), OWN)
    }

    #[test]
    fn the_cores_that_this_process_may_run_on_are_counted() {
        let own = 156;
        assert_eq!(moment("0-1"), Some(Moment { cores: 2, total: 1080, busy: 450, stolen: 30, own }));
        assert_eq!(moment("0,10"), Some(Moment { cores: 2, total: 720, busy: 300, stolen: 20, own }));
        assert_eq!(moment("1"), Some(Moment { cores: 1, total: 720, busy: 300, stolen: 20, own }));
        assert_eq!(moment("2-9"), None);
        assert_eq!(moment(""), None);
    }

    #[test]
    fn what_is_no_such_file_says_nothing() {
        let status = "Cpus_allowed_list:\t0-1\n";
        for (stat, status, own) in [
            ("", status, OWN),
            (STAT, "", OWN),
            (STAT, status, ""),
            (STAT, status, "77 (x) R 1"),
            (STAT, status, "77 (x) R 1 1 1 0 -1 0 0 0 0 0 a b c d"),
            // Kernels before Linux 2.6.11 had fewer columns.
            ("cpu0 1 2 3 4\n", status, OWN),
            ("cpu0 1 2 3 4 5 6 7 x\n", status, OWN),
        ] {
            assert_eq!(Moment::of(stat, status, own), None, "{stat:?} {own:?}");
        }
    }

    #[test]
    fn others_are_what_this_process_is_not() {
        let start = Moment { cores: 2, total: 0, busy: 0, stolen: 0, own: 0 };
        let after = |total, busy, stolen, own| start.others(&Moment { total, busy, stolen, own, ..start });
        let others = after(1000, 900, 50, 400).unwrap();
        assert!((others.programs - 1.0).abs() < 1e-12 && (others.stolen - 0.1).abs() < 1e-12, "{others:?}");
        assert_eq!(others.cores, 2);
        // The two are counted in different ways, so one may be a little more than it can be.
        assert_eq!(after(1000, 900, 0, 903), Some(Others { programs: 0.0, stolen: 0.0, cores: 2 }));
        // A machine that does not show what it does, or that of another.
        assert_eq!(after(1000, 0, 0, 900), None);
        assert_eq!(after(0, 0, 0, 10), None);
        assert_eq!(after(LEAST_TICKS - 1, 1, 0, 0), None);
        assert_eq!(start.others(&Moment { cores: 3, total: 1000, ..start }), None);
        // Files of a system that was set back.
        assert_eq!(Moment { total: 1000, ..start }.others(&start), None);
    }

    #[test]
    fn a_machine_is_busy_by_what_is_taken_of_all_its_cores() {
        let is_busy = |programs, stolen, cores| Others { programs, stolen, cores }.is_busy();
        assert!(!is_busy(0.09, 0.0, 2) && is_busy(0.11, 0.0, 2) && is_busy(0.0, 0.11, 2) && is_busy(0.06, 0.05, 2));
        assert!(!is_busy(1.0, 0.0, 64) && is_busy(4.0, 0.0, 64));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_says_it() {
        let Some(moment) = Moment::now() else { return };
        assert!(moment.cores > 0 && moment.total > 0, "{moment:?}");
        assert!(load_average().is_some_and(|average| average >= 0.0));
        // Nothing can be told of no time.
        assert!(Watch::start().others().is_none());
    }
}
