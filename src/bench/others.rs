//! The load that other programs put on the machine during the rounds. A program that keeps a core busy slows all rounds
//! alike: they do not scatter, and the A/A run still reads 1.0x. Only the time that the cores spent on other programs
//! shows it.

use std::fs;

use serde::{Deserialize, Serialize};

/// The largest share of the cores' time that other programs may take on a quiet machine.
pub const MAX_OTHERS: f64 = 0.05;

/// The shortest measurement, in ticks of 10 ms summed over all cores. One tick is then half a percent.
const MIN_TICKS: u64 = 200;

/// The CPU time counters of the cores that this process may run on, in ticks since the system started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counters {
    /// The number of these cores.
    cores: usize,
    /// Time in any state.
    total: u64,
    /// Time spent running a program or the system.
    busy: u64,
    /// Time that the host of a virtual machine took.
    stolen: u64,
    /// CPU time of this process.
    own: u64,
}

/// The mean load of other programs on the cores that this process may run on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Others {
    /// The number of cores that other programs used.
    pub programs: f64,
    /// The number of cores that the host of a virtual machine took.
    pub stolen: f64,
    /// The number of cores that this process may run on.
    pub cores: usize,
}

/// A running measurement of [`Others`].
#[derive(Clone, Copy, Debug)]
pub struct Watch(Option<Counters>);

impl Watch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(Counters::now())
    }

    /// The load from the start to now. `None` on systems other than Linux, if the counters contradict each other, or after
    /// less than about a second.
    #[must_use]
    pub fn others(self) -> Option<Others> {
        self.0?.others(&Counters::now()?)
    }
}

impl Counters {
    fn now() -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/{name}")).ok();
        Self::of(&read("stat")?, &read("self/status")?, &read("self/stat")?)
    }

    /// Reads the texts of Linux's /proc/stat, /proc/self/status and /proc/self/stat, which proc(5) documents. In a
    /// container, /proc/stat still covers the whole machine.
    fn of(stat: &str, status: &str, own: &str) -> Option<Self> {
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        let mut counters = Self { cores: 0, total: 0, busy: 0, stolen: 0, own: own_ticks(own)? };
        for line in stat.lines() {
            let mut words = line.split_ascii_whitespace();
            let core = words.next().and_then(|name| name.strip_prefix("cpu")?.parse().ok());
            if !core.is_some_and(|core| contains(allowed, core)) {
                continue;
            }
            // The later columns, the time of guests, are included in user and nice.
            let ticks: Vec<u64> = words.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
            let &[user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen] = ticks.as_slice() else {
                return None;
            };
            let busy = user + nice + system + interrupts + soft_interrupts;
            counters.cores += 1;
            counters.busy += busy;
            counters.stolen += stolen;
            counters.total += busy + stolen + idle + waiting;
        }
        (counters.cores > 0).then_some(counters)
    }

    fn others(&self, later: &Self) -> Option<Others> {
        if self.cores != later.cores {
            return None;
        }
        // The counter of time waiting for a disk may decrease a little.
        let since = |value: fn(&Self) -> u64| value(later).saturating_sub(value(self));
        let [total, busy, stolen, own] = [since(|m| m.total), since(|m| m.busy), since(|m| m.stolen), since(|m| m.own)];
        // The kernel measures `own` and `busy` in different ways, so they may differ a little. If `own` is much larger, the
        // counters are not those of the cores that this process runs on.
        let is_plausible = own.saturating_sub(busy) as f64 <= MAX_OTHERS * total as f64;
        let of_cores = |ticks: u64| ticks as f64 / total as f64 * self.cores as f64;
        (total >= MIN_TICKS && is_plausible).then(|| Others {
            programs: of_cores(busy.saturating_sub(own)),
            stolen: of_cores(stolen),
            cores: self.cores,
        })
    }
}

/// The CPU time of a process and of the children that it waited for, from its /proc/PID/stat.
fn own_ticks(stat: &str) -> Option<u64> {
    // The second column is the program's name in brackets. It may contain any character.
    let (_, rest) = stat.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    words.get(11..15)?.iter().map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Whether a list such as `0-3,8` contains the number.
fn contains(list: &str, number: usize) -> bool {
    list.trim().split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse().is_ok_and(|first: usize| first <= number) && last.parse().is_ok_and(|last: usize| number <= last)
    })
}

