//! The rows of a table in memory.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

use csv::ByteRecord;

use super::super::field::{as_number, as_text, excerpt, trimmed};
use super::super::heading::{SPACE, declared_separator, is_heading, separator};
use super::super::problem::Problem as SourceProblem;
use super::super::text::{as_text as as_word, utf8};
use super::problem::Problem;
use crate::NoMemory;
use crate::data::gzip;
use crate::data::sniff::file_kind;

/// How far fractions may exceed the range of black to white, as a share of white. Resizing produces such values.
pub(super) const TOLERANCE: f32 = 0.1;

/// Whether 1 is white in a table with this largest pixel.
pub(super) fn are_fractions(has_fractions: bool, largest: f32) -> bool {
    has_fractions && largest <= 1.0 + TOLERANCE
}

/// The rows of a table, compressed or not, and the name of its encoding if that is not UTF-8.
pub(super) fn decode(input: impl BufRead, faulty: Faulty) -> Result<(Table, Option<&'static str>), SourceProblem> {
    let mut input = BufReader::new(gzip::unpacked(input)?);
    let first = input.fill_buf()?;
    // Some signatures are two letters, which may also begin a text.
    let is_binary =
        !first.is_ascii() || first.contains(&0) || matches!(first.trim_ascii_start().first(), Some(b'<' | b'[' | b'{'));
    if let Some(kind) = file_kind(first).filter(|_| is_binary) {
        return Err(SourceProblem::NoTable(kind));
    }
    let (text, encoding) = utf8(input)?;
    Ok((Table::read(BufReader::new(text), faulty)?, encoding.map(encoding_rs::Encoding::name)))
}

/// The fields of a table: numbers, and words in the place of numbers.
pub(super) struct Table {
    /// The separator between fields, in words.
    pub separator: &'static str,
    pub columns: usize,
    /// The headings, if the first line has them.
    pub heading: Option<Vec<String>>,
    /// `[rows, columns]`, with 0 in the place of a word.
    pub values: Values,
    pub words: Words,
    /// The line number of each row in the file, from 1.
    pub lines: Vec<u64>,
    /// Whether a column has a number with a decimal point or an exponent.
    pub has_fractions: Vec<bool>,
    /// The count of lines without a value.
    pub blank_lines: usize,
    /// A word that is not UTF-8.
    pub windows_1252: Option<String>,
    /// Whether pixels a little outside the range of black to white were clamped to it.
    pub is_clamped: bool,
    /// Lines that are no rows, each with the count of lines before it, rows or not.
    pub faults: Vec<(usize, Problem)>,
}

/// What is done with a line that is no row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Faulty {
    /// It is an error of the table.
    Refused,
    /// It is a fault, and the other lines are read. The first line that is a row has a column for each of this count of pixels,
    /// and at most two more.
    Kept { pixels: usize },
}

/// The most columns beside the pixels: a label, and a counter of the images.
const MAX_BESIDE: usize = 2;

/// Numbers, as bytes while each of them is one.
pub(super) enum Values {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Values {
    /// Makes room for `more` values.
    fn reserve(&mut self, more: usize) -> Result<(), NoMemory> {
        let (reserved, bytes) = match self {
            Self::Bytes(bytes) => (bytes.try_reserve(more), bytes.len() + more),
            Self::Floats(floats) => (floats.try_reserve(more), (floats.len() + more) * size_of::<f32>()),
        };
        reserved.map_err(|_| NoMemory { bytes, what: "pixels" })
    }

