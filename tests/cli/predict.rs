//! `twolayer predict`.

use std::fs;
use std::process::Stdio;

use image::{GrayImage, Luma, RgbaImage, imageops};
use serde_json::Value;
use twolayer::data::{Dataset, digits, idx};

use crate::place::*;

/// Digits that a network trained on others answers, and the labels.
const COUNT: usize = 60;

/// A folder with a network of digits, and digits that it has not seen.
fn trained() -> (Place, Vec<GrayImage>, Vec<u8>) {
    let place = Place::new();
    let (images, labels) = digits::draw(6000, 1);
    let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE).unwrap();
    let settings = twolayer::classifier::Settings {
        device: twolayer::devices::Choice::Cpu,
        ..twolayer::classifier::Settings::default()
    };
    let classifier = twolayer::Classifier::train(&set, &settings).unwrap();
    classifier.save(&place.path("net.safetensors")).unwrap();
    let (images, labels) = digits::draw(COUNT, 2);
    let side = digits::SIDE as u32;
    let pictures = images.chunks(digits::SIDE * digits::SIDE).map(<[u8]>::to_vec);
    (place, pictures.map(|image| GrayImage::from_raw(side, side, image).unwrap()).collect(), labels)
}

/// Dark ink on bright paper, larger, with a margin of its own on each side.
fn on_paper(digit: &GrayImage, side: u32, [left, top]: [u32; 2]) -> GrayImage {
    let large = imageops::resize(digit, side, side, imageops::FilterType::Triangle);
    GrayImage::from_fn(side * 2, side * 2 + 20, |x, y| {
        let inside = x >= left && y >= top && x - left < side && y - top < side;
        let ink = if inside { large[(x - left, y - top)][0] } else { 0 };
        // The light falls from one side.
        let paper = 225 - (60 * x / (2 * side)) as u8;
        Luma([paper - (u32::from(ink) * u32::from(paper) * 3 / 4 / 255) as u8])
    })
}

fn classes(answers: &Value) -> Vec<u64> {
    let answers = answers["predictions"].as_array().unwrap();
    answers.iter().map(|answer| answer["class"].as_u64().unwrap()).collect()
}

#[test]
fn digits_are_recognised_in_any_file_and_on_any_paper() {
    let (place, digits, labels) = trained();
    // As the network's own images: in an IDX file, and as pictures of their size.
    let pixels: Vec<u8> = digits.iter().flat_map(|digit| digit.as_raw().clone()).collect();
    let set = Dataset::new(pixels, labels.clone(), 28, 28).unwrap();
    idx::write_images(&set, fs::File::create(place.path("images-idx3")).unwrap()).unwrap();
    let plain = place.json("predict net.safetensors images-idx3 --device cpu");
    let plain = classes(&plain);
    let right =
        |found: &[u64]| found.iter().zip(&labels).filter(|(found, label)| **found == u64::from(**label)).count();
    assert!(right(&plain) >= COUNT * 3 / 4, "{} of {COUNT}", right(&plain));

    // In a folder and its subfolders, in the order of their names.
    fs::create_dir_all(place.path("pictures/more")).unwrap();
    for (n, digit) in digits.iter().enumerate() {
        let side = 70 + 7 * n as u32;
        let picture = on_paper(digit, side, [n as u32, side / 2 + 3]);
        let (folder, ending) = if n < 30 { ("pictures/a", "png") } else { ("pictures/more/b", "jpg") };
        picture.save(place.path(format!("{folder}{n:02}.{ending}"))).unwrap();
    }
    fs::write(place.path("pictures/notes.txt"), "no picture").unwrap();
    // A link to a folder that contains it, and a file of an operating system.
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.path("pictures"), place.path("pictures/more/again")).unwrap();
    fs::write(place.path("pictures/._a00.png"), "no picture").unwrap();
    let answers = place.json("predict net.safetensors pictures --device cpu");
    assert_eq!(answers["predictions"].as_array().unwrap().len(), COUNT);
    assert_eq!(answers["predictions"][0]["image"], "pictures/a00.png");
    let drawn = classes(&answers);
    assert!(right(&drawn) + 4 >= right(&plain), "{} beside {} of {COUNT}", right(&drawn), right(&plain));
    let first = &answers["predictions"][0];
    let probabilities: Vec<f64> =
        first["probabilities"].as_array().unwrap().iter().map(|probability| probability.as_f64().unwrap()).collect();
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);
    assert_eq!(first["probability"], first["probabilities"][drawn[0] as usize]);
    assert_eq!(first["name"], Value::Null);

    // A drawing on nothing, from stdin; and what the network gets of it.
    let ink = |x, y| image::Rgba([20, 30, 90, digits[0][(x, y)][0]]);
    RgbaImage::from_fn(28, 28, ink).save(place.path("drawing.png")).unwrap();
    let mut command = place.command("predict net.safetensors - --device cpu --show --quiet");
    let output = command.stdin(Stdio::from(fs::File::open(place.path("drawing.png")).unwrap())).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (shown, answer) = text.split_once("-: ").unwrap();
    assert!(shown.lines().count() == 28 && shown.contains("@@"), "{text}");
    assert!(answer.lines().next().is_some_and(|class| class.as_bytes()[0].is_ascii_digit()), "{text}");
}

