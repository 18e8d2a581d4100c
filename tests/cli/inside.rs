//! `twolayer show` and `twolayer explain`: what is inside a trained network.

use std::fs;
use std::process::Stdio;

use image::GrayImage;
use serde_json::Value;

use crate::place::*;

/// The folder of a small run.
fn trained(flags: &str) -> Place {
    let place = Place::new();
    place.train(&format!("--hidden 7 --iterations 60 --learning-rate 0.5 --out run {flags}"));
    place
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(float).collect()
}

#[test]
fn show_says_what_a_network_is() {
    let place = trained("");
    let text = place.ok("show run").stdout;
    assert!(
        text.starts_with("run/model.safetensors\nnetwork: 36-7-3, sigmoid and softmax, 283 parameters\n"),
        "{text}"
    );
    assert_holds(&text, "W1  [36, 7]");
    assert_eq!(place.ok("show run/model.safetensors").stdout, text);
    let json = place.json("show run");
    assert_eq!(
        (&json["hidden"], &json["activation"], &json["parameters"]),
        (&7.into(), &"sigmoid".into(), &283.into())
    );
    let w2 = place.model("run").params.w2;
    let largest = w2.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    assert_close(float(&json["tensors"][2]["max"]), f64::from(largest));
}

#[test]
fn show_draws_the_hidden_units() {
    let place = trained("");
    let said = place.ok("show run --weights -o all.png");
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("7 units in all.png\n", ""));
    let all = image::open(place.path("all.png")).unwrap().to_rgb8();
    assert_eq!(place.ok("show run --weights -o two.PNG --units 6,0").stdout, "2 units of 7 in two.PNG\n");
    assert!(image::open(place.path("two.PNG")).unwrap().width() < all.width());
    // Unit 0's weights are a part of both, in the same colours.
    assert_holds(&place.fails(1, "show run --weights -o all.png"), "all.png: already exists");
    place.ok("show run --weights -o all.png --units 3 --overwrite");
    place.ok("show run --weights -o tall.png --columns 3");
}

#[test]
fn wrong_arguments_of_show_are_errors() {
    let place = trained("");
    for (code, arguments, says) in [
        (2, "run --weights", "required"),
        (2, "run -o w.png", "required"),
        (2, "run --weights -o w.svg", "w.svg: the picture is a .png file"),
        (2, "run --weights -o w.png --json", "cannot be used with"),
        (2, "run --weights -o w.png --units 0-7", "--units 0-7: give units from 0 to 6"),
        (2, "run --weights -o w.png --columns 5", "5 columns do not divide an image of 36 pixels"),
        (1, "run --weights -o nowhere/w.png", "nowhere/w.png: the plot cannot be written"),
        (1, "nowhere", "nowhere: cannot be read"),
        (2, "run --activation relu", "the file says sigmoid"),
    ] {
        assert_holds(&place.fails(code, &format!("show {arguments}")), says);
    }
}

#[test]
fn explain_shows_an_image_of_the_data_with_its_label() {
    let place = trained("");
    let text = place.ok("explain run --index 4 --device cpu --quiet --units 3").stdout;
    for part in [
        "test image 4: 36 pixels, ",
        "a1 = x W1 + b1",
        "z1 = sigmoid(a1)",
        "the 3 of 7 units that tell the classes apart most",
        "4 more ",
        "y = softmax(a2)",
        // 7 * 4 % 3.
        "label 1: t[1] = 1, all other t = 0, and N = 1",
        "L = -log(y[1] + 1e-7) = ",
        "dy = (y - t) / N",
        "da1 = dz1 z1 (1 - z1)",
        "dW1[i,j] = x[i] da1[j]",
    ] {
        assert_holds(&text, part);
    }
    // Another label has another loss, and without a label there is no loss.
    assert_holds(&place.ok("explain run --index 4 --label 2 --device cpu --quiet").stdout, "L = -log(y[2] + 1e-7) = ");
    let of_training = place.ok("explain run --index 59 --split train --device cpu --quiet").stdout;
    assert_holds(&of_training, "training image 59: ");
}

