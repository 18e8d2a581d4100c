//! Every format of one run that has every kind of row.

use super::*;
use crate::bench::record::tests::record;

/// The widest that a terminal's table is meant to be.
const WIDTH: usize = 120;

/// The cells of a file of comma-separated values, as RFC 4180 has it.
fn parsed(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut characters) = (false, text.chars().peekable());
    while let Some(character) = characters.next() {
        match (character, quoted) {
            ('"', true) if characters.peek() == Some(&'"') => cell.extend(characters.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (other, _) => cell.push(other),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "the file does not end with a whole line");
    rows
}

#[test]
fn csv_reads_back() {
    let record = record();
    let rows = parsed(&csv(&record));
    assert_eq!(rows.len(), 1 + record.rows.len());
    let column = |name: &str| rows[0].iter().position(|heading| heading == name).unwrap();
    for (cells, row) in rows[1..].iter().zip(&record.rows) {
        assert_eq!(cells.len(), rows[0].len());
        let cell = |name| cells[column(name)].as_str();
        assert_eq!((cell("adapter"), cell("driver")), (row.adapter.as_str(), row.driver.as_str()));
        assert_eq!((cell("commit"), cell("date")), (record.build.commit.as_str(), record.build.date.as_str()));
        assert_eq!(cell("version"), record.build.version);
        assert_eq!(cell("steps_per_second").parse().ok(), row.steps_per_second);
        let samples: Vec<f64> = cell("samples").split_whitespace().map(|sample| sample.parse().unwrap()).collect();
        assert_eq!(samples, row.samples);
        assert_eq!(cell("skipped"), row.skipped.as_deref().unwrap_or_default());
    }
    assert!(rows[2][column("kernel_microseconds")].starts_with("product="), "{:?}", rows[2]);
}

#[test]
fn every_row_of_a_markdown_table_has_its_columns() {
    let mut record = record();
    for compared in [false, true] {
        if compared {
            let saved = record.clone();
            record.compare(&saved);
        }
        let text = markdown(&record);
        assert_eq!(text.contains("to saved"), compared);
        let tables: Vec<&str> = text.split("\n\n").filter(|part| part.starts_with('|')).collect();
        assert_eq!(tables.len(), 2, "{text}");
        for (table, lines) in tables.iter().zip([2 + record.rows.len(), 2 + 3]) {
            let bars = |line: &str| line.replace("\\|", "").matches('|').count();
            let columns = bars(table.lines().next().unwrap());
            assert!(table.lines().all(|line| bars(line) == columns), "{table}");
            assert_eq!(table.lines().count(), lines, "{table}");
        }
        assert!(text.contains("Some\\|GPU (software)"), "{text}");
    }
}

#[test]
fn the_table_fits_a_terminal_and_holds_every_row() {
    let record = record();
    let text = table(&record);
    let (tables, notes) = text.split_once("\ncontrol: ").unwrap();
    for line in tables.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    for part in ["128 ± 35.4 %", "12,800", "7,812", "WRONG", "FAILED", "skipped", "product", "FLOPs", "latency"] {
        assert!(tables.contains(part), "'{part}' is not in: {tables}");
    }
    assert!(notes.starts_with("custom on 0 CPU, 2 threads (cpu), run beside itself, reads 1.00x ± 0.18: TOO NOISY"));
}

#[test]
fn notes_say_what_the_figures_do_not() {
    let mut record = record();
    let mut untimed = record.rows[0].clone();
    (untimed.index, untimed.kind) = (9, Kind::Gpu);
    record.rows.push(untimed);
    let notes = notes(&record);
    let starts: Vec<&str> = notes.iter().filter_map(|note| note.split(": ").next()).collect();
    assert_eq!(starts, ["control", "WRONG", "FAILED", "skipped", "noisy", "no kernel times"], "{notes:#?}");
    assert!(notes[1].starts_with("WRONG: custom on 2 Another (vulkan): "), "{notes:#?}");
    assert!(notes[4].ends_with("scatter by more than 10 %"), "{notes:#?}");
    // Of the CPU nobody expects them.
    assert!(notes[5].starts_with("no kernel times: custom on 9 "), "{notes:#?}");
}

#[test]
fn rows_with_one_reason_share_a_note() {
    let mut record = record();
    let skipped = record.rows.pop().unwrap();
    let rows = [("article", 2), ("wide", 1), ("wide", 2), ("large", 1), ("large", 2)];
    record.rows = rows.map(|(workload, index)| Row { workload: workload.to_owned(), index, ..skipped.clone() }).into();
    let notes = notes(&record);
    assert_eq!(notes.len(), 2, "{notes:#?}");
    let [one, two] = ["1 Some|GPU (vulkan)", "2 Some|GPU (vulkan)"];
    assert!(notes[1].starts_with(&format!("skipped: article on {two}; wide, large on {one}, {two}: ")), "{notes:#?}");
}

#[test]
fn a_control_says_how_it_went() {
    let mut row = record().control.unwrap();
    let mut says = |verdict, ratio, failed: Option<&str>| {
        (row.verdict, row.ratio, row.failed) = (verdict, ratio, failed.map(str::to_owned));
        control(&row)
    };
    assert!(says(Verdict::Quiet, Some(1.004), None).ends_with("reads 1.00x ± 0.18: as it must be"));
    assert!(says(Verdict::TooNoisy, Some(1.3), None).contains("reads 1.30x ± 0.18: TOO NOISY"));
    assert!(says(Verdict::Unknown, Some(1.0), None).contains("one repetition can't tell"));
    assert!(says(Verdict::Unknown, None, Some("no memory")).ends_with("failed: no memory"));
}

#[test]
fn figures_have_three_digits_and_their_thousands_apart() {
    let shown = [0.0123, 0.5, 1.2345, 12.345, 123.45, 999.6, 1234.5, 1_234_567.0].map(significant);
    assert_eq!(shown, ["0.012", "0.500", "1.23", "12.3", "123", "1,000", "1,234", "1,234,567"]);
    assert_eq!(times(1.2345, Some(0.0123)), "1.23x ± 0.01");
    assert_eq!(times(1.2345, None), "1.23x");
}
