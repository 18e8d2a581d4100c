//! Counts and lists as text for people.

use std::fmt::Display;

/// A count and its noun: `1 image`, `2 images`, `3 classes`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let end = match noun {
        _ if count == N::from(1) => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{end}")
}

/// Some names to choose from: `a, b or c`.
pub(crate) fn either<N: Display>(names: &[N]) -> String {
    let names: Vec<String> = names.iter().map(N::to_string).collect();
    match &names[..] {
        [names @ .., last] if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        _ => names.concat(),
    }
}

/// Groups values by their keys, in the order of each key's first value.
#[cfg(feature = "cli")]
pub(crate) fn grouped<K: PartialEq, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in pairs {
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "cli")]
    fn values_are_grouped_by_key() {
        let groups = grouped([("b", 1), ("a", 2), ("b", 3)]);
        assert_eq!(groups, [("b", vec![1, 3]), ("a", vec![2])]);
    }

    #[test]
    fn names_are_listed() {
        let names = ["a", "b", "c"];
        assert_eq!([1, 2, 3].map(|count| either(&names[..count])), ["a", "a or b", "a, b or c"]);
    }

    #[test]
    fn one_has_no_plural() {
        assert_eq!(counted(1_u64, "iteration"), "1 iteration");
        assert_eq!(counted(0_usize, "image"), "0 images");
        assert_eq!([1_u16, 2].map(|count| counted(count, "class")), ["1 class", "2 classes"]);
    }
}
