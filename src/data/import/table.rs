//! A table of numbers: a line for each image, with its label and its pixels row by row.

mod images;
mod problem;
mod rows;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rows::{Faulty, TOLERANCE, Table, Values, are_fractions, decode};

use super::field::excerpt;
use super::finish::{Raw, finish};
use super::heading::{counter, has_numbers, labelled, shortened};
use super::names::Naming;
use super::problem::{Error, Problem as SourceProblem};
use super::remark::Remark;
use super::source::{Classes, Imported, LabelColumn, Options};
use super::text::utf8;
use crate::data::{gzip, limits};
use crate::{NoMemory, memory};

pub use images::{Rows, Target, read_rows};
pub use problem::Problem;

const MAX_LABEL: u16 = limits::MAX_CLASSES as u16 - 1;

/// Imports a table.
pub(super) fn read(path: &Path, options: &Options, train: Option<&Imported>) -> Result<Imported, Error> {
    let is_emnist = is_emnist(path);
    let options = Options { is_transposed: options.is_transposed || is_emnist, ..options.clone() };
    let read = || {
        let file = File::open(path)?;
        read_table(BufReader::new(file), &options, train)
    };
    let mut imported = read().map_err(|problem| Error { path: path.to_owned(), problem })?;
    if is_emnist {
        imported.remarks.push(Remark::Emnist);
    }
    Ok(imported)
}

/// Whether a table is one of EMNIST's, whose images are transposed. These, like its IDX files, are recognised by their names.
#[must_use]
pub fn is_emnist(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().starts_with("emnist-"))
}

/// Whether a file without a table's name is one, compressed or not: it is no picture, and one of its first lines has mostly
/// numbers.
#[must_use]
pub fn looks_like_a_table(bytes: &[u8]) -> bool {
    /// More than the first lines of any images take.
    const FIRST_BYTES: u64 = 128 << 10;
    let read = || {
        let text = utf8(BufReader::new(gzip::unpacked(bytes)?))?.0;
        let mut first = Vec::new();
        text.take(FIRST_BYTES).read_to_end(&mut first).map(|_| first)
    };
    image::guess_format(bytes).is_err() && read().is_ok_and(|text| has_numbers(&text))
}

/// Imports a table from its bytes, compressed or not.
///
/// # Errors
/// An error in the table.
pub fn read_table(input: impl BufRead, options: &Options, train: Option<&Imported>) -> Result<Imported, SourceProblem> {
    let (mut table, encoding) = decode(input, Faulty::Refused)?;
    let LabelChoice { column: label, is_explicit } = table.label_column(options, train)?;
    let mut remarks = vec![Remark::Lines {
        images: table.lines.len(),
        separator: table.separator,
        encoding,
        label: Some((label + 1, table.heading.as_ref().map(|names| names[label].clone()))),
        heading: table.heading.as_ref().map(|names| shortened(names)),
    }];
    let counter = table.counter_column(label);
    if let (Some(column), Some(names)) = (counter, &table.heading) {
        remarks.push(Remark::IndexColumn(names[column].clone()));
    }
    let last = table.columns - 1;
    if !is_explicit && label != last && !table.words.is_in(label) && table.looks_like_labels(last).is_some() {
        remarks.push(Remark::LastToo);
    }
    if let Some(names) = &table.heading
        && let Ok(Some(labelled)) = labelled(names)
        && labelled != label
    {
        remarks.push(Remark::NotTheHeadings { column: label + 1, heading: names[labelled].clone() });
    }
    if table.blank_lines > 0 {
        remarks.push(Remark::BlankLines(table.blank_lines));
    }
    remarks.extend(table.windows_1252.take().map(Remark::Windows1252));
    let naming = Naming {
        first_label: options.first_label,
        train: train.map(|train| &train.classes),
        large_numbers_are_names: false,
    };
    let (labels, classes, more) = table.labels(label, is_explicit, naming)?;
    remarks.extend(more);
    let is_pixel = |column: usize| column != label && Some(column) != counter;
    let pixels = (0..table.columns).filter(|&column| is_pixel(column)).count();
    table.check_words(is_pixel)?;
    let size = size(pixels, options.size, train)?;
    let (full, largest) = table.scale(is_pixel, options.max, train)?;
    remarks.insert(1, Remark::Largest { value: largest, full });
    if table.is_clamped {
        remarks.push(Remark::Clamped(full));
    }
    let images = table.images(is_pixel, full)?;
    let raw = Raw { images, labels, size, largest, full, paper: None };
    let imported = finish(raw, classes, remarks, options, train)?;
    Ok(Imported { label_column: Some((label, table.columns)), ..imported })
}

