//! The notes below a benchmark's tables.

use super::figures::{device, device_of_row, load, on_host, times};
use crate::bench::others::Others;
use crate::bench::record::{Build, ControlRow, Host, Record, Row};
use crate::bench::stats::{MAX_DEVIATION, Verdict};
use crate::devices::Kind;
use crate::words::grouped;

/// The reason for a note on a row, or `None`.
type Reason = fn(&Row) -> Option<String>;

/// The notes, one line each: the verdict of the A/A run, the comparison with a saved run, and every row that is missing or
/// needs a remark.
#[must_use]
pub fn notes(record: &Record) -> Vec<String> {
    let of_host = |host: &Host| host.control.as_ref().map(|row| on_host(Some(&host.host), &control(row)));
    let mut notes: Vec<String> = match &record.hosts[..] {
        [] => record.control.iter().map(control).collect(),
        hosts => hosts.iter().filter_map(of_host).collect(),
    };
    if let Some(saved) = &record.compared_with {
        notes.extend(compared(record, saved));
    }
    notes.extend(busy(record));
    let reasons: [(&str, Reason); 6] = [
        ("WRONG", |row| row.wrong.clone()),
        ("FAILED", |row| row.failed.clone()),
        ("skipped", |row| row.skipped.clone()),
        ("noisy", noisy),
        ("not compared", other_driver),
        ("no kernel times", |row| row.kernels_missing.clone().filter(|_| row.kind == Kind::Gpu)),
    ];
    for (what, reason) in reasons {
        // Rows with the same reason share a note.
        for (reason, rows) in grouped(record.rows.iter().filter_map(|row| Some((reason(row)?, row)))) {
            notes.push(format!("{what}: {}: {reason}", workloads_and_devices(&rows)));
        }
    }
    notes
}

pub(super) fn control(control: &ControlRow) -> String {
    let device = device(control.index, &control.adapter, &control.backend);
    let run = format!("A/A run: {} on {device}, timed twice in turns", control.workload);
    let verdict = match (control.verdict, &control.failed) {
        (_, Some(error)) => return format!("{run}, failed: {error}"),
        (Verdict::Quiet, None) if control.others.is_some() => "as expected",
        (Verdict::Quiet, None) => "as expected, but this system does not report the load of other programs",
        (Verdict::Busy, None) => "as expected, but the machine is BUSY: other programs slow both alike",
        (Verdict::TooNoisy, None) if control.others.is_some_and(|others| !others.is_busy()) => {
            "TOO NOISY, but not by other programs: temperature, clock rate or a host may vary; ignore small differences"
        }
        (Verdict::TooNoisy, None) => "TOO NOISY: other programs disturb this machine; ignore small differences",
        (Verdict::Unknown, None) => "one repetition cannot show noise; use --repetitions 5",
    };
    match control.ratio {
        Some(ratio) => format!("{run}, reads {}: {verdict}", times(ratio, control.deviation)),
        None => format!("{run}: {verdict}"),
    }
}

/// The workloads during which other programs kept the machine busy.
fn busy(record: &Record) -> Option<String> {
    let is_busy = |row: &&Row| row.ok && row.others.is_some_and(|others| others.is_busy());
    let mut workloads: Vec<&str> = record.rows.iter().filter(is_busy).map(|row| row.workload.as_str()).collect();
    workloads.dedup();
    let of_hosts = record.hosts.iter().map(|host| host.during.others).chain([record.during.others]).flatten();
    let others =
        of_hosts.max_by(|a, b| a.cores_taken().total_cmp(&b.cores_taken())).filter(|_| !workloads.is_empty())?;
    let (load, workloads) = (load(&others), workloads.join(", "));
    Some(format!("BUSY: {load} during the rounds of {workloads}; on a quiet machine these speeds are higher"))
}

fn compared(record: &Record, saved: &Build) -> Vec<String> {
    let mut notes = vec![format!(
        "to saved: speed over that of the run of {}, commit {}; ± is the scatter within both runs; between runs and machines \
         speeds differ by more",
        saved.date, saved.commit
    )];
    if let Some(machine) = &record.compared_on {
        let different = |(what, saved, this): (&str, String, String)| format!("{what} {saved}, here {this}");
        let differences: Vec<String> = record.machine.differences(machine).into_iter().map(different).collect();
        if !differences.is_empty() {
            notes.push(format!("OTHER MACHINE: the saved run had {}", differences.join("; ")));
        }
        if machine.cpu.is_none() {
            notes.push("the saved run does not name its processor; compare only runs of one machine".to_owned());
        }
    }
    let saved_load = record.compared_during.and_then(|during| during.others).filter(Others::is_busy);
    notes.extend(saved_load.map(|others| format!("BUSY when saved: {} during its rounds", load(&others))));
    notes
}

fn noisy(row: &Row) -> Option<String> {
    let scatter = row.deviation? / row.steps_per_second?;
    (scatter > MAX_DEVIATION).then(|| format!("the rounds scatter by more than {:.0} %", MAX_DEVIATION * 100.0))
}

fn other_driver(row: &Row) -> Option<String> {
    let saved = row.saved_with_driver.as_ref()?;
    Some(format!("the saved run has driver '{saved}', this one '{}'", row.driver))
}

/// The workloads of some rows with their devices. Workloads with the same devices are listed together.
fn workloads_and_devices(rows: &[&Row]) -> String {
    let workloads = grouped(rows.iter().map(|row| (row.workload.as_str(), device_of_row(row))));
    let same_devices = workloads.chunk_by(|(_, one), (_, other)| one == other);
    let text = |workloads: &[(&str, Vec<String>)]| {
        let names: Vec<&str> = workloads.iter().map(|(workload, _)| *workload).collect();
        let devices = workloads.first().map(|(_, devices)| devices.join(", ")).unwrap_or_default();
        format!("{} on {devices}", names.join(", "))
    };
    same_devices.map(text).collect::<Vec<_>>().join("; ")
}
