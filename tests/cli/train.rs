//! `twolayer train`: output, files and options.

use std::fs;
use std::path::Path;

use serde_json::Value;
use twolayer::Classifier;
use twolayer::classifier::Settings;
use twolayer::devices::Choice;
use twolayer::model::Model;
use twolayer::net::optimizer::Rule;
use twolayer::net::schedule::{Decay, Schedule};
use twolayer::net::{Activation, Output, Shape};

use crate::place::*;

#[test]
fn is_the_default_command() {
    let place = Place::new();
    place.train("--iterations 10 --out a");
    place.ok("train --device cpu --data data --batch-size 10 --iterations 10 --out b");
    assert_eq!(place.result("a"), place.result("b"));
}

#[test]
fn learns_and_says_so_after_every_epoch() {
    let place = Place::new();
    let said = place.train("--learning-rate 0.5 --iterations 100 --out run");
    // After iterations 0, 6, ... 96: as often as in the book's 10,000 iterations.
    assert_eq!(said.stderr.matches("train acc, test acc |").count(), 17);
    assert_holds(&said.stderr, "epoch  16  train acc, test acc | 1.0000, 1.0000");
    assert_holds(&said.stderr, "device: CPU");
    assert_holds(&said.stderr, "data: data, 60 images to train, 30 to test, 6x6, 3 classes");
    assert_holds(&said.stderr, "network: 36-50-3, sigmoid and softmax\n");
    assert_holds(&said.stderr, "training: 100 iterations of 10 images, learning rate 0.5\n");
}

#[test]
fn prints_the_results_and_nothing_else_on_stdout() {
    let place = Place::new();
    let said = place.train("--iterations 10 --out run");
    assert!(said.stdout.trim_start().starts_with("accuracy by epoch"), "{}", said.stdout);
    assert_holds(&said.stdout, "test loss");
    assert_holds(&said.stdout, "iterations/s");
    assert!(said.stdout.ends_with("saved in run\n"), "{}", said.stdout);
    assert!(!said.stdout.contains("device:") && !said.stdout.contains("epoch  "), "{}", said.stdout);
    assert!(!said.stderr.contains("test loss"), "{}", said.stderr);
    // There is no terminal, so there is no bar.
    assert!(!said.stderr.contains(['\r', '\u{1b}']), "{:?}", said.stderr);
}

#[test]
fn draws_no_chart_without_an_epoch() {
    let said = Place::new().train("--iterations 0 --no-save");
    assert!(said.stdout.starts_with("train acc, test acc |"), "{}", said.stdout);
}

#[test]
fn weight_init_sets_the_deviation_of_the_weights() {
    let place = Place::new();
    place.train("--iterations 0 --out book");
    place.train("--iterations 0 --weight-init normal --out normal");
    assert!(place.model("normal") == place.model("book"));
    let said = place.train("--iterations 0 --weight-init he --out he");
    assert_holds(&said.stderr, "network: 36-50-3, sigmoid and softmax, initial weights by he\n");
    place.train("--iterations 0 --weight-init xavier --out xavier");
    // The random numbers are the same, scaled by each layer's deviation.
    let [book, he, xavier] = ["book", "he", "xavier"].map(|run| place.model(run).params);
    for (spread, scale) in [(&he, 2.0_f32), (&xavier, 1.0)] {
        for (weights, of_book, inputs) in [(&spread.w1, &book.w1, 36.0), (&spread.w2, &book.w2, 50.0)] {
            let ratio = (scale / inputs).sqrt() / 0.01;
            assert!(weights.iter().zip(of_book).all(|(a, b)| (a / b / ratio - 1.0).abs() < 1e-5));
        }
    }
    let kept = |run: &str| -> Value {
        let run = place.run_json(run);
        serde_json::json!([run["settings"]["weight_init"], run["settings"]["weight_init_std"]])
    };
    assert_eq!(kept("he"), serde_json::json!(["he", null]));
    assert_eq!(kept("book")[0], "normal");
    assert!((float(&kept("book")[1]) - 0.01).abs() < 1e-9);
    place.train("--iterations 0 --init he --out again");
    assert_eq!(kept("again"), serde_json::json!([null, null]));
}

