//! What a benchmark found, for a person ([`table`]), for a document ([`markdown`]) and for a spreadsheet ([`csv`]).

mod csv;
mod markdown;
mod table;
#[cfg(test)]
mod tests;

pub use csv::csv;
pub use markdown::markdown;
pub use table::table;

use crate::bench::record::{Bound, ControlRow, Kernel, Record, Row};
use crate::bench::stats::{MOST_DEVIATION, Spread, Verdict};
use crate::devices::{Kind, card};

/// What stands where there is no value.
const NONE: &str = "-";

/// The headings of [`figures`].
fn headings(record: &Record) -> Vec<&'static str> {
    let compared = record.compared_with.iter().map(|_| "to saved");
    ["steps/s", "images/s", "µs/step", "dispatches", "GFLOP/s", "of peak"].into_iter().chain(compared).collect()
}

/// What was measured in a row, a cell for each of [`headings`].
fn figures(record: &Record, row: &Row) -> Vec<String> {
    let speed = match (row.steps_per_second, row.deviation) {
        (Some(mean), deviation) => spread(&Spread { mean, deviation }),
        (None, _) if row.skipped.is_some() => "skipped".to_owned(),
        (None, _) if row.wrong.is_some() => "WRONG".to_owned(),
        (None, _) => "FAILED".to_owned(),
    };
    let mut cells = vec![
        speed,
        cell(row.images_per_second, significant),
        cell(row.microseconds_per_step, significant),
        cell(row.dispatches_per_step, |count| count.to_string()),
        cell(row.gflops, significant),
        cell(row.share_of_peak, percent),
    ];
    if record.compared_with.is_some() {
        cells.push(cell(row.compared, |compared| times(compared.ratio, compared.deviation)));
    }
    cells
}

/// The headings of [`kernel_figures`].
const KERNEL_HEADINGS: [&str; 6] = ["kernel", "µs/step", "GFLOP/s", "GB/s", "of peak", "limited by"];

/// What was measured of a kernel, a cell for each of [`KERNEL_HEADINGS`].
fn kernel_figures(kernel: &Kernel) -> [String; KERNEL_HEADINGS.len()] {
    let bound = |bound: Bound| match bound {
        Bound::Flops => "FLOPs".to_owned(),
        Bound::Bytes => "bytes".to_owned(),
        Bound::Latency => "latency".to_owned(),
    };
    [
        kernel.name.clone(),
        significant(kernel.microseconds),
        significant(kernel.gflops),
        significant(kernel.gigabytes_per_second),
        cell(kernel.share_of_peak, percent),
        cell(kernel.bound, bound),
    ]
}

/// The rows whose kernels were timed.
fn rows_with_kernels(record: &Record) -> impl Iterator<Item = &Row> {
    record.rows.iter().filter(|row| !row.kernels.is_empty())
}

fn cell<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), show)
}

/// A mean and its relative deviation.
#[must_use]
pub fn spread(spread: &Spread) -> String {
    let deviation = spread.relative().map_or(String::new(), |deviation| format!(" ± {}", percent(deviation)));
    significant(spread.mean) + &deviation
}

