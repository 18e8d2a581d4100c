//! The cells and headings of a benchmark's tables.

use crate::bench::others::Others;
use crate::bench::record::{Bound, During, Host, Kernel, Machine, Record, Row, StepKind};
use crate::bench::stats::Spread;
use crate::data::digits::{CLASSES, PIXELS};
use crate::devices::{Hardware, Info, card};
use crate::net::Shape;
use crate::report::columns::NONE;
use crate::words::counted;

/// The headings of [`figures`].
pub(super) fn headings(record: &Record) -> Vec<&'static str> {
    let speed = ["steps/s", "median"].into_iter();
    let compared = record.compared_with.iter().map(|_| "to saved");
    speed.chain(compared).chain(["µs/step", "images/s", "GFLOP/s", "of peak", DISPATCHES]).collect()
}

pub(super) const DISPATCHES: &str = "dispatches";

/// The cells of a row, one for each of [`headings`].
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

/// The cells of a kernel, one for each of [`KERNEL_HEADINGS`].
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

/// The cells of a row's kernels, and of the rest of a step: the time to start and end kernels and to wait between them.
pub(super) fn kernels(row: &Row) -> impl Iterator<Item = [String; KERNEL_HEADINGS.len()]> {
    let mut rest = KERNEL_HEADINGS.map(|_| NONE.to_owned());
    "(rest)".clone_into(&mut rest[0]);
    rest[1] = cell(row.rest_microseconds, significant);
    row.kernels.iter().map(kernel_figures).chain([rest])
}

pub(super) fn network(row: &Row) -> String {
    Shape { input: PIXELS, hidden: row.hidden, classes: CLASSES }.to_string()
}

/// The images of a step.
pub(super) fn images(row: &Row) -> String {
    let images = grouped_digits(&row.batch_size.to_string());
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

/// A number with at least three significant digits and grouped thousands.
pub(super) fn significant(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => grouped_digits(&format!("{value:.0}")),
    }
}

/// Digits in groups of three, separated by commas.
pub(super) fn grouped_digits(digits: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

pub(super) fn times(ratio: f64, deviation: Option<f64>) -> String {
    let deviation = deviation.map_or(String::new(), |deviation| format!(" ± {deviation:.2}"));
    format!("{ratio:.2}x{deviation}")
}

/// The short name of a device: its index in `twolayer devices`, its card and its backend.
pub(super) fn device(index: usize, adapter: &str, backend: &str) -> String {
    format!("{index} {} ({backend})", card(adapter))
}

/// The short name of a device.
#[must_use]
pub fn device_of(info: &Info) -> String {
    device(info.index, &info.name, &info.backend)
}

/// The short name of a row's device.
pub(super) fn device_of_row(row: &Row) -> String {
    on_host(row.host.as_deref(), &device(row.index, &row.adapter, &row.backend))
}

/// A device, after its machine's name if there are several.
pub(super) fn on_host(host: Option<&str>, device: &str) -> String {
    host.map_or(device.to_owned(), |host| format!("{host}: {device}"))
}

/// A machine in two lines: its processor and its system.
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

/// A phrase on the load of other programs.
pub(super) fn load(others: &Others) -> String {
    let Others { programs, stolen, cores } = others;
    let host =
        if *stolen < MIN_SHOWN { String::new() } else { format!(", and the host of this virtual machine {stolen:.2}") };
    format!("other programs took up to {programs:.2} of {}{host}", counted(*cores, "core"))
}

/// The smallest part of a core that does not round to 0.00.
const MIN_SHOWN: f64 = 0.005;

/// The circumstances of a benchmark: a line on the program, two on each machine, one on the data, and one on the load of other
/// programs on each machine.
pub(super) fn circumstances(record: &Record) -> Vec<String> {
    let Record { build, data, repetitions, hosts, .. } = record;
    let program = format!("twolayer {}, commit {}, {}", build.version, build.commit, build.date);
    let images = format!(
        "{} digits, {}, {} of their pixels not 0; {}",
        data.source,
        counted(data.images, "image"),
        percent(data.density),
        counted(*repetitions, "repetition")
    );
    let (machines, loads): (Vec<_>, Vec<_>) = if hosts.is_empty() {
        (machine(&record.machine).to_vec(), vec![during(&record.during)])
    } else {
        let of_host = |host: &Host, text: &str| on_host(Some(&host.host), text);
        let machines = hosts.iter().flat_map(|host| machine(&host.machine).map(|line| of_host(host, &line)));
        (machines.collect(), hosts.iter().map(|host| of_host(host, &during(&host.during))).collect())
    };
    [vec![program], machines, vec![images], loads].concat()
}

/// The load of other programs on a machine.
fn during(during: &During) -> String {
    let others = match &during.others {
        Some(others) => format!("during the rounds {}", load(others)),
        None => "the load of other programs during the rounds is unknown".to_owned(),
    };
    match (during.load_average_before, during.load_average_after) {
        (Some(before), Some(after)) => format!("{others}; load average {before:.2} before, {after:.2} after"),
        _ => others,
    }
}

/// A device's hardware: the CPU's instructions, or the kind of GPU and its PCI ids.
#[must_use]
pub fn hardware(info: &Info) -> String {
    match &info.hardware {
        Hardware::Cpu(processor) => cell(processor.instructions.clone(), |instructions| instructions),
        Hardware::Gpu(card) => {
            card.pci.iter().fold(card.kind.as_str().to_owned(), |kind, pci| format!("{kind}, PCI {pci}"))
        }
    }
}

pub(super) fn driver(info: &Info) -> String {
    if info.driver.is_empty() { NONE.to_owned() } else { info.driver.clone() }
}
