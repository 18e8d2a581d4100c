//! `twolayer eval`: evaluates a saved network on its run's data or on other data.

use std::fs;

use safetensors::tensor::Dtype;
use serde_json::Value;
use twolayer::net::Activation;
use twolayer::{Classifier, model};

use crate::place::*;

#[test]
fn gives_the_results_that_training_ended_with() {
    let place = Place::new();
    let run = place.json("--device cpu --data data --iterations 40 --out run");
    let last = &run["final"];

    let test = place.json("eval run --device cpu");
    assert_eq!(keys(&test), ["accuracy", "classes", "confusion", "images", "loss", "split"]);
    assert_eq!((&test["split"], &test["images"]), (&"test".into(), &TEST_IMAGES.into()));
    assert_eq!((&test["accuracy"], &test["loss"]), (&last["test_accuracy"], &last["test_loss"]));
    let rows = test["confusion"].as_array().unwrap();
    let count = |row: &Value| -> u64 { row.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum() };
    // Each label has a third of the images.
    assert_eq!(rows.iter().map(count).collect::<Vec<_>>(), [10; CLASSES]);
    let right: u64 = (0..CLASSES).map(|class| rows[class][class].as_u64().unwrap()).sum();
    assert_close(float(&test["accuracy"]), right as f64 / TEST_IMAGES as f64);

    for (class, row) in test["classes"].as_array().unwrap().iter().enumerate() {
        assert_eq!((&row["class"], &row["name"], &row["images"]), (&class.into(), &Value::Null, &10.into()));
        let right = rows[class][class].as_u64().unwrap() as f64;
        let predicted: u64 = rows.iter().map(|row| row[class].as_u64().unwrap()).sum();
        assert_close(float(&row["recall"]), right / 10.0);
        match predicted {
            0 => assert_eq!(row["precision"], Value::Null),
            _ => assert_close(float(&row["precision"]), right / predicted as f64),
        }
        assert_close(float(&row["f1"]), 2.0 * right / (10 + predicted) as f64);
    }

    let train = place.json("eval run --device cpu --split train");
    assert_eq!((&train["split"], &train["images"]), (&"train".into(), &TRAIN_IMAGES.into()));
    assert_eq!(train["accuracy"], last["train_accuracy"]);
}

#[test]
fn the_model_file_in_a_run_belongs_to_the_run() {
    let place = Place::new();
    place.train("--iterations 40 --transpose --out run");
    let of_run = place.json("eval run --device cpu");
    assert_eq!(place.json("eval run/model.safetensors --device cpu"), of_run);
    assert_eq!(place.json("gradcheck run/model.safetensors --device cpu")["passed"], true);
    let inside = place.command("eval model.safetensors --device cpu --json").current_dir(place.path("run")).output();
    assert_eq!(serde_json::from_slice::<Value>(&inside.unwrap().stdout).unwrap(), of_run);
    // A file with another name or in another folder does not belong to the run.
    fs::copy(place.path("run/model.safetensors"), place.path("run/other.safetensors")).unwrap();
    fs::create_dir(place.path("elsewhere")).unwrap();
    fs::copy(place.path("run/model.safetensors"), place.path("elsewhere/model.safetensors")).unwrap();
    for file in ["run/other.safetensors", "elsewhere/model.safetensors"] {
        let line = place.fails(2, &format!("eval {file} --device cpu --offline"));
        assert_holds(&line, &format!("{file} is 36-50-3, but the data has 784 pixels and 10 classes"));
    }
    // --data goes before the data of the run.
    let line = place.fails(2, "eval run/model.safetensors --device cpu --data synthetic");
    assert_holds(&line, "but the data has 784 pixels");
}

#[test]
fn prints_a_table() {
    let place = Place::new();
    place.train("--iterations 5 --out run");
    let said = place.ok("eval run --device cpu");
    assert_holds(&said.stdout, "label \\ predicted");
    assert!(said.stdout.ends_with("30 images\n"), "{}", said.stdout);
    assert_eq!(place.ok("eval run --device cpu --quiet").stderr, "");
}

