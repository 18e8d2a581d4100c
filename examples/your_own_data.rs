//! A set of your own, made of pixels and labels: a network learns which way stripes run.
//!
//! ```sh
//! cargo run --release --example your_own_data
//! ```

use std::error::Error;

use twolayer::Classifier;
use twolayer::classifier::Settings;
use twolayer::data::Dataset;
use twolayer::devices::Choice;

/// What each label means.
const CLASSES: [&str; 3] = ["across", "upright", "aslant"];
const ROWS: usize = 12;
const COLS: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    // The images lie one after the other, each row by row, a byte a pixel: 0 is black, 255 white. There is a label an image.
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for number in 0..600 {
        let class = number % CLASSES.len();
        pixels.extend(stripes(class, number));
        labels.push(class as u8);
    }
    let set = Dataset::new(pixels, labels, ROWS, COLS)?;

    // A fifth of each class is not trained on, to see whether the network has learned stripes or these images by heart.
    let (train, test) = set.held_out(0.2, 0)?;
    let settings = Settings { device: Choice::Cpu, hidden: 20, batch_size: 20, ..Settings::default() };
    let mut classifier = Classifier::train(&train, &settings)?;
    let evaluation = classifier.evaluate(&test)?;
    println!("{} images to train, {} to test: accuracy {:.3}", train.len(), test.len(), evaluation.accuracy());

    for class in 0..CLASSES.len() {
        let image = stripes(class, 1000 + class);
        let found = classifier.predict(&image)?;
        for row in image.chunks(COLS) {
            println!("  {}", row.iter().map(|&pixel| if pixel > 127 { '#' } else { '.' }).collect::<String>());
        }
        println!("stripes {}, with a probability of {:.3}\n", CLASSES[found.class], found.probabilities[found.class]);
    }
    Ok(())
}

/// An image of stripes; the number moves them, and makes them brighter or darker.
fn stripes(class: usize, number: usize) -> [u8; ROWS * COLS] {
    let (shift, ink) = (number / 3 % 6, 140 + number * 31 % 116);
    std::array::from_fn(|pixel| {
        let (row, col) = (pixel / COLS, pixel % COLS);
        let place = [row, col, row + col][class];
        if (place + shift) % 6 < 3 { ink as u8 } else { (pixel * number % 40) as u8 }
    })
}
