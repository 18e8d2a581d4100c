//! The command as a person meets it: what it prints, what it leaves in files, how it ends. One file a command or a fault.

mod adapters;
mod bad_data;
mod bad_flags;
mod bad_init;
mod bench;
mod devices;
mod ends_early;
mod eval;
mod fetching;
mod gradcheck;
mod help;
mod import;
mod place;
mod screens;
mod sets;
mod shapes;
#[cfg(unix)]
mod signals;
mod threads;
mod train;
