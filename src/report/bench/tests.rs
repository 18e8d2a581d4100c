//! Tests of every format, with a run that has every kind of row.

use super::figures::*;
use super::notes::control;
use super::*;
use crate::bench::others::Others;
use crate::bench::record::tests::record;
use crate::bench::record::{ControlRow, During, Machine, Record, Row};
use crate::bench::stats::Verdict;
use crate::devices::Kind;
use crate::report::width::width;

/// Widths that the tables must fit.
const WIDTHS: [usize; 3] = [60, 80, 120];

/// The cells of comma-separated values, as in RFC 4180.
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
        assert_eq!(tables.len(), 3, "{text}");
        for (table, lines) in tables.iter().zip([2 + record.devices.len(), 2 + record.rows.len(), 2 + 3 + 1]) {
            let bars = |line: &str| line.replace("\\|", "").matches('|').count();
            let columns = bars(table.lines().next().unwrap());
            assert!(table.lines().all(|line| bars(line) == columns), "{table}");
            assert_eq!(table.lines().count(), lines, "{table}");
        }
        assert!(text.contains("| 1 Some\\|GPU (vulkan), software |"), "{text}");
        assert!(
            text.contains("| 0 | AMD EPYC 9654 96-Core Processor, 2 threads | cpu | AVX-512 | - | 64.0 | 16.0 |"),
            "{text}"
        );
        assert!(text.contains("| custom | 784-50-10 | 100 |") && text.contains("| (rest) | 8,407 | - |"), "{text}");
    }
}

/// A run with long names, some with wide characters, and long numbers.
fn wide_record() -> Record {
    let mut record = record();
    for (device, name) in record.devices.iter_mut().skip(1).zip([
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "AMD Radeon RX 6800 (radeonsi, navi21, LLVM 15.0.6, DRM 3.49, 6.1.0-13-amd64)",
        "芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片芯片",
    ]) {
        name.clone_into(&mut device.info.name);
        "llvmpipe Mesa 22.3.6 (LLVM 15.0.6)".clone_into(&mut device.info.driver);
        for row in record.rows.iter_mut().filter(|row| row.index == device.info.index) {
            name.clone_into(&mut row.adapter);
            row.images_per_second = Some(123_456_789.0);
        }
    }
    record
}

#[test]
fn the_tables_fit_a_terminal_and_hold_every_row() {
    for record in [record(), wide_record()] {
        let mut record = record;
        let saved = record.clone();
        record.compare(&saved);
        for columns in WIDTHS {
            let text = table(&record, columns);
            let (tables, notes) = text.split_once("\nA/A run: ").unwrap();
            for line in tables.lines().skip(5) {
                assert!(width(line) <= columns, "{columns} columns: {line}\n{text}");
            }
            for part in [
                &["128 ± 35.4 %", "12,800", "7,812", "WRONG", "FAILED", "skipped", "product", "FLOPs", "latency"][..],
                &["custom: 784-50-10, batches of 100", "inference: 784-50-10, all 5 images", "(rest)", "median"],
            ]
            .concat()
            {
                assert!(tables.contains(part), "'{part}' is not in: {tables}");
            }
            assert!(
                notes.starts_with(
                    "custom on 0 CPU, 2 threads (cpu), timed twice in turns, reads 1.00x ± 0.18: TOO NOISY"
                )
            );
        }
        // A terminal that is too narrow.
        assert!(table(&record, 1).contains("product"));
    }
}

#[test]
fn a_wide_terminal_shows_names_and_a_narrow_one_indices() {
    let record = record();
    assert!(table(&record, 160).contains("\n 1 Some|GPU (vulkan)"));
    assert!(table(&record, 60).contains("\n 1 vulkan "));
    // The column of dispatches is shown if a row has a number, even without kernels.
    let mut cpu = record.clone();
    cpu.rows.retain(|row| row.kind == Kind::Cpu);
    assert!(table(&cpu, 160).contains("of peak  dispatches\n"));
    cpu.rows[0].dispatches_per_step = None;
    assert!(!table(&cpu, 160).contains("dispatches"));
    // With a table of the kernels, their number is there.
    let mut gpu = record;
    gpu.rows.retain(|row| row.index == 1);
    let text = table(&gpu, 160);
    assert!(text.contains("of peak\n") && text.contains("custom on 1 Some|GPU (vulkan), 6 dispatches\n"), "{text}");
}

#[test]
fn the_circumstances_name_the_machine_and_its_load() {
    let mut record = record();
    let text_of = |record: &Record| circumstances(record).join("\n");
    record.machine = Machine {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        cores: 2,
        cpu: Some("Some Processor".to_owned()),
        instructions: Some("NEON".to_owned()),
        os_version: Some("Some Linux 12".to_owned()),
        kernel: Some("6.1".to_owned()),
    };
    record.during.load_average_after = Some(1.0);
    let text = text_of(&record);
    assert!(text.contains("\nSome Processor, 2 cores, NEON\nSome Linux 12, kernel 6.1, linux x86_64\n"), "{text}");
    let end = "during the rounds other programs took up to 0.03 of 2 cores; load average 0.25 before, 1.00 after";
    assert!(text.ends_with(end), "{text}");
    record.during = During::default();
    let Machine { cpu, os_version, kernel, instructions, .. } = &mut record.machine;
    (*cpu, *os_version, *kernel, *instructions) = (None, None, None, None);
    let text = text_of(&record);
    assert!(text.contains("\na CPU of unknown model, 2 cores\na system of unknown version, linux x86_64\n"), "{text}");
    assert!(text.ends_with("the load of other programs during the rounds is unknown"), "{text}");
}

