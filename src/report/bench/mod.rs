//! What a benchmark found, for a person ([`table`]), for a document ([`markdown`]) and for a spreadsheet ([`csv`]).

mod columns;
mod csv;
mod figures;
mod markdown;
mod table;
#[cfg(test)]
mod tests;

pub use csv::csv;
pub use figures::{card, device, machine, notes, spread};
pub use markdown::markdown;
pub use table::table;