impl Others {
    /// Whether more than [`MAX_OTHERS`] of the cores was taken, so that speeds are lower than on a quiet machine.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.cores_taken() > MAX_OTHERS * self.cores as f64
    }

    /// The number of cores that other programs and the host took.
    #[must_use]
    pub fn cores_taken(&self) -> f64 {
        self.programs + self.stolen
    }
}

/// The mean number of threads that ran or waited to run in the last minute, including those of this process. `None` if the
/// system does not report it.
#[must_use]
pub fn load_average() -> Option<f64> {
    #[cfg(target_os = "macos")]
    return apple_load_average();
    #[allow(unreachable_code, reason = "macOS returns above")]
    fs::read_to_string("/proc/loadavg").ok()?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(target_os = "macos")]
#[allow(unsafe_code, reason = "the standard library has no load average")]
fn apple_load_average() -> Option<f64> {
    let mut average = 0.0;
    // SAFETY: the pointer is valid for one value, and one value is requested.
    (unsafe { libc::getloadavg(&raw mut average, 1) } == 1).then_some(average)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  400 0 200 800 0 0 0 40 7 0\ncpu0 100 0 50 200 0 0 0 10 7 0\ncpu1 200 0 100 400 0 0 0 20 0 0\n\
                        cpu10 100 0 50 200 0 0 0 10 0 0\nintr 1 2 3\n";
    const OWN: &str = "77 (a ) name) R 1 77 77 0 -1 4194304 100 0 0 0 120 30 5 1 20 0 2 0 100";

    fn counters(allowed: &str) -> Option<Counters> {
        Counters::of(STAT, &format!("Name:\tx\nCpus_allowed_list:\t{allowed}\n"), OWN)
    }

    #[test]
    fn the_cores_that_this_process_may_run_on_are_counted() {
        let own = 156;
        assert_eq!(counters("0-1"), Some(Counters { cores: 2, total: 1080, busy: 450, stolen: 30, own }));
        assert_eq!(counters("0,10"), Some(Counters { cores: 2, total: 720, busy: 300, stolen: 20, own }));
        assert_eq!(counters("1"), Some(Counters { cores: 1, total: 720, busy: 300, stolen: 20, own }));
        assert_eq!(counters("2-9"), None);
        assert_eq!(counters(""), None);
    }

    #[test]
    fn a_file_of_another_format_gives_none() {
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
            assert_eq!(Counters::of(stat, status, own), None, "{stat:?} {own:?}");
        }
    }

    #[test]
    fn others_exclude_this_process() {
        let start = Counters { cores: 2, total: 0, busy: 0, stolen: 0, own: 0 };
        let after = |total, busy, stolen, own| start.others(&Counters { total, busy, stolen, own, ..start });
        let others = after(1000, 900, 50, 400).unwrap();
        assert!((others.programs - 1.0).abs() < 1e-12 && (others.stolen - 0.1).abs() < 1e-12, "{others:?}");
        assert_eq!(others.cores, 2);
        // The kernel measures the two in different ways, so `own` may be a little larger than `busy`.
        assert_eq!(after(1000, 900, 0, 903), Some(Others { programs: 0.0, stolen: 0.0, cores: 2 }));
        // Counters that stand still, or belong to other cores.
        assert_eq!(after(1000, 0, 0, 900), None);
        assert_eq!(after(0, 0, 0, 10), None);
        assert_eq!(after(MIN_TICKS - 1, 1, 0, 0), None);
        assert_eq!(start.others(&Counters { cores: 3, total: 1000, ..start }), None);
        // Counters that decreased.
        assert_eq!(Counters { total: 1000, ..start }.others(&start), None);
    }

    #[test]
    fn a_machine_is_busy_by_the_share_of_all_its_cores() {
        let is_busy = |programs, stolen, cores| Others { programs, stolen, cores }.is_busy();
        assert!(!is_busy(0.09, 0.0, 2) && is_busy(0.11, 0.0, 2) && is_busy(0.0, 0.11, 2) && is_busy(0.06, 0.05, 2));
        assert!(!is_busy(1.0, 0.0, 64) && is_busy(4.0, 0.0, 64));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_reports_the_counters() {
        let Some(counters) = Counters::now() else { return };
        assert!(counters.cores > 0 && counters.total > 0, "{counters:?}");
        assert!(load_average().is_some_and(|average| average >= 0.0));
        // The measurement is too short.
        assert!(Watch::start().others().is_none());
    }
}
