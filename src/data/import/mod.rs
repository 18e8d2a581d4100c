//! The import of images: a folder of pictures or a table of numbers becomes a set, with remarks for the user.

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
pub use folder::pictures;
pub use problem::{Error, Fault, Problem};
pub use remark::{Remark, SkipReason};
pub use source::{Classes, Imported, LabelColumn, Options};
pub use table::{Rows, Target, is_emnist, looks_like_a_table, read_rows, read_table};

/// Imports a source: a folder with a folder of pictures for each class, or a table (.csv, .tsv, .csv.gz) with a line for each
/// image, of a label and the pixels row by row.
///
/// A class is a folder, or a label of the table. If all names of classes are numbers, these are the labels; otherwise the sorted
/// names are numbered. Test images are read with their training images, `train`, which determine the classes and the scale of
/// the pixels.
///
/// # Errors
/// A [`Problem`] of the source.
pub fn read(source: &Path, options: &Options, train: Option<&Imported>) -> Result<Imported, Error> {
    if source.is_dir() { folder::read(source, options, train) } else { table::read(source, options, train) }
}
