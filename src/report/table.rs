//! Tables of plain text with a maximum width.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::width::width;

/// A table without lines.
#[must_use]
pub fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// A table without lines, at most `columns` wide. Cells that are too wide break into several lines.
#[must_use]
pub fn fitted<const N: usize>(headings: [&str; N], columns: usize) -> Table {
    let mut table = bare();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns.try_into().unwrap_or(u16::MAX));
    table.set_header(headings);
    table
}

/// The text of a table, at most `columns` wide. A wide table gets narrower gaps, and then cells of several lines. `texts` are
/// the columns, counted from 0, that are aligned left. All others are aligned right.
pub(super) fn plain<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    texts: &[usize],
    columns: usize,
) -> String {
    let mut table = bare();
    table.set_header(headings).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        if !texts.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.trim_fmt();
    if text.lines().all(|line| width(line) <= columns) {
        return text;
    }
    table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 1)));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    // The space after the last column is trimmed.
    table.set_width(u16::try_from(columns + 1).unwrap_or(u16::MAX));
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_too_wide() {
        let names = ["くつした".repeat(60), "n".repeat(255), "two words".to_owned(), String::new()];
        for columns in [40, 60, 80, 120] {
            let rows = names.clone().map(|name| [name.clone(), "4294967295".to_owned(), name, "1.0".to_owned()]);
            let table = plain(["class", "images", "taken for", "right"], rows, &[0, 2], columns);
            assert!(table.lines().all(|line| width(line) <= columns), "{columns}\n{table}");
            assert!(table.contains("two") && table.contains("right"), "{table}");
        }
    }
}
