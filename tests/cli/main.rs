//! Tests of the command: its output, its files and its exit code. There is a file for each command or kind of error.

mod adapters;
mod bad_data;
mod bad_flags;
mod bad_init;
mod bench;
mod compare;
mod devices;
mod ends_early;
mod eval;
mod export;
mod fetching;
mod gradcheck;
mod help;
mod import;
mod inside;
mod place;
mod predict;
mod resume;
mod runs;
mod screens;
mod sets;
mod several;
mod shapes;
#[cfg(unix)]
mod signals;
mod threads;
mod train;
mod validation;
