//! The benchmark: how fast every device is, once it has proved that it computes what the f64 reference does.
//!
//! - [`workload`] says what is timed, [`task`] puts it on a set of data and judges what a device computed of it.
//! - [`contest`] prepares, checks and warms up the devices, and then lets them take turns; it knows them only as
//!   [`contest::Entrant`], so that a test can put a wrong one in. [`entry`] makes entrants of this machine's devices.
//! - [`check`] compares with the reference, [`peak`] measures what a device can do at most.
//! - [`others`] knows what else the machine did in the meantime.
//! - [`tune`] lets the kernels that could run a network on one GPU take turns instead.
//! - [`stats`] says what the rounds mean, [`record`] keeps it.
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
