//! The images of a table for a network that knows how many pixels they have: with labels or without, and with lines that are
//! none.

use std::io::BufRead;

use super::super::field::excerpt;
use super::super::finish::{DARK, HALF, mean};
use super::super::heading::{counter, labelled, shortened};
use super::super::problem::Problem as SourceProblem;
use super::super::remark::Remark;
use super::problem::Problem;
use super::rows::{Faulty, TOLERANCE, Table, are_fractions, decode};
use crate::data::{Dataset, limits};
use crate::memory;

/// How the pixels of a table become those of a network's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Rows and columns of an image.
    pub size: (usize, usize),
    /// The value of white, if it is known. Otherwise it is 1 for fractions up to 1, and else 255.
    pub max: Option<u16>,
    /// Whether black and white are exchanged.
    pub is_inverted: bool,
    /// Whether rows and columns are exchanged.
    pub is_transposed: bool,
}

/// The images of a table.
#[derive(Debug)]
pub struct Rows {
    /// Of each line that has a value and is no heading, in order: its label, if the table has labels; or why it is no image.
    pub lines: Vec<Result<Option<String>, Problem>>,
    /// The images of the lines that are some, each labelled 0.
    pub set: Dataset,
    /// Remarks for the user.
    pub remarks: Vec<Remark>,
}

/// Reads the images of a table from its bytes, compressed or not. A column beside the pixels is a label, or counts the images.
///
/// # Errors
/// A table of which no line is an image, or a quoted field of several lines, after which lines cannot be told apart.
pub fn read_rows(input: impl BufRead, target: &Target) -> Result<Rows, SourceProblem> {
    let (rows, cols) = target.size;
    let pixels = limits::pixels(rows, cols).ok_or(SourceProblem::ImageSize { rows, cols })?;
    let (mut table, encoding) = decode(input, Faulty::Kept { pixels })?;
    let Beside { label, counter } = table.beside(pixels)?;
    let named = |column: usize| (column + 1, table.heading.as_ref().map(|names| names[column].clone()));
    let mut remarks = vec![Remark::Lines {
        images: table.lines.len() + table.faults.len(),
        separator: table.separator,
        encoding,
        label: label.map(named),
        heading: table.heading.as_ref().map(|names| shortened(names)),
    }];
    remarks.extend(
        counter.map(|column| Remark::IndexColumn(named(column).1.unwrap_or_else(|| named(column).0.to_string()))),
    );
    remarks.extend((table.blank_lines > 0).then_some(Remark::BlankLines(table.blank_lines)));
    remarks.extend(table.windows_1252.take().map(Remark::Windows1252));

    let columns: Vec<usize> =
        (0..table.columns).filter(|&column| Some(column) != label && Some(column) != counter).collect();
    let words = table.rows_with_words(&columns);
    let white = table.white(&columns, &words, target.max);
    remarks.insert(1, Remark::Largest { value: white.largest, full: white.full });
    let mut images = memory::room(table.lines.len() * pixels, "images")?;
    let mut lines = Vec::with_capacity(table.lines.len() + table.faults.len());
    let mut words = words.into_iter().peekable();
    let mut faults = std::mem::take(&mut table.faults).into_iter().peekable();
    for row in 0..table.lines.len() {
        while let Some((_, fault)) = faults.next_if(|(before, _)| *before == lines.len()) {
            lines.push(Err(fault));
        }
        let image = match words.next_if(|(with, _)| *with == row) {
            Some((_, fault)) => Err(fault),
            None => table.image(row, &columns, &white, &mut images),
        };
        lines.push(image.map(|()| label.map(|label| table.text(row, label))));
    }
    lines.extend(faults.map(|(_, fault)| Err(fault)));
    if images.is_empty() {
        let fault = lines.into_iter().find_map(Result::err);
        return Err(fault.map_or(SourceProblem::Empty, SourceProblem::from));
    }
    remarks.extend(table.is_clamped.then_some(Remark::Clamped(white.full)));
    if white.largest < DARK * white.full {
        remarks.push(Remark::Dark { value: white.largest, full: white.full, is_given: target.max.is_some() });
    }
    let labels = vec![0; images.len() / pixels];
    let set = if target.is_transposed {
        Dataset::new(images, labels, cols, rows)?.transposed()
    } else {
        Dataset::new(images, labels, rows, cols)?
    };
    let set = if target.is_inverted { set.inverted() } else { set };
    let mean = mean(set.images());
    remarks.extend((mean > HALF).then_some(Remark::BrightRows(mean)));
    Ok(Rows { lines, set, remarks })
}

