//! A table of figures that fits a width: where its columns don't, they go on below, beside the same names.

use comfy_table::CellAlignment;

use super::figures::NONE;
use crate::report::table::bare;
use crate::report::width::{shortened, width};

/// Rows under a line of their own.
pub struct Section {
    /// That line.
    pub title: String,
    /// The rows, a cell for each heading.
    pub rows: Vec<Vec<String>>,
}

/// What a cell takes beside its text.
const PADDING: usize = 2;

/// The first column, which says what a row is, with as many of the others as fit into `columns`; the same with the rest of
/// them below, and so on. What has no value in any row is left out.
pub fn table(headings: &[&str], sections: &[Section], columns: usize) -> String {
    let blocks = blocks(headings, sections, columns);
    blocks.iter().map(|block| one(headings, block, sections, columns)).collect::<Vec<_>>().join("\n")
}

/// Whether all columns fit beside each other.
pub fn fits(headings: &[&str], sections: &[Section], columns: usize) -> bool {
    blocks(headings, sections, columns).len() <= 1
}

/// The places of the columns that stand beside the first, together.
fn blocks(headings: &[&str], sections: &[Section], columns: usize) -> Vec<Vec<usize>> {
    let cells = |column: usize| sections.iter().flat_map(|section| &section.rows).map(move |row| row[column].as_str());
    let takes = |column: usize| PADDING + cells(column).chain([headings[column]]).map(width).max().unwrap_or_default();
    // The last one's padding at the right is no column of the terminal.
    let room = (columns + 1).saturating_sub(takes(0));
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    let mut left = 0;
    for column in (1..headings.len()).filter(|column| cells(*column).any(|cell| cell != NONE)) {
        let takes = takes(column);
        match blocks.last_mut() {
            Some(block) if takes <= left => block.push(column),
            _ => {
                blocks.push(vec![column]);
                left = room;
            }
        }
        left = left.saturating_sub(takes);
    }
    blocks
}

fn one(headings: &[&str], block: &[usize], sections: &[Section], columns: usize) -> String {
    let places: Vec<usize> = [0].into_iter().chain(block.iter().copied()).collect();
    let mut table = bare();
    table.set_header(places.iter().map(|&place| headings[place]));
    for row in sections.iter().flat_map(|section| &section.rows) {
        table.add_row(places.iter().map(|&place| row[place].as_str()));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // No cell goes over several lines, so each row is one.
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
    fn columns_that_do_not_fit_go_on_below() {
        let headings = ["name", "one", "two", "three"];
        let sections = [section("a section", &[["甲", "1", "-", "-"]]), section("b", &[["x", "22", "-", "333"]])];
        let wide = " name  one  three\na section\n 甲      1      -\nb\n x      22    333\n";
        assert_eq!(table(&headings, &sections, 17), wide);
        assert!(fits(&headings, &sections, 17) && !fits(&headings, &sections, 16));
        let narrow = " name  one\na section\n 甲      1\nb\n x      22\n\n name  three\na section\n 甲        -\nb\n x       333\n";
        assert_eq!(table(&headings, &sections, 16), narrow);
        // Too narrow for anything: a figure a block, and titles are cut.
        assert!(table(&headings, &sections, 5).contains("a ..."));
    }
}
