//! The output of the commands: text, plots, and the files of a run.

mod axis;
pub mod bench;
pub mod chart;
pub mod checkpoint;
mod columns;
pub mod comparison;
pub mod confusion;
mod csv;
pub mod explanation;
pub mod gradcheck;
pub mod network;
pub mod plot;
pub mod predictions;
pub mod progress;
mod reminder;
pub mod run_folder;
mod running_mean;
pub mod runs;
pub mod scores;
pub mod set;
pub mod sheet;
pub mod summary;
pub(crate) mod table;
pub mod weights;
pub mod width;
pub mod worst;