/// The columns beside the pixels.
struct Beside {
    label: Option<usize>,
    counter: Option<usize>,
}

/// The scale of the pixels.
struct White {
    full: f32,
    largest: f32,
    /// How far a pixel may be below black or above white.
    tolerance: f32,
}

impl Table {
    /// The columns that are no pixels, where an image has this many.
    fn beside(&self, pixels: usize) -> Result<Beside, Problem> {
        // A heading of numbers names no column.
        let heading = self.heading.as_ref().filter(|names| names.iter().any(|name| name.parse::<f32>().is_err()));
        let counter = heading.and_then(|names| counter(names));
        let labelled = heading.map(|names| labelled(names));
        let has_no_label = matches!(labelled, Some(Err(Problem::NoLabel { .. })));
        let labelled = labelled.and_then(Result::ok).flatten();
        let others = |found| Err(Problem::OtherPixels { columns: self.columns, found, pixels });
        let named = usize::from(counter.is_some()) + usize::from(labelled.is_some());
        match (self.columns - pixels, counter, labelled) {
            (beside, ..) if named > beside => others(self.columns - named),
            (0, ..) => Ok(Beside { label: None, counter: None }),
            (1, counter @ Some(_), _) => Ok(Beside { label: None, counter }),
            (1, None, Some(label)) => Ok(Beside { label: Some(label), counter: None }),
            (beside, ..) if has_no_label => others(self.columns - beside + 1),
            (1, None, None) if self.counts_up(0) => Ok(Beside { label: None, counter: Some(0) }),
            (1, None, None) => Ok(Beside { label: Some(self.likely_label(0)), counter: None }),
            (_, counter, labelled) => {
                let counter =
                    counter.or_else(|| self.counts_up(0).then_some(0)).filter(|&first| Some(first) != labelled);
                let Some(counter) = counter else { return others(self.columns - 1) };
                let label = labelled.unwrap_or_else(|| self.likely_label(counter + 1));
                Ok(Beside { label: Some(label), counter: Some(counter) })
            }
        }
    }

    /// The first or the last column, whichever is more likely the label. The first is the usual place.
    fn likely_label(&self, first: usize) -> usize {
        let last = self.columns - 1;
        let has_words = |column: usize| {
            let words = self.words.at.keys().filter(|(_, other)| *other == column).count();
            2 * words > self.lines.len()
        };
        let is_likely = |column| has_words(column) || self.looks_like_labels(column).is_some();
        if !has_words(first) && (has_words(last) || !is_likely(first) && is_likely(last)) { last } else { first }
    }

    /// Whether each value of a column is one more than that before.
    fn counts_up(&self, column: usize) -> bool {
        let value = |row| self.value(row, column);
        self.lines.len() > 2
            && (1..self.lines.len()).all(|row| value(row).to_bits() == (value(row - 1) + 1.0).to_bits())
    }

    /// The rows with a word in one of these columns, in order, each with the error.
    fn rows_with_words(&self, columns: &[usize]) -> Vec<(usize, Problem)> {
        let mut words: Vec<_> =
            self.words.at.iter().filter(|((_, column), _)| columns.binary_search(column).is_ok()).collect();
        words.sort_unstable_by_key(|(at, _)| **at);
        words.dedup_by_key(|((row, _), _)| *row);
        let fault = |(&(row, column), word): (&(usize, usize), &String)| {
            let found = excerpt(word.as_bytes());
            (row, Problem::NoNumber { line: self.lines[row], column: column + 1, found })
        };
        words.into_iter().map(fault).collect()
    }

    /// The scale of the pixels in these columns. Rows with words do not count.
    fn white(&mut self, columns: &[usize], words: &[(usize, Problem)], max: Option<u16>) -> White {
        let has_fractions = columns.iter().any(|&column| self.has_fractions[column]);
        let (mut largest, mut least) = (0.0_f32, 0.0_f32);
        for row in 0..self.lines.len() {
            if words.binary_search_by_key(&row, |(with, _)| *with).is_err() {
                for &column in columns {
                    let value = self.value(row, column);
                    largest = largest.max(value);
                    least = least.min(value);
                }
            }
        }
        let full = match max {
            Some(max) => max.into(),
            None if are_fractions(has_fractions, largest) => 1.0,
            None => u8::MAX.into(),
        };
        self.is_clamped = has_fractions && (least < 0.0 || largest > full);
        White { full, largest, tolerance: if has_fractions { TOLERANCE * full } else { 0.0 } }
    }

