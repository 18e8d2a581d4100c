//! The weights that the page's test compares with a browser's: a network after some steps on the CPU of this machine, as safetensors.
//!
//! ```sh
//! cargo run --release --no-default-features --example weights -- weights.safetensors 100 sigmoid 50
//! ```

use std::error::Error;
use std::{env, fs};

use pollster::block_on;
use twolayer::devices::Choice;
use twolayer_web::{DIGITS, Settings, Trainer, drawn};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, steps, activation, hidden] = &arguments[..] else {
        return Err("give a FILE, STEPS, an ACTIVATION and HIDDEN units".into());
    };
    let (activation, hidden) = (activation.parse()?, hidden.parse()?);
    let settings = Settings { device: Choice::Cpu, activation, hidden, ..Settings::default() };
    let mut trainer = block_on(Trainer::new(&drawn(DIGITS)?, &settings))?;
    block_on(trainer.train(steps.parse()?))?;
    block_on(trainer.read())?;
    fs::write(path, trainer.safetensors()?)?;
    Ok(())
}
