//! What the book trains by.

/// Hidden units.
pub const HIDDEN: u16 = 50;
/// Images in a batch.
pub const BATCH_SIZE: u16 = 100;
/// What every gradient is multiplied by.
pub const LEARNING_RATE: f32 = 0.1;
/// Steps of SGD.
#[cfg(feature = "cli")]
pub const ITERATIONS: u64 = 10_000;
/// The deviation of the initial weights.
pub const WEIGHT_INIT_STD: f32 = 0.01;
