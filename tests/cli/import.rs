//! `twolayer data import`: pictures and tables, and the messages on them.

use std::fs;
use std::path::Path;

use twolayer::data::load_dir;

use crate::place::*;

/// A grey picture with a dark corner.
fn write_picture(path: &Path, (rows, cols): (u32, u32), grey: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut picture = image::GrayImage::from_pixel(cols, rows, image::Luma([grey]));
    picture.put_pixel(0, 0, image::Luma([0]));
    picture.save(path).unwrap();
}

/// Ten pictures of 2 x 3 pixels in each of two folders.
fn pictures() -> Place {
    let place = Place::new();
    for (class, brightness) in [("boots", 100), ("sandals", 200)] {
        for number in 0..10 {
            write_picture(&place.path(format!("pictures/{class}/{number}.png")), (2, 3), brightness + number);
        }
    }
    place
}

#[test]
fn a_folder_of_pictures_becomes_a_set() {
    let place = pictures();
    let said = place.ok("data import pictures taken --test-share 0.2 --invert");
    for told in [
        "20 pictures read: 20 PNG\n",
        "largest pixel 209 of 255\n",
        "16 images to train and 4 to test, 2x3 pixels, inverted, 2 classes in taken\n",
        "0  boots        8     2\n",
        "1  sandals      8     2\n",
    ] {
        assert_holds(&said.stdout, told);
    }
    let splits = load_dir(&place.path("taken")).unwrap();
    for (image, &label) in splits.train.labels().iter().enumerate() {
        let pixels = splits.train.image(image).unwrap();
        assert!(pixels[0] == 255 && (46..56).contains(&(pixels[5] - 100 * (1 - label))), "{label}: {pixels:?}");
    }

    // The class names of a model and of the data must agree.
    place.ok("data import pictures same --test-share 0.5");
    for (from, to) in [("boots", "clogs"), ("sandals", "boots"), ("clogs", "sandals")] {
        fs::rename(place.path("pictures").join(from), place.path("pictures").join(to)).unwrap();
    }
    fs::rename(place.path("pictures/boots"), place.path("pictures/zori")).unwrap();
    place.ok("data import pictures other");
    place.ok("--device cpu --data same --iterations 2 --out on-same");
    let told = place.fails(2, "eval on-same --device cpu --data other");
    assert_holds(&told, "class 0 is \"boots\" in on-same/model.safetensors, but \"sandals\" in the data");
    let said = place.ok("--device cpu --data other --init on-same --iterations 2 --no-save");
    assert_holds(&said.stderr, "class 0 is \"boots\" in --init, and \"sandals\" in the data");
    let said = place.ok("eval on-same --device cpu --data taken");
    assert_holds(&said.stderr, "was trained on pictures with another preparation");

    // The set, the run and the model hold the names and the preparation.
    let json = place.json("data info --data taken");
    assert_eq!(json["names"], serde_json::json!(["boots", "sandals"]));
    assert_eq!((&json["preparation"]["inverted"], &json["preparation"]["rows"]), (&true.into(), &2.into()));
    assert_holds(&place.ok("data info --data taken").stdout, "1 sandals");
    place.ok("--device cpu --data taken --iterations 2 --out run");
    assert_eq!(place.model("run").description, splits.description);
    let run = place.run_json("run");
    assert_eq!(run["data"]["names"], json["names"]);
    assert_eq!(run["data"]["preparation"], json["preparation"]);
}

