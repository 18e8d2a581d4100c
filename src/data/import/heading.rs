//! The first line of a table: the separator between fields, and the headings.

use super::field::{as_number, as_text, trimmed};
use super::table::Problem;

/// The separators between two fields, with their names.
const SEPARATORS: [(u8, &str); 3] = [(b'\t', "a tab"), (b';', "a semicolon"), (b',', "a comma")];
/// The separator in a line without these. Several spaces count as one.
pub(super) const SPACE: u8 = b' ';

/// Headings of the column of labels, in small letters.
const LABELS: [&str; 7] = ["label", "labels", "class", "classes", "target", "y", "character"];
/// Headings of columns that count the images.
const COUNTERS: [&str; 6] = ["", "unnamed: 0", "index", "id", "imageid", "image_id"];

/// The separator of a line, with its name. Tabs and semicolons come before commas, because numbers may have decimal commas.
pub(super) fn separator(line: &[u8]) -> Option<(u8, &'static str)> {
    let count = |separator: u8| line.split(|&byte| byte == separator).count() - 1;
    let commas = count(b',');
    let found = SEPARATORS.into_iter().find(|&(separator, _)| match count(separator) {
        0 => false,
        _ if separator == b',' => true,
        separators => commas <= separators + 1,
    });
    let fields = || line.split(|&byte| byte == SPACE).filter(|field| !field.trim_ascii().is_empty());
    let are_numbers = || fields().count() > 1 && fields().all(|field| as_number(field.trim_ascii(), false).is_some());
    found.or_else(|| are_numbers().then_some((SPACE, "spaces")))
}

/// The separator that a first line declares, as in tables of Excel: `sep=;`.
pub(super) fn declared_separator(line: &[u8]) -> Option<(u8, &'static str)> {
    let [declared] = line.trim_ascii_end().strip_prefix(b"sep=")? else { return None };
    SEPARATORS.into_iter().find(|(separator, _)| separator == declared)
}

/// Whether one of the first lines of a text has mostly numbers, as in a table. The first may be a heading, or declare the separator.
pub(super) fn has_numbers(text: &[u8]) -> bool {
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.trim_ascii().is_empty());
    lines.take(3).any(|line| {
        let Some((separator, _)) = separator(line) else { return false };
        let fields = || line.split(|&byte| byte == separator).filter(|field| !field.trim_ascii().is_empty());
        let numbers = fields().filter(|field| as_number(trimmed(field), separator != b',').is_some()).count();
        2 * numbers > fields().count()
    })
}

/// Whether the first line is a heading: a line without a number, with a usual heading of labels, with several words, or with
/// numbers that count the columns.
pub(super) fn is_heading(fields: &[&[u8]], has_decimal_comma: bool) -> bool {
    /// Fewer numbers that count up may be an image.
    const MIN_COUNTED: usize = 10;
    let numbers: Vec<f32> =
        fields.iter().filter_map(|field| as_number(field, has_decimal_comma)).map(|(n, _)| n).collect();
    let words = fields.len() - numbers.len();
    let is_label = |field: &&[u8]| LABELS.contains(&as_text(field).to_lowercase().as_str());
    let counts_up = numbers.windows(2).all(|pair| (pair[1] - pair[0]).to_bits() == 1_f32.to_bits())
        && numbers.first().is_some_and(|&n| n <= 1.0);
    match words {
        0 => counts_up && numbers.len() >= MIN_COUNTED,
        _ if numbers.is_empty() => true,
        1 => fields.iter().any(is_label) || counts_up && numbers.len() > 1,
        _ => words > 2 || fields.iter().any(is_label),
    }
}

/// The column with a usual heading of labels; none if there is no such heading.
pub(super) fn labelled(names: &[String]) -> Result<Option<usize>, Problem> {
    let is_at_end = |column: usize| column == 0 || column == names.len() - 1;
    // Between other columns y may be a coordinate, or a letter of a spreadsheet.
    let is_label = |column: &usize| {
        let name = names[*column].to_lowercase();
        LABELS.contains(&name.as_str()) && (name != "y" || is_at_end(*column))
    };
    let labels: Vec<usize> = (0..names.len()).filter(is_label).collect();
    match labels[..] {
        [label] => return Ok(Some(label)),
        [] => {}
        // The labels are usually at an end.
        _ => {
            let ends: Vec<usize> = labels.iter().copied().filter(|&column| is_at_end(column)).collect();
            let several = || Problem::SeveralLabels(labels.iter().map(|&column| names[column].clone()).collect());
            return if let [end] = ends[..] { Ok(Some(end)) } else { Err(several()) };
        }
    }
    // The headings of pixels are equal except for a number.
    let stem = |name: &String| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let first = counter(names).map_or(0, |counter| counter + 1);
    let stems: Vec<String> = names.iter().map(stem).collect();
    match stems.get(first..) {
        Some([first_stem, others @ ..]) if others.iter().any(|stem| stem == first_stem) => {
            let [first, last] = [first, names.len() - 1].map(|column: usize| names[column].clone());
            Err(Problem::NoLabel { columns: names.len(), first, last })
        }
        _ => Ok(None),
    }
}

/// The first column, if its heading is that of a counter of images.
pub(super) fn counter(names: &[String]) -> Option<usize> {
    (names.len() > 1 && COUNTERS.contains(&names[0].to_lowercase().as_str())).then_some(0)
}

/// The first headings and the last.
pub(super) fn shortened(names: &[String]) -> String {
    match names {
        [first, second, _, _, .., last] => format!("{first}, {second}, ... {last}"),
        _ => names.join(", "),
    }
}
