//! The page's thin front end on the library: sets, training in pieces, and what is shown of a network. `page/worker.js` uses it through
//! `face`; all else compiles natively too, so that a browser's weights can be compared with a native run's.

mod drawing;
#[cfg(target_family = "wasm")]
mod face;
mod sets;
mod trainer;

pub use drawing::image;
pub use sets::{DIGITS, drawn, from_files};
pub use trainer::{Error, Settings, Trainer};
