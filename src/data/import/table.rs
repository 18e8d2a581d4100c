//! A table of numbers: a line an image, of its label and its pixels row by row.

mod problem;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use csv::ByteRecord;

use super::field::{as_number, as_text, excerpt, trimmed};
use super::finish::{Raw, finish};
use super::heading::{SPACE, counter, is_heading, labelled, said_separator, separator};
use super::names::Naming;
use super::problem::{Error, Problem as SourceProblem};
use super::remark::Remark;
use super::source::{Classes, Imported, LabelColumn, Options};
use super::text::{as_text as as_word, utf8};
use crate::data::sniff::file_kind;
use crate::data::{gzip, limits};
use crate::{NoMemory, memory};

pub use problem::Problem;

/// How far fractions may go beyond black and white, as a share of white: resized pictures do.
const BEYOND: f32 = 0.1;

/// The largest label.
const MOST_LABEL: u16 = limits::MAX_CLASSES as u16 - 1;

/// Takes over a table.
pub(super) fn read(path: &Path, options: &Options, train: Option<&Imported>) -> Result<Imported, Error> {
    // As its IDX files are known, by the name.
    let is_emnist = path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().starts_with("emnist-"));
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

/// Takes over a table from its bytes, compressed or not.
///
/// # Errors
/// What is wrong in it.
pub fn read_table(input: impl BufRead, options: &Options, train: Option<&Imported>) -> Result<Imported, SourceProblem> {
    let mut input = BufReader::new(gzip::unpacked(input)?);
    let first = input.fill_buf()?;
    // Two letters may begin a text as well.
    let is_binary =
        !first.is_ascii() || first.contains(&0) || matches!(first.trim_ascii_start().first(), Some(b'<' | b'[' | b'{'));
    if let Some(kind) = file_kind(first).filter(|_| is_binary) {
        return Err(SourceProblem::NoTable(kind));
    }
    let (text, encoding) = utf8(input)?;
    let mut table = Table::read(BufReader::new(text))?;
    let Chosen { column: label, is_said } = table.label_column(options, train)?;
    let mut remarks = vec![Remark::Lines {
        images: table.lines.len(),
        separator: table.separator,
        encoding: encoding.map(encoding_rs::Encoding::name),
        label: (label + 1, table.heading.as_ref().map(|names| names[label].clone())),
        heading: table.heading.as_ref().map(|names| shown(names)),
    }];
    let counter = table.counter_column(label);
    if let (Some(column), Some(names)) = (counter, &table.heading) {
        remarks.push(Remark::IndexColumn(names[column].clone()));
    }
    let last = table.columns - 1;
    if !is_said && label != last && !table.words.is_in(label) && table.looks_like_labels(last).is_some() {
        remarks.push(Remark::LastToo);
    }
    if let Some(names) = &table.heading
        && let Ok(Some(said)) = labelled(names)
        && said != label
    {
        remarks.push(Remark::NotTheHeadings { column: label + 1, heading: names[said].clone() });
    }
    if table.blank_lines > 0 {
        remarks.push(Remark::BlankLines(table.blank_lines));
    }
    remarks.extend(table.odd_text.take().map(Remark::Windows1252));
    let naming = Naming {
        first_label: options.first_label,
        train: train.map(|train| &train.classes),
        large_numbers_are_names: false,
    };
    let (labels, classes, more) = table.labels(label, is_said, naming)?;
    remarks.extend(more);
    let is_pixel = |column: usize| column != label && Some(column) != counter;
    let pixels = (0..table.columns).filter(|&column| is_pixel(column)).count();
    table.check_words(is_pixel)?;
    let size = size(pixels, options.size, train)?;
    let (full, largest) = table.scale(is_pixel, options.max, train)?;
    remarks.insert(1, Remark::Largest { value: largest, full });
    if table.is_clamped {
        remarks.push(Remark::Clamped { full });
    }
    let images = table.images(is_pixel, full)?;
    let raw = Raw { images, labels, size, largest, full, paper: None };
    let imported = finish(raw, classes, remarks, options, train)?;
    Ok(Imported { label_column: Some((label, table.columns)), ..imported })
}

