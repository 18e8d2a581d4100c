//! Files of data that are damaged, missing or do not belong together. Each case has a fresh folder of data.

use std::fs;

use flate2::{Compression, write::GzEncoder};

use crate::place::*;

type Damage = fn(&mut Vec<u8>);

/// The error for data with one damaged file.
fn error(file: &str, damage: Damage) -> String {
    let place = Place::new();
    let path = place.path("data").join(file);
    let mut bytes = fs::read(&path).unwrap();
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();
    place.train_fails(1, "--iterations 1")
}

#[test]
fn a_damaged_file_is_named_with_its_error() {
    let cases: [(&str, Damage, &str); 11] = [
        (TRAIN_IMAGES_FILE, |bytes| bytes.truncate(116), "ends after 100 of the 2160 bytes that its header says"),
        (TRAIN_IMAGES_FILE, |bytes| bytes.truncate(10), "ends within its header"),
        (TRAIN_IMAGES_FILE, Vec::clear, "ends within its header"),
        (TRAIN_IMAGES_FILE, |bytes| bytes.push(0), "goes on after the 2160 bytes that its header says"),
        (
            TRAIN_IMAGES_FILE,
            |bytes| bytes[2] = 0x0d,
            "holds 32-bit floats in 3 dimensions (60 x 6 x 6), but images are",
        ),
        (TRAIN_IMAGES_FILE, |bytes| bytes[3] = 1, "holds labels where images are expected"),
        (TRAIN_IMAGES_FILE, |bytes| bytes[4..8].fill(0), "holds no images"),
        (TRAIN_IMAGES_FILE, |bytes| bytes[4..8].fill(0xff), "ends after 2160 of the 154618822620 bytes"),
        (TRAIN_IMAGES_FILE, |bytes| bytes[8..12].fill(0xff), "has images of 4294967295x6 pixels"),
        (TRAIN_IMAGES_FILE, |bytes| bytes[11] = 0, "has images of 0x6 pixels"),
        (TRAIN_LABELS_FILE, |bytes| bytes[7] += 1, "ends after 60 of the 61 bytes that its header says"),
    ];
    for (file, damage, part) in cases {
        let line = error(file, damage);
        assert!(line.starts_with(&format!("error: data/{file}: {part}")), "{line}");
    }
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let one_less: Damage = |bytes| {
        bytes[7] -= 1;
        bytes.pop();
    };
    let cases: [(&str, Damage, &str); 5] = [
        (TRAIN_LABELS_FILE, one_less, "data/train-images-idx3-ubyte: 60 images but 59 labels"),
        (TEST_LABELS_FILE, one_less, "data/t10k-images-idx3-ubyte: 30 images but 29 labels"),
        (
            TEST_LABELS_FILE,
            |bytes| bytes[8] = CLASSES as u8,
            "test label 0 (counted from 0) is 3, but the training labels end at 2",
        ),
        (TRAIN_LABELS_FILE, |bytes| bytes[8] = 255, "the largest training label is 255"),
        (TRAIN_LABELS_FILE, |bytes| bytes[8..].fill(0), "the largest training label is 0"),
    ];
    for (file, damage, part) in cases {
        assert_holds(&error(file, damage), part);
    }
}

#[test]
fn a_gzip_file_that_is_truncated_or_not_compressed_is_named() {
    let place = Place::new();
    let raw = place.path("data").join(TRAIN_IMAGES_FILE);
    let compressed = place.path("data").join(format!("{TRAIN_IMAGES_FILE}.gz"));
    let content = fs::read(&raw).unwrap();
    fs::remove_file(raw).unwrap();
    fs::write(&compressed, &content).unwrap();
    let line = place.train_fails(1, "");
    assert_holds(&line, "data/train-images-idx3-ubyte.gz: is named .gz but holds no gzip data");

    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, &content).unwrap();
    let gzip = encoder.finish().unwrap();
    // Within its header, its content and its checksum.
    for cut in [5, gzip.len() / 2, gzip.len() - 3] {
        fs::write(&compressed, &gzip[..cut]).unwrap();
        assert_holds(&place.train_fails(1, ""), "data/train-images-idx3-ubyte.gz: ");
    }
    fs::write(&compressed, &gzip).unwrap();
    place.train("--iterations 1 --no-save");
}

#[test]
fn a_folder_that_lacks_a_file_or_is_missing_is_named() {
    let place = Place::new();
    let line = place.fails(1, "--device cpu --data missing");
    assert_holds(&line, "missing: no such folder, and no set of that name");
    let line = place.fails(1, &format!("--device cpu --data data/{TRAIN_IMAGES_FILE}"));
    assert_holds(&line, "cannot be opened as a folder");
    fs::remove_file(place.path("data").join(TEST_LABELS_FILE)).unwrap();
    let line = place.train_fails(1, "");
    assert_holds(&line, "data: holds no file of test labels");
    assert_holds(&line, TEST_LABELS_FILE);
}
