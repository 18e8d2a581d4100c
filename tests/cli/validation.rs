//! Validation images: what they are, the best network by them, and runs that end by an accuracy.

use std::fs;

use serde_json::Value;
use twolayer::model;

use crate::place::*;

const RUN: &str = "--device cpu --data data --batch-size 10 --hidden 20 --seed 3 --activation relu --weight-init he";

/// The iterations of a run's evaluations, with their accuracies on the validation images.
fn validated(run: &Value) -> Vec<(u64, f64)> {
    let epochs = run["epochs"].as_array().unwrap().iter();
    epochs.map(|epoch| (epoch["iteration"].as_u64().unwrap(), epoch["validation_accuracy"].as_f64().unwrap())).collect()
}

#[test]
fn the_best_network_is_that_of_the_best_epoch() {
    let place = Place::new();
    let said = place.ok(&format!("{RUN} --validation 0.2 --iterations 30 --out run --learning-rate 0.02"));
    assert_holds(&said.stderr, "validation: 12 images held out, 48 left to train");
    assert_holds(&said.stderr, "train acc, validation acc, test acc | ");
    let run = place.run_json("run");
    assert_eq!((&run["data"]["train"], &run["data"]["validation"]), (&48.into(), &12.into()));
    assert_eq!(run["settings"]["validation"], 0.2);
    // Epochs of 4 iterations.
    let mut evaluations = validated(&run);
    assert_eq!(evaluations.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 4, 8, 12, 16, 20, 24, 28]);
    evaluations.push((29, run["final"]["validation_accuracy"].as_f64().unwrap()));
    let highest = evaluations.iter().map(|(_, accuracy)| *accuracy).fold(0.0, f64::max);
    let best = &run["best"];
    let at = best["iteration"].as_u64().unwrap();
    assert!(evaluations.contains(&(at, highest)), "{best} of {evaluations:?}");
    assert_eq!(best["validation_accuracy"], highest);
    assert_holds(&said.stdout, &format!("best {highest:.4} after {} iterations", at + 1));

    // A run that ends there has the same network, and its test accuracy.
    place.ok(&format!("{RUN} --validation 0.2 --iterations {} --out shorter --learning-rate 0.02", at + 1));
    let params = |path: &str| model::load(&place.path(path)).unwrap().params;
    assert_eq!(params("run/best.safetensors"), params("shorter/model.safetensors"));
    let evaluation = place.json("eval run/best.safetensors --data data --device cpu");
    assert_eq!(evaluation["accuracy"], best["test_accuracy"], "{evaluation}");

    // The file of an earlier run does not stay beside one without validation images.
    place.ok(&format!("{RUN} --iterations 3 --out run --overwrite"));
    assert!(!place.path("run/best.safetensors").exists());
    assert_eq!(place.run_json("run").get("best"), None);
}

#[test]
fn another_seed_holds_out_other_images_and_a_streamed_set_the_same() {
    let place = Place::new();
    let flags = "--device cpu --data data --batch-size 10 --validation 0.3 --iterations 9";
    for (run, more) in [("one", "--seed 1"), ("streamed", "--seed 1 --max-memory 0"), ("two", "--seed 2")] {
        place.ok(&format!("{flags} {more} --out {run}"));
    }
    assert_eq!(place.result("one"), place.result("streamed"));
    let [one, streamed, two] = ["one", "streamed", "two"].map(|run| place.run_json(run));
    assert_eq!((&one["epochs"], &one["best"]), (&streamed["epochs"], &streamed["best"]));
    assert_ne!(one["best"]["validation_loss"], two["best"]["validation_loss"]);
}

#[test]
fn a_run_stops_early_and_goes_on_with_more_patience() {
    let place = Place::new();
    let flags = format!("{RUN} --validation 0.2 --iterations 4000 --learning-rate 0.5");
    let said = place.ok(&format!("{flags} --early-stop 3 --out run"));
    assert_holds(&said.stdout, "stopped early: 3 epochs without a higher validation accuracy");
    let run = place.run_json("run");
    assert_eq!(run["end"], "stopped early");
    let epochs = validated(&run);
    let (highest, last) = epochs.split_at(epochs.len() - 3);
    let highest = highest.iter().map(|(_, accuracy)| *accuracy).collect::<Vec<_>>();
    let (risen, before) = highest.split_last().unwrap();
    assert!(before.iter().all(|accuracy| accuracy < risen), "{epochs:?}");
    assert!(last.iter().all(|(_, accuracy)| accuracy <= risen), "{epochs:?}");
    assert_eq!(run["iterations"].as_u64(), Some(last[2].0 + 1));
    assert_holds(&place.ok("runs .").stdout, "run: stopped early; ");

    let before = place.everything();
    assert_holds(&place.ok("--resume run").stdout, "iterations; a larger --early-stop goes on");
    assert_eq!(place.everything(), before);
    place.ok("--resume run --early-stop 6");
    place.ok(&format!("{flags} --early-stop 6 --out whole"));
    let best = |run: &str| fs::read(place.path(run).join("best.safetensors")).unwrap();
    assert_eq!((place.result("run"), best("run")), (place.result("whole"), best("whole")));
    let [run, whole] = ["run", "whole"].map(|run| place.run_json(run));
    assert_eq!((&run["epochs"], &run["best"], &run["end"]), (&whole["epochs"], &whole["best"], &whole["end"]));
    assert_eq!(run["settings"]["early_stop"], 6);
}