#[test]
fn explain_s_json_adds_up() {
    let place = trained("");
    let json = place.json("explain run --index 4 --device cpu");
    let params = place.model("run").params;
    let forward = &json["forward"];
    let (z1, a2, y) = (numbers(&forward["z1"]), numbers(&forward["a2"]), numbers(&forward["y"]));
    let contributions: Vec<Vec<f64>> = forward["contributions"].as_array().unwrap().iter().map(numbers).collect();
    assert_eq!((contributions.len(), contributions[0].len()), (7, 3));
    for class in 0..3 {
        let sum: f64 = contributions.iter().map(|row| row[class]).sum();
        assert!((sum + f64::from(params.b2[class]) - a2[class]).abs() < 1e-12);
        for unit in 0..7 {
            let expected = z1[unit] * f64::from(params.w2[3 * unit + class]);
            assert!((contributions[unit][class] - expected).abs() < 1e-12, "{unit}, {class}");
        }
    }
    let backward = &json["backward"];
    assert!((float(&backward["loss"]) + (y[1] + 1e-7).ln()).abs() < 1e-12);
    let dy = numbers(&backward["dy"]);
    assert!((dy[1] - (y[1] - 1.0)).abs() < 1e-12 && (dy[2] - y[2]).abs() < 1e-12);
    assert!(backward["dW1"].is_null() && json["on_device"]["dW1"].is_null());
    for difference in json["differences"].as_array().unwrap() {
        assert!(float(&difference["difference"]).abs() < 1e-5, "{difference}");
    }

    let full = place.json("explain run --index 4 --device cpu --full");
    let x: Vec<f64> = numbers(&full["pixels"]).iter().map(|byte| byte / 255.0).collect();
    let da1 = numbers(&full["backward"]["da1"]);
    let dw1: Vec<Vec<f64>> = full["backward"]["dW1"].as_array().unwrap().iter().map(numbers).collect();
    assert_eq!((dw1.len(), dw1[0].len()), (36, 7));
    assert!((dw1[20][5] - x[20] * da1[5]).abs() < 1e-12 && x[20] > 0.0);
    assert_eq!(full["on_device"]["dW1"].as_array().unwrap().len(), 36);
}

#[test]
fn explain_reads_a_picture_as_predict_does() {
    let place = trained("");
    GrayImage::from_raw(6, 6, set(5).image(4).unwrap().to_vec()).unwrap().save(place.path("one.png")).unwrap();
    let said = place.json("predict run one.png --device cpu --raw");
    let json = place.json("explain run one.png --device cpu --raw");
    assert_eq!(json["image"], "one.png");
    assert_eq!(json["class"], said["predictions"][0]["class"]);
    assert!(json["backward"].is_null());
    for (y, probability) in numbers(&json["forward"]["y"]).iter().zip(numbers(&said["predictions"][0]["probabilities"]))
    {
        assert!((y - probability).abs() < 1e-6);
    }
    let of_data = place.json("explain run --index 4 --device cpu");
    assert_eq!(of_data["forward"], json["forward"], "the same pixels");
    let mut command = place.command("explain run - --device cpu --raw --quiet --label 1");
    let output = command.stdin(Stdio::from(fs::File::open(place.path("one.png")).unwrap())).output().unwrap();
    assert_holds(&String::from_utf8(output.stdout).unwrap(), "label 1: t[1] = 1");
}

#[test]
fn other_functions_have_their_formulas() {
    let place = trained("--activation relu --output identity --weight-init he");
    let text = place.ok("explain run --index 0 --device cpu --quiet").stdout;
    for part in ["z1 = relu(a1)", "y = a2\n", "L = 1/2 sum (y - t)^2 = ", "da1 = dz1 where a1 > 0, else 0"] {
        assert_holds(&text.replace("y = a2 ", "y = a2\n"), part);
    }
    assert!(!text.contains("log("), "{text}");
}

#[test]
fn wrong_arguments_of_explain_are_errors() {
    let place = trained("");
    fs::write(place.path("text.png"), "no picture").unwrap();
    GrayImage::new(5, 4).save(place.path("small.png")).unwrap();
    for (code, arguments, says) in [
        (2, "run", "required"),
        (2, "run small.png --index 1", "cannot be used with"),
        (2, "run small.png --data data", "cannot be used with"),
        (2, "run small.png --split test", "cannot be used with"),
        (2, "run --index 30", "--index 30: there are 30 test images; give 0 to 29"),
        (2, "run --index 1 --label 3", "--label 3 is no class of this network; give 0 to 2"),
        (2, "run --index 1 --label cat", "--label cat is no class"),
        (2, "run --index 1 --units 0", "'0'"),
        (2, "run --index 1 --full", "required"),
        (2, "run --index 1 --data synthetic", "is 36-7-3, but the data has 784 pixels"),
        (1, "run text.png", "text.png: no picture"),
        (1, "run missing.png", "missing.png: "),
        (1, "run small.png --raw", "small.png: 4 x 5 pixels for a network of images with 36"),
        (1, "missing small.png", "missing: cannot be read"),
    ] {
        assert_holds(&place.fails(code, &format!("explain {arguments} --device cpu --quiet")), says);
    }
}