/// Rows and columns of an image with this count of pixels: those of the training images, or the given ones, or a square.
fn size(
    pixels: usize,
    given: Option<(usize, usize)>,
    train: Option<&Imported>,
) -> Result<(usize, usize), SourceProblem> {
    let known = train.map(|train| (train.set.rows(), train.set.cols())).or(given);
    let (rows, cols) = match known {
        Some((rows, cols)) if rows.checked_mul(cols) == Some(pixels) => (rows, cols),
        Some((rows, cols)) => {
            return Err(Problem::Pixels { found: pixels, expected: rows.saturating_mul(cols) }.into());
        }
        None if pixels == 0 => return Err(Problem::NoPixels.into()),
        None if pixels == 1 => return Err(Problem::OnePixel.into()),
        None if pixels.isqrt().pow(2) == pixels => (pixels.isqrt(), pixels.isqrt()),
        None => return Err(Problem::NotSquare { pixels }.into()),
    };
    limits::pixels(rows, cols).ok_or(SourceProblem::ImageSize { rows, cols })?;
    Ok((rows, cols))
}

/// The column of the labels.
struct LabelChoice {
    column: usize,
    /// Whether the user, a heading or the training images' table determines it.
    is_explicit: bool,
}

impl Table {
    /// The column of the labels: that of the options, of the heading, of the training images' table, or the first.
    fn label_column(&self, options: &Options, train: Option<&Imported>) -> Result<LabelChoice, Problem> {
        let last = self.columns - 1;
        if let Some(label) = &options.label {
            let column = match label {
                LabelColumn::First => Some(0),
                LabelColumn::Last => Some(last),
                LabelColumn::Number(number) => number.checked_sub(1).filter(|&column| column <= last),
                LabelColumn::Named(name) => {
                    let names = self.heading.as_ref();
                    names.and_then(|names| names.iter().position(|other| other.eq_ignore_ascii_case(name)))
                }
            };
            let column = column.ok_or_else(|| Problem::NoColumn(label.to_string()))?;
            return Ok(LabelChoice { column, is_explicit: true });
        }
        // A heading of numbers names no column.
        let heading = self.heading.as_ref().filter(|names| names.iter().any(|name| name.parse::<f32>().is_err()));
        if let Some(column) = heading.map(|names| labelled(names)).transpose()?.flatten() {
            return Ok(LabelChoice { column, is_explicit: true });
        }
        if let Some((column, columns)) = train.and_then(|train| train.label_column)
            && columns == self.columns
        {
            return Ok(LabelChoice { column, is_explicit: true });
        }
        let first = heading.and_then(|names| counter(names)).map_or(0, |counter| (counter + 1).min(last));
        let column = match (self.words.is_in(first), self.words.is_in(last)) {
            (true, _) => first,
            (false, true) => last,
            (false, false) => match (self.looks_like_labels(first), self.looks_like_labels(last)) {
                (None, Some(range)) => match self.why_no_label(first) {
                    Some(first) => return Err(Problem::LabelLast { first, last: range }),
                    None => first,
                },
                _ => first,
            },
        };
        Ok(LabelChoice { column, is_explicit: false })
    }

    /// The smallest and the largest value of a column that could be labels: whole numbers, not all equal, that use more than
    /// half of the values between. None for another column.
    fn looks_like_labels(&self, column: usize) -> Option<(f32, f32)> {
        let mut is_used = [false; limits::MAX_CLASSES];
        for row in 0..self.lines.len() {
            let value = self.value(row, column);
            let used = is_used.get_mut(value as usize).filter(|_| value >= 0.0 && value.fract() == 0.0)?;
            *used = true;
        }
        let least = is_used.iter().position(|&used| used)?;
        let largest = is_used.iter().rposition(|&used| used)?;
        let count = is_used.iter().filter(|&&used| used).count();
        (count > 1 && 2 * count > largest - least).then_some((least as f32, largest as f32))
    }