    fn truncate(&mut self, len: usize) {
        match self {
            Self::Bytes(bytes) => bytes.truncate(len),
            Self::Floats(floats) => floats.truncate(len),
        }
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

    fn get(&self, index: usize) -> f32 {
        match self {
            Self::Bytes(bytes) => bytes[index].into(),
            Self::Floats(floats) => floats[index],
        }
    }
}

/// Words in the place of numbers: names of classes, or mistakes.
#[derive(Default)]
pub(super) struct Words {
    /// The words by row and column.
    pub at: HashMap<(usize, usize), String>,
    /// The row of the first word of each column.
    pub columns: HashMap<usize, usize>,
}

impl Words {
    pub fn is_in(&self, column: usize) -> bool {
        self.columns.contains_key(&column)
    }
}

impl Table {
    pub fn read(mut input: impl BufRead, faulty: Faulty) -> Result<Self, SourceProblem> {
        let mut head = Vec::new();
        read_line(&mut input, &mut head)?;
        if head.trim_ascii().is_empty() && input.fill_buf()?.is_empty() {
            return Err(SourceProblem::Empty);
        }
        let declared = declared_separator(&head);
        if declared.is_some() {
            head.clear();
            read_line(&mut input, &mut head)?;
        }
        let (separator, name) =
            declared.or_else(|| separator(&head)).ok_or_else(|| Problem::NoSeparator(excerpt(head.trim_ascii())))?;
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
            windows_1252: None,
            is_clamped: false,
            faults: Vec::new(),
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
                let columns = fields.len() - usize::from(ends_with_separator);
                if let Faulty::Kept { pixels } = faulty
                    && !(pixels..=pixels + MAX_BESIDE).contains(&columns)
                {
                    table.faults.push((table.faults.len(), Problem::OtherImages { line, found: columns, pixels }));
                    continue;
                }
                table.columns = columns;
                table.has_fractions = vec![false; table.columns];
            }
            if ends_with_separator && fields.len() == table.columns + 1 {
                fields.pop_if(|field| field.is_empty());
            }
            let before = table.lines.len() + table.faults.len();
            if fields.len() == table.columns
                && table.lines.is_empty()
                && table.heading.is_none()
                && is_heading(&fields, has_decimal_comma)
            {
                table.heading = Some(fields.iter().map(|field| as_text(field)).collect());
                continue;
            }
            match table.add(line, &fields, has_decimal_comma, faulty)? {
                Ok(()) => {}
                Err(fault) if faulty == Faulty::Refused => return Err(fault.into()),
                Err(fault) => table.faults.push((before, fault)),
            }
        }
        if !table.lines.is_empty() {
            return Ok(table);
        }
        let fault = table.faults.into_iter().next();
        Err(fault.map_or(SourceProblem::Empty, |(_, fault)| fault.into()))
    }

    /// Adds a row, or says why the line is none.
    fn add(
        &mut self,
        line: u64,
        fields: &[&[u8]],
        has_decimal_comma: bool,
        faulty: Faulty,
    ) -> Result<Result<(), Problem>, NoMemory> {
        if fields.len() != self.columns {
            return Ok(Err(Problem::Fields { line, found: fields.len(), expected: self.columns }));
        }
        self.values.reserve(fields.len())?;
        let row = self.lines.len();
        let mut words = Vec::new();
        for (column, field) in fields.iter().enumerate() {
            // A column of labels whose first field is a word has only words.
            let has_words = faulty == Faulty::Refused && self.words.columns.get(&column) == Some(&0) && row > 0;
            let number = as_number(field, has_decimal_comma).filter(|_| !has_words);
            let value = if let Some((value, is_fraction)) = number {
                self.has_fractions[column] |= is_fraction;
                value
            } else {
                // One column may have words as labels. Words in other columns are refused when the label column is known.
                let is_new = !self.words.is_in(column);
                let more = || words.iter().filter(|(column, _)| !self.words.is_in(*column)).count();
                if field.is_empty() || is_new && self.words.columns.len() + more() >= 3 {
                    self.values.truncate(row * self.columns);
                    return Ok(Err(Problem::NoNumber { line, column: column + 1, found: excerpt(field) }));
                }
                words.push((column, field));
                0.0
            };
            self.values.push(value);
        }
        for (column, field) in words {
            self.words.columns.entry(column).or_insert(row);
            let (word, is_utf8) = as_word(field);
            if !is_utf8 && self.windows_1252.is_none() {
                self.windows_1252 = Some(word.clone());
            }
            self.words.at.insert((row, column), word);
        }
        self.lines.push(line);
        Ok(Ok(()))
    }

    pub fn value(&self, row: usize, column: usize) -> f32 {
        self.values.get(row * self.columns + column)
    }
}

/// Reads up to the end of the first line that is not blank. A line ends with a line feed or a carriage return.
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
