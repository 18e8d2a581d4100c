//! Trains the book's network on a set and saves it.
//!
//! ```sh
//! cargo run --release --example train                            # the built-in digits, into digits.safetensors
//! cargo run --release --example train -- FOLDER FILE [EPOCHS]    # a folder with four IDX files, as MNIST's
//! ```

use std::error::Error;
use std::path::PathBuf;

use twolayer::Classifier;
use twolayer::classifier::Settings;
use twolayer::data::{digits, load_dir};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let sets = match arguments.next() {
        Some(folder) => load_dir(folder.as_ref())?,
        None => digits::built_in()?,
    };
    let file = PathBuf::from(arguments.next().unwrap_or("digits.safetensors".to_owned()));
    let mut settings = Settings::book();
    if let Some(epochs) = arguments.next() {
        settings.epochs = epochs.parse()?;
    }

    println!("{} images to train, {} to test", sets.train.len(), sets.test.len());
    let mut classifier = Classifier::train(&sets.train, &settings)?;
    for (name, set) in [("train", &sets.train), ("test", &sets.test)] {
        let evaluation = classifier.evaluate(set)?;
        println!("{name}: accuracy {:.4}, loss {:.4}", evaluation.accuracy(), evaluation.loss);
    }
    classifier.save(&file)?;
    println!("saved in {}", file.display());
    Ok(())
}