#[test]
fn numbers_are_labels_and_odd_ones_give_notes() {
    let place = Place::new();
    for class in ["3", "7", "07"] {
        for number in 0..4 {
            write_picture(&place.path(format!("numbered/{class}/{number}.png")), (2, 2), 200);
        }
    }
    let said = place.ok("data import numbered labelled");
    assert_holds(&said.stderr, "note: the folders 07, 7 are one class, 7");
    assert_holds(&said.stderr, "note: 6 of 8 classes have no training image: 0 to 2, 4 to 6");
    let labelled = load_dir(&place.path("labelled")).unwrap();
    assert_eq!((labelled.classes, labelled.train.labels()), (8, &[7, 7, 7, 3, 3, 3, 7, 7, 7, 7][..]));
    let said = place.ok("--device cpu --data labelled --iterations 2 --no-save");
    assert_holds(&said.stderr, "6 of 8 classes have no training image");

    place.ok("data import numbered from-3 --first-label 3");
    assert_eq!(load_dir(&place.path("from-3")).unwrap().classes, 5);
    fs::write(place.path("from-1.csv"), "1,0,9\n2,200,0\n1,8,0\n2,0,210\n").unwrap();
    let said = place.ok("data import from-1.csv shifted --size 1x2");
    assert_holds(&said.stderr, "class 0 of 3 has no training image; if labels begin at 1, give --first-label 1");
}

#[test]
fn test_images_have_the_classes_of_the_training_images() {
    let place = pictures();
    write_picture(&place.path("more/sandals/1.png"), (2, 3), 200);
    fs::create_dir(place.path("more/boots")).unwrap();
    let said = place.ok("data import pictures taken --test more");
    assert_holds(&said.stderr, "note: --test: no test image of boots");
    let splits = load_dir(&place.path("taken")).unwrap();
    assert_eq!((splits.classes, splits.train.len(), splits.test.labels()), (2, 20, &[1][..]));

    write_picture(&place.path("more/clogs/1.png"), (2, 3), 200);
    let told = place.fails(1, "data import pictures other --test more");
    assert_holds(&told, "more: has clogs, of which there is no training image");
}

#[test]
fn nothing_can_be_held_out_of_single_images() {
    let place = Place::new();
    fs::write(place.path("one-each.csv"), "0,9,200,3,4\n1,7,200,3,4\n2,7,8,200,4\n").unwrap();
    let told = place.fails(1, "data import one-each.csv taken");
    assert_holds(&told, "no class has two images, so none can be held out for testing");
    assert_holds(&told, "--test");
    fs::write(place.path("some-two.csv"), "0,9,200,3,4\n1,7,200,3,4\n0,7,8,200,4\n2,1,2,3,255\n").unwrap();
    for seed in 0..10 {
        place.ok(&format!("data import some-two.csv taken --seed {seed} --overwrite"));
        let splits = load_dir(&place.path("taken")).unwrap();
        assert_eq!((splits.test.labels(), splits.train.len(), splits.classes), (&[0][..], 3, 3));
    }
}

#[test]
fn a_messy_folder_gives_notes_and_one_error_for_all_broken_pictures() {
    let place = pictures();
    let path = |name: &str| place.path("pictures").join(name);
    fs::write(path("boots/.DS_Store"), "").unwrap();
    fs::write(path("boots/notes.txt"), "old").unwrap();
    fs::create_dir(path("empty")).unwrap();
    write_picture(&path("sandals/scanner-2/11.bmp"), (2, 3), 220);
    fs::write(path("sandals/broken.png"), "no picture").unwrap();
    fs::write(path("boots/none.jpg"), "").unwrap();
    let told = place.fails(1, "data import pictures taken");
    assert_holds(&told, "2 of 23 pictures are broken: ");
    assert_holds(&told, "none.jpg");
    assert_holds(&told, "broken.png");
    assert_holds(&told, "--skip-broken");
    let said = place.ok("data import pictures taken --skip-broken");
    assert_holds(&said.stdout, "21 pictures read: 1 BMP, 20 PNG; 1 of them in folders below a class's own");
    for told in ["hidden", "no picture", "a folder without a picture, so no class", "a broken picture"] {
        assert_holds(&said.stderr, &format!("note: skipped, {told}"));
    }

    fs::remove_file(path("sandals/broken.png")).unwrap();
    fs::remove_file(path("boots/none.jpg")).unwrap();
    write_picture(&path("sandals/wide.png"), (2, 2), 200);
    let told = place.fails(1, "data import pictures other");
    assert_holds(&told, "1 of 22 pictures are not of 2 x 3 pixels (rows x columns): ");
    assert_holds(&told, "wide.png: 2 x 2 pixels");
    assert_holds(&place.fails(1, "data import pictures/boots other"), "holds no folder of pictures, but 10 pictures");
    assert_holds(&place.fails(1, "data import pictures taken"), "add --overwrite");
}