#[test]
fn the_worst_answers_are_listed_and_drawn() {
    let place = Place::new();
    place.train("--iterations 5 --out run");
    let all = place.json("eval run --device cpu --worst 1000");
    let worst = all["worst"].as_array().unwrap();
    // They are all images that the library's classifier gets wrong, the most confident first; of equal ones the first.
    let mut classifier = Classifier::load(&place.path("run/model.safetensors")).unwrap();
    let test = set(TEST_IMAGES);
    let mut expected = Vec::new();
    for (index, &label) in test.labels().iter().enumerate() {
        let prediction = classifier.predict(test.image(index).unwrap()).unwrap();
        if prediction.class != usize::from(label) {
            expected.push((prediction.probabilities[prediction.class], index, label, prediction.class));
        }
    }
    expected.sort_by(|one, other| other.0.total_cmp(&one.0));
    assert!(expected.len() > 3 && worst.len() == expected.len());
    for (found, (probability, index, label, answer)) in worst.iter().zip(&expected) {
        assert_eq!(keys(found), ["answer", "index", "label", "probability"]);
        assert_eq!(
            (&found["index"], &found["label"], &found["answer"]),
            (&(*index).into(), &(*label).into(), &(*answer).into())
        );
        assert!((float(&found["probability"]) - f64::from(*probability)).abs() < 1e-6);
    }
    let three = place.json("eval run --device cpu --worst 3");
    assert_eq!(three["worst"].as_array().unwrap()[..], worst[..3]);
    // A set that is read from its file gives the same.
    assert_eq!(place.json("eval run --device cpu --worst 3 --max-memory 1K"), three);

    let said = place.ok("eval run --device cpu --worst 3 -o worst.png");
    assert_holds(&said.stdout, &format!("the 3 most confident of {} wrong answers\n", worst.len()));
    assert!(said.stdout.ends_with("3 images in worst.png\n"), "{}", said.stdout);
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 80), "{}", said.stdout);
    let all = format!("all {} wrong answers, the most confident first\n", worst.len());
    assert_holds(&place.ok("eval run --device cpu --worst 1000").stdout, &all);
    // The first image, 6 x 6 pixels of 18 x 18 each, and below it a caption.
    let picture = image::open(place.path("worst.png")).unwrap().to_luma8();
    let first = test.image(worst[0]["index"].as_u64().unwrap() as usize).unwrap();
    for (n, &pixel) in first.iter().enumerate() {
        let place = |n: usize| 8 + 18 * n as u32 + 9;
        assert_eq!(picture[(place(n % SIDE), place(n / SIDE))][0], pixel, "pixel {n}");
    }
    let caption = (8..158).flat_map(|x| (8 + 108 + 4..8 + 108 + 58).map(move |y| (x, y)));
    assert!(caption.filter(|&at| picture[at][0] > 200).count() > 50);

    assert_holds(&place.fails(1, "eval run --device cpu --worst 3 -o worst.png"), "worst.png: already exists");
    place.ok("eval run --device cpu --worst 2 -o worst.png --overwrite");
    // The error's first line does not name the flag.
    for flags in ["-o other.png", "--worst 3 --overwrite"] {
        let line = place.fails(2, &format!("eval run --device cpu {flags}"));
        assert_holds(&line, "required arguments were not provided");
    }
    assert_holds(&place.fails(2, "eval run --device cpu --worst 3 -o other.jpg"), "end its name in .png");
    assert_holds(&place.fails(2, "eval run --device cpu --worst 0"), "0");
}

#[test]
fn without_a_wrong_answer_there_is_no_picture() {
    let place = Place::new();
    place.train("--iterations 400 --learning-rate 0.5 --activation relu --weight-init he --out run");
    let said = place.ok("eval run --device cpu --split train --worst 5 -o worst.png");
    assert_holds(&said.stdout, "accuracy 1.0000");
    assert!(said.stdout.ends_with("no image is answered wrong\n"), "{}", said.stdout);
    assert_holds(&said.stderr, "note: no image is answered wrong, so worst.png is not written");
    assert!(!place.path("worst.png").exists());
}

#[test]
fn flags_set_the_functions_of_a_model_without_metadata() {
    let place = Place::new();
    place.train("--iterations 40 --activation relu --output identity --out run");
    let params = place.model("run").params;
    let named = params.tensors().map(|tensor| (tensor.name, tensor.dims.clone(), tensor.values.to_vec()));
    fs::write(place.path("bare.safetensors"), safetensors(Dtype::F32, &named)).unwrap();
    assert_eq!(model::load(&place.path("bare.safetensors")).unwrap().activation, None);

    let eval = |arguments: &str| place.json(&format!("eval {arguments} --device cpu --data data"));
    let right = eval("run");
    assert_eq!(eval("bare.safetensors --activation relu --output identity"), right);
    assert_ne!(eval("bare.safetensors"), right);
}

#[test]
fn a_model_or_data_that_does_not_fit_is_an_error() {
    let place = Place::new();
    assert_holds(&place.fails(1, "eval missing --device cpu --data data"), "missing: cannot be read");
    assert_holds(&place.fails(1, "eval data --device cpu"), "data/model.safetensors: cannot be read");
    assert_holds(&place.fails(2, "eval --device cpu"), "required arguments were not provided");
    place.train("--iterations 1 --out run");
    let line = place.fails(2, "eval run --device cpu --data synthetic");
    assert_holds(&line, "model.safetensors is 36-50-3, but the data has 784 pixels and 10 classes");
}

#[test]
fn the_library_s_classifier_gives_the_same_results() {
    let place = Place::new();
    for activation in Activation::ALL {
        place.train(&format!("--activation {activation} --learning-rate 0.5 --iterations 40 --out {activation}"));
        let eval = place.json(&format!("eval {activation} --device cpu"));
        let mut classifier = Classifier::load(&place.path(format!("{activation}/model.safetensors"))).unwrap();
        assert_eq!(classifier.net().activation, activation);
        let test = set(TEST_IMAGES);
        let mut confusion = [[0_u64; CLASSES]; CLASSES];
        for (image, &label) in test.labels().iter().enumerate() {
            let prediction = classifier.predict(test.image(image).unwrap()).unwrap();
            confusion[usize::from(label)][prediction.class] += 1;
        }
        assert_eq!(eval["confusion"], serde_json::json!(confusion));
        assert_close(classifier.evaluate(&test).unwrap().loss, float(&eval["loss"]));
    }
}
