//! A table of figures with a maximum width. Columns that do not fit continue in a second table below.

use comfy_table::CellAlignment;

use super::table::bare;
use super::width::{shortened, width};

/// The cell of a value that a row does not have.
pub(super) const NONE: &str = "-";

/// Rows, and the title above them.
pub(super) struct Section {
    /// The title's line.
    pub title: Option<String>,
    /// The rows, with a cell for each heading.
    pub rows: Vec<Vec<String>>,
}

/// The columns left and right of a cell's text: the usual ones, and those of a table that fits only with them.
const PADDINGS: [(u16, u16); 2] = [(1, 1), (0, 1)];

/// The table. The first column names the row. As many others as fit into `columns` stand beside it. The rest follow in further
/// tables below. A column without any value is left out.
pub(super) fn table(headings: &[&str], sections: &[Section], columns: usize) -> String {
    let (padding, blocks) = padded(headings, sections, columns);
    blocks.iter().map(|block| one(headings, block, sections, padding, columns)).collect::<Vec<_>>().join("\n")
}

/// Whether all columns fit beside each other.
pub(super) fn fits(headings: &[&str], sections: &[Section], columns: usize) -> bool {
    padded(headings, sections, columns).1.len() <= 1
}

/// The padding, and with it the blocks.
fn padded(headings: &[&str], sections: &[Section], columns: usize) -> ((u16, u16), Vec<Vec<usize>>) {
    let [usual, narrow] = PADDINGS.map(|padding| (padding, blocks(headings, sections, padding, columns)));
    if usual.1.len() > 1 && narrow.1.len() <= 1 { narrow } else { usual }
}

/// The indices of the columns of each table, without the first column.
fn blocks(headings: &[&str], sections: &[Section], (left, right): (u16, u16), columns: usize) -> Vec<Vec<usize>> {
    let padding = usize::from(left + right);
    let cells = |column: usize| sections.iter().flat_map(|section| &section.rows).map(move |row| row[column].as_str());
    let width = |column: usize| padding + cells(column).chain([headings[column]]).map(width).max().unwrap_or_default();
    // The padding right of the last column is trimmed.
    let room = (columns + 1).saturating_sub(width(0));
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    let mut free = 0;
    for column in (1..headings.len()).filter(|column| cells(*column).any(|cell| cell != NONE)) {
        let width = width(column);
        match blocks.last_mut() {
            Some(block) if width <= free => block.push(column),
            _ => {
                blocks.push(vec![column]);
                free = room;
            }
        }
        free = free.saturating_sub(width);
    }
    blocks
}

fn one(headings: &[&str], block: &[usize], sections: &[Section], padding: (u16, u16), columns: usize) -> String {
    let shown: Vec<usize> = [0].into_iter().chain(block.iter().copied()).collect();
    let mut table = bare();
    table.set_header(shown.iter().map(|&column| headings[column]));
    for row in sections.iter().flat_map(|section| &section.rows) {
        table.add_row(shown.iter().map(|&column| row[column].as_str()));
    }
    table.column_iter_mut().for_each(|column| _ = column.set_padding(padding));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // Every cell is one line, so every row is one line.
    let text = table.trim_fmt();
    let mut lines = text.lines();
    let mut text: String = lines.next().into_iter().map(|headings| headings.to_owned() + "\n").collect();
    for Section { title, rows } in sections {
        text.extend(title.iter().map(|title| shortened(title, columns) + "\n"));
        text.extend(lines.by_ref().take(rows.len()).map(|row| row.to_owned() + "\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(title: &str, rows: &[[&str; 4]]) -> Section {
        let rows = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        Section { title: Some(title.to_owned()), rows }
    }

    #[test]
    fn columns_that_do_not_fit_continue_below() {
        let headings = ["name", "one", "two", "three"];
        let sections = [section("a section", &[["甲", "1", "-", "-"]]), section("b", &[["x", "22", "-", "333"]])];
        let wide = " name  one  three\na section\n 甲      1      -\nb\n x      22    333\n";
        assert_eq!(table(&headings, &sections, 17), wide);
        let close = "name one three\na section\n甲     1     -\nb\nx     22   333\n";
        assert_eq!([16, 14].map(|columns| table(&headings, &sections, columns)), [close; 2]);
        assert!(fits(&headings, &sections, 14) && !fits(&headings, &sections, 13));
        let narrow = " name  one\na section\n 甲      1\nb\n x      22\n\n name  three\na section\n 甲        -\nb\n x       333\n";
        assert_eq!(table(&headings, &sections, 13), narrow);
        // Too narrow: one column in each table, and titles are cut.
        assert!(table(&headings, &sections, 5).contains("a ..."));
    }
}
