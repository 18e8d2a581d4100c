//! Compares a benchmark with a saved one.

use super::fields::{Compared, Machine, Record, Row, StepKind};
use crate::bench::stats::Spread;
use crate::bench::workload::Workload;

impl Record {
    /// Compares each row with the same row of a saved run: the row with the same machine among several, adapter, backend, driver, number among
    /// equal devices, hidden units, batch size and kind of step. The workload's name does not matter.
    ///
    /// An old file does not hold the number among equal devices. There the row with the same device index is taken, or else
    /// the first free one. If only the driver differs, the row is not compared, but the saved driver is noted.
    pub fn compare(&mut self, saved: &Self) {
        let mut free: Vec<&Row> = saved.rows.iter().collect();
        let mut unmatched: Vec<&mut Row> = self.rows.iter_mut().collect();
        let same_device: [fn(&Row, &Row) -> bool; 2] = [
            |row, saved| match saved.among_equals {
                Some(_) => row.among_equals == saved.among_equals,
                None => row.index == saved.index,
            },
            |_, saved| saved.among_equals.is_none(),
        ];
        for same_device in same_device {
            unmatched.retain_mut(|row| {
                let is_same =
                    |saved: &&Row| (saved.key(), &saved.driver) == (row.key(), &row.driver) && same_device(row, saved);
                let same = free.iter().position(is_same).map(|index| free.remove(index));
                same.inspect(|saved| row.compared = Compared::new(row, saved)).is_none()
            });
        }
        for row in unmatched {
            let other = free.iter().find(|saved| saved.key() == row.key() && saved.driver != row.driver);
            row.saved_with_driver = other.map(|saved| saved.driver.clone());
        }
        self.compared_with = Some(saved.build.clone());
        self.compared_on = Some(saved.machine.clone());
        self.compared_during = Some(saved.during);
    }
}

impl Row {
    /// The kind of step. An old file does not hold it; there it follows from the workload's name.
    #[must_use]
    pub fn step(&self) -> StepKind {
        let is_inference = self.workload == Workload::INFERENCE.name;
        self.step.unwrap_or(if is_inference { StepKind::Inference } else { StepKind::Training })
    }

    /// The values that the same rows of two runs share, apart from the driver and the number among equal devices.
    fn key(&self) -> (Option<&str>, &str, &str, StepKind, usize, usize) {
        (self.host.as_deref(), &self.adapter, &self.backend, self.step(), self.hidden, self.batch_size)
    }
}

impl Compared {
    /// `None` if one of the two rows was not timed.
    fn new(row: &Row, saved: &Row) -> Option<Self> {
        let Spread { mean: ratio, deviation } = Spread::of_ratio(&row.samples, &saved.samples)?;
        Some(Self { steps_per_second: saved.steps_per_second?, ratio, deviation })
    }
}

impl Machine {
    /// The differences to another machine: the name, the other's value and this one's. Values that one of the two does not
    /// know are left out.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(&'static str, String, String)> {
        let known = |name, other: Option<&String>, this: Option<&String>| Some((name, other?.clone(), this?.clone()));
        let both = [
            known("processor", other.cpu.as_ref(), self.cpu.as_ref()),
            Some(("cores", other.cores.to_string(), self.cores.to_string())),
            known("architecture", Some(&other.arch), Some(&self.arch)),
            known("instructions", other.instructions.as_ref(), self.instructions.as_ref()),
            known("system", Some(&other.os), Some(&self.os)),
            known("system's version", other.os_version.as_ref(), self.os_version.as_ref()),
            known("kernel", other.kernel.as_ref(), self.kernel.as_ref()),
        ];
        both.into_iter().flatten().filter(|(_, other, this)| other != this).collect()
    }
}
