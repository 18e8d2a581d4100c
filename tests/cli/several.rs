//! Training on several devices of this machine.

use crate::place::*;

const TWO: &str = "--device cpu --device cpu --data data --batch-size 10";

#[test]
fn two_devices_are_one_network() {
    let place = Place::new();
    place.train("--iterations 200 --out one");
    let said = place.ok(&format!("{TWO} --iterations 200 --out two"));
    assert_holds(
        &said.stderr,
        "replicas: 2 devices, a part of each batch on each; the mean of their weights after every iteration, as one network",
    );
    let [one, two] = ["one", "two"].map(|run| place.run_json(run));
    assert_eq!(one["final"]["test_accuracy"], two["final"]["test_accuracy"]);
    assert_eq!((one.get("replicas"), one["settings"].get("average_every")), (None, None));
    let replicas = two["replicas"].as_array().unwrap();
    assert_eq!(
        (replicas.len(), &replicas[1]["backend"], &replicas[1]["host"]),
        (2, &"cpu".into(), &serde_json::Value::Null)
    );
    assert_eq!((&two["device"]["backend"], &two["settings"]["average_every"]), (&"cpu".into(), &1.into()));
}

#[test]
fn a_run_on_several_is_repeated_and_resumed_on_them() {
    let place = Place::new();
    let flags = "--average-every 7 --checkpoint-every 0 --optimizer momentum";
    place.ok(&format!("{TWO} {flags} --iterations 150 --out whole"));
    place.ok(&format!("{TWO} {flags} --iterations 85 --out run"));
    place.ok("--resume run --iterations 150");
    assert_eq!(place.run_json("run")["replicas"].as_array().unwrap().len(), 2);
    place.ok("--config whole --out again");
    assert_eq!(place.result("again"), place.result("whole"));
    let runs = place.ok("runs .").stdout;
    assert_holds(&runs, "--average-every 7");
    assert_holds(&place.ok("compare whole run again").stdout, "whole");
    // On one device, or with other means.
    let said = place.ok("--resume run --iterations 160 --device cpu");
    assert_holds(&said.stderr, "note: the run was trained on 2 devices, and goes on with 1;");
    assert_holds(
        &place.fails(2, "--resume run --iterations 170 --average-every 3"),
        "--average-every 3, but run is trained with 7;",
    );
}

#[test]
fn what_several_devices_cannot_do_is_an_error() {
    let place = Place::new();
    for (flags, error) in [
        ("--device cpu --average-every 5", "--average-every is for several devices; give --device for each"),
        ("--average-every 0", "invalid value '0' for '--average-every <K>'"),
        (
            "--device cpu --device cpu --device cpu --batch-size 2",
            "a batch of 2 images for 3 devices; give a --batch-size of 3",
        ),
        ("--device cpu --device cpu --gradient naive", "--gradient naive runs only on the f64 reference"),
    ] {
        assert_holds(&place.fails(2, &format!("--data data --out run {flags}")), error);
    }
    assert_holds(&place.fails(1, "--data data --out run --device cpu --device 99"), "there is no device 99");
    let too_many = ["--device cpu"; 31].join(" ");
    let error = place.fails(1, &format!("--data data --out run --batch-size 31 {too_many}"));
    assert_holds(&error, "30 images for 31 devices; give more images, or fewer devices");
    assert_holds(
        &place.fails(2, "eval run --device cpu --device cpu"),
        "the argument '--device <DEVICE>' cannot be used multiple times",
    );
}

#[test]
#[cfg(not(feature = "mpi"))]
fn processes_that_would_do_the_same_are_refused() {
    let mut place = Place::new();
    place.environment.push(("OMPI_COMM_WORLD_SIZE", "2".to_owned()));
    let error = place.fails(2, "--device cpu --data data --out run");
    assert_holds(&error, "2 processes were started, but this twolayer is built without MPI");
    place.environment = vec![("PMI_SIZE", "1".to_owned())];
    place.train("--iterations 1 --out run");
}
