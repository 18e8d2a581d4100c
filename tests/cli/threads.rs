//! `--threads`: at most one thread for each core.

use std::fs;
use std::thread::available_parallelism;

use crate::place::*;

#[test]
fn more_threads_than_cores_give_a_note() {
    let cores = available_parallelism().unwrap().get();
    let place = Place::new();
    let said = place.train("--iterations 30 --threads 1024 --out many");
    assert_holds(&said.stderr, &format!("note: --threads 1024, but this program has {cores} core"));
    assert_holds(&said.stderr, &format!("device: CPU, {cores} thread"));
    let said = place.train("--iterations 30 --threads 1 --out one");
    assert!(!said.stderr.contains("--threads"), "{}", said.stderr);
    let weights = |run| fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(weights("many") == weights("one"), "the number of threads changed the weights");
    let said = place.ok("eval many --device cpu --data data --threads 1024");
    assert_holds(&said.stderr, "note: --threads 1024");
    let said = place.ok("gradcheck many --device cpu --data data --threads 1024");
    assert_holds(&said.stderr, "note: --threads 1024");
}
