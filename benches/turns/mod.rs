//! Two ways to compute the same steps, timed in turns.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use pollster::block_on;
use twolayer::backend::{self, Backend, Resident};
use twolayer::bench::task::Task;
use twolayer::devices::Device;

pub type Failure = Box<dyn Error>;

/// As many images as MNIST has, because how far apart a batch's images lie in memory matters.
pub const IMAGES: usize = 60_000;
/// The most steps between two waits.
pub const CHUNK: usize = 1024;
/// Rounds, in each of which either side has one turn.
pub const ROUNDS: usize = 5;
/// A turn ends with the first wait after this long.
const TURN: Duration = Duration::from_secs(1);
/// Both sides wait for their losses about this often.
const WAIT: Duration = Duration::from_millis(100);
/// Of |found - expected| / |expected|, by norm.
const TOLERANCE: f64 = 1e-5;

/// One of the two.
pub trait Side {
    /// Trains on the batches `[steps, batch_size]` and waits; the mean loss of each, if it computes one.
    fn train(&mut self, batches: &[u32], learning_rate: f32) -> Result<Vec<f32>, Failure>;
}

/// twolayer on the task.
pub struct Twolayer {
    pub backend: Backend,
    set: Resident,
}

impl Twolayer {
    pub fn new(device: &Device, task: &Task) -> Result<Self, backend::Error> {
        let mut backend = block_on(Backend::new(device, task.net, task.images_per_step(), &task.params))?;
        let set = block_on(backend.upload(task.set))?;
        Ok(Self { backend, set })
    }
}

impl Side for Twolayer {
    fn train(&mut self, batches: &[u32], learning_rate: f32) -> Result<Vec<f32>, Failure> {
        Ok(block_on(self.backend.train(self.set, batches, learning_rate))?)
    }
}

/// Says what else the machine does.
pub fn show_load() {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned());
    println!("Load average at the start: {}\n", load.trim());
}

/// Compares a tensor with what it should be.
pub fn compare<'a, E>(name: &str, found: &[f32], expected: E) -> Result<(), Failure>
where
    E: IntoIterator<Item = &'a f64> + Copy,
{
    let difference: f64 = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).powi(2)).sum();
    let norm: f64 = expected.into_iter().map(|e| e.powi(2)).sum();
    let error = (difference / norm).sqrt();
    // So that a NaN is wrong too.
    if error.is_nan() || error >= TOLERANCE {
        return Err(format!("{name} is wrong by {error:.1e} of its norm, and may be by {TOLERANCE:.0e}").into());
    }
    Ok(())
}

/// The steps a second of each side's turns at a task.
pub fn take_turns(task: &Task, sides: [&mut dyn Side; 2]) -> Result<[Vec<f64>; 2], Failure> {
    let batches = task.batches(CHUNK);
    // The book's 0.1 for its 50 hidden units, and steps of the same size in the output for others: a network that
    // diverges has weights of sizes that no real one has.
    let learning_rate = 0.1 * 50.0 / task.net.shape.hidden as f32;
    let [first, second] =
        sides.map(|side| Turns { side, batches: &batches, learning_rate, task, steps: 1, rates: Vec::new() });
    let mut turns = [first, second];
    for turns in &mut turns {
        turns.choose_steps()?;
    }
    for _ in 0..ROUNDS {
        for turns in &mut turns {
            turns.take()?;
        }
    }
    Ok(turns.map(|turns| turns.rates))
}

/// A side's turns.
struct Turns<'a> {
    side: &'a mut dyn Side,
    batches: &'a [u32],
    learning_rate: f32,
    task: &'a Task<'a>,
    /// Between two waits.
    steps: usize,
    /// Steps a second, a turn each.
    rates: Vec<f64>,
}

impl Turns<'_> {
    fn train(&mut self) -> Result<(), Failure> {
        self.side.train(&self.batches[..self.steps * self.task.images_per_step()], self.learning_rate)?;
        Ok(())
    }

    /// Finds how many steps take about as long as there should be between two waits; at least one.
    fn choose_steps(&mut self) -> Result<(), Failure> {
        loop {
            let start = Instant::now();
            self.train()?;
            if start.elapsed() * 2 > WAIT || self.steps == CHUNK {
                return Ok(());
            }
            self.steps *= 2;
        }
    }

    fn take(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed() < TURN {
            self.train()?;
            done += self.steps;
        }
        self.rates.push(done as f64 / start.elapsed().as_secs_f64());
        Ok(())
    }
}

/// A row's last three cells: the rates of either side, and how many times as fast the second is, each the median (min to
/// max).
pub fn cells([first, second]: [Vec<f64>; 2]) -> String {
    let ratios = second.iter().zip(&first).map(|(second, first)| second / first).collect();
    [first, second, ratios].map(spread).join(" | ")
}

fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let digits = |value: f64| if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    let [least, median, most] = [0, values.len() / 2, values.len() - 1].map(|place| digits(values[place]));
    format!("{median} ({least} to {most})")
}
