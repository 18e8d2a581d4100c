use std::fs;
use std::path::Path;

use super::*;
use crate::backend::{self, KernelTime, Profile, Untimed};
use crate::bench::check::Errors;
use crate::bench::contest::{self, Control, Outcome, Results, Skip, Timed};
use crate::bench::others::Others;
use crate::bench::peak::Peak;
use crate::bench::stats::Verdict;
use crate::bench::task::{Computed, Task};
use crate::bench::workload::Workload;
use crate::data::{Dataset, digits};
use crate::devices::{Card, CardKind, Hardware, Info, Kind};
use crate::machine::Processor;

const CPU: usize = 0;
const GPU: usize = 1;
const WRONG: usize = 2;
const FAILED: usize = 3;

/// Exact binary numbers: a JSON parser may lose the last digit of others.
const SAMPLES: [f64; 2] = [96.0, 160.0];

fn info(index: usize, name: &str, software: bool) -> Info {
    let (kind, backend, driver) = match index {
        CPU => (Kind::Cpu, "cpu", ""),
        _ => (Kind::Gpu, "vulkan", "driver 1.0, \"final\""),
    };
    let (backend, driver) = (backend.to_owned(), driver.to_owned());
    let hardware = match kind {
        Kind::Cpu => Hardware::Cpu(Processor {
            model: Some("AMD EPYC 9654 96-Core Processor".to_owned()),
            cores: 2,
            instructions: Some("AVX-512".to_owned()),
        }),
        Kind::Gpu => Hardware::Gpu(Card { kind: CardKind::Discrete, pci: Some("10de:2757".to_owned()) }),
    };
    Info { index, name: name.to_owned(), kind, backend, driver, software, among_equals: 0, hardware }
}

fn images(count: usize) -> Dataset {
    let (pixels, labels) = digits::draw(count, 0);
    Dataset::new(pixels, labels, digits::SIDE, digits::SIDE).unwrap()
}

/// A run with every kind of row: timed on the CPU and on a GPU with kernels, skipped, wrong and failed.
pub(crate) fn record() -> Record {
    let set = images(5);
    let devices = [
        (info(CPU, "CPU, 2 threads", false), Some(Peak { flops: 64e9, bytes_per_second: 16e9 })),
        (info(GPU, "Some|GPU", true), Some(Peak { flops: 64e9, bytes_per_second: 16e9 })),
        (info(WRONG, "Another", false), None),
        (info(FAILED, "Third", false), None),
    ];
    let tasks = [Task::new(Workload::custom(Some(50), Some(100)), &set), Task::new(Workload::INFERENCE, &set)];
    let kernel = |name, seconds, flops, bytes| KernelTime { name, seconds, flops, bytes };
    let kernels =
        vec![kernel("product", 1e-3, 32e6, 1e3), kernel("copy", 1e-3, 1e3, 8e6), kernel("little", 1e-5, 1e3, 1e3)];
    let timed = |samples: &[f64], profile| {
        let (errors, samples) = (Errors { stages: vec![("z1", 0.25)] }, samples.to_vec());
        Outcome::Timed(Timed { errors, steps: 50, samples, dispatches: Some(6), profile })
    };
    let outcome = |task: usize, entrant: usize| match (task, entrant) {
        (0, CPU) => timed(&SAMPLES, Profile { kernels: Vec::new(), missing: Some(Untimed::Cpu) }),
        (0, GPU) => timed(&SAMPLES[..1], Profile { kernels: kernels.clone(), missing: None }),
        (0, WRONG) => {
            let nothing = backend::Evaluation { images: 5, loss: f64::NAN, classes: 10, confusion: vec![0; 100] };
            Outcome::Wrong(tasks[1].check(&Computed::Inference(nothing)).unwrap_err())
        }
        (0, _) => Outcome::Failed(backend::Error::Threads { threads: 3, reason: "no".to_owned() }),
        (_, _) => Outcome::Skipped(Skip::Software),
    };
    let rows = [(0, CPU), (0, GPU), (0, WRONG), (0, FAILED), (1, GPU)];
    let row = |(task, entrant)| contest::Row { task, entrant, outcome: outcome(task, entrant) };
    let control = Some(Control { task: 0, entrant: CPU, ratios: vec![1.125, 0.875], failed: None });
    let others = vec![Some(Others { programs: 0.03125, stolen: 0.0, cores: 2 }), None];
    let results = Results { rows: rows.map(row).into(), control, others };
    Record::new(Build::now(), Some(0.25), SAMPLES.len(), &set, &devices, &tasks, &results)
}

