//! A table of figures with a maximum width. Columns that do not fit continue in a second table below.

use comfy_table::CellAlignment;

use super::figures::NONE;
use crate::report::table::bare;
use crate::report::width::{shortened, width};

/// Rows with a title.
pub struct Section {
    /// The title's line.
    pub title: String,
    /// The rows, with a cell for each heading.
    pub rows: Vec<Vec<String>>,
}

/// Columns of a cell besides its text.
const PADDING: usize = 2;

/// The table. The first column names the row. As many others as fit into `columns` stand beside it. The rest follow in further
/// tables below. A column without any value is left out.
pub fn table(headings: &[&str], sections: &[Section], columns: usize) -> String {
    let blocks = blocks(headings, sections, columns);
    blocks.iter().map(|block| one(headings, block, sections, columns)).collect::<Vec<_>>().join("\n")
}

/// Whether all columns fit beside each other.
pub fn fits(headings: &[&str], sections: &[Section], columns: usize) -> bool {
    blocks(headings, sections, columns).len() <= 1
}

/// The indices of the columns of each table, without the first column.
fn blocks(headings: &[&str], sections: &[Section], columns: usize) -> Vec<Vec<usize>> {
    let cells = |column: usize| sections.iter().flat_map(|section| &section.rows).map(move |row| row[column].as_str());
    let width = |column: usize| PADDING + cells(column).chain([headings[column]]).map(width).max().unwrap_or_default();
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

fn one(headings: &[&str], block: &[usize], sections: &[Section], columns: usize) -> String {
    let shown: Vec<usize> = [0].into_iter().chain(block.iter().copied()).collect();
    let mut table = bare();
    table.set_header(shown.iter().map(|&column| headings[column]));
    for row in sections.iter().flat_map(|section| &section.rows) {
        table.add_row(shown.iter().map(|&column| row[column].as_str()));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // Every cell is one line, so every row is one line.
    let text = table.trim_fmt();
    let mut lines = text.lines();
    let mut text: String = lines.next().into_iter().map(|headings| headings.to_owned() + "\n").collect();
    for Section { title, rows } in sections {
        text.extend([shortened(title, columns), "\n".to_owned()]);
        text.extend(lines.by_ref().take(rows.len()).map(|row| row.to_owned() + "\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(title: &str, rows: &[[&str; 4]]) -> Section {
        let rows = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        Section { title: title.to_owned(), rows }
    }

    #[test]
    fn columns_that_do_not_fit_continue_below() {
        let headings = ["name", "one", "two", "three"];
        let sections = [section("a section", &[["甲", "1", "-", "-"]]), section("b", &[["x", "22", "-", "333"]])];
        let wide = " name  one  three\na section\n 甲      1      -\nb\n x      22    333\n";
        assert_eq!(table(&headings, &sections, 17), wide);
        assert!(fits(&headings, &sections, 17) && !fits(&headings, &sections, 16));
        let narrow = " name  one\na section\n 甲      1\nb\n x      22\n\n name  three\na section\n 甲        -\nb\n x       333\n";
        assert_eq!(table(&headings, &sections, 16), narrow);
        // Too narrow: one column in each table, and titles are cut.
        assert!(table(&headings, &sections, 5).contains("a ..."));
    }
}
