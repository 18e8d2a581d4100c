//! Images from elsewhere: a folder of pictures, or a table of numbers, made a set; and all that is to be said of it.

mod field;
mod finish;
mod folder;
mod heading;
mod names;
pub mod picture;
mod problem;
mod remark;
mod source;
mod table;
mod text;

use std::path::Path;

pub use finish::unused;
pub use problem::{Error, Fault, Problem};
pub use remark::{Remark, Why};
pub use source::{Classes, Imported, LabelColumn, Options};
pub use table::read_table;

/// Takes over a source: a folder that has a folder of pictures for each class, or a table (.csv, .tsv, .csv.gz): a line an
/// image, of a label and the pixels row by row.
///
/// A class is a folder, or a label of the table. Where all are numbers, these are the labels; else the labels count the names in
/// their order. Of test images, `train` is what they are to test: their classes are its, and so is the scale of their pixels.
///
/// # Errors
/// [`Problem`] says what is wrong with the source.
pub fn read(source: &Path, options: &Options, train: Option<&Imported>) -> Result<Imported, Error> {
    if source.is_dir() { folder::read(source, options, train) } else { table::read(source, options, train) }
}
