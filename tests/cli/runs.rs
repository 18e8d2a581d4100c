//! `twolayer runs`.

use std::fs;

use crate::place::*;

#[test]
fn runs_are_listed_with_their_state() {
    let place = Place::new();
    let train = |flags: &str| place.ok(&format!("--device cpu --data data --batch-size 10 {flags}"));
    train("--iterations 20 --seed 3 --out runs/finished");
    train("--iterations 9 --out runs/killed");
    train("--iterations 3 --out runs/old");
    train("--iterations 4 --out runs/locked");
    // A killed process leaves its checkpoint, and an older program wrote none.
    for file in ["model.safetensors", "history.csv", "run.json"] {
        fs::remove_file(place.path("runs/killed").join(file)).unwrap();
    }
    fs::remove_file(place.path("runs/old/checkpoint.safetensors")).unwrap();
    let mut run: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("runs/old/run.json")).unwrap()).unwrap();
    for key in ["format", "fingerprint"] {
        run.as_object_mut().unwrap().remove(key);
    }
    for key in ["model", "cores", "instructions"] {
        run["device"].as_object_mut().unwrap().remove(key);
    }
    fs::write(place.path("runs/old/run.json"), run.to_string()).unwrap();
    fs::create_dir_all(place.path("runs/broken")).unwrap();
    fs::write(place.path("runs/broken/run.json"), "{").unwrap();
    fs::create_dir_all(place.path("runs/no run")).unwrap();
    let lock = fs::File::create(place.path("runs/locked/.twolayer-lock")).unwrap();
    lock.lock().unwrap();

    let said = place.ok("runs");
    assert_holds(&said.stderr, "note: runs/broken/run.json: is not what twolayer writes about a run");
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    for text in [
        "finished: finished; 20 iterations, test accuracy 0.",
        "killed: killed, can be resumed; 9 iterations",
        "locked: running; 4 iterations",
        "--iterations 20 --seed 3; written 20",
    ] {
        // Wherever a line is broken.
        assert_holds(&said.stdout.split_whitespace().collect::<Vec<_>>().join(" "), text);
    }
    assert!(!said.stdout.contains("no run"), "{}", said.stdout);
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 80), "{}", said.stdout);
    let listed = place.json("runs");
    let listed = listed["runs"].as_array().unwrap();
    let of = |name: &str| {
        let path = format!("runs/{name}");
        let run = listed.iter().find(|run| run["path"].as_str().unwrap().replace('\\', "/") == path).unwrap();
        (
            run["state"].as_str().unwrap(),
            run["resumable"].as_bool().unwrap(),
            run["run"]["iterations"].as_u64().unwrap(),
        )
    };
    assert_eq!(of("finished"), ("finished", false, 20));
    assert_eq!(of("killed"), ("killed", true, 9));
    assert_eq!(of("old"), ("finished", false, 3));
    assert_eq!(of("locked"), ("running", false, 4));
    assert_eq!(listed.len(), 4);
    assert_eq!(listed[0]["date"].as_str().unwrap().len(), "2026-01-31T12:00:00Z".len());
    // One run.
    assert_eq!(place.json("runs runs/killed")["runs"].as_array().unwrap().len(), 1);
    assert_holds(&place.ok("runs data").stdout, "no runs in data");
    assert_holds(&place.fails(1, "runs none"), "none: cannot be read (");
    assert_holds(&place.fails(1, "runs runs/broken"), "runs/broken/run.json: is not what twolayer writes");
}

#[test]
fn the_network_of_a_killed_run_is_that_of_its_checkpoint() {
    let place = Place::new();
    place.train("--iterations 30 --hidden 7 --activation relu --output identity --learning-rate 0.01 --out run");
    let whole = place.json("eval run --device cpu");
    let params = place.model("run").params;
    for file in ["model.safetensors", "history.csv", "run.json"] {
        fs::remove_file(place.path("run").join(file)).unwrap();
    }
    fs::write(place.path("run/checkpoint.csv"), "iteration,loss\n").unwrap();
    let note =
        "note: run has no results yet; this is its network after 30 iterations; twolayer --resume run goes on with it";
    let said = place.ok("eval run --device cpu --json");
    assert_holds(&said.stderr, note);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap(), whole);
    // The file of the checkpoint is the same network, and has its functions and its data.
    assert_eq!(place.json("eval run/checkpoint.safetensors --device cpu"), whole);
    assert_holds(&place.train("--init run --iterations 0 --out other").stderr, note);
    assert_eq!(place.model("other").params, params);
    fs::write(place.path("run/checkpoint.safetensors"), "{").unwrap();
    assert_holds(&place.fails(1, "eval run --device cpu"), "run/checkpoint.safetensors: is no whole safetensors file");
}
