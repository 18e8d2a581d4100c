//! A benchmark across devices: a check that a device is right, what it can do at its best, and what it does.

pub mod check;
