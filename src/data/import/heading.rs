//! The first line of a table: what stands between fields, and whether and how they are headed.

use super::field::{as_number, as_text};
use super::table::Problem;

/// What stands between two fields.
const SEPARATORS: [(u8, &str); 3] = [(b'\t', "a tab"), (b';', "a semicolon"), (b',', "a comma")];

/// Headings of the column of labels, in small letters.
const LABELS: [&str; 7] = ["label", "labels", "class", "classes", "target", "y", "character"];
/// Headings of columns that count the images.
pub(super) const COUNTERS: [&str; 6] = ["", "unnamed: 0", "index", "id", "imageid", "image_id"];

/// What stands between the fields of a line: a tab or a semicolon where there are such, even if a comma is in every field, as
/// where numbers have decimal commas.
pub(super) fn separator(line: &[u8]) -> Option<(u8, &'static str)> {
    let count = |separator: u8| line.split(|&byte| byte == separator).count() - 1;
    let commas = count(b',');
    SEPARATORS.into_iter().find(|&(separator, _)| match count(separator) {
        0 => false,
        _ if separator == b',' => true,
        separators => commas <= separators + 1,
    })
}

/// Whether the first line is a heading. One that holds no number is, but for a single word that may be a label. One that holds
/// numbers is where it has a label's usual heading, or numbers the columns.
pub(super) fn is_heading(fields: &[&[u8]], has_decimal_comma: bool) -> bool {
    /// Fewer columns that count up are as likely to be an image.
    const FEWEST_COUNTED: usize = 10;
    let numbers: Vec<f32> =
        fields.iter().filter_map(|field| as_number(field, has_decimal_comma)).map(|(n, _)| n).collect();
    let words = fields.len() - numbers.len();
    let is_label = |field: &&[u8]| LABELS.contains(&as_text(field).to_lowercase().as_str());
    let counts_up = numbers.windows(2).all(|pair| (pair[1] - pair[0]).to_bits() == 1_f32.to_bits())
        && numbers.first().is_some_and(|&n| n <= 1.0);
    match words {
        0 => counts_up && numbers.len() >= FEWEST_COUNTED,
        _ if numbers.is_empty() => true,
        1 => fields.iter().any(is_label) || counts_up && numbers.len() > 1,
        _ => words > 2 || fields.iter().any(is_label),
    }
}

/// The column of labels by its heading.
pub(super) fn labelled(names: &[String]) -> Result<usize, Problem> {
    let is_label = |name: &String| LABELS.contains(&name.to_lowercase().as_str());
    let labels: Vec<usize> = (0..names.len()).filter(|&column| is_label(&names[column])).collect();
    match labels[..] {
        [label] => return Ok(label),
        [] => {}
        // One of them at an end is what people mean by it.
        _ => {
            let ends: Vec<usize> = labels.iter().copied().filter(|&c| c == 0 || c == names.len() - 1).collect();
            let several = || Problem::SeveralLabels(labels.iter().map(|&column| names[column].clone()).collect());
            return if let [end] = ends[..] { Ok(end) } else { Err(several()) };
        }
    }
    // Pixels are headed alike but for a number.
    let stem = |name: &String| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let first = usize::from(names.len() > 1 && COUNTERS.contains(&names[0].to_lowercase().as_str()));
    let stems: Vec<String> = names.iter().map(stem).collect();
    let no_label = || {
        let [first, last] = [first, names.len() - 1].map(|column: usize| names[column].clone());
        Problem::NoLabel { columns: names.len(), first, last }
    };
    match stems.get(first..) {
        Some([first, others @ ..]) if others.iter().any(|stem| stem == first) => Err(no_label()),
        Some([_, ..]) => Ok(first),
        _ => Err(no_label()),
    }
}
