//! `twolayer data`: sets that are looked at, made and taken over.

use std::io::Cursor;

use twolayer::data::digits::{self, PIXELS as DIGIT};
use twolayer::data::import::read_png;
use twolayer::data::{Splits, load_dir, save_dir};

use super::*;

fn write_png(path: &Path, size: (u32, u32), pixels: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), size.1, size.0);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
}

#[test]
fn info_tells_what_a_set_holds() {
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
    // With one class unused, in images of another shape.
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
    // The default seed's are those of the built-in set.
    assert_eq!(splits.train.images(), digits::draw(50, 1).0);
    assert_eq!(splits.test.images(), digits::draw(9, 2).0);
    place.ok("--device cpu --data drawn --iterations 2 --no-save");

    place.ok("data generate again --count 50 --quiet");
    place.ok("data generate other --count 50 --test-count 3 --seed 1");
    let [again, other] = ["again", "other"].map(|name| load_dir(&place.path(name)).unwrap());
    assert_eq!(again, splits);
    assert_ne!(other.train, splits.train);
    assert_eq!(other.test.len(), 3);

    assert_holds(&place.fails(1, "data generate drawn --count 3"), "give --overwrite");
    place.ok("data generate drawn --count 30 --overwrite");
    let fewer = load_dir(&place.path("drawn")).unwrap().train;
    assert_eq!(fewer.images(), &splits.train.images()[..30 * DIGIT]);
    place.fails(2, "data generate drawn --count 0");
    place.fails(2, "data generate");
    assert_holds(&place.fails(1, &format!("data generate data/{TRAIN_IMAGES_FILE}")), "cannot be written");
}

#[test]
fn show_draws_a_class_a_row() {
    let place = Place::new();
    let said = place.ok("data show --data data --split test --count 6 -o sheet.png");
    assert_eq!(said.stdout, "6 images in sheet.png\n");
    let sheet = read_png(Cursor::new(fs::read(place.path("sheet.png")).unwrap())).unwrap();
    // Three rows of two images, larger twice, with a gap around.
    assert_eq!((sheet.rows, sheet.cols), (2 * (3 * (SIDE + 2) + 2), 2 * (2 * (SIDE + 2) + 2)));
    assert_holds(&place.fails(2, "data show --data data -o sheet.svg"), "end its name so");
    assert_holds(&place.fails(1, "data show --data data -o nowhere/sheet.png"), "nowhere");
    place.fails(2, "data show --data data");
    place.fails(2, "data show --data data -o sheet.png --count 0");
}

#[test]
fn a_folder_of_pictures_becomes_a_set() {
    let place = Place::new();
    for (class, brightness) in [("boots", 100), ("sandals", 200)] {
        for number in 0..10 {
            let path = place.path(format!("pictures/{class}/{number}.png"));
            write_png(&path, (2, 3), &[0, 0, brightness, number, 0, 0]);
        }
    }
    // What is no picture is passed over.
    fs::write(place.path("pictures/boots/notes.txt"), "old").unwrap();
    fs::create_dir(place.path("pictures/empty")).unwrap();
    let said = place.ok("data import pictures taken --test-share 0.2");
    assert_eq!(said.stdout, "16 images to train and 4 to test, 2x3 pixels, 2 classes in taken\n0 boots\n1 sandals\n");
    let splits = load_dir(&place.path("taken")).unwrap();
    for (image, label) in (0..).zip(splits.train.labels()) {
        assert_eq!(splits.train.image(image).unwrap()[2], [100, 200][usize::from(*label)]);
    }
    place.ok("--device cpu --data taken --iterations 2 --no-save");

    place.ok("data import pictures dark --test pictures --invert");
    let dark = load_dir(&place.path("dark")).unwrap();
    assert_eq!((dark.train.len(), dark.test.len()), (20, 20));
    assert_eq!(dark.train.image(3).unwrap(), [255, 255, 155, 252, 255, 255]);

    // Names that are numbers are the labels.
    for class in [3, 7] {
        for number in 0..4 {
            write_png(&place.path(format!("numbered/{class}/{number}.png")), (1, 1), &[class]);
        }
    }
    place.ok("data import numbered labelled");
    let labelled = load_dir(&place.path("labelled")).unwrap();
    assert_eq!(labelled.train.labels(), labelled.train.images());
    assert_eq!(labelled.classes, 8);

    let told = place.fails(2, "data import pictures mixed --test numbered");
    assert_holds(&told, "different names");
    assert_holds(&place.fails(1, "data import pictures taken"), "give --overwrite");
    assert_holds(&place.fails(1, "data import pictures/boots mixed"), "holds no folder of .png files");
    let wide = place.path("pictures/sandals/wide.png");
    write_png(&wide, (2, 2), &[0; 4]);
    let told = place.fails(1, "data import pictures mixed");
    assert_holds(&told, "wide.png: has 2 x 2 pixels (rows x columns) where the images before have 2 x 3");
    fs::write(&wide, "no picture").unwrap();
    assert_holds(&place.fails(1, "data import pictures mixed"), "wide.png: is no whole PNG file");
}

#[test]
fn lines_of_numbers_become_a_set() {
    let place = Place::new();
    let line = |image: usize| format!("{},{},0,255,{image}\n", image % 3, image * 2);
    let text: String = (0..20).map(line).collect();
    fs::write(place.path("lines.csv"), format!("label,1x1,1x2,2x1,2x2\n{text}")).unwrap();
    let said = place.ok("data import lines.csv taken");
    assert_eq!(said.stdout, "17 images to train and 3 to test, 2x2 pixels, 3 classes in taken\n");
    let splits = load_dir(&place.path("taken")).unwrap();
    for (image, label) in (0..).zip(splits.train.labels()) {
        let &[_, _, _, number] = splits.train.image(image).unwrap() else { panic!("four pixels") };
        assert_eq!(*label, number % 3);
    }
    place.ok("data import lines.csv flat --size 1x4 --test lines.csv");
    assert_eq!(load_dir(&place.path("flat")).unwrap().test.len(), 20);

    assert_holds(&place.fails(1, "data import lines.csv other --size 3x3"), "line 2 has 4 pixels where 9 are expected");
    assert_holds(&place.fails(2, "data import lines.csv other --size 3"), "28x28");
    assert_holds(&place.fails(2, "data import lines.csv other --test-share 1"), "between 0 and 1");
    assert_holds(&place.fails(1, "data import nowhere.csv other"), "nowhere.csv: cannot be read");
    fs::write(place.path("bad.csv"), "1,2\n300,4\n").unwrap();
    assert_holds(
        &place.fails(1, "data import bad.csv other"),
        "bad.csv: line 2: \"300\" is no whole number from 0 to 254",
    );
}

#[test]
fn public_sets_go_by_name_and_are_never_other_data() {
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
fn what_exceeds_the_memory_is_read_as_it_is_used() {
    let place = Place::new();
    let flags = "--iterations 50 --seed 3";
    place.train(&format!("{flags} --out resident"));
    let said = place.train(&format!("{flags} --out streamed --max-memory 2K"));
    assert_holds(&said.stderr, "the training images do not fit --max-memory; they are read as they are used");
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
