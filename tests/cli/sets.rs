//! `twolayer data`: info, generate, show and fetch.

use std::fs;

use assert_cmd::Command;
use flate2::{Compression, write::GzEncoder};
use twolayer::data::Dataset;
use twolayer::data::digits::{self, PIXELS as DIGIT};
use twolayer::data::import::picture;
use twolayer::data::{Splits, load_dir, save_dir};

use crate::place::*;

#[test]
fn info_describes_a_set() {
    let place = Place::new();
    let text = place.ok("data info --data data").stdout;
    for part in ["6x6 pixels, 3 classes", "SHA-256", "the first training image, of class 0"] {
        assert_holds(&text, part);
    }
    let json = place.json("data info --data data");
    assert_eq!(keys(&json), ["classes", "cols", "rows", "source", "test", "train"]);
    assert_eq!(json["train"]["counts"], serde_json::json!([20, 20, 20]));
    assert_eq!((&json["test"]["images"], &json["classes"]), (&30.into(), &3.into()));
    let content = fs::read(place.path("data").join(TRAIN_LABELS_FILE)).unwrap();
    assert_eq!(json["train"]["labels_sha256"], twolayer::data::download::sha256(&content));
    // A set with an unused class, and images of another shape.
    fs::remove_dir_all(place.path("data")).unwrap();
    let few = Dataset::new(vec![0, 9, 0, 0, 0, 0], vec![0, 2], 3, 1).unwrap();
    save_dir(&place.path("data"), &Splits::new(few.clone(), few).unwrap()).unwrap();
    let json = place.json("data info --data data");
    assert_eq!((&json["rows"], &json["cols"]), (&3.into(), &1.into()));
    assert_eq!(json["train"]["counts"], serde_json::json!([1, 0, 1]));
    assert_close(float(&json["train"]["density"]), 1.0 / 6.0);
    assert_holds(&place.train("--no-save --iterations 3").stdout, "train acc");
}

#[test]
fn generate_draws_a_set_that_can_be_trained_on() {
    let place = Place::new();
    let said = place.ok("data generate drawn --count 50");
    assert_eq!(said.stdout, "50 digits to train and 9 to test in drawn\n");
    let splits = load_dir(&place.path("drawn")).unwrap();
    // The default seed gives the images of the built-in set.
    assert_eq!(splits.train.images(), digits::draw(50, 1).0);
    assert_eq!(splits.test.images(), digits::draw(9, 2).0);
    place.ok("--device cpu --data drawn --iterations 2 --no-save");

    place.ok("data generate again --count 50 --quiet");
    place.ok("data generate other --count 50 --test-count 3 --seed 1");
    let [again, other] = ["again", "other"].map(|name| load_dir(&place.path(name)).unwrap());
    assert_eq!(again, splits);
    assert_ne!(other.train, splits.train);
    assert_eq!(other.test.len(), 3);

    // Small sets still have all digits.
    place.ok("data generate small --count 20 --test-count 1 --seed 3");
    let small = load_dir(&place.path("small")).unwrap();
    assert!((0..10).all(|digit| small.train.labels().contains(&digit)));
    place.ok("data generate least --count 1 --test-count 1");
    assert_eq!(load_dir(&place.path("least")).unwrap().classes, 10);
    place.ok("--device cpu --data least --iterations 2 --no-save");

    assert_holds(&place.fails(1, "data generate drawn --count 3"), "add --overwrite");
    place.ok("data generate drawn --count 30 --overwrite");
    let fewer = load_dir(&place.path("drawn")).unwrap().train;
    assert_eq!(fewer.images(), &splits.train.images()[..30 * DIGIT]);
    place.fails(2, "data generate drawn --count 0");
    place.fails(2, "data generate");
    assert_holds(&place.fails(1, &format!("data generate data/{TRAIN_IMAGES_FILE}")), "is a file, not a folder");
}

#[test]
fn show_draws_a_class_a_row() {
    let place = Place::new();
    let said = place.ok("data show --data data --split test --count 6 -o sheet.png");
    assert_eq!(said.stdout, "6 images in sheet.png\n");
    let sheet = picture::read(&fs::read(place.path("sheet.png")).unwrap()).unwrap();
    // Three rows of two images, at twice the size, with gaps around them.
    assert_eq!((sheet.rows, sheet.cols), (2 * (3 * (SIDE + 2) + 2), 2 * (2 * (SIDE + 2) + 2)));
    assert_holds(&place.fails(1, "data show --data data -o sheet.png"), "sheet.png: already exists");
    place.ok("data show --data data -o sheet.png --overwrite");
    assert_holds(&place.fails(2, "data show --data data -o sheet.svg"), "end its name in .png");
    assert_holds(&place.fails(1, "data show --data data -o nowhere/sheet.png"), "nowhere");
    place.fails(2, "data show --data data");
    place.fails(2, "data show --data data -o sheet.png --count 0");
}

