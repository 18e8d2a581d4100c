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
    // Stored transposed, as EMNIST's.
    let turned = set.clone().transposed();
    for (name, flag) in [("turned-idx3", "--transpose"), ("emnist-digits-test-images-idx3-ubyte", "")] {
        idx::write_images(&turned, fs::File::create(place.path(name)).unwrap()).unwrap();
        let answers = place.json(&format!("predict net.safetensors {name} --device cpu {flag}"));
        assert_eq!(classes(&answers), plain, "{name}");
    }
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

/// A table: a heading, and a line for each digit.
fn table(digits: &[GrayImage], line: impl Fn(usize, String) -> String) -> String {
    let lines = digits.iter().enumerate().map(|(n, digit)| {
        let pixels: Vec<String> = digit.as_raw().iter().map(u8::to_string).collect();
        line(n, pixels.join(",")) + "\n"
    });
    lines.collect()
}

#[test]
fn a_table_is_answered_line_by_line() {
    let (place, digits, labels) = trained();
    let pixels: Vec<u8> = digits.iter().flat_map(|digit| digit.as_raw().clone()).collect();
    let set = Dataset::new(pixels, labels.clone(), 28, 28).unwrap();
    idx::write_images(&set, fs::File::create(place.path("images-idx3")).unwrap()).unwrap();
    let predict = |line: &str| place.json(&format!("predict net.safetensors {line} --device cpu"));
    let expected = classes(&predict("images-idx3"));

    // As Kaggle's Digit Recognizer has them: test.csv without labels, train.csv with labels first.
    let heading: Vec<String> = (0..784).map(|n| format!("pixel{n}")).collect();
    let heading = heading.join(",");
    fs::write(place.path("test.csv"), format!("{heading}\n{}", table(&digits, |_, pixels| pixels))).unwrap();
    let labelled = table(&digits, |n, pixels| format!("{},{pixels}", labels[n]));
    fs::write(place.path("train.csv"), format!("label,{heading}\n{labelled}")).unwrap();
    let answers = predict("test.csv");
    assert_eq!(classes(&answers), expected);
    assert_eq!(answers["predictions"][7]["image"], "test.csv#7");
    assert!(answers["predictions"][7].get("label").is_none());
    let kaggle = place.ok("predict net.safetensors test.csv --device cpu --format kaggle").stdout;
    let lines: Vec<String> = expected.iter().enumerate().map(|(n, class)| format!("{},{class}", n + 1)).collect();
    assert_eq!(kaggle, format!("ImageId,Label\n{}\n", lines.join("\n")));

    // Labels are no pixels; they are beside the answers.
    let answers = predict("train.csv");
    assert_eq!(classes(&answers), expected);
    let found: Vec<u64> =
        answers["predictions"].as_array().unwrap().iter().map(|row| row["label"].as_u64().unwrap()).collect();
    assert_eq!(found, labels.iter().copied().map(u64::from).collect::<Vec<_>>());
    let said = place.ok("predict net.safetensors train.csv --device cpu");
    let right = expected.iter().zip(&found).filter(|(class, label)| class == label).count();
    let accuracy = format!("accuracy {:.4}, {COUNT} images with a label\n", right as f64 / COUNT as f64);
    assert!(said.stdout.ends_with(&accuracy), "{}", said.stdout);
    assert_holds(&said.stderr, "train.csv: 60 lines read, a comma between the fields; the label is column 1 (label)");
    let csv = place.ok("predict net.safetensors train.csv --device cpu --format csv --quiet");
    assert!(csv.stdout.starts_with("image,class,name,probability,error,label\n") && csv.stderr.is_empty());

    // From stdin, without a heading, with the label last; and a file whose name says nothing.
    let last = table(&digits, |n, pixels| format!("{pixels},{}", labels[n]));
    fs::write(place.path("digits"), &last).unwrap();
    assert_eq!(classes(&predict("digits")), expected);
    let mut command = place.command("predict net.safetensors - --device cpu --json");
    let output = command.stdin(Stdio::from(fs::File::open(place.path("digits")).unwrap())).output().unwrap();
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(classes(&answers), expected);
    assert_eq!(
        (&answers["predictions"][1]["image"], &answers["predictions"][1]["label"]),
        (&"-#1".into(), &labels[1].into())
    );
}

