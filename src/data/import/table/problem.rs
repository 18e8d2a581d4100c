//! What is wrong in a table.

/// What is wrong in a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing stands between fields.
    #[error(
        "line 1 has no comma, semicolon or tab ({0:?}); each line is a label and the pixels, with one of these between"
    )]
    NoSeparator(String),
    /// A quoted field that goes on over the end of its line: a quote is missing.
    #[error("line {line}, column {column}: a quoted field goes on over the end of the line; mend its quotes")]
    LineBreak {
        /// Which line, from 1.
        line: u64,
        /// Which column, from 1.
        column: usize,
    },
    /// A line of one number beside its label.
    #[error(
        "has one number a line beside the label, so images of one pixel: a list of files? Where not, give the --size"
    )]
    OnePixel,
    /// A line of nothing beside its label.
    #[error("has no numbers beside the label: a list of files? Give the pixels themselves, or a folder of pictures")]
    NoPixels,
    /// A field that is no number.
    #[error("line {line}, column {column}: {found:?} is no number; each line is a label and the pixels")]
    NoNumber {
        /// Which line, from 1.
        line: u64,
        /// Which column, from 1.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A label that is out of range.
    #[error("line {line}: {found:?} is no whole number from {least} to {most}, as labels are{}", if *is_counter {
        "; its column counts the lines, so it is no label: take it out"
    } else { "; --label says which column has them" })]
    Label {
        /// Which line, from 1.
        line: u64,
        /// What stands there.
        found: String,
        /// The least label.
        least: u8,
        /// The largest label.
        most: u16,
        /// Whether the column counts the lines.
        is_counter: bool,
    },
    /// A pixel beyond white, or below black.
    #[error("line {line}, column {column}: a pixel of {value}, where {full} is white; {}", if *value < 0.0 {
        "give pixels from 0"
    } else { "--max says what is white" })]
    Pixel {
        /// Which line, from 1.
        line: u64,
        /// Which column, from 1.
        column: usize,
        /// The pixel.
        value: f32,
        /// White.
        full: f32,
    },
    /// A line with fewer or more fields than the first.
    #[error("line {line} has {found} fields where the lines before have {expected}; give all lines the same")]
    Fields {
        /// Which line, from 1.
        line: u64,
        /// Its fields.
        found: usize,
        /// Those of the first.
        expected: usize,
    },
    /// Another number of pixels than was asked for, or than the training images have.
    #[error("has {found} pixels a line where {expected} are expected{}", if found + 1 == *expected {
        ", one fewer: it seems to have no labels; give one that has"
    } else { "; give images of one size" })]
    Pixels {
        /// Pixels of a line.
        found: usize,
        /// Those expected.
        expected: usize,
    },
    /// So many pixels that they are no square, and no size was given.
    #[error("has {pixels} pixels a line, which are no square; {}", if (pixels + 1).isqrt().pow(2) == pixels + 1 {
        format!("with the label they would be {0}x{0}: does it have no labels? If it has, give the --size of an image", (pixels + 1).isqrt())
    } else { "give the --size of an image".to_owned() })]
    NotSquare {
        /// Pixels of a line.
        pixels: usize,
    },
    /// A heading that names only pixels.
    #[error(
        "line 1 names {columns} columns, {first} to {last}, none of them a label: it seems to have none; where one is, --label says it"
    )]
    NoLabel {
        /// How many columns there are.
        columns: usize,
        /// The first one's heading.
        first: String,
        /// The last one's.
        last: String,
    },
    /// A heading in which several columns could be the label.
    #[error("line 1 has several columns that could be the label: {}; --label says which it is", .0.join(", "))]
    SeveralLabels(Vec<String>),
    /// A column that was asked for and is not there.
    #[error("has no column {0} for the label; give another --label")]
    NoColumn(String),
    /// The first column is no label, and the last may be.
    #[error(
        "its first column {first}, and its last, from {} to {}, looks like labels; give --label last, or --label first",
        last.0, last.1
    )]
    LabelLast {
        /// What the first column is like.
        first: &'static str,
        /// The least and the largest value of the last.
        last: (f32, f32),
    },
}
