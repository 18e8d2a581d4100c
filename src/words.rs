//! Counts as people say them.

use std::fmt::Display;

/// A count and what is counted: `1 image`, `2 images`, `3 classes`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let end = match noun {
        _ if count == N::from(1) => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1_u64, "iteration"), "1 iteration");
        assert_eq!(counted(0_usize, "image"), "0 images");
        assert_eq!([1_u16, 2].map(|count| counted(count, "class")), ["1 class", "2 classes"]);
    }
}