#[test]
fn a_line_that_is_no_image_is_an_error_and_the_others_are_answered() {
    let (place, digits, _) = trained();
    let bad = table(&digits[..5], |n, pixels| match n {
        1 => "1,2,3".to_owned(),
        2 => pixels.replacen('0', "nan", 1),
        3 => pixels.replacen('0', "256", 1),
        _ => pixels,
    });
    fs::write(place.path("bad.csv"), bad).unwrap();
    fs::write(place.path("narrow.csv"), "1,2,3\n4,5,6\n").unwrap();
    let said = place.run("predict net.safetensors bad.csv narrow.csv --device cpu --json");
    assert_eq!(said.code, Some(1));
    assert_holds(&said.stderr, "pictures without an answer: 4 of 6");
    let answers: Value = serde_json::from_str(&said.stdout).unwrap();
    let expected = [
        ("bad.csv#0", ""),
        ("bad.csv#1", "line 2 has 3 fields where the lines before have 784"),
        ("bad.csv#2", "line 3, column 1: \"nan\" is no number"),
        ("bad.csv#3", "line 4, column 1: a pixel of 256, where 255 is white; give the value of white by --max"),
        ("bad.csv#4", ""),
        ("narrow.csv", "line 1 has 3 fields for a network of images with 784 pixels"),
    ];
    let answers = answers["predictions"].as_array().unwrap();
    assert_eq!(answers.len(), expected.len());
    for (answer, (name, error)) in answers.iter().zip(expected) {
        assert_eq!((answer["image"].as_str(), answer["class"].is_u64()), (Some(name), error.is_empty()), "{answer}");
        assert_holds(answer["error"].as_str().unwrap_or_default(), error);
    }
    // The value of white may be given.
    let dark = table(&digits[..3], |_, pixels| {
        pixels.split(',').map(|pixel| (pixel.parse::<u32>().unwrap() / 16).to_string()).collect::<Vec<_>>().join(",")
    });
    fs::write(place.path("dark.csv"), dark).unwrap();
    let said = place.ok("predict net.safetensors dark.csv --device cpu");
    assert_holds(&said.stderr, "note: dark.csv: the largest pixel is 15 of 255, so all images are dark");
    let said = place.ok("predict net.safetensors dark.csv --device cpu --max 15");
    assert!(!said.stderr.contains("note: "), "{}", said.stderr);
}

#[test]
fn a_table_is_prepared_as_the_network_s_own_set_was() {
    let place = Place::new();
    // Dark ink on bright paper, with the labels first; the table to predict has none.
    let images = set(TRAIN_IMAGES);
    let line = |n: usize, max: u32| -> Vec<String> {
        images.image(n).unwrap().iter().map(|&pixel| (max - u32::from(pixel) * max / 255).to_string()).collect()
    };
    let lines = |begin: &dyn Fn(usize) -> String| -> String {
        (0..TRAIN_IMAGES).map(|n| begin(n) + &line(n, 15).join(",") + "\n").collect()
    };
    let labelled = lines(&|n| format!("class {},", images.labels()[n]));
    fs::write(place.path("own.csv"), &labelled).unwrap();
    place.ok("data import own.csv own --max 15 --invert");
    place.ok("--device cpu --data own --batch-size 10 --epochs 20 --learning-rate 0.5 --out run");
    fs::write(place.path("new.csv"), lines(&|_| String::new())).unwrap();
    let answers = place.json("predict run new.csv --device cpu");
    let right =
        classes(&answers).iter().zip(images.labels()).filter(|(class, label)| **class == u64::from(**label)).count();
    assert!(right >= TRAIN_IMAGES * 9 / 10, "{right}");
    assert_eq!(answers["predictions"][0]["name"], format!("class {}", images.labels()[0]));
    // The names in a table are the classes.
    let text = place.ok("predict run own.csv --device cpu").stdout;
    assert!(text.ends_with(&format!("accuracy {:.4}, 60 images with a label\n", right as f64 / 60.0)), "{text}");
}