/// Rows and columns of an image of so many pixels.
fn size(
    pixels: usize,
    asked: Option<(usize, usize)>,
    train: Option<&Imported>,
) -> Result<(usize, usize), SourceProblem> {
    let known = train.map(|train| (train.set.rows(), train.set.cols())).or(asked);
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

/// The beginning of a heading.
fn shown(names: &[String]) -> String {
    const MOST: usize = 4;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.len() <= MOST {
        names.join(", ")
    } else {
        format!("{}, {}, ... {}", names[0], names[1], names[names.len() - 1])
    }
}

/// Every number of a table, and the words that stand in its place.
struct Table {
    separator: &'static str,
    /// Columns of every line.
    columns: usize,
    /// The headings, if the first line has them.
    heading: Option<Vec<String>>,
    /// `[lines, columns]`.
    values: Values,
    words: Words,
    /// Which line of the file each is, from 1.
    lines: Vec<u64>,
    /// Whether a column has a number with a decimal point or an exponent.
    has_fractions: Vec<bool>,
    /// Lines of separators alone.
    blank_lines: usize,
    /// A word that was not in UTF-8.
    odd_text: Option<String>,
    /// Whether some pixels are a little beyond white or black, and are taken for it.
    is_clamped: bool,
}

/// The column of the labels.
struct Chosen {
    column: usize,
    /// Whether a heading or a person said so.
    is_said: bool,
}

/// Numbers, in as little memory as they allow.
enum Values {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Values {
    /// Makes room for so many more.
    fn reserve(&mut self, more: usize) -> Result<(), NoMemory> {
        let (reserved, bytes) = match self {
            Self::Bytes(bytes) => (bytes.try_reserve(more), bytes.len() + more),
            Self::Floats(floats) => (floats.try_reserve(more), (floats.len() + more) * size_of::<f32>()),
        };
        reserved.map_err(|_| NoMemory { bytes, what: "pixels" })
    }

    fn push(&mut self, value: f32) {
        let byte = value as u8;
        match self {
            Self::Bytes(bytes) if f32::from(byte).to_bits() == value.to_bits() => bytes.push(byte),
            Self::Bytes(bytes) => {
                let mut floats: Vec<f32> = bytes.iter().map(|&byte| byte.into()).collect();
                floats.push(value);
                *self = Self::Floats(floats);
            }
            Self::Floats(floats) => floats.push(value),
        }
    }

    fn get(&self, place: usize) -> f32 {
        match self {
            Self::Bytes(bytes) => bytes[place].into(),
            Self::Floats(floats) => floats[place],
        }
    }
}

/// Words that stand where numbers do: names of classes, or mistakes.
#[derive(Default)]
struct Words {
    /// Each by its row and column.
    at: HashMap<(usize, usize), String>,
    /// The first of each column, by its row.
    columns: HashMap<usize, usize>,
}

impl Words {
    fn is_in(&self, column: usize) -> bool {
        self.columns.contains_key(&column)
    }
}

impl Table {
    fn read(mut input: impl BufRead) -> Result<Self, SourceProblem> {
        let mut head = Vec::new();
        read_line(&mut input, &mut head)?;
        if head.trim_ascii().is_empty() && input.fill_buf()?.is_empty() {
            return Err(SourceProblem::Empty);
        }
        let said = said_separator(&head);
        if said.is_some() {
            head.clear();
            read_line(&mut input, &mut head)?;
        }
        let (separator, name) =
            said.or_else(|| separator(&head)).ok_or_else(|| Problem::NoSeparator(excerpt(head.trim_ascii())))?;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(head.chain(input));
        let has_decimal_comma = separator != b',';
        let mut table = Self {
            separator: name,
            columns: 0,
            heading: None,
            values: Values::Bytes(Vec::new()),
            words: Words::default(),
            lines: Vec::new(),
            has_fractions: Vec::new(),
            blank_lines: 0,
            odd_text: None,
            is_clamped: false,
        };
        let mut ends_with_separator = false;
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(io::Error::from)? {
            let line = record.position().map_or(0, csv::Position::line);
            let mut fields: Vec<&[u8]> = record.iter().map(trimmed).collect();
            if separator == SPACE {
                fields.retain(|field| !field.is_empty());
            }
            if fields.iter().all(|field| field.is_empty()) {
                table.blank_lines += 1;
                continue;
            }
            if let Some(column) = fields.iter().position(|field| field.contains(&b'\n') || field.contains(&b'\r')) {
                return Err(Problem::LineBreak { line, column: column + 1 }.into());
            }
            if table.columns == 0 {
                ends_with_separator = fields.len() > 1 && fields.last().is_some_and(|field| field.is_empty());
                table.columns = fields.len() - usize::from(ends_with_separator);
                table.has_fractions = vec![false; table.columns];
            }
            if ends_with_separator
                && fields.len() == table.columns + 1
                && fields.last().is_some_and(|field| field.is_empty())
            {
                fields.pop();
            }
            if fields.len() != table.columns {
                return Err(Problem::Fields { line, found: fields.len(), expected: table.columns }.into());
            }
            if table.lines.is_empty() && table.heading.is_none() && is_heading(&fields, has_decimal_comma) {
                table.heading = Some(fields.iter().map(|field| as_text(field)).collect());
                continue;
            }
            table.add(line, &fields, has_decimal_comma)?;
        }
        if table.lines.is_empty() { Err(SourceProblem::Empty) } else { Ok(table) }
    }

    fn add(&mut self, line: u64, fields: &[&[u8]], has_decimal_comma: bool) -> Result<(), SourceProblem> {
        self.values.reserve(fields.len())?;
        let row = self.lines.len();
        self.lines.push(line);
        for (column, field) in fields.iter().enumerate() {
            // Where the first is a word, all of its column are words, whatever they look like.
            let is_of_words = self.words.columns.get(&column) == Some(&0) && row > 0;
            let number = as_number(field, has_decimal_comma).filter(|_| !is_of_words);
            let value = if let Some((value, is_fraction)) = number {
                self.has_fractions[column] |= is_fraction;
                value
            } else {
                // One column of words can be labels. A second is found out when that one is known.
                let is_new = !self.words.is_in(column);
                if field.is_empty() || is_new && self.words.columns.len() == 3 {
                    return Err(Problem::NoNumber { line, column: column + 1, found: excerpt(field) }.into());
                }
                self.words.columns.entry(column).or_insert(row);
                let (word, is_utf8) = as_word(field);
                if !is_utf8 && self.odd_text.is_none() {
                    self.odd_text = Some(word.clone());
                }
                self.words.at.insert((row, column), word);
                0.0
            };
            self.values.push(value);
        }
        Ok(())
    }

    fn value(&self, row: usize, column: usize) -> f32 {
        self.values.get(row * self.columns + column)
    }

    /// Which column is the label: the one asked for, the one that the heading names, that of the training images' table, or the
    /// first.
    fn label_column(&self, options: &Options, train: Option<&Imported>) -> Result<Chosen, Problem> {
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
            return Ok(Chosen { column, is_said: true });
        }
        // Numbers of columns say nothing.
        let heading = self.heading.as_ref().filter(|names| names.iter().any(|name| name.parse::<f32>().is_err()));
        if let Some(column) = heading.map(|names| labelled(names)).transpose()?.flatten() {
            return Ok(Chosen { column, is_said: true });
        }
        if let Some((column, columns)) = train.and_then(|train| train.label_column)
            && columns == self.columns
        {
            return Ok(Chosen { column, is_said: true });
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
        Ok(Chosen { column, is_said: false })
    }

    /// The least and the largest value of a column that could hold labels: whole numbers, some of them different, that use half
    /// of their range or more.
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

    /// What a column that does not look like labels is like; none where that is because of some lines alone, which may be
    /// mistakes.
    fn why_no_label(&self, column: usize) -> Option<&'static str> {
        let values = || (0..self.lines.len()).map(|row| self.value(row, column));
        let is_label = |value: &f32| (0.0..=f32::from(MOST_LABEL)).contains(value) && value.fract() == 0.0;
        let first = self.value(0, column);
        match values().filter(is_label).count() {
            _ if values().all(|value| value.to_bits() == first.to_bits()) => {
                Some(if first == 0.0 { "is always 0" } else { "is always the same" })
            }
            labels if labels == self.lines.len() || 2 * labels < self.lines.len() => Some("does not look like labels"),
            _ => None,
        }
    }

    /// The column whose heading says that it counts the images.
    fn counter_column(&self, label: usize) -> Option<usize> {
        counter(self.heading.as_ref()?).filter(|&column| column != label)
    }

    /// The label of each line, and the classes.
    fn labels(
        &self,
        column: usize,
        is_said: bool,
        naming: Naming,
    ) -> Result<(Vec<u8>, Classes, Vec<Remark>), SourceProblem> {
        let text = |row: usize| match self.words.at.get(&(row, column)) {
            Some(word) => word.clone(),
            None => self.value(row, column).to_string(),
        };
        // Where the first label is a number and nobody said that these are labels, a word among them is a mistake.
        if self.words.columns.get(&column).is_some_and(|&row| row > 0 && !is_said) {
            let row = self.words.columns[&column];
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
            return Err(no_label(row, naming.first_label, MOST_LABEL + u16::from(naming.first_label)).into());
        }
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut texts = Vec::new();
        let mut of = Vec::with_capacity(self.lines.len());
        for row in 0..self.lines.len() {
            let text = text(row);
            let number = *numbers.entry(text).or_insert_with_key(|text| {
                texts.push((text.clone(), row));
                texts.len() - 1
            });
            of.push(number);
        }
        let (names, rows): (Vec<String>, Vec<usize>) = texts.into_iter().unzip();
        let labels = naming.labels(&names).map_err(|problem| match problem {
            SourceProblem::Label { found, least, most } => {
                no_label(rows[names.iter().position(|name| *name == found).unwrap_or(0)], least, most).into()
            }
            other => other,
        })?;
        Ok((of.into_iter().map(|number| labels.of[number]).collect(), labels.classes, labels.remarks))
    }

    /// Checks that no word stands among the pixels.
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

    /// White, and the largest pixel.
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
        let are_fractions = has_fractions && largest.0 <= 1.0 + BEYOND;
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
        // What resizing leaves.
        let beyond = if has_fractions { BEYOND * full } else { 0.0 };
        let is_clamped = least.0 < 0.0 || largest.0 > full;
        if least.0 < -beyond {
            return Err(out_of_range(least).into());
        }
        if let (None, Some(train)) = (max, train) {
            let found = if are_fractions { 1.0 } else { largest.0 };
            if are_fractions && train.full > 1.0 || largest.0 > train.full + beyond {
                return Err(SourceProblem::OtherScale { found, expected: train.full });
            }
        }
        if largest.0 > full + beyond {
            return Err(out_of_range(largest).into());
        }
        self.is_clamped = is_clamped;
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

/// Reads up to the end of the first line that holds anything, whatever ends it.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).map(|end| end + 1);
        let read = end.unwrap_or(bytes.len());
        line.extend(&bytes[..read]);
        input.consume(read);
        if end.is_some() && !line.trim_ascii().is_empty() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;
    use crate::data::Dataset;

    fn with(text: impl AsRef<[u8]>, options: &Options) -> Result<Imported, super::SourceProblem> {
        read_table(text.as_ref(), options, None)
    }

    fn set(text: impl AsRef<[u8]>) -> Dataset {
        with(text, &Options::default()).unwrap().set
    }

    fn said(text: impl AsRef<[u8]>) -> String {
        with(text, &Options::default()).unwrap_err().to_string()
    }

    fn labelled(column: &str) -> Options {
        Options { label: Some(column.parse().unwrap()), ..Options::default() }
    }

    fn expected() -> Dataset {
        Dataset::new(vec![1, 2, 3, 4, 5, 6, 7, 255], vec![7, 0], 2, 2).unwrap()
    }

    #[test]
    fn lines_are_images_however_they_are_written() {
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
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&wide).unwrap();
        assert_eq!(set(packed.finish().unwrap()), expected());
    }

    #[test]
    fn no_line_is_taken_for_a_heading_in_silence() {
        let found = with("label,a,b,c,d\n7,1,2,3,4\n0,5,6,7,255", &Options::default()).unwrap();
        assert_eq!(
            found.remarks[0].to_string(),
            "2 lines read, a comma between the fields; the label is column 1 (label); line 1 is a heading: label, a, ... d"
        );
        let plain = with("7,1,2,3,4\n0,5,6,7,255", &Options::default()).unwrap();
        assert!(plain.remarks[0].to_string().ends_with("the label is column 1; no heading"));
        // Columns that are numbered are a heading, few of them an image.
        let counted = "0,1,2,3,4,5,6,7,8,9\n3,1,1,1,1,1,1,1,1,255\n4,1,1,1,1,1,1,1,1,255\n";
        assert_eq!(set(counted).labels(), [3, 4]);
        assert_eq!(set("0,1,2,3,4\n1,5,6,7,255\n").labels(), [0, 1]);
        // A word among the numbers is a mistake.
        assert!(said("1,x,3,4,5\n0,1,2,3,255\n").contains("line 1, column 2: \"x\" is no number"));
    }

    #[test]
    fn the_label_is_where_the_heading_or_the_person_says() {
        assert_eq!(with("1,2,3,4,7\n5,6,7,255,0\n", &labelled("last")).unwrap().set, expected());
        assert_eq!(with("1,2,7,3,4\n5,6,0,7,255\n", &labelled("3")).unwrap().set, expected());
        assert_eq!(with("a,b,what,c,d\n1,2,7,3,4\n5,6,0,7,255\n", &labelled("WHAT")).unwrap().set, expected());
        for (column, told) in [("6", "has no column 6"), ("digit", "has no column digit")] {
            let told_by = with("a,b,c,d,e\n1,2,3,4,7\n", &labelled(column)).unwrap_err().to_string();
            assert!(told_by.contains(told), "{told_by}");
        }
        assert!(said("p1,p2,p3,p4\n1,2,3,4\n").contains("names 4 columns, p1 to p4, none of them a label"));
        assert!(
            said("p1,class,target,p2,p3\n1,2,3,4,5\n")
                .contains("several columns that could be the label: class, target")
        );
        assert_eq!(set("y,p1,p9,p2,p3\n1,2,3,4,5\n0,2,3,4,255").labels(), [1, 0]);
    }

    #[test]
    fn labels_in_the_last_column_are_not_taken_for_pixels() {
        let line = |image| format!("0,{0},{0},9,{1}\n", image * 12, image % 10);
        let lines: String = (0..20).map(line).collect();
        let told = said(&lines);
        assert!(
            told.contains("first column is always 0, and its last, from 0 to 9, looks like labels; give --label last"),
            "{told}"
        );
        assert_eq!(with(&lines, &labelled("last")).unwrap().set.labels()[11], 1);
        // Words can only be labels.
        let found = with("0,9,8,200,ka\n1,2,3,4,kha\n5,6,7,8,ka\n", &Options::default()).unwrap();
        assert_eq!((found.set.labels(), found.classes.name(1)), (&[0, 1, 0][..], "kha".to_owned()));
        let found = with("ka,9,8,200,0\nkha,2,3,4,1\n", &Options::default()).unwrap();
        assert_eq!(found.set.image(1).unwrap(), [2, 3, 4, 1]);
        assert!(said("3,9,8,200,0\nkha,2,3,4,1\n").contains("line 2, column 1: \"kha\" is no number"));
        // Where they are said to be labels, words and numbers are names.
        let found = with("3,9,8,200,0\nkha,2,3,4,1\n", &labelled("first")).unwrap();
        assert_eq!(found.classes.names, Some(vec!["3".to_owned(), "kha".to_owned()]));
        let found = with("4a,9,8,200,0\n1e2,2,3,4,1\n07,2,3,4,1\n7,2,3,4,1\n", &Options::default()).unwrap();
        assert_eq!(found.classes.names.unwrap(), ["07", "1e2", "4a", "7"]);
        // A heading that names no label is no reason to take pixels for it.
        assert!(said(format!("aa,bb,cc,dd,digit\n{lines}")).contains("give --label last"));
        // Both ends could be labels.
        let found = with("0,9,8,200,1\n1,2,3,4,0\n", &Options::default()).unwrap();
        assert!(found.remarks.contains(&Remark::LastToo));
    }

    #[test]
    fn pixels_are_on_the_scale_that_they_are_written_on() {
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
            said("1,0,9,256,0\n0,1,1,0,0\n").contains("line 1, column 4: a pixel of 256, where 255 is white; --max")
        );
        assert!(said("1,0,9,0,0\n0,-1,1,0,0\n").contains("line 2, column 2: a pixel of -1"));
        assert!(said("1,0,nan,0,0\n").contains("\"nan\" is no number"));
        assert!(said("1,0,,0,0\n").contains("line 1, column 3: \"\" is no number"));
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
        let told = test("0,1,2,3\n", &bytes).unwrap_err().to_string();
        assert!(told.contains("3 pixels a line where 4 are expected, one fewer: it seems to have no labels"), "{told}");
        assert!(
            test("2,0,9,0,0\n", &bytes).unwrap_err().to_string().contains("has 2, of which there is no training image")
        );
    }

    #[test]
    fn what_is_no_table_of_images_is_named() {
        assert!(matches!(with("", &Options::default()), Err(super::SourceProblem::Empty)));
        assert!(matches!(with("\n\n", &Options::default()), Err(super::SourceProblem::Empty)));
        assert!(matches!(with("label,pixel", &Options::default()), Err(super::SourceProblem::Empty)));
        assert!(said("3").contains("line 1 has no comma, semicolon or tab (\"3\")"));
        assert!(said("{\"a\": [1, 2]}").contains("is JSON"));
        assert!(said("label\n1,3\n2,4").contains("no comma"));
        assert!(said("image,label\n11,3\n12,4").contains("one number a line beside the label"));
        assert!(said("id,label\n11,3\n12,4").contains("no numbers beside the label: a list of files?"));
        assert!(said("name,label,a,b\nx.png,3,1,2\ny.png,3,1,2").contains("line 2, column 1: \"x.png\" is no number"));
        assert!(said("3,\"1\n4,2\"\n5,6").contains("line 1, column 2: a quoted field goes on over the end"));
        assert!(said("3,1,2").contains("has 2 pixels a line, which are no square; give the --size"));
        assert!(said("3,1,2,3").contains("with the label they would be 2x2: does it have no labels?"));
        assert!(said("1,2\n1,2,3").contains("line 2 has 3 fields where the lines before have 2"));
        assert!(said("300,2\n1,2").contains("line 1: \"300\" is no whole number from 0 to 254, as labels are"));
        assert!(said("-1,2\n1,2").contains("line 1: \"-1\" is no whole number"));
        assert!(said("1.5,2\n1,2").contains("line 1: \"1.5\" is no whole number"));
        assert!(said("PK\x03\x04\x14\0\0").contains("is a ZIP archive"));
        assert!(said("<!DOCTYPE html>\n<p>1,2").contains("is a web page"));
        let line = |number| format!("{number},{},7,8,9\n", number % 10);
        let lines: String = (1..=300).map(line).collect();
        assert!(
            said(lines)
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
        let told = with("1,0,9,200,0\n0,1,1,0,0\n", &options).unwrap_err().to_string();
        assert!(told.contains("line 2: \"0\" is no whole number from 1 to 255"), "{told}");
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
