//! Puts the records of several machines together.

use super::fields::{Host, Record};
use crate::words::grouped;

impl Record {
    /// One record of the machines of these names, which were timed at the same time; of one machine it is its own. `None` for no
    /// machine.
    #[must_use]
    pub fn of_hosts(records: Vec<(String, Self)>) -> Option<Self> {
        let is_one = records.len() == 1;
        let mut records = records.into_iter();
        let (first, mut record) = records.next()?;
        if is_one {
            return Some(record);
        }
        record.take_on(&first);
        for (host, mut other) in records {
            other.take_on(&host);
            record.devices.append(&mut other.devices);
            record.rows.append(&mut other.rows);
            record.hosts.append(&mut other.hosts);
        }
        // The rows of a workload are side by side.
        let rows = grouped(record.rows.into_iter().map(|row| (row.workload.clone(), row)));
        record.rows = rows.into_iter().flat_map(|(_, rows)| rows).collect();
        Some(record)
    }

    /// Notes the machine's name wherever it belongs.
    fn take_on(&mut self, host: &str) {
        let Self { machine, during, control, .. } = &*self;
        let this = Host { host: host.to_owned(), machine: machine.clone(), during: *during, control: control.clone() };
        self.hosts = vec![this];
        self.devices.iter_mut().for_each(|device| device.host = Some(host.to_owned()));
        self.rows.iter_mut().for_each(|row| row.host = Some(host.to_owned()));
    }
}
