//! Errors in a table.

/// An error in a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The first line has no separator between fields.
    #[error(
        "line 1 has no comma, semicolon or tab ({0:?}); each line has the values of an image, with one of these between"
    )]
    NoSeparator(String),
    /// A quoted field that goes on in the next line: a quote is missing.
    #[error("line {line}, column {column}: a quoted field goes on in the next line; correct its quotes")]
    LineBreak {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
    },
    /// Lines of one number beside the label.
    #[error("has one number a line beside the label, so images of one pixel: a list of files? If not, give the --size")]
    OnePixel,
    /// Lines of nothing beside the label.
    #[error("has no numbers beside the label: a list of files? Give the pixels themselves, or a folder of pictures")]
    NoPixels,
    /// A field that is no number.
    #[error("line {line}, column {column}: {found:?} is no number; give every pixel as a number")]
    NoNumber {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The field.
        found: String,
    },
    /// A label that is out of range.
    #[error("line {line}: {found:?} is no whole number from {least} to {most}, as labels are{}", if *is_counter {
        "; its column counts the lines, so it is no label: remove it"
    } else { "; give the column of the labels by --label" })]
    Label {
        /// The line, from 1.
        line: u64,
        /// The field.
        found: String,
        /// The smallest label.
        least: u8,
        /// The largest label.
        most: u16,
        /// Whether the column counts the lines.
        is_counter: bool,
    },
    /// A pixel above white, or below black.
    #[error("line {line}, column {column}: a pixel of {value}, where {full} is white; {}", if *value < 0.0 {
        "give pixels from 0"
    } else { "give the value of white by --max" })]
    Pixel {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The pixel.
        value: f32,
        /// The value of white.
        full: f32,
    },
    /// A line with fewer or more fields than the first.
    #[error("line {line} has {found} fields where the lines before have {expected}; give all lines the same")]
    Fields {
        /// The line, from 1.
        line: u64,
        /// Its count of fields.
        found: usize,
        /// The count of the first line.
        expected: usize,
    },
    /// A line that is no image for a network.
    #[error(
        "line {line} has {found} fields for a network of images with {pixels} pixels; give a field for each pixel, and at most a \
         label and a number of the image beside them"
    )]
    OtherImages {
        /// The line, from 1.
        line: u64,
        /// Its count of fields.
        found: usize,
        /// The pixels of an image.
        pixels: usize,
    },
    /// A heading or columns that leave another count of pixels than a network has inputs.
    #[error(
        "has {columns} columns, {found} of them pixels, for a network of images with {pixels} pixels; give a column for each"
    )]
    OtherPixels {
        /// All columns.
        columns: usize,
        /// The columns that are pixels.
        found: usize,
        /// The pixels of an image.
        pixels: usize,
    },
    /// Another count of pixels than the given size or the training images have.
    #[error("has {found} pixels a line where {expected} are expected{}", if found + 1 == *expected {
        ", one fewer: it seems to have no labels; give one that has"
    } else { "; give images of one size" })]
    Pixels {
        /// Pixels of a line.
        found: usize,
        /// The expected pixels.
        expected: usize,
    },
    /// The pixels make no square, and no size was given.
    #[error("has {pixels} pixels a line, which are no square; {}", if (pixels + 1).isqrt().pow(2) == pixels + 1 {
        format!("with the label they would be {0}x{0}: does it have no labels? If it has, give the --size of an image", (pixels + 1).isqrt())
    } else { "give the --size of an image".to_owned() })]
    NotSquare {
        /// Pixels of a line.
        pixels: usize,
    },
    /// A heading that names only pixels.
    #[error(
        "line 1 names {columns} columns, {first} to {last}, none of them a label: it seems to have no labels; if it has, give \
         their column by --label"
    )]
    NoLabel {
        /// The count of columns.
        columns: usize,
        /// The heading of the first.
        first: String,
        /// The heading of the last.
        last: String,
    },
    /// A heading in which several columns could be the label.
    #[error("line 1 has several columns that could be the label: {}; choose one by --label", .0.join(", "))]
    SeveralLabels(Vec<String>),
    /// A given column that does not exist.
    #[error("has no column {0} for the label; give another --label")]
    NoColumn(String),
    /// The first column is unlikely to be the label, and the last may be.
    #[error(
        "its first column {first}, and its last, from {} to {}, looks like labels; give --label last, or --label first",
        last.0, last.1
    )]
    LabelLast {
        /// Why the first column is unlikely.
        first: &'static str,
        /// The smallest and the largest value of the last.
        last: (f32, f32),
    },
}