#[test]
fn a_public_set_is_never_replaced_by_other_data() {
    let place = Place::new();
    for set in ["mnist", "fashion-mnist", "kmnist"] {
        let told = place.fails(1, &format!("data fetch {set} --mirror {DEAD_MIRROR}"));
        assert_holds(&told, &format!("{set}: it cannot be downloaded"));
        assert_holds(&told, DEAD_MIRROR);
        let told = place.fails(1, &format!("--device cpu --data {set} --offline"));
        assert_holds(&told, &format!("{set}: "));
        assert_holds(&told, "holds no valid train-images-idx3-ubyte.gz");
    }
    place.fails(2, "data fetch emnist");
    assert_holds(
        &place.fails(1, "data info --data emnist"),
        "no set of that name; give auto, mnist, fashion-mnist, kmnist",
    );
}

#[test]
fn a_folder_goes_before_the_set_of_its_name() {
    let place = Place { environment: vec![("MNIST_DIR", "data".to_owned())], ..Place::new() };
    for word in ["mnist", "MNIST", "Mnist"] {
        assert_holds(&place.ok(&format!("data info --data {word}")).stdout, "mnist: 6x6");
    }
    assert_holds(&place.ok("data fetch MNIST").stdout, "mnist: 60 images to train and 30 to test");
    assert_holds(&place.fails(1, "data info --data KMNIST --offline"), "kmnist: ");
    place.ok("data generate mnist --count 20");
    let said = place.ok("--device cpu --data mnist --iterations 1 --no-save");
    assert_holds(&said.stderr, "data: mnist, 20 images");
    let note = "note: --data mnist is the folder ./mnist, not the set of that name; for the set give MNIST\n";
    // Only on systems where file names are case-sensitive.
    if !place.path("MNIST").exists() {
        assert_holds(&said.stderr, note);
        assert_holds(&place.ok("data info --data MNIST").stdout, "mnist: 6x6");
    }
    assert_eq!(place.ok("--device cpu --data ./mnist --iterations 1 --no-save --quiet").stderr, "");
}

#[test]
fn a_set_larger_than_max_memory_is_read_during_use() {
    let place = Place::new();
    let flags = "--iterations 50 --seed 3";
    place.train(&format!("{flags} --out resident"));
    let said = place.train(&format!("{flags} --out streamed --max-memory 2K"));
    assert_holds(&said.stderr, "the training images do not fit --max-memory; they are read during use");
    assert!(!said.stderr.contains("the test images do not fit"), "{}", said.stderr);
    assert!(place.result("streamed") == place.result("resident"), "the images are the same");
    let said = place.train(&format!("{flags} --out both --max-memory 0"));
    assert_holds(&said.stderr, "the test images do not fit --max-memory");
    assert!(place.result("both") == place.result("resident"), "the images are the same");

    for line in ["eval both --device cpu --json", "gradcheck both --device cpu --json", "data info --data data --json"]
    {
        let read = place.ok(&format!("{line} --max-memory 0")).stdout;
        assert_eq!(read, place.ok(line).stdout, "{line}");
    }
    place.ok("data show --data data -o streamed.png --max-memory 0");
    place.ok("data show --data data -o resident.png");
    assert!(fs::read(place.path("streamed.png")).unwrap() == fs::read(place.path("resident.png")).unwrap());

    for flag in ["1T", "-1", "", "1.5G", "99999999999G"] {
        let mut command = place.command("--device cpu --data data --max-memory");
        let output = Command::from_std({
            command.arg(flag);
            command
        })
        .output()
        .unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag}");
    }
    let path = place.path("data").join(TRAIN_IMAGES_FILE);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, &fs::read(&path).unwrap()).unwrap();
    fs::write(path.with_extension("gz"), encoder.finish().unwrap()).unwrap();
    fs::remove_file(&path).unwrap();
    let told = place.train_fails(1, "--max-memory 2K");
    assert_holds(&told, "unpacked it has 2160 bytes of pixels");
    assert_holds(&told, &format!("gunzip data/{TRAIN_IMAGES_FILE}.gz"));
}
