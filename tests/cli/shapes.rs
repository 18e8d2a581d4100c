//! Pictures of shapes: a set that is not MNIST, trained with the commands of the README.

use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::place::*;

const SIDE: u32 = 24;
const PICTURES: usize = 6000;

/// A shape's name, and whether a point is inside. The shape covers about -1 to 1 in both directions.
type Shape = (&'static str, fn(f32, f32) -> bool);
const SHAPES: [Shape; 4] = [
    ("circle", |x, y| x.hypot(y) < 1.0),
    ("square", |x, y| x.abs().max(y.abs()) < 0.9),
    ("triangle", |x, y| y < 0.8 && y > 2.0 * x.abs() - 1.0),
    ("cross", |x, y| x.abs().min(y.abs()) < 0.3 && x.abs().max(y.abs()) < 1.0),
];

/// A shape of random size near the middle, drawn as a line or filled, with noise.
fn draw(inside: fn(f32, f32) -> bool, rng: &mut ChaCha8Rng) -> image::GrayImage {
    let mut between = |min: f32, max: f32| min + (max - min) * rng.random::<f32>();
    let half = SIDE as f32 / 2.0;
    let radius = half * between(0.4, 0.7);
    let [left, top] = [(); 2].map(|()| half + (half - radius) * between(-0.5, 0.5));
    let hole = radius - 1.5;
    let is_filled = between(0.0, 1.0) < 0.3;
    let ink = between(140.0, 255.0);
    image::GrayImage::from_fn(SIDE, SIDE, |x, y| {
        let (x, y) = (x as f32 + 0.5 - left, y as f32 + 0.5 - top);
        let is_ink = inside(x / radius, y / radius) && (is_filled || !inside(x / hole, y / hole));
        image::Luma([(if is_ink { ink } else { 0.0 } + between(-20.0, 20.0)) as u8])
    })
}

/// A folder of pictures for each shape.
fn write_pictures(folder: &Path) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (name, _) in SHAPES {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    for number in 0..PICTURES {
        let (name, inside) = SHAPES[number % SHAPES.len()];
        draw(inside, &mut rng).save(folder.join(name).join(format!("{number}.png"))).unwrap();
    }
}

/// The arguments of `twolayer` in the README's line with this start.
fn of_readme(begin: &str) -> &'static str {
    let mut lines = include_str!("../../README.md").lines().filter_map(|line| line.strip_prefix("twolayer "));
    let line = lines.find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no '{begin}' in the README"));
    line.split('#').next().unwrap_or(line)
}

#[test]
fn the_readme_s_commands_train_a_set_of_pictures_well() {
    let place = Place::new();
    write_pictures(&place.path("pictures"));
    place.ok(of_readme("data import pictures/ shoes/"));
    let epochs = |flags: &str| -> Vec<f64> {
        let run = place.json(&format!("{flags} --device cpu"));
        run["epochs"].as_array().unwrap().iter().map(|epoch| float(&epoch["test_accuracy"])).collect()
    };
    let by_readme = epochs(of_readme("--data shoes/"));
    let end = by_readme.last().unwrap();
    assert!(*end > 0.95, "test accuracy {end}");
    // The book's settings suit MNIST, not these pictures.
    let by_book = epochs("--data shoes/ --no-save --epochs 11");
    let (book, readme) = (by_book[10], by_readme[10]);
    assert!(
        book < 0.75 && readme > 0.85,
        "test accuracies after 10 epochs: {book} by the book, {readme} by the README"
    );
}