    /// Why a column is unlikely to be labels. None if only some of its lines, which may be mistakes, are no labels.
    fn why_no_label(&self, column: usize) -> Option<&'static str> {
        let values = || (0..self.lines.len()).map(|row| self.value(row, column));
        let is_label = |value: &f32| (0.0..=f32::from(MAX_LABEL)).contains(value) && value.fract() == 0.0;
        let first = self.value(0, column);
        match values().filter(is_label).count() {
            _ if values().all(|value| value.to_bits() == first.to_bits()) => {
                Some(if first == 0.0 { "is always 0" } else { "is always the same" })
            }
            labels if labels == self.lines.len() || 2 * labels < self.lines.len() => Some("does not look like labels"),
            _ => None,
        }
    }

    /// The column whose heading is that of a counter of images.
    fn counter_column(&self, label: usize) -> Option<usize> {
        counter(self.heading.as_ref()?).filter(|&column| column != label)
    }

    /// The label of each line, and the classes.
    fn labels(
        &self,
        column: usize,
        is_explicit: bool,
        naming: Naming,
    ) -> Result<(Vec<u8>, Classes, Vec<Remark>), SourceProblem> {
        let text = |row: usize| self.text(row, column);
        // A word after numbers is a mistake, unless the column is known to be the labels.
        if let Some(&row) = self.words.columns.get(&column).filter(|&&row| row > 0 && !is_explicit) {
            let (line, found) = (self.lines[row], text(row));
            return Err(Problem::NoNumber { line, column: column + 1, found }.into());
        }
        let is_counter = || {
            let value = |row| self.value(row, column);
            self.lines.len() > 2 && (1..self.lines.len()).all(|row| value(row) as i64 == value(row - 1) as i64 + 1)
        };
        let no_label = |row: usize, least, most| {
            let (line, found) = (self.lines[row], text(row));
            Problem::Label { line, found, least, most, is_counter: is_counter() }
        };
        let is_whole = |row: &usize| self.value(*row, column) >= 0.0 && self.value(*row, column).fract() == 0.0;
        if let Some(row) = (0..self.lines.len()).find(|row| !is_whole(row)) {
            return Err(no_label(row, naming.first_label, MAX_LABEL + u16::from(naming.first_label)).into());
        }
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut texts = Vec::new();
        let mut rows_of_text = Vec::with_capacity(self.lines.len());
        for row in 0..self.lines.len() {
            let number = *numbers.entry(text(row)).or_insert_with_key(|text| {
                texts.push((text.clone(), row));
                texts.len() - 1
            });
            rows_of_text.push(number);
        }
        let (names, rows): (Vec<String>, Vec<usize>) = texts.into_iter().unzip();
        let labels = naming.labels(&names).map_err(|problem| match problem {
            SourceProblem::Label { found, least, most } => {
                no_label(rows[names.iter().position(|name| *name == found).unwrap_or(0)], least, most).into()
            }
            other => other,
        })?;
        let row_labels = rows_of_text.into_iter().map(|number| labels.labels[number]).collect();
        Ok((row_labels, labels.classes, labels.remarks))
    }

    /// Checks that there is no word among the pixels.
    fn check_words(&self, is_pixel: impl Fn(usize) -> bool) -> Result<(), Problem> {
        let words = self.words.columns.iter().filter(|&(&column, _)| is_pixel(column));
        match words.min_by_key(|&(&column, &row)| (row, column)) {
            None => Ok(()),
            Some((&column, &row)) => {
                let found = excerpt(self.words.at[&(row, column)].as_bytes());
                Err(Problem::NoNumber { line: self.lines[row], column: column + 1, found })
            }
        }
    }

    /// The value of white, and the largest pixel.
    fn scale(
        &mut self,
        is_pixel: impl Fn(usize) -> bool,
        max: Option<u16>,
        train: Option<&Imported>,
    ) -> Result<(f32, f32), SourceProblem> {
        let columns: Vec<usize> = (0..self.columns).filter(|&column| is_pixel(column)).collect();
        let has_fractions = columns.iter().any(|&column| self.has_fractions[column]);
        let mut largest = (0.0, 0, 0);
        let mut least = (0.0, 0, 0);
        for row in 0..self.lines.len() {
            for &column in &columns {
                let value = self.value(row, column);
                if value > largest.0 {
                    largest = (value, row, column);
                }
                if value < least.0 {
                    least = (value, row, column);
                }
            }
        }
        let are_fractions = are_fractions(has_fractions, largest.0);
        let full = match (max, train) {
            (Some(max), _) => max.into(),
            (None, Some(train)) => train.full,
            (None, None) if are_fractions => 1.0,
            (None, None) => u8::MAX.into(),
        };
        let out_of_range = |(value, row, column): (f32, usize, usize)| Problem::Pixel {
            line: self.lines[row],
            column: column + 1,
            value,
            full,
        };
        let tolerance = if has_fractions { TOLERANCE * full } else { 0.0 };
        self.is_clamped = least.0 < 0.0 || largest.0 > full;
        if least.0 < -tolerance {
            return Err(out_of_range(least).into());
        }
        if let (None, Some(train)) = (max, train) {
            let found = if are_fractions { 1.0 } else { largest.0 };
            if are_fractions && train.full > 1.0 || largest.0 > train.full + tolerance {
                return Err(SourceProblem::OtherScale { found, expected: train.full });
            }
        }
        if largest.0 > full + tolerance {
            return Err(out_of_range(largest).into());
        }
        Ok((full, largest.0))
    }

    /// The pixels, 0 to 255.
    fn images(&mut self, is_pixel: impl Fn(usize) -> bool, full: f32) -> Result<Vec<u8>, NoMemory> {
        let scale = f32::from(u8::MAX) / full;
        let columns: Vec<bool> = (0..self.columns).map(is_pixel).collect();
        let mut images = memory::room(self.lines.len() * self.columns, "images")?;
        let mut pixels = columns.iter().cycle();
        let mut is_pixel = || pixels.next() == Some(&true);
        match std::mem::replace(&mut self.values, Values::Bytes(Vec::new())) {
            Values::Bytes(bytes) => {
                let mut of_byte = [0; 256];
                for byte in 0..=u8::MAX {
                    of_byte[usize::from(byte)] = (f32::from(byte) * scale).round() as u8;
                }
                images.extend(bytes.iter().filter(|_| is_pixel()).map(|&byte| of_byte[usize::from(byte)]));
            }
            Values::Floats(floats) => {
                images.extend(floats.iter().filter(|_| is_pixel()).map(|value| (value * scale).round() as u8));
            }
        }
        Ok(images)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Dataset;
    use crate::data::gzip::tests::gzip;

    fn with(text: impl AsRef<[u8]>, options: &Options) -> Result<Imported, super::SourceProblem> {
        read_table(text.as_ref(), options, None)
    }

    fn set(text: impl AsRef<[u8]>) -> Dataset {
        with(text, &Options::default()).unwrap().set
    }

    fn error(text: impl AsRef<[u8]>) -> String {
        with(text, &Options::default()).unwrap_err().to_string()
    }

    fn labelled(column: &str) -> Options {
        Options { label: Some(column.parse().unwrap()), ..Options::default() }
    }

    fn expected() -> Dataset {
        Dataset::new(vec![1, 2, 3, 4, 5, 6, 7, 255], vec![7, 0], 2, 2).unwrap()
    }

    #[test]
    fn every_form_of_a_table_gives_the_same_set() {
        for text in [
            "7,1,2,3,4\n0,5,6,7,255\n",
            "label,a,b,c,d\n7, 1,2,3,4\r\n0,5,6,7,255",
            "\n7,1,2,3,4\n\n0,5,6,7,255",
            "7;1;2;3;4\r0;5;6;7;255\r",
            "7\t1\t2\t3\t4\n0\t5\t6\t7\t255",
            "\u{feff}\"7\",\"1\",\"2\",\"3\",\"4\"\n\"0\",\"5\",\"6\",\"7\",\"255\"\n",
            "\u{feff}label,0,1,2,3\n7.0,1.0,2,3,4\n0.0,5,6,7,255\n",
            "7,1,2,3,4,\n0,5,6,7,255,\n",
            "\"1x1\",\"1x2\",\"2x1\",\"2x2\",\"Class\"\n1,2,3,4,7\n5,6,7,255,0\n",
            ",label,p0,p1,p2,p3\n0,7,1,2,3,4\n1,0,5,6,7,255\n",
            "p0,p1,label,p2,p3\n1,2,7,3,4\n5,6,0,7,255\n",
            "digit,p0,p1,p2,p3\n7,1,2,3,4\n0,5,6,7,255\n",
            "sep=;\r\n7;1;2;3;4\r\n0;5;6;7;255\r\n",
            " 7.0  1 2 3 4 \n 0.0  5 6 7 255\n",
            "7,1,2,3,4\n0,5,6,7,255\n,,,,\n,,,,\n",
            "A,B,Y,Z,Label\n1,2,3,4,7\n5,6,7,255,0\n",
        ] {
            assert_eq!(set(text), expected(), "{text:?}");
        }
        let text = "target\tp1\tp2\tp3\tp4\n7\t1\t2\t3\t4\n0\t5\t6\t7\t255\n";
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(set(&wide), expected());
        assert_eq!(set(gzip(&wide)), expected());
    }

    #[test]
    fn a_heading_is_reported() {
        let found = with("label,a,b,c,d\n7,1,2,3,4\n0,5,6,7,255", &Options::default()).unwrap();
        assert_eq!(
            found.remarks[0].to_string(),
            "2 lines read, a comma between the fields; the label is column 1 (label); line 1 is a heading: label, a, ... d"
        );
        let plain = with("7,1,2,3,4\n0,5,6,7,255", &Options::default()).unwrap();
        assert!(plain.remarks[0].to_string().ends_with("the label is column 1; no heading"));
        // Numbers that count up are a heading, unless they are few.
        let counted = "0,1,2,3,4,5,6,7,8,9\n3,1,1,1,1,1,1,1,1,255\n4,1,1,1,1,1,1,1,1,255\n";
        assert_eq!(set(counted).labels(), [3, 4]);
        assert_eq!(set("0,1,2,3,4\n1,5,6,7,255\n").labels(), [0, 1]);
        // A word among the numbers is a mistake.
        assert!(error("1,x,3,4,5\n0,1,2,3,255\n").contains("line 1, column 2: \"x\" is no number"));
    }

    #[test]
    fn the_label_column_is_that_of_the_heading_or_the_options() {
        assert_eq!(with("1,2,3,4,7\n5,6,7,255,0\n", &labelled("last")).unwrap().set, expected());
        assert_eq!(with("1,2,7,3,4\n5,6,0,7,255\n", &labelled("3")).unwrap().set, expected());
        assert_eq!(with("a,b,what,c,d\n1,2,7,3,4\n5,6,0,7,255\n", &labelled("WHAT")).unwrap().set, expected());
        for (column, expected) in [("6", "has no column 6"), ("digit", "has no column digit")] {
            let error = with("a,b,c,d,e\n1,2,3,4,7\n", &labelled(column)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(error("p1,p2,p3,p4\n1,2,3,4\n").contains("names 4 columns, p1 to p4, none of them a label"));
        assert!(
            error("p1,class,target,p2,p3\n1,2,3,4,5\n")
                .contains("several columns that could be the label: class, target")
        );
        assert_eq!(set("y,p1,p9,p2,p3\n1,2,3,4,5\n0,2,3,4,255").labels(), [1, 0]);
    }

    #[test]
    fn labels_in_the_last_column_are_recognised() {
        let line = |image| format!("0,{0},{0},9,{1}\n", image * 12, image % 10);
        let lines: String = (0..20).map(line).collect();
        let message = error(&lines);
        assert!(
            message
                .contains("first column is always 0, and its last, from 0 to 9, looks like labels; give --label last"),
            "{message}"
        );
        assert_eq!(with(&lines, &labelled("last")).unwrap().set.labels()[11], 1);
        // Words can only be labels.
        let found = with("0,9,8,200,ka\n1,2,3,4,kha\n5,6,7,8,ka\n", &Options::default()).unwrap();
        assert_eq!((found.set.labels(), found.classes.name(1)), (&[0, 1, 0][..], "kha".to_owned()));
        let found = with("ka,9,8,200,0\nkha,2,3,4,1\n", &Options::default()).unwrap();
        assert_eq!(found.set.image(1).unwrap(), [2, 3, 4, 1]);
        assert!(error("3,9,8,200,0\nkha,2,3,4,1\n").contains("line 2, column 1: \"kha\" is no number"));
        // In a column given as the labels, words and numbers are names.
        let found = with("3,9,8,200,0\nkha,2,3,4,1\n", &labelled("first")).unwrap();
        assert_eq!(found.classes.names, Some(vec!["3".to_owned(), "kha".to_owned()]));
        let found = with("4a,9,8,200,0\n1e2,2,3,4,1\n07,2,3,4,1\n7,2,3,4,1\n", &Options::default()).unwrap();
        assert_eq!(found.classes.names.unwrap(), ["07", "1e2", "4a", "7"]);
        // The heading names no label.
        assert!(error(format!("aa,bb,cc,dd,digit\n{lines}")).contains("give --label last"));
        // Both ends could be labels.
        let found = with("0,9,8,200,1\n1,2,3,4,0\n", &Options::default()).unwrap();
        assert!(found.remarks.contains(&Remark::LastToo));
    }

    #[test]
    fn pixels_keep_their_scale() {
        let pixels = |text: &str, max| {
            let found = with(text, &Options { max, ..Options::default() }).unwrap();
            (found.set.images().to_vec(), found.remarks.iter().any(|remark| matches!(remark, Remark::Dark { .. })))
        };
        assert_eq!(pixels("1,0.0,0.5,1.0,0\n0,1,1,0,0\n", None), (vec![0, 128, 255, 0, 255, 255, 0, 0], false));
        assert_eq!(pixels("1;0,0;0,5;1,0;0\n0;1;1;0;0\n", None).0[..4], [0, 128, 255, 0]);
        assert_eq!(pixels("1,0.0,127.6,255.0,0\n0,1,1,0,0\n", None), (vec![0, 128, 255, 0, 1, 1, 0, 0], false));
        assert_eq!(pixels("1,0,8,16,0\n0,1,1,0,0\n", None), (vec![0, 8, 16, 0, 1, 1, 0, 0], true));
        assert_eq!(pixels("1,0,8,16,0\n0,1,1,0,0\n", Some(16)), (vec![0, 128, 255, 0, 16, 16, 0, 0], false));
        assert_eq!(pixels("1,0,1,1,0\n0,1,1,0,0\n", None).0[1], 1);
        assert_eq!(pixels("1,0,2048,4095,0\n0,1,1,0,0\n", Some(4095)).0[..3], [0, 128, 255]);
        let (pixels_beyond, _) = pixels("1,-0.05,0.5,1.02,0\n0,1,1,0,0\n", None);
        assert_eq!(pixels_beyond[..4], [0, 128, 255, 0]);
        assert!(
            error("1,0,9,256,0\n0,1,1,0,0\n")
                .contains("line 1, column 4: a pixel of 256, where 255 is white; give the value of white by --max")
        );
        assert!(error("1,0,9,0,0\n0,-1,1,0,0\n").contains("line 2, column 2: a pixel of -1"));
        assert!(error("1,0,nan,0,0\n").contains("\"nan\" is no number"));
        assert!(error("1,0,,0,0\n").contains("line 1, column 3: \"\" is no number"));
    }

    #[test]
    fn test_images_are_on_the_training_images_scale() {
        let train = with("1,0.0,0.5,1.0,0\n0,1,1,0,0\n", &Options::default()).unwrap();
        let test = |text: &str, train: &Imported| read_table(text.as_bytes(), &Options::default(), Some(train));
        assert_eq!(test("1,0,1,1,0\n", &train).unwrap().set.images(), [0, 255, 255, 0]);
        let last = with("p0,p1,p2,p3,label\n0,9,8,200,1\n0,1,1,0,0\n", &Options::default()).unwrap();
        assert_eq!(test("1,2,3,4,0\n", &last).unwrap().set.labels(), [0]);
        assert!(
            test("1,0,1,2,0\n", &train).unwrap_err().to_string().contains("reach 2, those of the training images 1")
        );
        let bytes = with("1,0,9,200,0\n0,1,1,0,0\n", &Options::default()).unwrap();
        assert!(
            test("1,0,0.5,0,0\n", &bytes)
                .unwrap_err()
                .to_string()
                .contains("reach 1, those of the training images 255")
        );
        let message = test("0,1,2,3\n", &bytes).unwrap_err().to_string();
        assert!(
            message.contains("3 pixels a line where 4 are expected, one fewer: it seems to have no labels"),
            "{message}"
        );
        assert!(
            test("2,0,9,0,0\n", &bytes).unwrap_err().to_string().contains("has 2, of which there is no training image")
        );
    }

    #[test]
    fn errors_in_a_table_are_named() {
        assert!(matches!(with("", &Options::default()), Err(super::SourceProblem::Empty)));
        assert!(matches!(with("\n\n", &Options::default()), Err(super::SourceProblem::Empty)));
        assert!(matches!(with("label,pixel", &Options::default()), Err(super::SourceProblem::Empty)));
        assert!(error("3").contains("line 1 has no comma, semicolon or tab (\"3\")"));
        assert!(error("{\"a\": [1, 2]}").contains("is JSON"));
        assert!(error("label\n1,3\n2,4").contains("no comma"));
        assert!(error("image,label\n11,3\n12,4").contains("one number a line beside the label"));
        assert!(error("id,label\n11,3\n12,4").contains("no numbers beside the label: a list of files?"));
        assert!(error("name,label,a,b\nx.png,3,1,2\ny.png,3,1,2").contains("line 2, column 1: \"x.png\" is no number"));
        assert!(error("3,\"1\n4,2\"\n5,6").contains("line 1, column 2: a quoted field goes on in the next line"));
        assert!(error("3,1,2").contains("has 2 pixels a line, which are no square; give the --size"));
        assert!(error("3,1,2,3").contains("with the label they would be 2x2: does it have no labels?"));
        assert!(error("1,2\n1,2,3").contains("line 2 has 3 fields where the lines before have 2"));
        assert!(error("300,2\n1,2").contains("line 1: \"300\" is no whole number from 0 to 254, as labels are"));
        assert!(error("-1,2\n1,2").contains("line 1: \"-1\" is no whole number"));
        assert!(error("1.5,2\n1,2").contains("line 1: \"1.5\" is no whole number"));
        assert!(error("PK\x03\x04\x14\0\0").contains("is a ZIP archive"));
        assert!(error("<!DOCTYPE html>\n<p>1,2").contains("is a web page"));
        let line = |number| format!("{number},{},7,8,9\n", number % 10);
        let lines: String = (1..=300).map(line).collect();
        assert!(
            error(lines)
                .contains("line 255: \"255\" is no whole number from 0 to 254, as labels are; its column counts")
        );
        let sized = |size| Options { size: Some(size), ..Options::default() };
        assert_eq!(with("3,1,2", &sized((1, 2))).unwrap().set.rows(), 1);
        assert!(
            with("3,1,2", &sized((1, 3))).unwrap_err().to_string().contains("2 pixels a line where 3 are expected")
        );
        assert!(with("3,1,2", &sized((usize::MAX, 3))).is_err());
    }

    #[test]
    fn labels_may_begin_elsewhere() {
        let options = Options { first_label: 1, ..Options::default() };
        let found = with("1,0,9,200,0\n10,1,1,0,0\n", &options).unwrap();
        assert_eq!((found.set.labels(), found.classes.count), (&[0, 9][..], 10));
        let message = with("1,0,9,200,0\n0,1,1,0,0\n", &options).unwrap_err().to_string();
        assert!(message.contains("line 2: \"0\" is no whole number from 1 to 255"), "{message}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = with(bytes, &Options::default());
        }

        #[test]
        fn fields_with_anything_between_do_not_make_it_panic(text in "[0-9a,;\t\r\n \"\u{feff}.-]{0,100}", last: bool) {
            let _ = with(&text, &if last { labelled("last") } else { Options::default() });
            let mut bytes = vec![0xff, 0xfe];
            bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            let _ = with(bytes, &Options { max: Some(1), size: Some((1, 2)), ..Options::default() });
        }
    }
}
