//! What a benchmark's tables show: figures, units, and what is to be said of them.

use crate::bench::others::Others;
use crate::bench::record::{Bound, Build, ControlRow, Kernel, Machine, Record, Row, StepKind};
use crate::bench::stats::{MOST_DEVIATION, Spread, Verdict};
use crate::data::digits::{CLASSES, PIXELS};
use crate::devices::{Hardware, Info, Kind, card as card_of};
use crate::net::Shape;
use crate::words::{counted, grouped};

/// What stands where there is no value.
pub(super) const NONE: &str = "-";

/// The headings of [`figures`].
pub(super) fn headings(record: &Record) -> Vec<&'static str> {
    let speed = ["steps/s", "median"].into_iter();
    let compared = record.compared_with.iter().map(|_| "to saved");
    speed.chain(compared).chain(["µs/step", "images/s", "GFLOP/s", "of peak", DISPATCHES]).collect()
}

pub(super) const DISPATCHES: &str = "dispatches";

/// What was measured in a row, a cell for each of [`headings`].
pub(super) fn figures(record: &Record, row: &Row) -> Vec<String> {
    let speed = match (row.steps_per_second, row.deviation) {
        (Some(mean), deviation) => spread(&Spread { mean, deviation }),
        (None, _) if row.skipped.is_some() => "skipped".to_owned(),
        (None, _) if row.wrong.is_some() => "WRONG".to_owned(),
        (None, _) => "FAILED".to_owned(),
    };
    let mut cells = vec![speed, cell(row.median_steps_per_second, significant)];
    if record.compared_with.is_some() {
        cells.push(cell(row.compared, |compared| times(compared.ratio, compared.deviation)));
    }
    cells.extend([
        cell(row.microseconds_per_step, significant),
        cell(row.images_per_second, significant),
        cell(row.gflops, significant),
        cell(row.share_of_peak, percent),
        cell(row.dispatches_per_step, |count| count.to_string()),
    ]);
    cells
}

/// The headings of [`kernel_figures`].
pub(super) const KERNEL_HEADINGS: [&str; 6] = ["kernel", "µs/step", "GFLOP/s", "GB/s", "of peak", "limited by"];

/// What was measured of a kernel, a cell for each of [`KERNEL_HEADINGS`].
pub(super) fn kernel_figures(kernel: &Kernel) -> [String; KERNEL_HEADINGS.len()] {
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

/// The figures of a row's kernels, and what a step takes beside them: to begin and end them, and to wait between them.
pub(super) fn kernels(row: &Row) -> impl Iterator<Item = [String; KERNEL_HEADINGS.len()]> {
    let mut rest = KERNEL_HEADINGS.map(|_| NONE.to_owned());
    "(rest)".clone_into(&mut rest[0]);
    rest[1] = cell(row.rest_microseconds, significant);
    row.kernels.iter().map(kernel_figures).chain([rest])
}

/// A row's network.
pub(super) fn network(row: &Row) -> String {
    Shape { input: PIXELS, hidden: row.hidden, classes: CLASSES }.to_string()
}

/// The images of a row's step.
pub(super) fn images(row: &Row) -> String {
    let images = apart(&row.batch_size.to_string());
    match row.step() {
        StepKind::Training => format!("batches of {images}"),
        StepKind::Inference => format!("all {images} images"),
    }
}

/// The rows whose kernels were timed.
pub(super) fn rows_with_kernels(record: &Record) -> impl Iterator<Item = &Row> {
    record.rows.iter().filter(|row| !row.kernels.is_empty())
}

pub(super) fn cell<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), show)
}

/// A mean and its relative deviation.
#[must_use]
pub fn spread(spread: &Spread) -> String {
    let deviation = spread.relative().map_or(String::new(), |deviation| format!(" ± {}", percent(deviation)));
    significant(spread.mean) + &deviation
}

/// A number with at least three digits that mean something, its thousands apart.
pub(super) fn significant(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => apart(&format!("{value:.0}")),
    }
}