fn assert_close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() <= 1e-9 * expected, "{found} is not {expected}");
}

#[test]
fn a_timed_row_holds_its_rates() {
    let record = record();
    let row = &record.rows[CPU];
    assert!(row.ok && row.skipped.is_none() && row.wrong.is_none() && row.failed.is_none());
    assert_eq!((row.samples.as_slice(), row.steps_per_round), (&SAMPLES[..], Some(50)));
    assert_close(row.steps_per_second, 128.0);
    assert_close(row.deviation, 2048_f64.sqrt());
    assert_close(row.median_steps_per_second, 128.0);
    assert_close(row.images_per_second, 12_800.0);
    assert_close(row.microseconds_per_step, 7812.5);
    let gflops = 128.0 * Workload::ARTICLE.flops(100) / 1e9;
    assert_close(row.gflops, gflops);
    assert_close(row.share_of_peak, gflops / 64.0);
    assert_eq!(row.kernels_missing.as_deref(), Some("the CPU backend has no kernels"));
    assert_eq!((record.rows[GPU].deviation, record.rows[GPU].peak.is_some()), (None, true));
}

#[test]
fn a_kernel_is_limited_by_its_largest_share_of_a_peak() {
    let record = record();
    let [product, copy, little] = record.rows[GPU].kernels.as_slice() else { panic!("not three kernels") };
    let bounds = [product, copy, little].map(|kernel| kernel.bound.unwrap());
    assert_eq!(bounds, [Bound::Flops, Bound::Bytes, Bound::Latency]);
    assert_close(product.share_of_peak, 0.5);
    assert_close(copy.share_of_peak, 0.5);
    assert_close(Some(product.gflops), 32.0);
    assert_close(Some(copy.gigabytes_per_second), 8.0);
    assert_close(Some(little.microseconds), 10.0);
}

#[test]
fn the_rest_is_the_time_of_a_step_without_its_kernels() {
    let rows = record().rows;
    // 96 steps/s, and 1 + 1 + 0.01 ms in kernels.
    assert_close(rows[GPU].rest_microseconds, 1e6 / 96.0 - 2010.0);
    assert_eq!(rows[CPU].rest_microseconds, None);
    // The kernels take longer one by one than within a step.
    let set = images(1);
    let kernels = vec![KernelTime { name: "slow", seconds: 0.02, flops: 1.0, bytes: 1.0 }];
    let timed = Timed {
        errors: Errors { stages: Vec::new() },
        steps: 1,
        samples: vec![96.0],
        dispatches: Some(1),
        profile: Profile { kernels, missing: None },
    };
    let row = Row::new(&info(GPU, "GPU", false), None, &Task::new(Workload::ARTICLE, &set), &Outcome::Timed(timed));
    assert_eq!((row.rest_microseconds, row.kernels.len()), (None, 1));
}

#[test]
fn rows_hold_their_load_and_the_run_holds_the_largest() {
    let record = record();
    let others = Others { programs: 0.03125, stolen: 0.0, cores: 2 };
    assert_eq!(record.during.others, Some(others));
    assert_eq!(record.during.load_average_before, Some(0.25));
    let of_rows: Vec<bool> = record.rows.iter().map(|row| row.others == Some(others)).collect();
    assert_eq!(of_rows, [true, true, true, true, false]);
    let more = Others { programs: 0.5, stolen: 0.75, cores: 2 };
    let most = During::new(None, &[Some(others), Some(more), None]).others;
    assert_eq!(most, Some(more));
    assert_eq!(During::new(None, &[None]).others, None);
}

#[test]
fn a_control_on_a_busy_machine_is_not_ok() {
    let set = images(1);
    let task = Task::new(Workload::ARTICLE, &set);
    let control = Control { task: 0, entrant: CPU, ratios: vec![1.0, 1.0], failed: None };
    for (programs, verdict, ok) in [(0.98, Verdict::Busy, false), (0.01, Verdict::Quiet, true)] {
        let others = Some(Others { programs, stolen: 0.0, cores: 2 });
        let row = ControlRow::new(&info(CPU, "CPU", false), &task, &control, others);
        assert_eq!((row.verdict, row.ok, row.others), (verdict, ok, others));
    }
}

