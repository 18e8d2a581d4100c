//! How wide what a person reads may be. It is decided here alone.

#[cfg(any(unix, windows))]
use terminal_size::Width;
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
    chosen(of_terminal(std::io::stdout()))
}

/// As [`columns`], of what is said on stderr.
#[must_use]
pub fn columns_of_stderr() -> usize {
    chosen(of_terminal(std::io::stderr()))
}

#[cfg(unix)]
fn of_terminal(stream: impl std::os::fd::AsFd) -> Option<u16> {
    terminal_size::terminal_size_of(stream).map(|(Width(columns), _)| columns)
}

#[cfg(windows)]
fn of_terminal(stream: impl std::os::windows::io::AsHandle) -> Option<u16> {
    terminal_size::terminal_size_of(stream).map(|(Width(columns), _)| columns)
}

#[cfg(not(any(unix, windows)))]
fn of_terminal<S>(_: S) -> Option<u16> {
    None
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
        used += character.width().unwrap_or(1);
        used <= room
    };
    let start: String = text.chars().take_while(fits).collect();
    let cut: String = CUT.chars().take(columns).collect();
    start + &cut
}

/// The text as it is where it fits, else in lines of so many columns, parted between words; lines after the first are set in. A
/// longer word has a line of its own.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => *line = format!("{line} {word}"),
            None => lines.push(word.to_owned()),
            Some(_) => lines.push(format!("  {word}")),
        }
    }
    lines.join("\n")
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

    #[test]
    fn a_long_text_is_parted_between_words() {
        assert_eq!(wrapped("ten images, two of them blank", 16), "ten images, two\n  of them blank");
        assert_eq!(wrapped("short", 40), "short");
        assert_eq!(wrapped("a incomprehensibilities b", 10), "a\n  incomprehensibilities\n  b");
    }
}
