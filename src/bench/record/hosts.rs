//! Puts the records of several machines together.

use super::fields::{Host, Record};
use crate::words::grouped;

impl Record {
    /// Adds the record of another machine, which was timed at the same time.
    pub fn add(&mut self, mut other: Self) {
        self.devices.append(&mut other.devices);
        self.rows.append(&mut other.rows);
        self.hosts.append(&mut other.hosts);
        // The rows of a workload are side by side.
        let rows = grouped(std::mem::take(&mut self.rows).into_iter().map(|row| (row.workload.clone(), row)));
        self.rows = rows.into_iter().flat_map(|(_, rows)| rows).collect();
    }

    /// Notes the machine's name wherever it belongs.
    pub fn take_on(&mut self, host: &str) {
        let Self { machine, during, control, .. } = &*self;
        let this = Host { host: host.to_owned(), machine: machine.clone(), during: *during, control: control.clone() };
        self.hosts = vec![this];
        self.devices.iter_mut().for_each(|device| device.host = Some(host.to_owned()));
        self.rows.iter_mut().for_each(|row| row.host = Some(host.to_owned()));
    }
}