/// A number with at least three digits that mean something, its thousands apart.
fn significant(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => {
            let digits = format!("{value:.0}");
            let mut apart = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0 && (digits.len() - place).is_multiple_of(3) {
                    apart.push(',');
                }
                apart.push(digit);
            }
            apart
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn times(ratio: f64, deviation: Option<f64>) -> String {
    let deviation = deviation.map_or(String::new(), |deviation| format!(" ± {deviation:.2}"));
    format!("{ratio:.2}x{deviation}")
}

/// A device in a few words: its place in `twolayer devices`, the card, the backend.
#[must_use]
pub fn device(index: usize, adapter: &str, backend: &str) -> String {
    format!("{index} {} ({backend})", card(adapter))
}

/// What the figures were taken with: a line on the program and the machine, and one on the data.
fn circumstances(record: &Record) -> [String; 2] {
    let Record { build, machine, data, repetitions, .. } = record;
    let plural = if *repetitions == 1 { "" } else { "s" };
    [
        format!(
            "twolayer {}, commit {}, {}; {} {}, {} cores",
            build.version, build.commit, build.date, machine.os, machine.arch, machine.cores
        ),
        format!(
            "{} digits, {} images, {} of their pixels not 0; {repetitions} repetition{plural}",
            data.source,
            data.images,
            percent(data.density)
        ),
    ]
}

/// Why a row is not what it seems, or not there; none where nothing is to be said.
type Reason = fn(&Row) -> Option<String>;

/// What a person must know beside the figures, a line each: whether the control read 1.0x, and which rows are not what
/// they seem, or not there.
#[must_use]
pub fn notes(record: &Record) -> Vec<String> {
    let mut notes: Vec<String> = record.control.iter().map(control).collect();
    if let Some(saved) = &record.compared_with {
        notes.push(format!("to saved: compared with the run of {}, commit {}", saved.date, saved.commit));
    }
    let reasons: [(&str, Reason); 6] = [
        ("WRONG: ", |row| row.wrong.clone()),
        ("FAILED: ", |row| row.failed.clone()),
        ("skipped: ", |row| row.skipped.clone()),
        ("noisy: ", noisy),
        ("not compared: ", other_driver),
        ("no kernel times: ", |row| row.kernels_missing.clone().filter(|_| row.kind == Kind::Gpu)),
    ];
    for (what, reason) in reasons {
        for (reason, rows) in grouped(&record.rows, reason) {
            notes.push(format!("{what}{}: {reason}", places(&rows)));
        }
    }
    notes
}

fn control(control: &ControlRow) -> String {
    let what = format!(
        "control: {} on {}, run beside itself",
        control.workload,
        device(control.index, &control.adapter, &control.backend)
    );
    let verdict = match (control.verdict, &control.failed) {
        (_, Some(error)) => return format!("{what}, failed: {error}"),
        (Verdict::Quiet, None) => "as it must be",
        (Verdict::TooNoisy, None) => "TOO NOISY: other programs disturb this machine; small differences mean nothing",
        (Verdict::Unknown, None) => "one repetition can't tell whether this machine is quiet; use --repetitions 5",
    };
    match control.ratio {
        Some(ratio) => format!("{what}, reads {}: {verdict}", times(ratio, control.deviation)),
        None => format!("{what}: {verdict}"),
    }
}

fn noisy(row: &Row) -> Option<String> {
    let scatter = row.deviation? / row.steps_per_second?;
    (scatter > MOST_DEVIATION).then(|| format!("the rounds scatter by more than {:.0} %", MOST_DEVIATION * 100.0))
}

fn other_driver(row: &Row) -> Option<String> {
    let saved = row.saved_with_driver.as_ref()?;
    Some(format!("the saved run has driver '{saved}', this one '{}'", row.driver))
}

/// The rows that have a reason, together with others that have the same.
fn grouped(rows: &[Row], reason: Reason) -> Vec<(String, Vec<&Row>)> {
    let mut groups: Vec<(String, Vec<&Row>)> = Vec::new();
    for row in rows {
        let Some(reason) = reason(row) else { continue };
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((reason, vec![row])),
        }
    }
    groups
}

/// Which workloads on which devices; workloads on the same devices together.
fn places(rows: &[&Row]) -> String {
    let mut workloads: Vec<(&str, Vec<String>)> = Vec::new();
    for row in rows {
        let device = device(row.index, &row.adapter, &row.backend);
        match workloads.iter_mut().find(|(workload, _)| *workload == row.workload) {
            Some((_, devices)) => devices.push(device),
            None => workloads.push((&row.workload, vec![device])),
        }
    }
    let alike = workloads.chunk_by(|(_, one), (_, other)| one == other);
    let place = |alike: &[(&str, Vec<String>)]| {
        let workloads: Vec<&str> = alike.iter().map(|(workload, _)| *workload).collect();
        let devices = alike.first().map(|(_, devices)| devices.join(", ")).unwrap_or_default();
        format!("{} on {devices}", workloads.join(", "))
    };
    alike.map(place).collect::<Vec<_>>().join("; ")
}

/// The device's driver, or that it is a program.
fn driver(row: &Row) -> String {
    match (row.kind, row.driver.as_str()) {
        (Kind::Cpu, _) | (_, "") => NONE.to_owned(),
        (_, driver) => driver.to_owned(),
    }
}