#[test]
fn answers_are_for_programs_too() {
    let (place, digits, _) = trained();
    digits[0].save(place.path("one.png")).unwrap();
    GrayImage::from_pixel(90, 50, Luma([200])).save(place.path("blank.png")).unwrap();
    fs::write(place.path("text.png"), "no picture").unwrap();
    fs::write(place.path("empty.gif"), "").unwrap();

    // Those that cannot be read do not keep the others from being answered.
    let said =
        place.run("predict net.safetensors one.png blank.png text.png empty.gif missing.png --device cpu --json");
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("pictures without an answer: 4 of 5"), "{}", said.stderr);
    let answers: Value = serde_json::from_str(&said.stdout).unwrap();
    let answers = answers["predictions"].as_array().unwrap();
    assert!(answers[0]["class"].is_u64() && answers[0].get("error").is_none());
    for (answer, error) in
        answers[1..].iter().zip(["nothing is drawn on it", "not a picture", "an empty file", "No such file"])
    {
        let found = answer["error"].as_str().unwrap();
        assert!(cfg!(windows) || found.contains(error) || error == "not a picture", "{found}");
        assert!(answer.get("class").is_none());
    }

    let class = answers[0]["class"].as_u64().unwrap();
    let csv = place.ok("predict net.safetensors one.png --device cpu --format csv").stdout;
    assert!(csv.starts_with(&format!("image,class,name,probability,error\none.png,{class},,")), "{csv}");
    let kaggle = place.ok("predict net.safetensors one.png one.png --device cpu --format kaggle").stdout;
    assert_eq!(kaggle, format!("ImageId,Label\n1,{class}\n2,{class}\n"));
    let unsure = place.json("predict net.safetensors one.png --device cpu --at-least 1");
    assert_eq!(unsure["predictions"][0]["class"], Value::Null);
    let text = place.ok("predict net.safetensors one.png --device cpu --at-least 1").stdout;
    assert!(text.starts_with("one.png: none 0."), "{text}");
}

#[test]
fn wrong_arguments_are_errors() {
    let (place, digits, _) = trained();
    fs::create_dir(place.path("none")).unwrap();
    imageops::resize(&digits[0], 20, 30, imageops::FilterType::Nearest).save(place.path("small.png")).unwrap();
    assert!(place.fails(2, "predict net.safetensors").contains("required"));
    assert!(place.fails(2, "predict net.safetensors small.png --at-least 2").contains("give a number from 0 to 1"));
    assert!(
        place.fails(2, "predict net.safetensors small.png --json --format csv").contains("--json and another --format")
    );
    assert!(place.fails(1, "predict net.safetensors none").contains("none: no picture in this folder"));
    assert!(place.fails(1, "predict missing.safetensors small.png").contains("missing.safetensors: cannot be read"));
    let said = place.run("predict net.safetensors small.png --raw --device cpu");
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("30 x 20 pixels for a network of images with 784"), "{}", said.stdout);
}
