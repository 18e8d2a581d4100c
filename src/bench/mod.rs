//! The benchmark: the speed of every device. A device is timed only if its results agree with the f64 reference.
//!
//! - [`workload`] defines the networks and batches that are timed. [`task`] applies a workload to a dataset and checks a
//!   device's results.
//! - [`contest`] prepares, checks and warms up the devices, and then times them in turns. It sees a device only as a
//!   [`contest::Entrant`], so a test can add a wrong one. [`entry`] makes entrants of this machine's devices.
//! - [`check`] compares results with the reference. [`peak`] measures the highest rates of a device.
//! - [`others`] measures the load that other programs put on the machine.
//! - [`tune`] times the kernels that can run a network on one GPU against each other.
//! - [`stats`] evaluates the rounds. [`record`] holds the results as JSON.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use twolayer::bench::{contest, entry::Entry, stats::Spread, task::Task, workload::Workload};
//! use twolayer::{data::digits, devices};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let set = digits::built_in()?.train;
//! let entries: Vec<Entry> = pollster::block_on(devices::list(0)).iter().map(Entry::open).collect();
//! let entrants: Vec<&dyn contest::Entrant> = entries.iter().map(|entry| entry as _).collect();
//! let tasks = [Task::new(Workload::ARTICLE, &set)];
//! let settings = contest::Settings {
//!     repetitions: 5,
//!     round: Duration::from_millis(500),
//!     budget: Duration::from_secs(60),
//!     chosen: true,
//! };
//! for row in contest::run(&entrants, &tasks, &settings, &mut |_, _, _| ()).rows {
//!     if let contest::Outcome::Timed(timed) = row.outcome {
//!         println!("{}: {:?} steps/s", entrants[row.entrant].info().name, Spread::of(&timed.samples));
//!     }
//! }
//! # Ok(())
//! # }
//! ```

pub mod check;
pub mod contest;
pub mod entry;
pub mod others;
pub mod peak;
pub mod record;
pub mod stats;
pub mod task;
pub mod tune;
pub mod workload;
