//! Tables for a terminal.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::{
    KERNEL_HEADINGS, cell, circumstances, device, driver, figures, headings, kernel_figures, notes, rows_with_kernels,
    significant,
};
use crate::bench::record::{Record, Row};

/// The devices, the rows and the kernels, each as a table, and the notes.
#[must_use]
pub fn table(record: &Record) -> String {
    let mut text = circumstances(record).join("\n") + "\n\n";
    let mut parts = vec![devices(record), rows(record)];
    if rows_with_kernels(record).next().is_some() {
        parts.push(kernels(record));
    }
    for part in parts {
        let _ = writeln!(text, "{}\n", part.trim_fmt());
    }
    for note in notes(record) {
        let _ = writeln!(text, "{note}");
    }
    text
}

fn devices(record: &Record) -> Table {
    let headings = ["device", "adapter", "backend", "driver", "", "peak GFLOP/s", "peak GB/s"];
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    for row in &record.rows {
        if seen.contains(&row.index) {
            continue;
        }
        seen.push(row.index);
        let software = if row.software { "software" } else { "" };
        lines.push(vec![
            row.index.to_string(),
            row.adapter.clone(),
            row.backend.clone(),
            driver(row),
            software.to_owned(),
            cell(row.peak, |peak| significant(peak.gflops)),
            cell(row.peak, |peak| significant(peak.gigabytes_per_second)),
        ]);
    }
    filled(&headings, lines, 2)
}

fn rows(record: &Record) -> Table {
    let figure_headings = headings(record);
    let headings = [&["workload", "device"], &figure_headings[..]].concat();
    let mut last = "";
    let mut lines = Vec::new();
    for row in &record.rows {
        let workload = if row.workload == last { "" } else { &row.workload };
        last = &row.workload;
        lines.push([vec![workload.to_owned(), name(row)], figures(record, row)].concat());
    }
    filled(&headings, lines, figure_headings.len())
}

fn kernels(record: &Record) -> Table {
    let headings = [&["workload", "device"][..], &KERNEL_HEADINGS].concat();
    let mut lines = Vec::new();
    for row in rows_with_kernels(record) {
        for (place, kernel) in row.kernels.iter().enumerate() {
            let names = if place == 0 { [row.workload.clone(), name(row)] } else { [const { String::new() }; 2] };
            lines.push([&names[..], &kernel_figures(kernel)].concat());
        }
    }
    // The kernel's own name is no figure.
    filled(&headings, lines, KERNEL_HEADINGS.len() - 1)
}

fn name(row: &Row) -> String {
    device(row.index, &row.adapter, &row.backend)
}

/// A table whose last columns, so many of them, are figures.
fn filled(headings: &[&str], lines: Vec<Vec<String>>, figures: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    table.add_rows(lines);
    for column in table.column_iter_mut().skip(headings.len() - figures) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
