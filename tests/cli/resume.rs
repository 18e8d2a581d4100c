//! Runs that go on, and runs that are repeated.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::place::*;

const ALWAYS: &str = "--checkpoint-every 0";

/// A run of several seconds.
const LONG: &str = "--device cpu --data data --batch-size 10 --hidden 20 --sampling shuffle --seed 3 --activation relu";

/// Starts a run and kills it when its folder is as asked.
fn killed(place: &Place, flags: &str, is_ready: impl Fn(&Path) -> bool) {
    let mut command = place.command(&format!("{LONG} {flags} --out run --quiet"));
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let run = place.path("run");
    while !is_ready(&run) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(run.join("checkpoint.safetensors").exists() && !run.join("model.safetensors").exists());
}

#[test]
fn a_killed_run_goes_on_to_the_bits_of_one_that_was_not() {
    goes_on_to_the_same_bits("");
}

#[test]
fn so_does_one_with_an_optimiser_that_remembers() {
    goes_on_to_the_same_bits("--optimizer adamw --weight-decay 0.1");
    goes_on_to_the_same_bits("--optimizer momentum --momentum 0.5 --lr-schedule linear");
    goes_on_to_the_same_bits("--lr-schedule cosine --warmup 9");
}

#[test]
fn so_does_one_with_validation_images() {
    goes_on_to_the_same_bits("--validation 0.3");
}

