//! `twolayer bench`: formats, saved runs and errors.

use std::fs;

use serde_json::Value;

use crate::place::*;

/// A short benchmark.
const SHORT: &str = "bench --device cpu --hidden 3 --batch-size 5 -r 2";
/// A short benchmark with one repetition.
const ONCE: &str = "bench --device cpu --hidden 3 --batch-size 5 -r 1";

#[test]
fn json_has_the_documented_fields() {
    let place = Place::new();
    let run = place.json("bench --device cpu --threads 1 --workload article -r 2");
    assert_eq!(run["build"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(run["build"]["commit"].is_string());
    let date = run["build"]["date"].as_str().unwrap().replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(date, "0000-00-00T00:00:00Z");
    let density = float(&run["data"]["density"]);
    assert!((0.1..0.3).contains(&density), "{density}");
    assert_eq!((&run["data"]["source"], &run["data"]["images"]), (&"built-in".into(), &60_000.into()));

    assert_eq!((&run["schema"], &run["devices"][0]["name"]), (&2.into(), &"CPU, 1 thread".into()));
    assert_eq!(run["machine"]["cpu"], run["devices"][0]["model"]);

    let [row] = run["rows"].as_array().unwrap().as_slice() else { panic!("not one row: {run}") };
    for (key, value) in [
        ("adapter", "CPU, 1 thread".into()),
        ("backend", "cpu".into()),
        ("driver", "".into()),
        ("kind", "cpu".into()),
        ("software", false.into()),
        ("workload", "article".into()),
        ("step", "training".into()),
        ("hidden", 50.into()),
        ("batch_size", 100.into()),
        ("ok", true.into()),
        ("skipped", Value::Null),
        ("kernels", serde_json::json!([])),
    ] {
        assert_eq!(row[key], value, "{key}");
    }
    let samples: Vec<f64> = row["samples"].as_array().unwrap().iter().map(float).collect();
    assert_eq!(samples.len(), 2);
    let rate = float(&row["steps_per_second"]);
    assert_close(rate, samples.iter().sum::<f64>() / 2.0);
    assert_close(float(&row["median_steps_per_second"]), rate);
    assert_close(float(&row["images_per_second"]), rate * 100.0);
    assert_close(float(&row["microseconds_per_step"]), 1e6 / rate);
    assert_close(float(&row["gflops"]), rate * (4 * 100 * 784 * 50 + 6 * 100 * 50 * 10) as f64 / 1e9);
    let control = &run["control"];
    assert_eq!((&control["workload"], &control["backend"]), (&"article".into(), &"cpu".into()));
    assert_eq!(control["samples"].as_array().unwrap().len(), 2);
    assert!(control["ok"].is_boolean() && control["ratio"].is_number(), "{control}");
    // Other tests may keep the machine busy, so only the consistency is checked.
    if cfg!(target_os = "linux") {
        assert_eq!((&row["others"], &control["others"]), (&run["during"]["others"], &run["during"]["others"]));
        assert!(run["during"]["load_average_after"].is_number(), "{run}");
    }
}

#[test]
fn inference_evaluates_the_whole_set() {
    let run = Place::new().json("bench --device cpu --workload inference -r 1");
    let row = &run["rows"][0];
    assert_eq!((&row["workload"], &row["batch_size"], &row["ok"]), (&"inference".into(), &60_000.into(), &true.into()));
    // One repetition has no deviation.
    assert_eq!((&row["deviation"], &run["control"]["ok"]), (&Value::Null, &false.into()));
}

#[test]
fn every_format_is_printed_on_stdout_alone() {
    let place = Place::new();
    let table = place.ok(SHORT);
    for part in ["steps/s", "custom: 784-3-10, batches of 5", "0 CPU", "A/A run: ", "% of their pixels not 0"] {
        assert_holds(&table.stdout, part);
    }
    assert_holds(&table.stderr, "custom: preparing 0 CPU");
    assert!(!table.stderr.contains("steps/s"), "{}", table.stderr);
    let md = place.ok(&format!("{ONCE} --format md --quiet"));
    assert!(md.stdout.contains("\n| workload | network | images | device |"), "{}", md.stdout);
    assert_eq!(md.stderr, "");
    let csv = place.ok(&format!("{ONCE} --format csv"));
    assert!(csv.stdout.starts_with("version,commit,date,") && csv.stdout.lines().count() == 2, "{}", csv.stdout);
    assert_holds(&csv.stderr, "A/A run: ");
    let json = place.ok(&format!("{ONCE} --format json"));
    assert!(serde_json::from_str::<Value>(&json.stdout).unwrap()["rows"].is_array());
    place.ok(&format!("{ONCE} --format json --json"));
}

#[test]
fn a_saved_run_is_compared_with() {
    let place = Place::new();
    let saved = place.json(&format!("{SHORT} --save saved.json"));
    let kept: Value = serde_json::from_slice(&fs::read(place.path("saved.json")).unwrap()).unwrap();
    assert_eq!(kept["build"], saved["build"]);
    assert_eq!(saved["rows"][0]["compared"], Value::Null);

    let told = place.fails(1, &format!("{SHORT} --save saved.json"));
    assert_holds(&told, "saved.json: already exists; choose another name, or add --overwrite");
    let run = place.json(&format!("{SHORT} --compare saved.json --save saved.json --overwrite"));
    let (row, old) = (&run["rows"][0], &saved["rows"][0]);
    let ratio = float(&row["steps_per_second"]) / float(&old["steps_per_second"]);
    assert_close(float(&row["compared"]["ratio"]), ratio);
    assert_eq!(run["compared_with"], saved["build"]);
    // A file of another machine, with another name for the same network, and then of a later version.
    let mut other = kept;
    other["machine"]["cpu"] = "Abacus 9000".into();
    other["rows"][0]["workload"] = "abacus".into();
    fs::write(place.path("other.json"), other.to_string()).unwrap();
    let said = place.ok(&format!("{SHORT} --compare other.json"));
    assert_holds(&said.stdout, "OTHER MACHINE: the saved run had processor Abacus 9000, here ");
    assert_holds(&said.stdout, "to saved: speed over that of the run of ");
    other["schema"] = 3.into();
    fs::write(place.path("later.json"), other.to_string()).unwrap();
    assert_holds(&place.fails(1, "bench --compare later.json"), "later.json was saved by a newer twolayer");
    // The saved run has no such row.
    let other = place.json("bench --device cpu --hidden 4 --batch-size 5 -r 1 --compare saved.json");
    assert_eq!(other["rows"][0]["compared"], Value::Null);
}

#[test]
fn files_are_checked_before_anything_is_timed() {
    let place = Place::new();
    fs::write(place.path("other.json"), "{}").unwrap();
    // Without an error these commands would take minutes.
    assert_holds(&place.fails(1, "bench --compare missing.json"), "missing.json cannot be read");
    assert_holds(&place.fails(1, "bench --compare other.json"), "other.json is not a saved benchmark");
    assert_holds(&place.fails(1, "bench --save missing/file"), "missing/file cannot be written");
    assert_holds(&place.fails(1, "bench --save data"), "data cannot be written");
}

#[test]
fn an_unknown_device_or_workload_is_an_error() {
    let place = Place::without_gpu();
    assert_holds(&place.fails(1, "bench --device cpu --device abacus"), "no device is named 'abacus'");
    assert_holds(&place.fails(1, "bench --device gpu"), "no GPU adapter found");
    let cases = [
        ("--workload huge", "choose article, wide, large or inference"),
        ("--workload article --hidden 5", "--hidden"),
        ("--workload article --batch-size 5", "--batch-size"),
        ("--hidden 4097", "4096"),
        ("--batch-size 0", "8192"),
        ("-r 0", "1..=100"),
        ("--repetitions 101", "1..=100"),
        ("--format xml", "csv"),
        ("--json --format md", "--json"),
        ("--threads 0", "threads"),
    ];
    for (flags, part) in cases {
        let said = place.run(&format!("bench --device cpu {flags}"));
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{flags}");
        assert_holds(&said.stderr, part);
    }
}

#[test]
fn a_device_given_twice_is_timed_once() {
    let place = Place::new();
    let run = place.json(&format!("{ONCE} --device 0 --device cpu"));
    assert_eq!(run["rows"].as_array().unwrap().len(), 1);
}
