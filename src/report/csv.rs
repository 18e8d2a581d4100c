//! Rows as comma-separated values (RFC 4180).

/// A line for each row.
pub(super) fn csv<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    rows.map(|cells| cells.map(|cell| quoted(&cell)).join(",") + "\n").collect()
}

/// A cell: in quotes if necessary, with each quote doubled.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
