//! Runs that do not reach their last iteration, or whose files cannot be written.

use std::fs;
use std::process::Stdio;

#[cfg(unix)]
use assert_cmd::Command;
use serde_json::Value;
use twolayer::data::description::Description;
use twolayer::model;
use twolayer::net::{Activation, Net, Output, Params, Shape};

use crate::place::*;

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_the_last_good_weights() {
    let place = Place::new();
    let flags = "--device cpu --data data --activation relu --output identity --learning-rate 10 --iterations 500";
    let said = place.run(&format!("{flags} --out run --json"));
    assert_eq!(said.code, Some(1));
    let shown: Value = serde_json::from_str(&said.stdout).unwrap();
    let losses = place.losses("run");
    let (last, good) = losses.split_last().unwrap();
    assert!(!last.is_finite() && good.iter().all(|loss| loss.is_finite()), "{losses:?}");
    let error = said.stderr.lines().last().unwrap();
    assert_holds(error, &format!("error: the loss was not a finite number at iteration {};", good.len()));
    assert_holds(error, "the last weights with a finite loss are in run");
    assert_holds(error, "--learning-rate");
    // Loading checks that all values are finite.
    place.model("run");
    assert!(place.json("eval run --device cpu")["loss"].is_number());
    let run = place.run_json("run");
    assert!(run["final"]["test_loss"].is_number(), "{run}");
    assert_eq!(shown, run);

    let line = place.fails(1, &format!("{flags} --no-save"));
    assert_holds(&line, "nothing was kept (--no-save)");
}

#[test]
fn results_are_printed_even_if_a_file_cannot_be_written() {
    let place = Place::new();
    // A folder with the name of the results' file.
    fs::create_dir_all(place.path("run/run.json")).unwrap();
    let said = place.run("--device cpu --data data --iterations 20 --out run --overwrite --plot plot.svg");
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert_holds(&said.stdout, "train acc, test acc |");
    assert!(!said.stdout.contains("saved in"), "{}", said.stdout);
    let error = said.stderr.lines().last().unwrap();
    assert_holds(error, "run/run.json cannot be written");
    assert_holds(error, "; the run is in run-2 instead");
    assert_eq!(place.losses("run-2").len(), 20);
    assert!(place.path("plot.svg").is_file());
}

#[test]
fn a_first_loss_that_is_not_finite_leaves_the_initial_weights() {
    let place = Place::new();
    let shape = Shape { input: PIXELS, hidden: 4, classes: CLASSES };
    let net = Net { shape, activation: Activation::Relu, output: Output::Identity };
    let params = Params { b2: vec![f32::MAX; CLASSES], ..Params::zeros(shape) };
    model::save(&place.path("huge"), &net, &params, &Description::default()).unwrap();
    let said = place.run("--device cpu --data data --init huge --iterations 5 --out run");
    assert_eq!(said.code, Some(1));
    let error = said.stderr.lines().last().unwrap();
    assert_holds(error, "error: the loss was not a finite number at iteration 0;");
    assert_holds(error, "initial weights");
    assert_eq!(place.losses("run").len(), 1);
    assert_eq!(place.model("run").params, params);
}

/// `head`, for one, closes its input early.
#[test]
fn a_closed_output_ends_no_run() {
    let place = Place::new();
    let start = |out: &str| {
        let mut command = place.command(&format!("--device cpu --data data --iterations 200 --out {out}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut child = start("stderr");
    drop(child.stderr.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(place.losses("stderr").len(), 200);

    let mut child = start("stdout");
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(!String::from_utf8(output.stderr).unwrap().contains("error"));
    assert_eq!(place.losses("stdout").len(), 200);
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_the_run() {
    use std::io::{BufRead, BufReader, Read};

    let place = Place::new();
    // The run takes longer than the test.
    let mut command = place.command("--device cpu --data data --batch-size 1 --iterations 1000000 --out run --json");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch ") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended before its first epoch");
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).assert().success();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{rest}");
    let error = rest.lines().rev().nth(1).unwrap();
    assert!(error.starts_with("error: interrupted;") && error.ends_with(" in run"), "{error}");

    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    let done = run["iterations"].as_u64().unwrap();
    assert!((1..1_000_000).contains(&done));
    assert_eq!(place.losses("run").len() as u64, done);
    let eval = place.json("eval run --device cpu");
    assert_eq!(eval["accuracy"], run["final"]["test_accuracy"]);
}