    /// Adds the pixels of a row, 0 to 255. If one is out of range, nothing is added.
    fn image(&self, row: usize, columns: &[usize], white: &White, images: &mut Vec<u8>) -> Result<(), Problem> {
        let &White { full, tolerance, .. } = white;
        let scale = f32::from(u8::MAX) / full;
        let begin = images.len();
        for &column in columns {
            let value = self.value(row, column);
            if value < -tolerance || value > full + tolerance {
                images.truncate(begin);
                return Err(Problem::Pixel { line: self.lines[row], column: column + 1, value, full });
            }
            images.push((value * scale).round() as u8);
        }
        Ok(())
    }

    /// A field as text.
    pub(super) fn text(&self, row: usize, column: usize) -> String {
        self.words.at.get(&(row, column)).cloned().unwrap_or_else(|| self.value(row, column).to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::gzip::tests::gzip;

    const PLAIN: Target = Target { size: (2, 2), max: None, is_inverted: false, is_transposed: false };

    fn read(text: impl AsRef<[u8]>) -> Rows {
        read_rows(text.as_ref(), &PLAIN).unwrap()
    }

    fn error(text: impl AsRef<[u8]>) -> String {
        read_rows(text.as_ref(), &PLAIN).unwrap_err().to_string()
    }

    fn labels(rows: &Rows) -> Vec<Option<String>> {
        rows.lines.iter().map(|line| line.as_ref().unwrap().clone()).collect()
    }

    #[test]
    fn a_table_needs_no_labels() {
        let wide: Vec<u8> =
            "\u{feff}a;b;c;d\r\n1;2;3;4\r\n5;6;7;255\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let texts = [
            "1,2,3,4\n5,6,7,255\n".as_bytes(),
            b"pixel0,pixel1,pixel2,pixel3\n1,2,3,4\n\n5,6,7,255",
            b"ImageId,p0,p1,p2,p3\n1,1,2,3,4\n2,5,6,7,255\n",
            b"\xef\xbb\xbf\"1\";\"2\";\"3\";\"4\"\r\n\"5\";\"6\";\"7\";\"255\"\r\n",
            b"1\t2\t3\t4\r5\t6\t7\t255\r",
            &wide,
            &gzip(b"1,2,3,4,\n5,6,7,255,\n"),
        ];
        for text in texts {
            let rows = read(text);
            assert_eq!(rows.set.images(), [1, 2, 3, 4, 5, 6, 7, 255], "{}", String::from_utf8_lossy(text));
            assert_eq!(labels(&rows), [None, None]);
        }
        // A first column that counts the images, without a heading.
        let rows = read("1,1,2,3,4\n2,5,6,7,255\n3,0,0,0,0\n");
        assert_eq!((rows.set.len(), labels(&rows)), (3, vec![None; 3]));
        assert!(rows.remarks.contains(&Remark::IndexColumn("1".to_owned())));
    }

    #[test]
    fn labels_are_found_and_are_no_pixels() {
        for text in [
            "label,a,b,c,d\n7,1,2,3,4\n0,5,6,7,255\n",
            "7,1,2,3,4\n0,5,6,7,255\n",
            "7.0,1,2,3,4\n0,5,6,7,255\n",
            "a,b,c,d,class\n1,2,3,4,7\n5,6,7,255,0\n",
            "id,label,a,b,c,d\n1,7,1,2,3,4\n2,0,5,6,7,255\n",
        ] {
            let rows = read(text);
            assert_eq!(rows.set.images(), [1, 2, 3, 4, 5, 6, 7, 255], "{text}");
            assert_eq!(labels(&rows), [Some("7".to_owned()), Some("0".to_owned())], "{text}");
        }
        // The first column is always 0, as a corner of images is, and the last has labels.
        let last = read("0,2,3,4,7\n0,6,7,255,6\n0,6,7,255,5\n");
        assert_eq!((last.set.image(1).unwrap(), labels(&last)[1].as_deref()), (&[0, 6, 7, 255][..], Some("6")));
        let words = read("9,2,3,4,boots\n5,6,7,8,bags\n");
        assert_eq!(labels(&words), [Some("boots".to_owned()), Some("bags".to_owned())]);
        // One word among pixels makes no column of labels.
        let rows = read("3,1,2,3,4\n4,1,2,3,x\n3,1,2,3,4\n");
        assert_eq!(rows.lines[0].as_ref().unwrap().as_deref(), Some("3"));
        assert!(rows.lines[1].as_ref().unwrap_err().to_string().contains("line 2, column 5: \"x\" is no number"));
    }

    #[test]
    fn a_line_that_is_no_image_is_an_error_of_its_own() {
        let rows = read("nan,1,1,1\n1,2,3\n1,2,3,4\n1,,3,4\n1,300,3,4\n1,-1,3,4\n5,6,7,8\n1,2,3,4,5");
        let errors: Vec<_> = rows.lines.iter().map(|line| line.as_ref().err().map(ToString::to_string)).collect();
        for (n, (found, expected)) in errors
            .iter()
            .zip([
                Some("line 1, column 1: \"nan\" is no number"),
                Some("line 2 has 3 fields"),
                None,
                Some("line 4, column 2: \"\" is no number"),
                Some("line 5, column 2: a pixel of 300, where 255 is white"),
                Some("line 6, column 2: a pixel of -1"),
                None,
                Some("line 8 has 5 fields"),
            ])
            .enumerate()
        {
            assert_eq!(found.is_some(), expected.is_some(), "{n}: {found:?}");
            assert!(found.as_deref().unwrap_or_default().contains(expected.unwrap_or_default()), "{n}: {found:?}");
        }
        assert_eq!(rows.set.images(), [1, 2, 3, 4, 5, 6, 7, 8]);
        // A first line of another width, as a title has.
        let rows = read("digits 1\n1,2,3,4\n".replace("digits 1", "digits,1"));
        assert!(
            rows.lines[0].as_ref().unwrap_err().to_string().contains("line 1 has 2 fields for a network of images")
        );
        assert_eq!(rows.set.images(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_table_of_no_image_is_one_error() {
        assert!(error("1,2,3\n4,5,6\n").contains("line 1 has 3 fields for a network of images with 4 pixels"));
        assert!(error("label,a,b,c\n1,2,3,4\n").contains("has 4 columns, 3 of them pixels"));
        assert!(error("p0,p1,p2,p3,p4\n1,2,3,4,5\n").contains("has 5 columns, 5 of them pixels"));
        assert!(error("1,2,3,256\n").contains("a pixel of 256"));
        assert!(error("a,b,c,d\n").contains("holds no image"));
        assert!(error("").contains("holds no image"));
        assert!(error("1,2,\"3,4\n5,6,7,8\n").contains("line 1, column 3: a quoted field goes on"));
        assert!(error("PK\x03\x04\x14\0\0").contains("is a ZIP archive"));
        let none = Target { size: (0, 4), ..PLAIN };
        assert!(read_rows(&b"1,2"[..], &none).is_err());
    }

    #[test]
    fn pixels_are_scaled_and_prepared() {
        let with = |text: &str, target: Target| read_rows(text.as_bytes(), &target).unwrap().set.images().to_vec();
        assert_eq!(with("0.0,0.5,1,1.02\n", PLAIN), [0, 128, 255, 255]);
        assert_eq!(with("0,8,16,4\n", Target { max: Some(16), ..PLAIN }), [0, 128, 255, 64]);
        assert_eq!(with("0,8,16,255\n", Target { is_inverted: true, ..PLAIN }), [255, 247, 239, 0]);
        let wide = Target { size: (2, 3), is_transposed: true, ..PLAIN };
        assert_eq!(with("1,4,2,5,3,6\n", wide), [1, 2, 3, 4, 5, 6]);
        let remarks = |text: &str| read(text).remarks;
        assert!(remarks("0,1,1,0\n").contains(&Remark::Dark { value: 1.0, full: 255.0, is_given: false }));
        assert!(remarks("200,255,255,0\n").iter().any(|remark| matches!(remark, Remark::BrightRows(_))));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[0-9a,;\t\r\n \"\u{feff}.-]{0,100}", cols in 0_usize..4) {
            let target = Target { size: (1, cols), max: None, is_inverted: true, is_transposed: true };
            if let Ok(Rows { lines, set, .. }) = read_rows(text.as_bytes(), &target) {
                prop_assert_eq!(lines.iter().filter(|line| line.is_ok()).count(), set.len());
                prop_assert_eq!(set.pixels(), cols);
            }
            let mut bytes = vec![0xff, 0xfe];
            bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            let _ = read_rows(&bytes[..], &PLAIN);
        }
    }
}
