//! The results of a benchmark as one JSON object: on stdout, and in a file that a later run can be compared with.
//!
//! The fields are defined in one file. The others fill them from results ([`Record::new`]), compare them with a saved run
//! ([`Record::compare`]), and save and load them ([`Record::save`], [`Record::load`]).

mod compare;
mod fields;
mod file;
mod hosts;
mod new;
#[cfg(test)]
pub(crate) mod tests;

pub use self::fields::{
    Bound, Build, Compared, ControlRow, Data, Device, During, Host, Kernel, Machine, PeakRates, Record, Row, SCHEMA,
    StepKind,
};
pub use self::file::Error;