#[test]
fn a_run_that_learns_nothing_gets_one_note() {
    let place = Place::new();
    let slow = "--device cpu --data data --batch-size 10 --learning-rate 1e-6 --iterations 400 --no-save";
    let note = "note: after 50 epochs the training accuracy is 0.333, no more than the largest class's share of 0.333; \
                --activation relu --weight-init he, or a higher --learning-rate, often helps\n";
    for flags in ["", "--quiet"] {
        let said = place.ok(&format!("{slow} {flags} --json"));
        assert_eq!(said.stderr.matches("note: after").count(), 1, "{}", said.stderr);
        assert_holds(&said.stderr, note);
        serde_json::from_str::<Value>(&said.stdout).unwrap();
    }
    let said = place.train("--learning-rate 0.5 --iterations 400 --no-save");
    assert!(!said.stderr.contains("note:"), "{}", said.stderr);
}

#[test]
fn quiet_leaves_only_the_results() {
    let said = Place::new().train("--iterations 10 --no-save --quiet");
    assert_eq!(said.stderr, "");
    assert_holds(&said.stdout, "test loss");
}

#[test]
fn json_has_the_documented_fields() {
    let place = Place::new();
    let run = place.json("--device cpu --data data --batch-size 10 --iterations 100 --out run");
    let expected = ["backend", "cores", "driver", "instructions", "kind", "model", "name", "software"];
    assert_eq!(keys(&run["device"]), expected);
    assert_eq!((&run["device"]["kind"], &run["device"]["software"]), (&"cpu".into(), &false.into()));
    assert!(run["kernels"].is_null(), "{}", run["kernels"]);
    let source = Path::new(run["data"]["source"].as_str().unwrap());
    assert!(source.is_absolute());
    assert_eq!(source.canonicalize().unwrap(), place.path("data").canonicalize().unwrap());
    let data = serde_json::json!({ "source": source, "train": TRAIN_IMAGES, "test": TEST_IMAGES, "classes": CLASSES });
    assert_eq!(run["data"], data);
    assert_eq!(run["iterations"], 100);
    let number = |key: &str| float(&run[key]);
    assert_close(number("steps_per_second"), 100.0 / number("train_seconds"));
    assert_close(number("images_per_second"), 10.0 * number("steps_per_second"));
    assert!(number("seconds") >= number("train_seconds") + number("eval_seconds"));
    assert_eq!(keys(&run["final"]), ["test_accuracy", "test_loss", "train_accuracy"]);
    let epochs = run["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 17);
    for (number, epoch) in epochs.iter().enumerate() {
        assert_eq!(keys(epoch), ["iteration", "test_accuracy", "train_accuracy"]);
        assert_eq!(epoch["iteration"], 6 * number);
        let accuracy = float(&epoch["train_accuracy"]);
        assert!((0.0..=1.0).contains(&accuracy), "{accuracy}");
    }
    assert_eq!(run["out"], "run");
}

#[test]
fn the_folder_of_a_run_holds_its_results_losses_and_model() {
    let place = Place::new();
    let run = place.json("--device cpu --data data --hidden 7 --iterations 20 --activation relu --out some/run");
    let mut names: Vec<_> = entries(&place.path("some/run"));
    names.sort();
    let expected = ["checkpoint.safetensors", "history.csv", "model.safetensors", "run.json"];
    assert_eq!(names, expected.map(|name| place.path("some/run").join(name)));

    let kept = fs::read_to_string(place.path("some/run/run.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), run);
    let losses = place.losses("some/run");
    assert_eq!(losses.len(), 20);
    assert!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
    let Model { params, activation, output, .. } = place.model("some/run");
    assert_eq!(params.shape, Shape { input: PIXELS, hidden: 7, classes: CLASSES });
    assert_eq!((activation, output), (Some(Activation::Relu), Some(Output::Softmax)));
}

#[test]
fn no_save_leaves_no_file() {
    let place = Place::new();
    let before = place.everything();
    assert_eq!(place.json("--device cpu --data data --iterations 5 --no-save")["out"], Value::Null);
    assert!(place.everything() == before);
}

#[test]
fn each_run_gets_a_folder_named_by_time_and_device() {
    let place = Place::new();
    // Some of them start in the same second.
    for _ in 0..4 {
        let said = place.train("--iterations 1");
        assert_holds(&said.stdout, "saved in runs");
    }
    let runs = entries(&place.path("runs"));
    assert_eq!(runs.len(), 4);
    for run in runs {
        let name = run.file_name().unwrap().to_str().unwrap();
        let form = name.replace(|c: char| c.is_ascii_digit(), "0");
        assert!(form.starts_with("0000-00-00T00-00-00Z-cpu"), "{name}");
        assert_eq!(entries(&run).len(), 4, "{name}");
    }
}

#[test]
fn overwrite_replaces_the_run_in_a_folder() {
    let place = Place::new();
    place.train("--iterations 3 --out run");
    place.train("--iterations 5 --out run --overwrite");
    assert_eq!(place.losses("run").len(), 5);
    // A folder without a run needs no --overwrite.
    fs::create_dir(place.path("empty")).unwrap();
    place.train("--iterations 2 --out empty");
    assert_eq!(place.losses("empty").len(), 2);
}

#[test]
fn one_seed_gives_the_same_files_again_and_another_seed_does_not() {
    let place = Place::new();
    for (run, seed) in [("a", 0), ("b", 0), ("c", 1)] {
        place.train(&format!("--iterations 30 --seed {seed} --out {run}"));
    }
    let files =
        |run: &str| ["model.safetensors", "history.csv"].map(|name| fs::read(place.path(run).join(name)).unwrap());
    assert_eq!(place.result("a"), place.result("b"));
    assert!(files("a") == files("b"), "one seed, but not one content of the files");
    let [(a, a_losses), (c, c_losses)] = ["a", "c"].map(|run| place.result(run));
    assert!(a != c && a_losses != c_losses);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let place = Place::new();
    for threads in [1, 2] {
        place.train(&format!("--iterations 30 --threads {threads} --out {threads}"));
    }
    assert_eq!(place.result("1"), place.result("2"));
}

#[test]
fn epochs_are_passes_through_the_training_set() {
    let place = Place::new();
    assert_eq!(place.json("--device cpu --data data --batch-size 10 --epochs 3 --no-save")["iterations"], 18);
    // A batch larger than the set is a whole epoch.
    let run = place.json("--device cpu --data data --batch-size 100 --epochs 2 --no-save");
    assert_eq!((&run["iterations"], run["epochs"].as_array().unwrap().len()), (&2.into(), 2));
}

#[test]
fn numerical_gradients_train_as_backprop_does() {
    let place = Place::new();
    place.train("--iterations 30 --out backprop");
    place.train("--iterations 30 --gradient numerical --out numerical");
    for (numerical, backprop) in place.losses("numerical").iter().zip(place.losses("backprop")) {
        assert!((numerical - backprop).abs() < 1e-5, "{numerical} and {backprop}");
    }
    assert_ne!(place.model("numerical").params, place.model("backprop").params);
    let settings = |run: &str| {
        let settings = place.run_json(run)["settings"].clone();
        (settings["gradient"].clone(), settings["step_size"].clone())
    };
    assert_eq!(settings("backprop"), ("backprop".into(), Value::Null));
    assert_eq!(settings("numerical"), ("numerical".into(), 1e-4.into()));
    // A coarse step gives another gradient.
    place.train("--iterations 30 --gradient numerical --step-size 1 --out coarse");
    assert_eq!(settings("coarse"), ("numerical".into(), 1.0.into()));
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(distance(&place.losses("coarse"), &place.losses("backprop")) > 1e-5);
}

#[test]
fn an_optimiser_has_its_own_numbers() {
    let place = Place::new();
    let settings = |flags: &str| {
        let run = place.json(&format!("--device cpu --data data --batch-size 10 --iterations 5 --no-save {flags}"));
        ["optimizer", "learning_rate", "momentum", "weight_decay"].map(|key| run["settings"][key].clone())
    };
    let expected = |name: &str, rate: f64, momentum: Option<f64>, decay: f64| {
        [name.into(), rate.into(), momentum.map_or(Value::Null, Value::from), decay.into()]
    };
    assert_eq!(settings(""), expected("sgd", 0.1, None, 0.0));
    assert_eq!(settings("--optimizer momentum"), expected("momentum", 0.01, Some(0.9), 0.0));
    assert_eq!(settings("--optimizer adagrad --weight-decay 0.5"), expected("adagrad", 0.01, None, 0.5));
    assert_eq!(settings("--optimizer adam --learning-rate 0.5"), expected("adam", 0.5, None, 0.0));
    assert_eq!(settings("--optimizer adamw"), expected("adamw", 0.001, None, 0.01));

    // Another optimiser than that of a run that is repeated begins with its own.
    place.train("--iterations 3 --optimizer momentum --momentum 0.5 --learning-rate 0.3 --out run");
    assert_eq!(settings("--config run"), expected("momentum", 0.3, Some(0.5), 0.0));
    assert_eq!(settings("--config run --optimizer adam"), expected("adam", 0.001, None, 0.0));
    let said = place.ok("runs .");
    assert_holds(&said.stdout, "--optimizer momentum");
    let said = place.train("--iterations 3 --optimizer momentum --weight-decay 0.1 --no-save");
    assert_holds(&said.stderr, "momentum 0.9, learning rate 0.01, weight decay 0.1");
}

#[test]
fn the_learning_rate_takes_its_course() {
    let place = Place::new();
    let flags = "--iterations 20 --learning-rate 0.5";
    let said = place.train(&format!("{flags} --lr-schedule cosine --warmup 5 --out run"));
    assert_holds(&said.stderr, "learning rate 0.5 by cosine schedule after 5 iterations of warmup");
    let run = place.run_json("run");
    assert_eq!((&run["settings"]["lr_schedule"], &run["settings"]["warmup"]), (&"cosine".into(), &5.into()));
    let listed = place.ok("runs .").stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_holds(&listed, "--lr-schedule cosine --warmup 5");

    // The first step of a warmup of 2 has half of the rate, and a loss is that before its step.
    let losses = |flags: &str| {
        place.train(&format!("--iterations 3 --out losses --overwrite {flags}"));
        fs::read_to_string(place.path("losses/history.csv"))
            .unwrap()
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (constant, warmed) = (losses("--learning-rate 0.5"), losses("--learning-rate 1 --warmup 2"));
    assert_eq!(constant[..2], warmed[..2], "half of 1 is the rate of the first step");
    assert_ne!(constant[2], warmed[2]);

    let said = place.run("--data data --device cpu --iterations 3 --warmup 4 --no-save");
    assert_eq!(said.code, Some(2));
    assert_holds(&said.stderr, "a --warmup of 4 iterations in a run of 3 iterations; give fewer, or a longer run");
}

#[test]
fn naive_gradients_train_the_reference() {
    let place = Place::new();
    place.train("--iterations 7 --hidden 4 --learning-rate 1 --gradient numerical --out numerical");
    let flags = "--data data --batch-size 10 --iterations 7 --hidden 4 --learning-rate 1 --gradient naive --out naive";
    let said = place.ok(flags);
    assert_holds(&said.stderr, "the f64 reference, 1 thread");
    assert_holds(&said.stderr, "--gradient numerical computes the same differences in seconds");
    assert_holds(&said.stderr, "epoch   1");
    let run = place.run_json("naive");
    assert_eq!((&run["device"]["backend"], &run["settings"]["gradient"]), (&"reference".into(), &"naive".into()));
    let numerical = place.run_json("numerical");
    assert_eq!(
        (&run["epochs"], run["final"]["test_accuracy"].clone()),
        (&numerical["epochs"], numerical["final"]["test_accuracy"].clone())
    );
    let (naive, numerical) = (place.model("naive").params, place.model("numerical").params);
    for (naive, numerical) in naive.tensors().iter().zip(numerical.tensors()) {
        for (a, b) in naive.values.iter().zip(numerical.values) {
            assert!((a - b).abs() < 1e-5, "{}: {a} and {b}", naive.name);
        }
    }
    // Unlike numerical gradients, naive ones exist for every network.
    place.ok("--data data --iterations 1 --hidden 2 --activation relu --output identity --gradient naive --no-save");
}

#[test]
fn an_impossible_gradient_is_an_error_before_anything_else() {
    let place = Place::new();
    for (flags, told) in [
        ("--gradient numerical --activation relu", "no numerical gradient for relu with softmax"),
        (
            "--gradient numerical --activation tanh",
            "no numerical gradient for tanh with softmax: it is computed for sigmoid with softmax, the book's network; use backprop, or naive",
        ),
        ("--gradient numerical --output identity", "no numerical gradient for sigmoid with identity"),
        ("--step-size 0.1", "--step-size is for --gradient numerical or naive"),
        ("--gradient backprop --step-size 0.1", "--step-size is for --gradient numerical or naive"),
        ("--gradient numerical --step-size 0", "give a number from 0.00000001 to 1"),
        ("--gradient numerical --step-size 2", "give a number from 0.00000001 to 1"),
        ("--gradient numerical --step-size NaN", "give a number from 0.00000001 to 1"),
        ("--gradient exact", "choose backprop, numerical or naive"),
    ] {
        assert_holds(&place.fails(2, &format!("--data nowhere {flags}")), told);
    }
    let line = place.fails(2, "--data nowhere --gradient naive --device gpu");
    assert_holds(&line, "leave out --device and --threads");
    let line = place.fails(2, "--data nowhere --gradient naive --threads 2");
    assert_holds(&line, "leave out --device and --threads");
}

#[test]
fn sampling_chooses_the_batches() {
    let place = Place::new();
    place.train("--iterations 0 --out start");
    let run = |sampling: &str, seed: u64| {
        let name = format!("{sampling}{seed}");
        let flags = format!("--init start/model.safetensors --iterations 6 --sampling {sampling} --seed {seed}");
        place.train(&format!("{flags} --out {name}"));
        place.losses(&name)
    };
    let (replacement, shuffle) = (run("replacement", 0), run("shuffle", 0));
    assert_ne!(replacement, shuffle);
    assert_ne!(replacement, run("replacement", 1));
    assert_ne!(shuffle, run("shuffle", 1));
    // The file order does not depend on the seed.
    assert_eq!(run("sequential", 0), run("sequential", 1));
}

#[test]
fn init_continues_from_a_saved_model() {
    let place = Place::new();
    place.train("--iterations 0 --hidden 7 --activation relu --output identity --out start");
    assert!(place.losses("start").is_empty());
    let start = "--init start/model.safetensors";
    // The width and the functions are the file's.
    place.train(&format!("{start} --iterations 0 --out none"));
    assert_eq!(place.model("none"), place.model("start"));
    place.train(&format!("{start} --iterations 1 --hidden 7 --out one"));
    assert_ne!(place.model("one").params, place.model("start").params);
    place.train("--iterations 1 --hidden 7 --activation relu --output identity --out direct");
    assert_eq!(place.result("one"), place.result("direct"));
}

#[test]
fn a_flag_may_not_contradict_the_model() {
    let place = Place::new();
    place.train("--iterations 0 --activation relu --out start");
    place.train("--init start/model.safetensors --iterations 1 --activation relu --out run");
    assert_eq!(place.model("run").activation, Some(Activation::Relu));
    let line = place.train_fails(2, "--init start/model.safetensors --activation sigmoid --no-save");
    assert_holds(&line, "--activation sigmoid, but the file says relu; leave out --activation");
    let line = place.fails(2, "eval start --device cpu --data data --output identity");
    assert_holds(&line, "--output identity, but the file says softmax; leave out --output");
}

#[test]
fn plot_draws_both_formats() {
    let place = Place::new();
    place.train("--iterations 20 --no-save --plot plot.svg");
    let svg = fs::read_to_string(place.path("plot.svg")).unwrap();
    assert_holds(&svg, "<svg");
    for text in ["train acc", "test acc", "epochs", "accuracy", "loss", "iterations", "mean of 5"] {
        assert_holds(&svg, text);
    }
    assert_holds(
        &place.train_fails(1, "--no-save --plot plot.svg"),
        "plot.svg: already exists; choose another name, or add --overwrite",
    );
    place.train("--iterations 20 --no-save --plot plot.svg --overwrite");
    place.train("--iterations 20 --no-save --plot plot.PNG");
    let png = fs::read(place.path("plot.PNG")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn the_plot_may_go_into_the_folder_of_the_run() {
    let place = Place::new();
    place.train("--iterations 5 --out run --plot run/accuracy.svg");
    assert!(place.path("run/accuracy.svg").is_file());
}

#[test]
fn the_library_s_classifier_ends_at_the_same_weights() {
    let place = Place::new();
    place.train("--epochs 5 --out run");
    let settings = Settings { device: Choice::Cpu, batch_size: 10, epochs: 5, ..Settings::book() };
    let classifier = Classifier::train(&set(TRAIN_IMAGES), &settings).unwrap();
    assert_eq!(*classifier.params(), place.model("run").params);
    place.train("--epochs 5 --optimizer adam --lr-schedule cosine --warmup 6 --out adam");
    let schedule = Schedule { decay: Decay::Cosine, warmup: 6 };
    let settings = Settings { optimizer: Rule::Adam.into(), learning_rate: 0.001, schedule, ..settings };
    let classifier = Classifier::train(&set(TRAIN_IMAGES), &settings).unwrap();
    assert_eq!(*classifier.params(), place.model("adam").params);
}