#[test]
fn rows_without_a_speed_hold_the_reason() {
    let rows = record().rows;
    for (index, row) in rows.iter().enumerate().skip(WRONG) {
        assert!(!row.ok && row.steps_per_second.is_none() && row.samples.is_empty(), "{row:?}");
        let reasons = [&row.wrong, &row.failed, &row.skipped].map(Option::is_some);
        assert_eq!(reasons, [index == WRONG, index == FAILED, index > FAILED]);
    }
}

#[test]
fn a_peak_that_is_not_finite_is_left_out() {
    let set = images(1);
    let task = Task::new(Workload::INFERENCE, &set);
    let info = info(GPU, "GPU", false);
    for flops in [f64::NAN, f64::INFINITY, 0.0] {
        let peak = Some(Peak { flops, bytes_per_second: 1.0 });
        assert_eq!(Row::new(&info, peak, &task, &Outcome::Skipped(Skip::Software)).peak, None);
    }
}

#[test]
fn a_saved_run_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.json");
    Record::check_place(&path).unwrap();
    let record = record();
    record.save(&path).unwrap();
    let again = Record::load(&path).unwrap();
    assert_eq!(again.rows[CPU].samples, record.rows[CPU].samples);
    assert_eq!((again.build, again.rows.len()), (record.build, record.rows.len()));
    assert_eq!(again.control.unwrap().samples, record.control.unwrap().samples);
    assert_eq!((again.schema, again.machine, again.during), (SCHEMA, record.machine, record.during));
    assert_eq!(again.devices, record.devices);
}

/// A record as format version 1 wrote it, without a version field.
fn first_version(record: &Record) -> serde_json::Value {
    let mut old = serde_json::to_value(record).unwrap();
    let remove = |value: &mut serde_json::Value, keys: &[&str]| {
        for key in keys {
            assert!(value.as_object_mut().unwrap().remove(*key).is_some(), "{key}");
        }
    };
    remove(&mut old, &["schema", "during", "devices", "compared_on", "compared_during"]);
    remove(&mut old["machine"], &["cpu", "instructions", "os_version", "kernel"]);
    remove(&mut old["control"], &["others"]);
    for row in old["rows"].as_array_mut().unwrap() {
        let new = ["step", "median_steps_per_second", "rest_microseconds", "others"];
        remove(row, &[&new[..], &["among_equals", "saved_with_driver"]].concat());
    }
    old
}

#[test]
fn a_file_of_version_1_is_read_and_a_later_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.json");
    let mut new = record();
    let mut old = first_version(&new);
    fs::write(&path, old.to_string()).unwrap();
    let saved = Record::load(&path).unwrap();
    assert_eq!((saved.schema, &saved.machine.cpu, saved.during), (1, &None, During::default()));
    assert_eq!(saved.rows[4].step(), StepKind::Inference);
    new.compare(&saved);
    assert_close(new.rows[CPU].compared.map(|compared| compared.ratio), 1.0);

    old["schema"] = (SCHEMA + 1).into();
    for content in [old.to_string(), "{\"schema\": 3}".to_owned()] {
        fs::write(&path, content).unwrap();
        let line = Record::load(&path).unwrap_err().to_string();
        assert!(line.contains("saved by a newer twolayer (format version 3") && !line.contains('\n'), "{line}");
    }
}

#[test]
fn the_workloads_name_does_not_matter_in_a_comparison() {
    let mut record = record();
    let mut saved = record.clone();
    "article".clone_into(&mut saved.rows[CPU].workload);
    record.compare(&saved);
    assert_close(record.rows[CPU].compared.map(|compared| compared.ratio), 1.0);
    // The kind of step does.
    let mut record = self::record();
    saved.rows[CPU].step = Some(StepKind::Inference);
    record.compare(&saved);
    assert_eq!(record.rows[CPU].compared, None);
}

#[test]
fn differences_are_the_known_values_that_differ() {
    let this = Machine::this();
    assert_eq!(this.differences(&this), []);
    let other = Machine { cores: 1 + this.cores, cpu: Some("another".to_owned()), kernel: None, ..this.clone() };
    let differences = Machine { cpu: Some("this".to_owned()), ..this.clone() }.differences(&other);
    let processor = ("processor", "another".to_owned(), "this".to_owned());
    assert_eq!(differences, [processor, ("cores", other.cores.to_string(), this.cores.to_string())]);
}