#[test]
fn a_target_ends_a_run() {
    let place = Place::new();
    let flags = format!("{RUN} --iterations 4000 --learning-rate 0.5");
    let said = place.ok(&format!("{flags} --target-accuracy 0.6 --out run"));
    let run = place.run_json("run");
    assert_eq!(run["end"], "target reached");
    let accuracies = |run: &Value| {
        let epochs = run["epochs"].as_array().unwrap().iter();
        epochs.map(|epoch| epoch["test_accuracy"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    let found = accuracies(&run);
    let (last, before) = found.split_last().unwrap();
    assert!(*last >= 0.6 && before.iter().all(|accuracy| *accuracy < 0.6), "{found:?}");
    assert_holds(&said.stdout, &format!("reached a test accuracy of 0.6 after {} iteration", run["iterations"]));
    assert_holds(&place.ok("--resume run").stdout, "a higher --target-accuracy goes on");
    place.ok("--resume run --target-accuracy 1 --quiet");
    let longer = place.run_json("run");
    assert!(accuracies(&longer).starts_with(&found) && longer["iterations"].as_u64() > run["iterations"].as_u64());

    // With validation images it is their accuracy; and what is not reached is said.
    let said = place.ok(&format!("{flags} --target-accuracy 0.6 --validation 0.3 --no-save"));
    assert_holds(&said.stdout, "reached a validation accuracy of 0.6 after ");
    let said = place.ok(&format!("{RUN} --iterations 1 --target-accuracy 1 --no-save"));
    assert_holds(&said.stdout, "a test accuracy of 1 was not reached");
}

#[test]
fn flags_that_choose_by_no_images_are_refused() {
    let place = Place::new();
    for (flags, expected) in [
        ("--early-stop 3", "--early-stop is by validation images; give --validation too"),
        ("--validation 0.1 --early-stop 0", "--early-stop"),
        ("--validation 0", "give a number above 0 and below 1"),
        ("--validation 1", "give a number above 0 and below 1"),
        ("--target-accuracy 98", "give a number above 0, at most 1"),
        ("--gradient naive --validation 0.1", "leave out --validation and --target-accuracy"),
    ] {
        assert_holds(&place.fails(2, &format!("--data data --no-save --iterations 1 {flags}")), expected);
    }
    place.ok(&format!("{RUN} --validation 0.2 --iterations 3 --out run"));
    let error = place.fails(2, "--resume run --validation 0.3 --iterations 9");
    assert_holds(&error, "--validation 0.3, but run is trained with 0.2");
}

/// best.safetensors answers as run.json says of the best evaluation.
fn assert_best(place: &Place, run: &str) {
    let evaluation = place.json(&format!("eval {run}/best.safetensors --data data --device cpu"));
    assert_eq!(evaluation["accuracy"], place.run_json(run)["best"]["test_accuracy"], "{run}");
}

#[test]
fn the_best_network_stays_whatever_ends_a_run() {
    let place = Place::new();
    let flags = "--device cpu --data data --batch-size 10 --validation 0.2 --weight-init-std 0.5";
    // The last steps lose what the first ones have learnt; then a loss is not finite.
    for (run, more, code) in [
        ("wild", "--activation relu --learning-rate 5 --iterations 60", 0),
        ("diverged", "--activation relu --output identity --learning-rate 100 --iterations 60", 1),
    ] {
        assert_eq!(place.run(&format!("{flags} {more} --out {run}")).code, Some(code), "{run}");
        assert_best(&place, run);
    }
    // No evaluation is of finite weights.
    let at_once = "--activation relu --output identity --learning-rate 1e38 --iterations 60 --out none";
    assert_eq!(place.run(&format!("{flags} {at_once}")).code, Some(1));
    assert!(!place.path("none/best.safetensors").exists());
    assert_eq!(place.run_json("none").get("best"), None);
    // It is in the checkpoint: a resumed run writes it again.
    place.ok(&format!("{flags} --iterations 20 --out run"));
    let best = fs::read(place.path("run/best.safetensors")).unwrap();
    fs::remove_file(place.path("run/best.safetensors")).unwrap();
    place.ok("--resume run --iterations 21");
    assert_best(&place, "run");
    place.ok(&format!("{flags} --iterations 20 --out again"));
    assert_eq!(fs::read(place.path("again/best.safetensors")).unwrap(), best);
    // Another run in the same folder has its own.
    place.ok(&format!("{flags} --iterations 20 --seed 5 --out run --overwrite"));
    assert_best(&place, "run");
}

#[test]
fn a_target_that_the_last_step_reaches_is_reached() {
    let place = Place::new();
    // An epoch has 6 iterations: evaluations after 1, 7, 13 ... and at the end.
    for iterations in [1, 7, 10] {
        let said = place.ok(&format!("{RUN} --iterations {iterations} --target-accuracy 0.01 --out run --overwrite"));
        assert_holds(&said.stdout, "reached a test accuracy of 0.01 after 1 iteration, ");
        assert_eq!(place.run_json("run")["end"], "target reached");
    }
    // A lower target than the last epoch's accuracy ends a run at an evaluation.
    place.ok(&format!("{RUN} --iterations 10 --learning-rate 0.5 --out run --overwrite"));
    place.ok("--resume run --iterations 100 --target-accuracy 0.01");
    let run = place.run_json("run");
    assert_eq!((&run["end"], &run["iterations"]), (&"target reached".into(), &13.into()));
}
