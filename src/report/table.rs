//! Tables of plain text, no wider than they may be.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::width::width;

/// A table without lines.
#[must_use]
pub fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// A table without lines, whose cells go on in further lines where it would have more than so many columns.
#[must_use]
pub fn fitted<const N: usize>(headings: [&str; N], columns: usize) -> Table {
    let mut table = bare();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns.try_into().unwrap_or(u16::MAX));
    table.set_header(headings);
    table
}

/// A table of so many columns of text, closer together where it must be; what does not fit even so goes on in the next line of
/// its cell. Figures, and all else but the `texts`, which are counted from 0, stand on the right.
pub(super) fn plain<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    texts: &[usize],
    columns: usize,
) -> String {
    let mut table = bare();
    table.set_header(headings).add_rows(rows);
    for (place, column) in table.column_iter_mut().enumerate() {
        if !texts.contains(&place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.trim_fmt();
    if text.lines().all(|line| width(line) <= columns) {
        return text;
    }
    table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 1)));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    // The space after the last column is not seen.
    table.set_width(u16::try_from(columns + 1).unwrap_or(u16::MAX));
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked() {
        let names = ["くつした".repeat(60), "n".repeat(255), "two words".to_owned(), String::new()];
        for columns in [40, 60, 80, 120] {
            let rows = names.clone().map(|name| [name.clone(), "4294967295".to_owned(), name, "1.0".to_owned()]);
            let table = plain(["class", "images", "taken for", "right"], rows, &[0, 2], columns);
            assert!(table.lines().all(|line| width(line) <= columns), "{columns}\n{table}");
            assert!(table.contains("two") && table.contains("right"), "{table}");
        }
    }
}