#[test]
fn a_run_is_compared_with_the_same_rows_of_another() {
    let saved = record();
    let mut faster = record();
    faster.rows[CPU].samples = SAMPLES.map(|rate| rate * 2.0).into();
    faster.rows[GPU].hidden += 1;
    faster.compare(&saved);
    let compared = faster.rows[CPU].compared.unwrap();
    assert_close(Some(compared.ratio), 2.0);
    assert_close(Some(compared.steps_per_second), 128.0);
    assert!(compared.deviation.is_some());
    assert!(faster.rows.iter().skip(GPU).all(|row| row.compared.is_none()));
    assert_eq!(faster.compared_with, Some(saved.build));
}

/// A run of equal cards. For each: the index, the number among equal devices, and the speed.
fn cards(cards: &[(usize, Option<usize>, f64)]) -> Record {
    let mut record = record();
    let row = |&(index, among_equals, rate): &(usize, Option<usize>, f64)| Row {
        index,
        among_equals,
        samples: vec![rate],
        steps_per_second: Some(rate),
        ..record.rows[GPU].clone()
    };
    record.rows = cards.iter().map(row).collect();
    record
}

/// The speeds that the rows of a run are compared with.
fn compared(mut record: Record, saved: &Record) -> Vec<Option<f64>> {
    record.compare(saved);
    record.rows.iter().map(|row| row.compared.map(|compared| compared.steps_per_second)).collect()
}

#[test]
fn each_of_two_equal_cards_is_compared_with_itself() {
    let saved = cards(&[(1, Some(0), 5.0), (2, Some(1), 10.0)]);
    assert_eq!(compared(cards(&[(1, Some(0), 1.0), (2, Some(1), 1.0)]), &saved), [Some(5.0), Some(10.0)]);
    assert_eq!(compared(cards(&[(2, Some(1), 1.0)]), &saved), [Some(10.0)]);
    // The index changed: the machine has another device now.
    assert_eq!(compared(cards(&[(3, Some(1), 1.0)]), &saved), [Some(10.0)]);
    assert_eq!(compared(cards(&[(3, Some(2), 1.0)]), &saved), [None]);
}

#[test]
fn equal_cards_of_an_old_file_are_matched_by_index_and_then_by_order() {
    let saved = cards(&[(1, None, 5.0), (2, None, 10.0)]);
    assert_eq!(compared(cards(&[(2, Some(1), 1.0)]), &saved), [Some(10.0)]);
    assert_eq!(compared(cards(&[(2, Some(0), 1.0), (3, Some(1), 1.0)]), &saved), [Some(10.0), Some(5.0)]);
    assert_eq!(compared(cards(&[(3, Some(0), 1.0), (4, Some(1), 1.0)]), &saved), [Some(5.0), Some(10.0)]);
    let mut old = serde_json::to_value(&saved.rows[0]).unwrap();
    for key in ["among_equals", "saved_with_driver"] {
        old.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(serde_json::from_value::<Row>(old).unwrap(), saved.rows[0]);
}

#[test]
fn a_card_with_another_driver_is_not_compared_but_noted() {
    let mut saved = cards(&[(1, Some(0), 5.0)]);
    "driver 0.9".clone_into(&mut saved.rows[0].driver);
    let mut record = cards(&[(1, Some(0), 5.0)]);
    record.compare(&saved);
    assert_eq!(record.rows[0].compared, None);
    assert_eq!(record.rows[0].saved_with_driver.as_deref(), Some("driver 0.9"));
}

#[test]
fn a_file_that_is_not_a_saved_run_gives_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let message = |path: &Path| {
        let line = Record::load(path).unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line}");
        line
    };
    assert!(message(&path).contains("cannot be read"));
    assert!(message(folder.path()).contains("cannot be read"));
    for content in ["", "no JSON", "{}", "[1]", "{\"build\": {\"version\": 1}}", "{\"schema\": -1}", "\u{0}\u{1}"] {
        fs::write(&path, content).unwrap();
        assert!(message(&path).contains("is not a saved benchmark"));
    }
    assert!(matches!(Record::check_place(folder.path()), Err(Error::Write { .. })));
    assert!(matches!(Record::check_place(&path.join("below")), Err(Error::Write { .. })));
}