#[test]
fn a_photograph_is_turned_upright_and_a_huge_one_is_refused() {
    let (place, digits, _) = trained();
    let upright = on_paper(&digits[0], 140, [20, 60]);
    upright.save(place.path("upright.png")).unwrap();
    // Exif's orientation 6: the camera was turned, so rows are columns.
    let turned = imageops::rotate270(&upright);
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    for name in ["turned.jpg", "marked.jpg"] {
        let mut encoder =
            image::codecs::jpeg::JpegEncoder::new_with_quality(fs::File::create(place.path(name)).unwrap(), 95);
        if name == "marked.jpg" {
            image::ImageEncoder::set_exif_metadata(&mut encoder, std::mem::take(&mut exif)).unwrap();
        }
        encoder.encode_image(&turned).unwrap();
    }
    let text = place.ok("predict net.safetensors upright.png marked.jpg turned.jpg --device cpu --show --quiet").stdout;
    let [upright, marked, turned] =
        &text.split_inclusive(".jpg: ").flat_map(|part| part.split_inclusive(".png: ")).collect::<Vec<_>>()[..3]
    else {
        panic!("{text}")
    };
    let ink = |text: &str, row: usize| {
        text.lines().filter(|line| line.contains('@') || line.contains('#')).nth(row).map(str::to_owned)
    };
    assert_eq!(ink(upright, 5), ink(marked, 5), "{text}");
    assert_ne!(ink(upright, 5), ink(turned, 5), "{text}");

    // A header alone that says 30,000 x 30,000.
    fs::write(place.path("huge.pgm"), "P5 30000 30000 255\n").unwrap();
    fs::write(place.path("long.pgm"), [b"P5 40000 1 255\n".to_vec(), vec![9; 40_000]].concat()).unwrap();
    let said = place.run("predict net.safetensors huge.pgm upright.png long.pgm --device cpu --format csv");
    assert_eq!(said.code, Some(1));
    assert_holds(
        &said.stdout,
        "huge.pgm,,,,30000 x 30000 pixels (rows x columns); give a picture of 1 to 67108864 pixels",
    );
    assert_holds(&said.stdout, "long.pgm,,,,1 x 40000 pixels (rows x columns); give 1 to 30000 rows and columns");
}

#[cfg(target_os = "linux")]
#[test]
fn odd_files_are_answered_or_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let (place, digits, _) = trained();
    // A name that is no UTF-8, a folder that is called as a picture, and a pipe.
    digits[0].save(place.path("one.png")).unwrap();
    fs::create_dir(place.path("folder.png")).unwrap();
    fs::rename(place.path("one.png"), place.path("folder.png").join(OsStr::from_bytes(b"\xff.png"))).unwrap();
    let answers = place.json("predict net.safetensors folder.png --device cpu");
    assert_eq!(answers["predictions"][0]["image"], "folder.png/\u{fffd}.png");
    assert!(answers["predictions"][0]["class"].is_u64());
    assert!(std::process::Command::new("mkfifo").arg(place.path("pipe")).status().unwrap().success());
    let command = place.command("predict net.safetensors pipe --device cpu --json").stdout(Stdio::piped()).spawn();
    let picture = fs::read(place.path("folder.png").join(OsStr::from_bytes(b"\xff.png"))).unwrap();
    let pipe = place.path("pipe");
    // Writing waits for a reader.
    std::thread::spawn(move || fs::write(pipe, picture));
    let output = command.unwrap().wait_with_output().unwrap();
    fs::remove_file(place.path("pipe")).unwrap();
    let through: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(through["predictions"][0]["class"], answers["predictions"][0]["class"]);
    assert!(place.fails(2, "predict net.safetensors - folder.png -").contains("stdin can be read once"));
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
