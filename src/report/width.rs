//! How wide what a person reads may be. It is decided here alone.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns where no terminal says how many it has: in a file, a pipe or a log.
pub const STANDARD: usize = 80;
/// Tables are made for so many columns at least; in a narrower terminal their lines go on in the next.
pub const NARROWEST: usize = 40;

/// What stands for the end of a text that is cut.
const CUT: &str = "...";

/// The columns that a line of the results may have: those of the terminal that stdout is, as the progress bar asks the one that
/// stderr is, else [`STANDARD`].
#[must_use]
pub fn columns() -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stdout());
    chosen(terminal.map(|(terminal_size::Width(columns), _)| columns))
}

fn chosen(terminal: Option<u16>) -> usize {
    terminal.map_or(STANDARD, usize::from).max(NARROWEST)
}

/// The columns that a line takes in a terminal, where some characters take two and some none.
#[must_use]
pub fn width(line: &str) -> usize {
    line.width()
}

/// The text, or as much of its beginning as fits into so many columns with an ellipsis.
#[must_use]
pub fn shortened(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(CUT.len());
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= room
    };
    let start: String = text.chars().take_while(fits).collect();
    let cut: String = CUT.chars().take(columns).collect();
    start + &cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_says_how_wide_it_is() {
        assert_eq!([None, Some(0), Some(60), Some(80), Some(212)].map(chosen), [80, 40, 60, 80, 212]);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        for (text, columns, expected) in [
            ("Ankle boot", 10, "Ankle boot"),
            ("Ankle boots", 10, "Ankle b..."),
            ("くつ", 4, "くつ"),
            ("くつしたと", 8, "くつ..."),
            ("くつしたと", 7, "くつ..."),
            ("cafe\u{301}s and bars", 7, "cafe\u{301}..."),
            ("Ankle boot", 2, ".."),
            ("Ankle boot", 0, ""),
        ] {
            let cut = shortened(text, columns);
            assert_eq!(cut, expected);
            assert!(width(&cut) <= columns, "{text}");
        }
    }
}
