//! A benchmark as tables for a terminal.

use std::fmt::Write;

use comfy_table::CellAlignment;

use super::figures::{
    DISPATCHES, KERNEL_HEADINGS, cell, circumstances, device_of_row, driver, figures, hardware, headings, images,
    kernels, network, on_host, rows_with_kernels, significant,
};
use super::notes::notes;
use crate::bench::record::{Device, Record, Row};
use crate::report::columns::{NONE, Section, fits, table as columns_of};
use crate::report::table::fitted;

/// The devices, the rows and the kernels as tables, at most `columns` wide, and the notes.
#[must_use]
pub fn table(record: &Record, columns: usize) -> String {
    let mut text = circumstances(record).join("\n") + "\n\n";
    let mut parts = vec![devices(record, columns), rows(record, columns)];
    if rows_with_kernels(record).next().is_some() {
        parts.push(kernel_rows(record, columns));
    }
    for part in parts {
        let _ = writeln!(text, "{part}");
    }
    for note in notes(record) {
        let _ = writeln!(text, "{note}");
    }
    text
}

fn devices(record: &Record, columns: usize) -> String {
    let mut table = fitted(["", "device", "peak\nGFLOP/s", "peak\nGB/s"], columns);
    for Device { info, host, peak } in &record.devices {
        let details = [info.backend.clone(), hardware(info), driver(info)];
        let details = details.into_iter().filter(|detail| detail != NONE).collect::<Vec<_>>().join(", ");
        table.add_row([
            info.index.to_string(),
            format!("{}\n{details}", on_host(host.as_deref(), &info.full_name())),
            cell(*peak, |peak| significant(peak.gflops)),
            cell(*peak, |peak| significant(peak.gigabytes_per_second)),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt() + "\n"
}

/// The long and the short name of a row's device.
type Name = fn(&Row) -> String;
const NAMES: [Name; 2] = [device_of_row, |row| on_host(row.host.as_deref(), &format!("{} {}", row.index, row.backend))];

fn rows(record: &Record, columns: usize) -> String {
    let mut headings = [&["device"], &headings(record)[..]].concat();
    // The table of the kernels has their number too.
    let is_redundant = record.rows.iter().all(|row| row.dispatches_per_step.is_none() || !row.kernels.is_empty());
    headings.retain(|heading| !is_redundant || *heading != DISPATCHES);
    let sections = |name: Name| -> Vec<Section> {
        let of_one_workload = record.rows.chunk_by(|one, other| one.workload == other.workload);
        let section = |rows: &[Row]| Section {
            title: rows.first().map(title),
            rows: rows.iter().map(|row| [vec![name(row)], figures(record, row)].concat()).collect(),
        };
        of_one_workload.map(section).collect()
    };
    let [long, short] = NAMES.map(sections);
    let sections = if fits(&headings, &long, columns) { long } else { short };
    columns_of(&headings, &sections, columns)
}

fn title(row: &Row) -> String {
    format!("{}: {}, {}", row.workload, network(row), images(row))
}

fn kernel_rows(record: &Record, columns: usize) -> String {
    let section = |row: &Row| Section {
        title: Some(format!(
            "{} on {}, {}",
            row.workload,
            device_of_row(row),
            cell(row.dispatches_per_step, |count| format!("{count} {DISPATCHES}"))
        )),
        rows: kernels(row).map(Vec::from).collect(),
    };
    columns_of(&KERNEL_HEADINGS, &rows_with_kernels(record).map(section).collect::<Vec<_>>(), columns)
}
