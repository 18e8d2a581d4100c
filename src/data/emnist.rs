//! EMNIST's splits (Cohen, Afshar, Tapson, van Schaik 2017, <https://www.nist.gov/itl/products-and-services/emnist-dataset>):
//! letters and digits in MNIST's file format, with two differences. The images are transposed, and the labels of the letters
//! begin at 1. Only the files' names show this.

/// An EMNIST split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// A character for each class, in the order of the labels.
    characters: &'static str,
    /// The first label in its files.
    pub first_label: u8,
}

const DIGITS: &str = "0123456789";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BY_CLASS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Lower-case letters that look like their capitals share a class with them.
const MERGED: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt";

impl Split {
    /// The split whose files have this prefix, such as `emnist-letters`; none for another prefix.
    #[must_use]
    pub fn of(prefix: &str) -> Option<Self> {
        let (characters, first_label) = match prefix.to_ascii_lowercase().strip_prefix("emnist-")? {
            "letters" => (LETTERS, 1),
            "digits" | "mnist" => (DIGITS, 0),
            "byclass" => (BY_CLASS, 0),
            "balanced" | "bymerge" => (MERGED, 0),
            _ => return None,
        };
        Some(Self { characters, first_label })
    }

    /// The name of each class.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        self.characters.chars().map(String::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_found_by_prefix() {
        let of = |split: &str| Split::of(&format!("emnist-{split}")).map(|s| (s.names().len(), s.first_label));
        let found = ["letters", "digits", "mnist", "byclass", "bymerge", "balanced", "other"].map(of);
        let expected = [(26, 1), (10, 0), (10, 0), (62, 0), (47, 0), (47, 0)].map(Some);
        assert_eq!(found, [&expected[..], &[None]].concat()[..]);
        assert_eq!(Split::of("emnist-balanced").unwrap().names()[36..40], ["a", "b", "d", "e"]);
        assert_eq!(Split::of("qmnist"), None);
    }
}
