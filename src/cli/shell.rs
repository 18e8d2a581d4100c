//! Command lines that can be pasted into a shell.

use std::borrow::Cow;
use std::ffi::OsStr;

/// The name by which this program was started.
pub(super) fn program() -> String {
    std::env::args_os().next().map_or_else(|| "twolayer".to_owned(), |name| quoted(&name).into_owned())
}

/// A word, quoted for the shell if necessary.
pub(super) fn quoted(word: &OsStr) -> Cow<'_, str> {
    let text = word.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c) || (cfg!(windows) && c == '\\');
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else if cfg!(windows) {
        format!("\"{text}\"").into()
    } else {
        format!("'{}'", text.replace('\'', "'\\''")).into()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_same_word() {
        for word in ["runs/2026-11-25T03-57-37Z-cpu", "two words", "it's", "$HOME `x` \"y\" \\", "くつ", "", "*", "~"]
        {
            let script = format!("printf %s {}", quoted(word.as_ref()));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
        assert_eq!(quoted("runs/2026-11-25T03-57-37Z-cpu".as_ref()), "runs/2026-11-25T03-57-37Z-cpu");
    }
}
