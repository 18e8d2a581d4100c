//! The results of a benchmark as text: for a terminal ([`table`]), a document ([`markdown`]) or a spreadsheet ([`csv`]).

mod csv;
mod figures;
mod markdown;
mod notes;
mod table;
#[cfg(test)]
mod tests;

pub use csv::csv;
pub use figures::{device_of, hardware, machine, spread};
pub use markdown::markdown;
pub use notes::notes;
pub use table::table;