fn goes_on_to_the_same_bits(optimizer: &str) {
    let place = Place::new();
    let has_steps = |run: &Path| fs::read(run.join("checkpoint.csv")).map_or(0, |text| text.len()) >= 200;
    killed(&place, &format!("--iterations 3000 {ALWAYS} {optimizer}"), has_steps);
    place.ok("--resume run --quiet");
    place.ok(&format!("{LONG} --iterations 3000 --out whole --no-fallback {optimizer}"));
    assert_eq!(place.result("run"), place.result("whole"));
    let [resumed, whole] = ["run", "whole"].map(|run| place.run_json(run));
    assert_eq!((&resumed["epochs"], &resumed["final"]), (&whole["epochs"], &whole["final"]));
    assert_eq!((&resumed["settings"], &resumed["data"]), (&whole["settings"], &whole["data"]));
    let best = ["run", "whole"].map(|run| fs::read(place.path(run).join("best.safetensors")).ok());
    assert_eq!((&best[0], &resumed["best"]), (&best[1], &whole["best"]));
    let at = resumed["resumed_at"][0].as_u64().unwrap();
    assert!(at > 0 && at < 3000, "{at}");
    assert_eq!(whole.get("resumed_at"), None);
    let names = |run: &str| {
        entries(&place.path(run)).iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (mut found, mut expected) = (names("run"), names("whole"));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_run_that_was_killed_before_its_first_checkpoint_starts_again() {
    let place = Place::new();
    killed(&place, "--iterations 3000", |run| run.join("checkpoint.safetensors").exists());
    assert!(!place.path("run/checkpoint.csv").exists() && !place.path("run/run.json").exists());
    assert_holds(&place.ok("--resume run").stderr, "resuming run after 0 iterations");
    place.ok(&format!("{LONG} --iterations 3000 --out whole"));
    assert_eq!(place.result("run"), place.result("whole"));
}

#[test]
fn a_finished_run_says_so_and_can_be_made_longer() {
    let place = Place::new();
    place.ok(&format!("{LONG} --iterations 70 --out run"));
    let before = place.everything();
    let said = place.ok("train --resume run");
    assert_holds(
        &said.stdout,
        "run has finished: 70 iterations; a larger number of --iterations or --epochs goes on\n",
    );
    assert_holds(&said.stdout, "train acc, test acc |");
    assert_eq!(place.json("--resume run")["iterations"], 70);
    assert_eq!(place.everything(), before);
    assert_holds(&place.ok("--resume run --plot finished.svg").stderr, "plotted in finished.svg");
    assert!(fs::metadata(place.path("finished.svg")).unwrap().len() > 1000);
    assert_holds(&place.fails(1, "--resume run --plot finished.svg"), "finished.svg: already exists");
    place.ok("--resume run --plot finished.svg --overwrite");
    // The settings may be said again.
    place.ok(
        "--resume run --iterations 95 --hidden 20 --seed 3 --activation relu --data data --device cpu --plot p.svg",
    );
    place.ok(&format!("{LONG} --iterations 95 --out whole"));
    assert_eq!(place.result("run"), place.result("whole"));
    assert_eq!(place.run_json("run")["settings"]["iterations"], 95);
    let error = place.fails(2, "--resume run --iterations 80");
    assert_holds(&error, "80 iterations to do, but run is to do 95; a run can be made longer, not shorter");
    place.ok("--resume run --epochs 20");
    assert_eq!(place.losses("run").len(), 120);
}

#[test]
fn a_naive_run_goes_on_in_f64() {
    let place = Place::new();
    let naive = "--data data --gradient naive --step-size 1e-3 --batch-size 3 --hidden 2";
    place.ok(&format!("{naive} --iterations 5 --out run"));
    place.ok("--resume run --iterations 9");
    place.ok(&format!("{naive} --iterations 9 --out whole"));
    assert_eq!(place.result("run"), place.result("whole"));
}

#[test]
fn flags_that_contradict_the_run_are_refused() {
    let place = Place::new();
    place.ok(&format!("{LONG} --iterations 5 --out run"));
    for (flags, expected) in [
        (
            "--hidden 30",
            "--hidden 30, but run is trained with 20; leave out --hidden, or start a run from its weights: --init run",
        ),
        ("--learning-rate 0.5", "--learning-rate 0.5, but run is trained with 0.1"),
        ("--activation sigmoid", "--activation sigmoid, but run is trained with relu"),
        ("--gradient numerical", "--gradient numerical, but run is trained with backprop"),
        ("--step-size 1e-3", "--step-size 0.001, but run is trained without it; leave it out"),
        ("--sampling sequential", "--sampling sequential, but run is trained with shuffle"),
        ("--optimizer adam", "--optimizer adam, but run is trained with sgd"),
        ("--weight-decay 0.1", "--weight-decay 0.1, but run is trained with 0"),
        ("--seed 0", "--seed 0, but run is trained with 3"),
        ("--batch-size 11", "--batch-size 11, but run is trained with 10"),
    ] {
        assert_holds(&place.fails(2, &format!("--resume run --iterations 9 {flags}")), expected);
    }
    assert_holds(&place.fails(2, "--resume run --overwrite"), "--overwrite has no effect with --resume");
    for flag in ["--out other", "--no-save", "--init run", "--config run", "--weight-init he"] {
        assert_holds(&place.fails(2, &format!("--resume run {flag}")), "cannot be used with");
    }
    let error = place.fails(1, "--resume run --data synthetic --iterations 9");
    assert_holds(&error, "run is trained on other images than these; give its own --data");
    // The data may have moved.
    fs::rename(place.path("data"), place.path("moved")).unwrap();
    assert_holds(&place.fails(1, "--resume run --iterations 9"), "data");
    place.ok("--resume run --iterations 9 --data moved");
    // One changed label.
    let labels = place.path("moved").join(TRAIN_LABELS_FILE);
    let mut bytes = fs::read(&labels).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&labels, bytes).unwrap();
    assert_holds(&place.fails(1, "--resume run --iterations 10"), "trained on other images");
}

#[test]
fn folders_without_a_run_to_resume_are_errors() {
    let place = Place::new();
    assert_holds(&place.fails(1, "--resume none"), "none: no such folder; give the folder of a run");
    assert_holds(&place.fails(1, "--resume data"), "data holds no checkpoint.safetensors");
    place.ok(&format!("{LONG} --iterations 15 --out run"));
    assert_holds(&place.fails(1, "--resume run/run.json"), "run/run.json is a file; give the folder of a run");
    let checkpoint = place.path("run/checkpoint.safetensors");
    let good = fs::read(&checkpoint).unwrap();
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let place = good.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
        [&good[..place], to.as_bytes(), &good[place + from.len()..]].concat()
    };
    for (bytes, expected) in [
        (good[..good.len() - 1].to_vec(), "is no whole safetensors file"),
        (Vec::new(), "is no whole safetensors file"),
        (
            changed(r#"format\":1"#, r#"format\":7"#),
            "has format 7, and this twolayer reads up to 1; use the one that wrote it",
        ),
        (
            changed(r#"hidden\":20"#, r#"hidden\":21"#),
            "has no F32 tensor W1 of shape [36, 21], which its settings need",
        ),
        (changed(r#"hidden\":20"#, r#"hidden\":-1"#), "is not what twolayer writes about a run"),
        (changed(r#""run":"#, r#""ran":"#), "holds no record of a run"),
        (changed(r#"iterations\":15,\"train"#, r#"iterations\":99,\"train"#), "contradicts itself: it has done more"),
        (changed(r#"backprop\""#, r#"naive\"   "#), "contradicts itself: only naive"),
        (changed(r#"learning_rate\":0.1"#, r#"learning_rate\":-.1"#), "is not what twolayer writes"),
    ] {
        fs::write(&checkpoint, bytes).unwrap();
        let error = place.fails(1, "--resume run");
        assert_holds(&error, "run/checkpoint.safetensors: ");
        assert_holds(&error, expected);
    }
    fs::write(&checkpoint, &good).unwrap();
    fs::write(place.path("run/history.csv"), "iteration,loss\n0,1\n").unwrap();
    assert_holds(
        &place.fails(1, "--resume run --iterations 20"),
        "neither checkpoint.csv nor history.csv has the losses of the 15",
    );
    let flags = "--device cpu --data data --activation relu --output identity --learning-rate 10 --iterations 500";
    assert_eq!(place.run(&format!("{flags} --out bad")).code, Some(1));
    assert_holds(
        &place.fails(1, "--resume bad"),
        "bad ended because its loss was not finite; start a run from its weights",
    );
}

#[test]
fn two_processes_do_not_share_a_run() {
    let place = Place::new();
    place.ok(&format!("{LONG} --iterations 5 --out run"));
    let lock = fs::File::create(place.path("run/.twolayer-lock")).unwrap();
    lock.lock().unwrap();
    for flags in ["--resume run", "--device cpu --data data --out run --overwrite"] {
        assert_holds(&place.fails(1, flags), "run is in use by another twolayer; wait until it has ended");
    }
    drop(lock);
    place.ok("--resume run --iterations 6");
}

#[test]
fn an_earlier_run_stays_until_the_one_that_overwrites_it_has_trained() {
    let place = Place::new();
    place.ok(&format!("{LONG} --iterations 5 --out run"));
    let before = place.everything();
    assert_eq!(place.run(&format!("{LONG} --out run --overwrite --init missing")).code, Some(1));
    assert_eq!(place.everything(), before);
    place.ok(&format!("{LONG} --iterations 8 --out run --overwrite {ALWAYS}"));
    assert_eq!(place.losses("run").len(), 8);
    assert_eq!(place.json("--resume run")["iterations"], 8);
}

#[test]
fn a_run_is_repeated_by_its_run_json() {
    let place = Place::new();
    place.ok(&format!("{LONG} --iterations 30 --weight-init he --learning-rate 0.25 --out first"));
    for config in ["first", "first/run.json"] {
        place.ok(&format!("--config {config} --out again --overwrite"));
        assert_eq!(place.result("again"), place.result("first"), "{config}");
        let [first, again] = ["first", "again"].map(|run| place.run_json(run));
        assert_eq!((&first["settings"], &first["data"]), (&again["settings"], &again["data"]));
    }
    // Values that no flag takes.
    let good = fs::read_to_string(place.path("first/run.json")).unwrap();
    for (from, to, expected) in [
        ("\"hidden\": 20", "\"hidden\": 10000000000000", "its network or its batch is larger than any"),
        ("\"learning_rate\": 0.25", "\"learning_rate\": 0", "its learning rate is no finite number above 0"),
        ("\"warmup\": 0", "\"warmup\": 31", "its warmup is longer than the run"),
        ("\"seed\": 3", "\"seed\": 3, \"target_accuracy\": 7", "its target accuracy is out of range"),
        ("\"seed\": 3", "\"seed\": 3, \"validation\": 1", "its validation share is out of range"),
        ("\"seed\": 3", "\"seed\": 3, \"early_stop\": 2", "it is to stop early without validation images"),
        ("\"batch_size\": 10", "\"batch_size\": 0", "its network or its batch is larger than any"),
        ("\"gradient\": \"backprop\"", "\"gradient\": \"none\"", "'none' is no gradient"),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(place.path("changed.json"), good.replacen(from, to, 1)).unwrap();
        let said = place.run("--config changed.json --no-save");
        assert_ne!(said.code, Some(0));
        assert_holds(&said.stderr, expected);
    }
    place.ok("--config first --weight-init-std 0.5 --out std");
    assert_eq!(place.run_json("std")["settings"]["weight_init_std"], 0.5);
    place.ok("--config first --seed 4 --epochs 2 --weight-init xavier --gradient backprop --out other");
    let (first, mut other) = (place.run_json("first")["settings"].clone(), place.run_json("other")["settings"].clone());
    assert_eq!(
        (&other["seed"], &other["iterations"], &other["weight_init"]),
        (&4.into(), &12.into(), &"xavier".into())
    );
    for key in ["seed", "iterations", "weight_init"] {
        other[key] = first[key].clone();
    }
    assert_eq!(other, first);
    // A run that started from a file starts from it again.
    place.ok("--device cpu --data data --init first --iterations 3 --batch-size 5 --out from-file");
    place.ok("--config from-file --out from-file-again");
    assert_eq!(place.result("from-file-again"), place.result("from-file"));
    place.ok("--config from-file --init again --iterations 4 --out from-again");
    assert_eq!(place.run_json("from-again")["settings"]["init"], "again");
    assert_holds(&place.fails(1, "--config missing --no-save"), "missing: cannot be read (");
    fs::write(place.path("run.json"), "{}").unwrap();
    assert_holds(&place.fails(1, "--config run.json --no-save"), "run.json: is not what twolayer writes about a run");
    let newer = fs::read_to_string(place.path("first/run.json")).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(place.path("run.json"), newer).unwrap();
    assert_holds(
        &place.fails(1, "--config run.json --no-save"),
        "run.json: has format 2, and this twolayer reads up to 1",
    );
}