#[test]
fn a_table_becomes_a_set() {
    let place = Place::new();
    let line = |image: usize| format!("{},{},0,255,{image}\n", image % 3, image * 2);
    let text: String = (0..20).map(line).collect();
    fs::write(place.path("lines.csv"), format!("label,1x1,1x2,2x1,2x2\n{text}")).unwrap();
    let said = place.ok("data import lines.csv taken");
    assert_holds(
        &said.stdout,
        "20 lines read, a comma between the fields; the label is column 1 (label); line 1 is a heading",
    );
    assert_holds(&said.stdout, "17 images to train and 3 to test, 2x2 pixels, not inverted, 3 classes in taken");
    let splits = load_dir(&place.path("taken")).unwrap();
    for (image, label) in (0..).zip(splits.train.labels()) {
        let &[_, _, _, number] = splits.train.image(image).unwrap() else { panic!("four pixels") };
        assert_eq!(*label, number % 3);
    }
    place.ok("data import lines.csv flat --size 1x4 --test lines.csv");
    assert_eq!(load_dir(&place.path("flat")).unwrap().test.len(), 20);

    assert_holds(&place.fails(1, "data import lines.csv other --size 3x3"), "4 pixels a line where 9 are expected");
    assert_holds(&place.fails(2, "data import lines.csv other --size 3"), "28x28");
    assert_holds(&place.fails(2, "data import lines.csv other --test-share 1"), "between 0 and 1");
    assert_holds(&place.fails(2, "data import lines.csv other --max 0"), "0");
    assert_holds(&place.fails(1, "data import nowhere.csv other"), "nowhere.csv: cannot be read");
    fs::write(place.path("bad.csv"), "1,2\n300,4\n").unwrap();
    assert_holds(
        &place.fails(1, "data import bad.csv other"),
        "bad.csv: line 2: \"300\" is no whole number from 0 to 254",
    );
}

#[test]
fn dark_images_give_a_note_and_max_scales_them() {
    let place = Place::new();
    let line = |image: usize| if image.is_multiple_of(2) { "0,0,16,8,0\n" } else { "1,16,0,0,8\n" };
    fs::write(place.path("dim.csv"), (0..20).map(line).collect::<String>()).unwrap();
    let said = place.ok("data import dim.csv dim");
    assert_holds(
        &said.stderr,
        "note: the largest pixel is 16 of 255, so all images are dark; if white is another value, as 16, give --max 16",
    );
    let said = place.ok("data import dim.csv full --max 16");
    assert!(!said.stderr.contains("dark"), "{}", said.stderr);
    assert_eq!(load_dir(&place.path("full")).unwrap().train.image(0).unwrap(), [0, 255, 128, 0]);
}

#[test]
fn an_existing_set_is_replaced_only_on_request() {
    let place = Place::new();
    for names in [
        ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"],
        ["train-images.idx3-ubyte", "test-labels.idx1-ubyte"],
        ["emnist-letters-train-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte"],
    ] {
        let folder = place.path("set");
        fs::create_dir(&folder).unwrap();
        for name in names {
            fs::write(folder.join(name), "").unwrap();
        }
        fs::write(place.path("lines.csv"), "0,9,200,3,4\n0,7,200,3,4\n1,7,8,200,4\n1,1,2,3,255\n").unwrap();
        for command in ["data generate set --count 20", "data import lines.csv set"] {
            assert_holds(&place.fails(1, command), "already exists; choose another folder, or add --overwrite");
        }
        let said = place.ok("data generate set --count 20 --overwrite");
        assert_holds(&said.stderr, "exists; the new files in set are read instead");
        assert_eq!(load_dir(&folder).unwrap().train.len(), 20);
        fs::remove_dir_all(folder).unwrap();
    }
}