/// Digits, their thousands apart.
pub(super) fn apart(digits: &str) -> String {
    let mut apart = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

pub(super) fn times(ratio: f64, deviation: Option<f64>) -> String {
    let deviation = deviation.map_or(String::new(), |deviation| format!(" ± {deviation:.2}"));
    format!("{ratio:.2}x{deviation}")
}

/// A device in a few words: its place in `twolayer devices`, the card, the backend.
#[must_use]
pub fn device(index: usize, adapter: &str, backend: &str) -> String {
    format!("{index} {} ({backend})", card_of(adapter))
}

/// A machine in two lines: its processor, its system.
#[must_use]
pub fn machine(machine: &Machine) -> [String; 2] {
    let Machine { os, arch, cores, cpu, instructions, os_version, kernel } = machine;
    let instructions = instructions.as_ref().map_or(String::new(), |instructions| format!(", {instructions}"));
    let kernel = kernel.as_ref().map_or(String::new(), |kernel| format!(", kernel {kernel}"));
    [
        format!("{}, {}{instructions}", cpu.as_deref().unwrap_or("a CPU of unknown model"), counted(*cores, "core")),
        format!("{}{kernel}, {os} {arch}", os_version.as_deref().unwrap_or("a system of unknown version")),
    ]
}

/// What others did during the rounds, in a few words.
pub(super) fn taken(others: &Others) -> String {
    let Others { programs, stolen, cores } = others;
    let host =
        if *stolen < SHOWN { String::new() } else { format!(", and the host of this virtual machine {stolen:.2}") };
    format!("other programs took up to {programs:.2} of {}{host}", counted(*cores, "core"))
}

/// The smallest part of a core that reads as one.
pub(super) const SHOWN: f64 = 0.005;

/// What the figures were taken with: a line on the program, two on the machine, one on the data, and one on what else the
/// machine did.
pub(super) fn circumstances(record: &Record) -> [String; 5] {
    let Record { build, data, repetitions, during, .. } = record;
    let [processor, system] = machine(&record.machine);
    let others = match &during.others {
        Some(others) => format!("during the rounds {}", taken(others)),
        None => "what other programs did during the rounds is not known".to_owned(),
    };
    let load = match (during.load_average_before, during.load_average_after) {
        (Some(before), Some(after)) => format!("; load average {before:.2} before, {after:.2} after"),
        _ => String::new(),
    };
    [
        format!("twolayer {}, commit {}, {}", build.version, build.commit, build.date),
        processor,
        system,
        format!(
            "{} digits, {}, {} of their pixels not 0; {}",
            data.source,
            counted(data.images, "image"),
            percent(data.density),
            counted(*repetitions, "repetition")
        ),
        others + &load,
    ]
}

/// Why a row is not what it seems, or not there; none where nothing is to be said.
pub(super) type Reason = fn(&Row) -> Option<String>;

/// What a person must know beside the figures, a line each: whether the control read 1.0x, and which rows are not what
/// they seem, or not there.
#[must_use]
pub fn notes(record: &Record) -> Vec<String> {
    let mut notes: Vec<String> = record.control.iter().map(control).collect();
    if let Some(saved) = &record.compared_with {
        notes.extend(compared(record, saved));
    }
    notes.extend(busy(record));
    let reasons: [(&str, Reason); 6] = [
        ("WRONG: ", |row| row.wrong.clone()),
        ("FAILED: ", |row| row.failed.clone()),
        ("skipped: ", |row| row.skipped.clone()),
        ("noisy: ", noisy),
        ("not compared: ", other_driver),
        ("no kernel times: ", |row| row.kernels_missing.clone().filter(|_| row.kind == Kind::Gpu)),
    ];
    for (what, reason) in reasons {
        for (reason, rows) in with_reason(&record.rows, reason) {
            notes.push(format!("{what}{}: {reason}", places(&rows)));
        }
    }
    notes
}

pub(super) fn control(control: &ControlRow) -> String {
    let what = format!(
        "control: {} on {}, run beside itself",
        control.workload,
        device(control.index, &control.adapter, &control.backend)
    );
    let verdict = match (control.verdict, &control.failed) {
        (_, Some(error)) => return format!("{what}, failed: {error}"),
        (Verdict::Quiet, None) if control.others.is_some() => "as it must be",
        (Verdict::Quiet, None) => "as it must be, but whether other programs slowed both alike is not known here",
        (Verdict::Busy, None) => "equal to itself, but on a BUSY machine, where both are slower alike",
        (Verdict::TooNoisy, None) if control.others.is_some_and(|others| !others.is_busy()) => {
            "TOO NOISY, though not by other programs: heat, the clock or a host may vary; small differences mean nothing"
        }
        (Verdict::TooNoisy, None) => "TOO NOISY: other programs disturb this machine; small differences mean nothing",
        (Verdict::Unknown, None) => "one repetition can't tell whether this machine is quiet; use --repetitions 5",
    };
    match control.ratio {
        Some(ratio) => format!("{what}, reads {}: {verdict}", times(ratio, control.deviation)),
        None => format!("{what}: {verdict}"),
    }
}

/// That others slowed what was timed, and during which workloads.
pub(super) fn busy(record: &Record) -> Option<String> {
    let met_it = |row: &&Row| row.ok && row.others.is_some_and(|others| others.is_busy());
    let mut workloads: Vec<&str> = record.rows.iter().filter(met_it).map(|row| row.workload.as_str()).collect();
    workloads.dedup();
    let others = record.during.others.filter(|_| !workloads.is_empty())?;
    let (taken, workloads) = (taken(&others), workloads.join(", "));
    Some(format!("BUSY: {taken} during the rounds of {workloads}: these speeds are those of a busy machine"))
}

/// What a person must know of the run that this one is compared with.
pub(super) fn compared(record: &Record, saved: &Build) -> Vec<String> {
    let mut notes = vec![format!(
        "to saved: over the run of {}, commit {}; ± is how far the rounds within both runs scatter, and from run to run or \
         from machine to machine speeds differ by more",
        saved.date, saved.commit
    )];
    if let Some(machine) = &record.compared_on {
        let different = |(what, saved, this): (&str, String, String)| format!("{what} {saved}, here {this}");
        let differences: Vec<String> = record.machine.differences(machine).into_iter().map(different).collect();
        if !differences.is_empty() {
            notes.push(format!("OTHER MACHINE: the saved run had {}", differences.join("; ")));
        }
        if machine.cpu.is_none() {
            notes.push("the saved run does not say which processor it had: compare it with your own alone".to_owned());
        }
    }
    match record.compared_during.and_then(|during| during.others) {
        Some(others) if others.is_busy() => {
            notes.push(format!("BUSY when saved: {} during its rounds", taken(&others)));
        }
        _ => {}
    }
    notes
}

pub(super) fn noisy(row: &Row) -> Option<String> {
    let scatter = row.deviation? / row.steps_per_second?;
    (scatter > MOST_DEVIATION).then(|| format!("the rounds scatter by more than {:.0} %", MOST_DEVIATION * 100.0))
}

pub(super) fn other_driver(row: &Row) -> Option<String> {
    let saved = row.saved_with_driver.as_ref()?;
    Some(format!("the saved run has driver '{saved}', this one '{}'", row.driver))
}

/// The rows that have a reason, together with others that have the same.
fn with_reason(rows: &[Row], reason: Reason) -> Vec<(String, Vec<&Row>)> {
    grouped(rows.iter().filter_map(|row| Some((reason(row)?, row))))
}

/// Which workloads on which devices; workloads on the same devices together.
pub(super) fn places(rows: &[&Row]) -> String {
    let device = |row: &Row| device(row.index, &row.adapter, &row.backend);
    let workloads = grouped(rows.iter().map(|row| (row.workload.as_str(), device(row))));
    let alike = workloads.chunk_by(|(_, one), (_, other)| one == other);
    let place = |alike: &[(&str, Vec<String>)]| {
        let workloads: Vec<&str> = alike.iter().map(|(workload, _)| *workload).collect();
        let devices = alike.first().map(|(_, devices)| devices.join(", ")).unwrap_or_default();
        format!("{} on {devices}", workloads.join(", "))
    };
    alike.map(place).collect::<Vec<_>>().join("; ")
}

/// What a device is made of, in a few words.
#[must_use]
pub fn card(info: &Info) -> String {
    match &info.hardware {
        Hardware::Cpu(processor) => cell(processor.instructions.clone(), |instructions| instructions),
        Hardware::Gpu(card) => {
            card.pci.iter().fold(card.kind.as_str().to_owned(), |kind, pci| format!("{kind}, PCI {pci}"))
        }
    }
}

/// The device's driver, where it has one.
pub(super) fn driver(info: &Info) -> String {
    if info.driver.is_empty() { NONE.to_owned() } else { info.driver.clone() }
}
