//! A benchmark as GitHub Markdown.

use std::fmt::Write;

use super::figures::{
    KERNEL_HEADINGS, cell, circumstances, device_of_row, driver, figures, grouped_digits, hardware, headings, kernels,
    network, on_host, rows_with_kernels, significant,
};
use super::notes::notes;
use crate::bench::record::{Device, Record, Row};

/// The columns of the devices. The last two are numbers.
const DEVICE_HEADINGS: [&str; 7] = ["", "device", "backend", "type", "driver", "peak GFLOP/s", "peak GB/s"];
/// The columns that identify a row.
const NAMES: [&str; 4] = ["workload", "network", "images", "device"];

/// The devices, the rows and the kernels, each as a table, and the notes.
#[must_use]
pub fn markdown(record: &Record) -> String {
    let mut text = String::new();
    write_table(&mut text, &DEVICE_HEADINGS, 2, record.devices.iter().map(device_cells));
    text.push('\n');
    let figure_headings = headings(record);
    let rows = record.rows.iter().map(|row| [names(row).to_vec(), figures(record, row)].concat());
    write_table(&mut text, &[&NAMES, &figure_headings[..]].concat(), figure_headings.len(), rows);
    if rows_with_kernels(record).next().is_some() {
        text.push('\n');
        let kernels = rows_with_kernels(record)
            .flat_map(|row| kernels(row).map(|kernel| [&names(row)[..], &kernel].concat()).collect::<Vec<_>>());
        // The first column is the kernel's name.
        write_table(&mut text, &[&NAMES[..], &KERNEL_HEADINGS].concat(), KERNEL_HEADINGS.len() - 1, kernels);
    }
    text.push('\n');
    for line in circumstances(record).into_iter().chain(notes(record)) {
        let _ = writeln!(text, "- {line}");
    }
    text
}

fn device_cells(Device { info, host, peak }: &Device) -> Vec<String> {
    vec![
        info.index.to_string(),
        on_host(host.as_deref(), &info.full_name()),
        info.backend.clone(),
        hardware(info),
        driver(info),
        cell(*peak, |peak| significant(peak.gflops)),
        cell(*peak, |peak| significant(peak.gigabytes_per_second)),
    ]
}

fn names(row: &Row) -> [String; NAMES.len()] {
    let software = if row.software { ", software" } else { "" };
    [row.workload.clone(), network(row), grouped_digits(&row.batch_size.to_string()), device_of_row(row) + software]
}

/// Writes a table. Its last `figures` columns are numbers, which are aligned right.
fn write_table(text: &mut String, headings: &[&str], figures: usize, rows: impl Iterator<Item = Vec<String>>) {
    let mut line = |cells: Vec<String>| {
        let cells = cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(headings.iter().map(|&heading| heading.to_owned()).collect());
    let rule = |column: usize| if column < headings.len() - figures { "---" } else { "---:" };
    line((0..headings.len()).map(|column| rule(column).to_owned()).collect());
    rows.for_each(line);
}
