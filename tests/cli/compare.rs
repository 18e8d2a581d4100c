//! `twolayer compare`: its table, its JSON and its plot.

use std::fs;

use serde_json::Value;

use crate::place::*;

/// Three runs that differ in their optimiser, the learning rate that goes with it, and the iterations.
fn three_runs() -> Place {
    let place = Place::new();
    for (optimizer, iterations) in [("sgd", 40), ("momentum", 40), ("adam", 25)] {
        let run = format!("--optimizer {optimizer} --iterations {iterations} --hidden 7 --out runs/of-{optimizer}");
        place.train(&run);
    }
    place
}

#[test]
fn a_table_has_a_row_for_each_run_and_only_what_differs() {
    let place = three_runs();
    let said = place.ok("compare runs/of-sgd runs/of-adam");
    let lines: Vec<Vec<&str>> = said.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let headings = ["run", "optimizer", "learning-rate", "iterations", "loss", "train", "acc", "test", "acc", "time"];
    assert_eq!(lines[0], headings);
    assert_eq!(
        (&lines[1][..4], &lines[2][..4]),
        (&["of-sgd", "sgd", "0.1", "40"][..], &["of-adam", "adam", "0.001", "25"][..])
    );
    assert_eq!((lines.len(), said.stderr.as_str()), (3, ""));
    // One run, and one that is given twice: nothing differs.
    for line in ["compare runs/of-sgd", "compare runs/of-sgd runs/of-sgd/"] {
        let text = place.ok(line).stdout;
        assert_eq!(text.split_whitespace().take(2).collect::<Vec<_>>(), ["run", "iterations"], "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}

#[test]
fn a_folder_of_runs_stands_for_all_of_them() {
    let place = three_runs();
    let whole = place.json("compare runs");
    let names = |json: &Value| -> Vec<String> {
        json["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&whole), ["of-adam", "of-momentum", "of-sgd"]);
    assert_eq!(names(&place.json("compare runs/of-sgd runs")), ["of-sgd", "of-adam", "of-momentum"]);
    fs::write(place.path("runs/of-adam/run.json"), "{").unwrap();
    let said = place.ok("compare runs --json");
    assert_holds(&said.stderr, "note: runs/of-adam/run.json: is not what twolayer writes");
    assert_eq!(names(&serde_json::from_str(&said.stdout).unwrap()), ["of-momentum", "of-sgd"]);
}

#[test]
fn json_has_the_figures_of_run_json() {
    let place = three_runs();
    let compared = place.json("compare runs/of-momentum runs/of-adam");
    assert_eq!(compared["differing"], serde_json::json!(["optimizer", "learning-rate", "iterations"]));
    for (run, found) in ["runs/of-momentum", "runs/of-adam"].into_iter().zip(compared["runs"].as_array().unwrap()) {
        let record = place.run_json(run);
        assert_eq!((&found["settings"], &found["iterations"]), (&record["settings"], &record["iterations"]));
        assert_eq!((&found["path"], &found["device"]), (&run.into(), &"cpu".into()));
        for name in ["train_accuracy", "test_accuracy"] {
            assert_close(float(&found[name]), float(&record["final"][name]));
        }
        assert_close(float(&found["train_seconds"]), float(&record["train_seconds"]));
        // The running mean ends with the last losses: of 5 around the last iteration, it and the 2 before.
        let losses = place.losses(run);
        let last = losses[losses.len() - 3..].iter().map(|loss| f64::from(*loss)).sum::<f64>() / 3.0;
        assert!((float(&found["loss"]) - last).abs() < 1e-9, "{run}");
    }
}

#[test]
fn a_plot_has_a_curve_for_each_run() {
    let place = three_runs();
    let said = place.ok("compare runs --plot loss.svg");
    assert_holds(&said.stdout, "plotted in loss.svg\n");
    let of = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    for text in ["of-sgd", "of-momentum", "of-adam", "iterations", "running mean of the loss"] {
        assert_holds(&of("loss.svg"), &format!(">\n{text}"));
    }
    for value in ["train", "test"] {
        // Only the JSON is on stdout.
        place.json(&format!("compare runs --plot {value}.svg --value {value}-accuracy"));
        assert_holds(&of(&format!("{value}.svg")), &format!(">\n{value} accuracy\n<"));
    }
    assert_holds(&place.fails(1, "compare runs --plot loss.svg"), "loss.svg: already exists; choose another name");
    place.ok("compare runs --plot loss.svg --overwrite --value test-accuracy");
    assert_eq!(of("loss.svg"), of("test.svg"));
    place.ok("compare runs --plot loss.PNG");
    assert!(image::open(place.path("loss.PNG")).unwrap().width() > 1000);
}

#[test]
fn a_run_without_results_is_compared_as_far_as_its_checkpoint() {
    let place = three_runs();
    let run = place.path("runs/of-sgd");
    let history = fs::read(run.join("history.csv")).unwrap();
    for file in ["model.safetensors", "history.csv", "run.json"] {
        fs::remove_file(run.join(file)).unwrap();
    }
    // After its last checkpoint it went on.
    fs::write(run.join("checkpoint.csv"), [&history[..], b"40,0.5\n41,0."].concat()).unwrap();
    let whole = place.json("compare runs/of-sgd");
    assert_eq!(whole["runs"][0]["iterations"], 40);
    place.ok("compare runs --plot killed.svg");
    fs::write(run.join("checkpoint.csv"), "iteration,loss\n0,1\n").unwrap();
    let error = place.fails(1, "compare runs/of-sgd runs/of-adam");
    assert_holds(&error, "runs/of-sgd: neither history.csv nor checkpoint.csv has the losses of its 40 iterations");
}

#[test]
fn wrong_arguments_are_errors() {
    let place = three_runs();
    let file = place.path("file");
    fs::write(&file, "").unwrap();
    for (code, arguments, says) in [
        (2, "", "required arguments"),
        (1, "none", "none: cannot be read ("),
        (1, "runs/of-sgd none", "none: cannot be read ("),
        (1, "file", "file: cannot be read ("),
        (1, "data", "data: is no run, and holds none; give the folder of a run"),
        (2, "runs --plot plot.pdf", "plot.pdf: a plot is an .svg or .png file"),
        (1, "runs --plot none/plot.svg", "none/plot.svg: the plot cannot be written"),
        (2, "runs --value test-accuracy", "required arguments"),
        (
            2,
            "runs --plot plot.svg --value accuracy",
            "choose loss, train-accuracy, validation-accuracy or test-accuracy",
        ),
        (2, "runs --plot plot.svg --value validation-accuracy", "no run has validation images"),
        (2, "runs --overwrite", "required arguments"),
    ] {
        assert_holds(&place.fails(code, &format!("compare {arguments}")), says);
    }
    for copy in 0..6 {
        let run = place.path(format!("runs/copy-{copy}"));
        fs::create_dir(&run).unwrap();
        for file in ["model.safetensors", "history.csv", "run.json"] {
            fs::copy(place.path("runs/of-sgd").join(file), run.join(file)).unwrap();
        }
    }
    assert_holds(
        &place.fails(2, "compare runs --plot plot.svg"),
        "--plot draws up to 8 runs, and these are 9; give fewer runs",
    );
    assert_eq!(place.ok("compare runs").stdout.lines().count(), 10);
    fs::write(place.path("runs/of-sgd/history.csv"), "iteration,loss\n0,1\n").unwrap();
    assert_holds(&place.fails(1, "compare runs/of-sgd"), "runs/of-sgd: neither history.csv nor checkpoint.csv");
}
