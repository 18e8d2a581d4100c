//! The width of text on a terminal.

#[cfg(any(unix, windows))]
use terminal_size::Width;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns of a file, a pipe or a log.
pub const STANDARD: usize = 80;
/// The smallest width of a table. A narrower terminal breaks its lines.
pub const NARROWEST: usize = 40;

/// The end of a text that is cut.
const ELLIPSIS: &str = "...";

/// The columns of the terminal on stdout, else [`STANDARD`].
#[must_use]
pub fn columns() -> usize {
    clamped(of_terminal(std::io::stdout()))
}

/// The columns of the terminal on stderr, else [`STANDARD`].
#[must_use]
pub fn columns_of_stderr() -> usize {
    clamped(of_terminal(std::io::stderr()))
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

fn clamped(terminal: Option<u16>) -> usize {
    terminal.map_or(STANDARD, usize::from).max(NARROWEST)
}

/// The columns of a line on a terminal. A character takes 0, 1 or 2 columns.
#[must_use]
pub fn width(line: &str) -> usize {
    line.width()
}

/// The text, cut to this many columns. A cut text ends with an ellipsis.
#[must_use]
pub fn shortened(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let start: String = fitting(text.chars(), columns.saturating_sub(ELLIPSIS.len())).collect();
    start + &ELLIPSIS[..columns.min(ELLIPSIS.len())]
}

/// The text, cut to this many columns with an ellipsis in its middle: names of one kind often differ at their ends alone.
#[must_use]
pub fn abbreviated(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let end = columns.saturating_sub(ELLIPSIS.len()) / 2;
    let reversed: Vec<char> = fitting(text.chars().rev(), end).collect();
    shortened(text, columns - end) + &reversed.into_iter().rev().collect::<String>()
}

/// The first characters that take at most this many columns.
fn fitting(characters: impl Iterator<Item = char>, columns: usize) -> impl Iterator<Item = char> {
    let mut used = 0;
    characters.take_while(move |character| {
        used += character.width().unwrap_or(1);
        used <= columns
    })
}

/// The text, broken between words into lines of at most this many columns. Lines after the first are indented. A word that
/// is too long gets its own line.
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
    fn columns_are_those_of_the_terminal_but_at_least_40() {
        assert_eq!([None, Some(0), Some(60), Some(80), Some(212)].map(clamped), [80, 40, 60, 80, 212]);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut() {
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
    fn a_name_that_is_too_long_is_cut_in_its_middle() {
        for (text, columns, expected) in [
            ("hidden-50", 9, "hidden-50"),
            ("hidden-50-rate-0.1-adam", 12, "hidde...adam"),
            ("くつしたとくつ", 9, "く...つ"),
            ("hidden-50", 2, ".."),
        ] {
            let cut = abbreviated(text, columns);
            assert_eq!(cut, expected);
            assert!(width(&cut) <= columns, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_broken_between_words() {
        assert_eq!(wrapped("ten images, two of them blank", 16), "ten images, two\n  of them blank");
        assert_eq!(wrapped("short", 40), "short");
        assert_eq!(wrapped("a incomprehensibilities b", 10), "a\n  incomprehensibilities\n  b");
    }
}