#[test]
fn a_note_names_the_workloads_of_a_busy_machine() {
    let mut record = record();
    let busy = Others { programs: 0.98, stolen: 0.3, cores: 2 };
    record.rows[0].others = Some(busy);
    record.rows[1].others = Some(busy);
    record.during.others = Some(busy);
    let notes = notes(&record);
    let expected = "BUSY: other programs took up to 0.98 of 2 cores, and the host of this virtual machine 0.30 during the \
                    rounds of custom; on a quiet machine these speeds are higher";
    assert_eq!(notes[1], expected, "{notes:#?}");
    assert!(!notes.iter().skip(2).any(|note| note.starts_with("BUSY")), "{notes:#?}");
}

#[test]
fn notes_describe_the_saved_run() {
    let starts = |record: &Record| -> Vec<String> {
        let notes = notes(record).into_iter().skip(1).take_while(|note| !note.starts_with("WRONG"));
        notes.map(|note| note.chars().take(60).collect()).collect()
    };
    let saved = record();
    let mut same = record();
    same.compare(&saved);
    let [only] = &starts(&same)[..] else { panic!("{:#?}", starts(&same)) };
    assert!(only.starts_with("to saved: speed over that of the run of "), "{only}");

    let mut other = saved.clone();
    other.machine.cores = 96;
    other.during.others = Some(Others { programs: 1.0, stolen: 0.0, cores: 2 });
    let mut here = record();
    here.machine.cores = 2;
    here.compare(&other);
    let expected = [
        "OTHER MACHINE: the saved run had cores 96, here 2",
        "BUSY when saved: other programs took up to 1.00 of 2 cores d",
    ];
    assert_eq!(starts(&here)[1..], expected);

    let mut old = saved;
    old.machine.cpu = None;
    let mut here = record();
    here.compare(&old);
    assert!(starts(&here)[1].starts_with("the saved run does not name its processor"), "{:#?}", starts(&here));
}

#[test]
fn every_kind_of_note_is_there() {
    let mut record = record();
    let mut untimed = record.rows[0].clone();
    (untimed.index, untimed.kind) = (9, Kind::Gpu);
    record.rows.push(untimed);
    let notes = notes(&record);
    let starts: Vec<&str> = notes.iter().filter_map(|note| note.split(": ").next()).collect();
    assert_eq!(starts, ["A/A run", "WRONG", "FAILED", "skipped", "noisy", "no kernel times"], "{notes:#?}");
    assert!(notes[1].starts_with("WRONG: custom on 2 Another (vulkan): "), "{notes:#?}");
    assert!(notes[4].ends_with("scatter by more than 10 %"), "{notes:#?}");
    // The CPU has no kernels, so it has no such note.
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
fn the_note_on_the_a_a_run_has_its_verdict() {
    let row = record().control.unwrap();
    let note = |verdict, ratio, failed: Option<&str>| {
        control(&ControlRow { verdict, ratio, failed: failed.map(str::to_owned), ..row.clone() })
    };
    assert!(note(Verdict::Quiet, Some(1.004), None).ends_with("reads 1.00x ± 0.18: as expected"));
    assert!(
        note(Verdict::Busy, Some(1.004), None).contains("reads 1.00x ± 0.18: as expected, but the machine is BUSY")
    );
    assert!(note(Verdict::TooNoisy, Some(1.3), None).contains("reads 1.30x ± 0.18: TOO NOISY, but not by other"));
    assert!(note(Verdict::Unknown, Some(1.0), None).contains("one repetition cannot show noise"));
    assert!(note(Verdict::Unknown, None, Some("no memory")).ends_with("failed: no memory"));
    let note = |verdict| control(&ControlRow { verdict, others: None, ..row.clone() });
    assert!(note(Verdict::Quiet).ends_with("this system does not report the load of other programs"));
    assert!(note(Verdict::TooNoisy).contains("TOO NOISY: other programs disturb this machine"));
}

#[test]
fn figures_have_three_digits_and_grouped_thousands() {
    let shown = [0.0123, 0.5, 1.2345, 12.345, 123.45, 999.6, 1234.5, 1_234_567.0].map(significant);
    assert_eq!(shown, ["0.012", "0.500", "1.23", "12.3", "123", "1,000", "1,234", "1,234,567"]);
    assert_eq!(times(1.2345, Some(0.0123)), "1.23x ± 0.01");
    assert_eq!(times(1.2345, None), "1.23x");
}
