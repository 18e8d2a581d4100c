//! A benchmark as comma-separated values, with a line for each row.

use super::figures::network;
use crate::bench::record::{ControlRow, During, Host, Machine, Record, Row};
use crate::devices::{Card, Hardware};

/// The text of a cell.
type Value = fn(&Record, &Row) -> String;

/// The columns. Each value has all its digits. A missing value is an empty cell.
const COLUMNS: [(&str, Value); 54] = [
    ("version", |record, _| record.build.version.clone()),
    ("commit", |record, _| record.build.commit.clone()),
    ("date", |record, _| record.build.date.clone()),
    ("os", |record, row| machine(record, row).os.clone()),
    ("arch", |record, row| machine(record, row).arch.clone()),
    ("cores", |record, row| machine(record, row).cores.to_string()),
    ("data", |record, _| record.data.source.clone()),
    ("density", |record, _| record.data.density.to_string()),
    ("index", |_, row| row.index.to_string()),
    ("adapter", |_, row| row.adapter.clone()),
    ("backend", |_, row| row.backend.clone()),
    ("driver", |_, row| row.driver.clone()),
    ("kind", |_, row| row.kind.as_str().to_owned()),
    ("software", |_, row| row.software.to_string()),
    ("workload", |_, row| row.workload.clone()),
    ("hidden", |_, row| row.hidden.to_string()),
    ("batch_size", |_, row| row.batch_size.to_string()),
    ("ok", |_, row| row.ok.to_string()),
    ("skipped", |_, row| shown(row.skipped.as_ref())),
    ("wrong", |_, row| shown(row.wrong.as_ref())),
    ("failed", |_, row| shown(row.failed.as_ref())),
    ("relative_error", |_, row| shown(row.relative_error)),
    ("steps_per_second", |_, row| shown(row.steps_per_second)),
    ("deviation", |_, row| shown(row.deviation)),
    ("images_per_second", |_, row| shown(row.images_per_second)),
    ("microseconds_per_step", |_, row| shown(row.microseconds_per_step)),
    ("dispatches_per_step", |_, row| shown(row.dispatches_per_step)),
    ("gflops", |_, row| shown(row.gflops)),
    ("share_of_peak", |_, row| shown(row.share_of_peak)),
    ("peak_gflops", |_, row| shown(row.peak.map(|peak| peak.gflops))),
    ("peak_gigabytes_per_second", |_, row| shown(row.peak.map(|peak| peak.gigabytes_per_second))),
    ("samples", |_, row| joined(row.samples.iter().map(f64::to_string))),
    ("kernel_microseconds", |_, row| joined(row.kernels.iter().map(|k| format!("{}={}", k.name, k.microseconds)))),
    ("ratio_to_saved", |_, row| shown(row.compared.map(|compared| compared.ratio))),
    ("control_ratio", |record, row| shown(control(record, row).and_then(|control| control.ratio))),
    ("control_ok", |record, row| shown(control(record, row).map(|control| control.ok))),
    ("schema", |record, _| record.schema.to_string()),
    ("cpu", |record, row| shown(machine(record, row).cpu.as_ref())),
    ("instructions", |record, row| shown(machine(record, row).instructions.as_ref())),
    ("os_version", |record, row| shown(machine(record, row).os_version.as_ref())),
    ("kernel", |record, row| shown(machine(record, row).kernel.as_ref())),
    ("type", |record, row| shown(card(record, row).map(|card| card.kind.as_str()))),
    ("pci", |record, row| shown(card(record, row).and_then(|card| card.pci.as_ref()))),
    ("network", |_, row| network(row)),
    ("median_steps_per_second", |_, row| shown(row.median_steps_per_second)),
    ("rest_microseconds", |_, row| shown(row.rest_microseconds)),
    ("others_cores", |_, row| shown(row.others.map(|others| others.programs))),
    ("stolen_cores", |_, row| shown(row.others.map(|others| others.stolen))),
    ("others_of_cores", |_, row| shown(row.others.map(|others| others.cores))),
    ("busy", |_, row| shown(row.others.map(|others| others.is_busy()))),
    ("load_average_before", |record, row| shown(during(record, row).load_average_before)),
    ("load_average_after", |record, row| shown(during(record, row).load_average_after)),
    ("control_verdict", |record, row| shown(control(record, row).map(|control| control.verdict.as_str()))),
    ("host", |_, row| shown(row.host.as_ref())),
];

/// A line of headings, and a line for each row.
#[must_use]
pub fn csv(record: &Record) -> String {
    let headings = COLUMNS.map(|(heading, _)| heading.to_owned());
    let rows = record.rows.iter().map(|row| COLUMNS.map(|(_, value)| value(record, row)));
    super::super::csv::csv(std::iter::once(headings).chain(rows))
}

fn card<'a>(record: &'a Record, row: &Row) -> Option<&'a Card> {
    let device = record.devices.iter().find(|device| device.info.index == row.index && device.host == row.host)?;
    if let Hardware::Gpu(card) = &device.info.hardware { Some(card) } else { None }
}

/// The machine of a row, if several were timed.
fn host<'a>(record: &'a Record, row: &Row) -> Option<&'a Host> {
    record.hosts.iter().find(|host| Some(&host.host) == row.host.as_ref())
}

fn machine<'a>(record: &'a Record, row: &Row) -> &'a Machine {
    host(record, row).map_or(&record.machine, |host| &host.machine)
}

fn during<'a>(record: &'a Record, row: &Row) -> &'a During {
    host(record, row).map_or(&record.during, |host| &host.during)
}

fn control<'a>(record: &'a Record, row: &Row) -> Option<&'a ControlRow> {
    host(record, row).map_or(record.control.as_ref(), |host| host.control.as_ref())
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(" ")
}
