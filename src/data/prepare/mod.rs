//! From a person's picture to an image as the network's set has them. It needs no file and no feature.

mod digit;
mod grey;
mod ink;
mod paper;
mod resample;
mod way;

pub use digit::{SIDE, digit};
pub use grey::{Grey, MAX_SIDE, SizeError};
pub use way::{Problem, Way};
