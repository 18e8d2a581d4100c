//! Public sets: their sources, and the messages on them.

use std::fs;

#[cfg(unix)]
use serde_json::Value;

use crate::place::*;

#[test]
fn nothing_is_downloaded_with_mnist_dir() {
    let place = Place { environment: vec![("MNIST_DIR", "data".to_owned())], ..Place::new() };
    let said = place.ok(&format!("data fetch mnist --mirror {DEAD_MIRROR}"));
    assert_holds(&said.stdout, "60 images to train and 30 to test, from data (the folder that MNIST_DIR names)");
    assert_holds(&said.stdout, "nothing was downloaded or kept");
    let said = place.ok("--device cpu --iterations 1 --no-save");
    assert_holds(&said.stderr, "data: mnist of data (MNIST_DIR), 60 images");
}

#[test]
fn an_error_in_mnist_dir_names_the_variable() {
    let place = Place { environment: vec![("MNIST_DIR", "nowhere".to_owned())], ..Place::new() };
    for line in ["data fetch", "--device cpu --no-save"] {
        let told = place.fails(1, line);
        assert_holds(&told, "MNIST_DIR: nowhere: cannot be opened as a folder");
    }
}

/// On other systems the environment does not set the cache folder.
#[cfg(unix)]
#[test]
fn the_built_in_digits_replace_mnist_with_a_note() {
    let place = Place::new();
    let said = place.ok("--device cpu --offline --iterations 1 --out run --json");
    let note = said.stderr.lines().find(|line| line.starts_with("note: ")).unwrap();
    assert_eq!(note, "note: mnist: it is not in the cache; --verbose shows more; going on with the built-in digits");
    let run: Value = serde_json::from_str(&said.stdout).unwrap();
    let data = serde_json::json!({ "source": "built-in", "train": 60_000, "test": 10_000, "classes": 10 });
    assert_eq!(run["data"], data);
    // A run holds the name of its data.
    let eval = place.json("eval run --device cpu --offline");
    assert_eq!((&eval["accuracy"], &eval["loss"]), (&run["final"]["test_accuracy"], &run["final"]["test_loss"]));
}

#[cfg(unix)]
#[test]
fn a_mirror_that_does_not_answer_is_named() {
    let place = Place::new();
    let flags = format!("--device cpu --mirror {DEAD_MIRROR} --iterations 1 --no-save");
    let notes = |said: &Said| {
        said.stderr.lines().filter(|line| line.starts_with("note: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let start = "note: mnist: it cannot be downloaded (1 mirror: no answer)";
    let said = place.ok(&flags);
    let expected = format!("{start}; --verbose shows more; going on with the built-in digits");
    assert_eq!(notes(&said), [expected]);
    assert!(!said.stderr.contains(DEAD_MIRROR), "{}", said.stderr);
    let said = place.ok(&format!("{flags} --verbose"));
    assert_holds(&said.stderr, &format!("mnist: {DEAD_MIRROR}train-images-idx3-ubyte.gz: no answer ("));
    assert_eq!(notes(&said), [format!("{start}; going on with the built-in digits")]);
    // The note on the other data is always printed.
    let said = place.ok(&format!("{flags} --verbose --quiet"));
    assert_eq!(said.stderr, format!("{start}; going on with the built-in digits\n"));
    // --data mnist does not fall back to other data.
    assert_holds(&place.fails(1, &format!("{flags} --data mnist")), DEAD_MIRROR);
}

#[test]
fn mnist_is_read_from_mnist_dir() {
    let place = Place { environment: vec![("MNIST_DIR", "data".to_owned())], ..Place::new() };
    let run = place.json("--device cpu --offline --iterations 1 --no-save");
    assert_eq!((&run["data"]["source"], &run["data"]["train"]), (&"mnist".into(), &TRAIN_IMAGES.into()));
    // A missing file there is an error, and no other data replace it.
    fs::remove_file(place.path("data").join(TEST_LABELS_FILE)).unwrap();
    assert_holds(&place.fails(1, "--device cpu --offline --iterations 1"), "data: holds no file of test labels");
}
