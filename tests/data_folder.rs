//! Folders of data are read with all usual file names. Errors are one line that names the folder or the file.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use ndarray::array;
use tempfile::TempDir;
use twolayer::data::{Dataset, Error, Labels, idx, load_dir, load_mnist};

const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Images of 1x2 pixels of the value `pixel`.
fn set(pixel: u8, labels: &[u8]) -> Dataset {
    Dataset::new(vec![pixel; 2 * labels.len()], labels.to_vec(), 1, 2).unwrap()
}

/// The four files of a set of 3 training and 2 test images, in the order of `NAMES`.
fn files() -> [Vec<u8>; 4] {
    let (train, test) = (set(51, &[0, 2, 1]), set(255, &[2, 0]));
    let mut files = [const { Vec::new() }; 4];
    let [train_images, train_labels, test_images, test_labels] = &mut files;
    idx::write_images(&train, train_images).unwrap();
    idx::write_labels(train.labels(), train_labels).unwrap();
    idx::write_images(&test, test_images).unwrap();
    idx::write_labels(test.labels(), test_labels).unwrap();
    files
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder of the four files.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in NAMES.iter().zip(files()) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// The error of `load_dir`, one line that begins with the folder.
fn error(folder: &Path) -> String {
    let line = load_dir(folder).unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
    assert!(line.starts_with(folder.to_str().unwrap()), "{line}");
    line
}

#[test]
fn every_usual_name_is_read_raw_or_compressed() {
    let right = load_dir(folder().path()).unwrap();
    assert_eq!((right.train.len(), right.test.len(), right.classes), (3, 2, 3));
    assert_eq!((right.train.labels(), right.test.images()), (&[0, 2, 1][..], &[255; 4][..]));
    for (prefix, mark) in [("t10k", "-"), ("t10k", "."), ("test", "-"), ("test", ".")] {
        for is_compressed in [false, true] {
            let folder = TempDir::new().unwrap();
            for (name, bytes) in NAMES.iter().zip(files()) {
                let name = name.replace("t10k", prefix).replace("-idx", &format!("{mark}idx"));
                let (name, bytes) = if is_compressed { (name + ".gz", gzip(&bytes)) } else { (name, bytes) };
                fs::write(folder.path().join(name), bytes).unwrap();
            }
            assert_eq!(load_dir(folder.path()).unwrap(), right, "{prefix} {mark} {is_compressed}");
        }
    }
}

#[test]
fn a_raw_file_is_preferred_to_a_compressed_one() {
    let folder = folder();
    fs::write(folder.path().join("train-images-idx3-ubyte.gz"), "not read").unwrap();
    assert!(load_dir(folder.path()).is_ok());
}

#[test]
fn a_missing_folder_or_file_is_named() {
    let folder = folder();
    for path in ["missing", NAMES[0]] {
        assert!(error(&folder.path().join(path)).contains("cannot be opened as a folder"));
    }

    fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let line = error(folder.path());
    for part in ["no file of test labels", "t10k-labels-idx1-ubyte", "test-labels.idx1-ubyte", ".gz"] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_named_unless_the_file_is_there_too() {
    let folder = folder();
    let path = folder.path().join(NAMES[0]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(load_dir(folder.path()), Err(Error::NotAFile(named)) if named == path));
    fs::write(folder.path().join("train-images.idx3-ubyte"), &files()[0]).unwrap();
    assert!(load_dir(folder.path()).is_ok());
}

#[test]
fn a_bad_file_is_named() {
    for name in NAMES {
        let folder = folder();
        let path = folder.path().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let line = error(folder.path());
        assert!(line.starts_with(path.to_str().unwrap()), "{line}");
        assert!(line.contains("ends after"), "{line}");
    }
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let [_, train_labels, ..] = NAMES;
    let with_labels = |name: &str, labels: &[u8]| {
        let folder = folder();
        let mut bytes = Vec::new();
        idx::write_labels(set(0, labels).labels(), &mut bytes).unwrap();
        fs::write(folder.path().join(name), bytes).unwrap();
        error(folder.path())
    };
    let line = with_labels(train_labels, &[0, 1]);
    assert!(line.contains("train-images-idx3-ubyte: 3 images but 2 labels"), "{line}");
    let line = with_labels(train_labels, &[0, 0, 0]);
    assert!(line.contains("largest training label is 0"), "{line}");
    let line = with_labels("t10k-labels-idx1-ubyte", &[0, 3]);
    assert!(line.contains("test label 1 (counted from 0) is 3"), "{line}");
}

#[test]
fn load_mnist_gives_arrays() {
    let folder = folder();
    let ((images, labels), _) = load_mnist(folder.path(), true, false).unwrap();
    assert_eq!(images, array![[0.2, 0.2], [0.2, 0.2], [0.2, 0.2]]);
    assert_eq!(labels, Labels::Numbers(array![0, 2, 1]));

    let (_, (images, labels)) = load_mnist(folder.path(), false, true).unwrap();
    assert_eq!(images, array![[255.0, 255.0], [255.0, 255.0]]);
    assert_eq!(labels, Labels::OneHot(array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]));
}
