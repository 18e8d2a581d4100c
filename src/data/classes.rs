//! How many classes two sets have, and which of them have no image.

use std::fmt;

use super::Error;
use super::description::Description;
use super::limits::MAX_CLASSES;

/// The number of classes of two sets without a class list: 1 + the largest training label.
pub(super) fn count(train: &[u8], test: &[u8]) -> Result<usize, Error> {
    let largest = train.iter().copied().max().ok_or(Error::Empty)?;
    let classes = usize::from(largest) + 1;
    if !(2..=MAX_CLASSES).contains(&classes) {
        return Err(Error::Classes { largest });
    }
    let mut test_labels = test.iter().copied().enumerate();
    if let Some((index, label)) = test_labels.find(|&(_, label)| label > largest) {
        return Err(Error::TestLabel { index, label, classes });
    }
    Ok(classes)
}

/// Checks that the labels of two sets are of the classes that their list has.
pub(super) fn check(train: &[u8], test: &[u8], classes: usize) -> Result<(), Error> {
    for labels in [train, test] {
        let mut labels = labels.iter().copied().enumerate();
        if let Some((index, label)) = labels.find(|&(_, label)| usize::from(label) >= classes) {
            return Err(Error::Unlisted { index, label, classes });
        }
    }
    Ok(())
}

/// Checks that the images of two sets, and those that the description speaks of, are of one size.
pub(super) fn check_pair(train: (usize, usize), test: (usize, usize), description: &Description) -> Result<(), Error> {
    if train != test {
        return Err(Error::SizesDiffer { train, test });
    }
    match description.preparation.as_ref().map(|preparation| (preparation.rows, preparation.cols)) {
        Some(described) if described != train => Err(Error::OtherSize { found: train, described }),
        _ => Ok(()),
    }
}

/// Classes without a training image: a network learns never to name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    classes: usize,
    unused: Vec<usize>,
}

impl Unused {
    /// The classes that have no label here; none where each has one.
    #[must_use]
    pub fn of(labels: &[u8], classes: usize) -> Option<Self> {
        let mut is_used = vec![false; classes];
        for &label in labels {
            if let Some(is_used) = is_used.get_mut(usize::from(label)) {
                *is_used = true;
            }
        }
        let unused: Vec<usize> = (0..classes).filter(|&class| !is_used[class]).collect();
        (!unused.is_empty()).then_some(Self { classes, unused })
    }

    /// Whether it is class 0 alone, as where labels begin at 1.
    #[must_use]
    pub fn is_first_alone(&self) -> bool {
        self.unused == [0]
    }
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { classes, unused } = self;
        if let [class] = unused[..] {
            return write!(f, "class {class} of {classes} has no training image");
        }
        let runs: Vec<String> = unused
            .chunk_by(|a, b| a + 1 == *b)
            .map(|run| match run {
                [first, .., last] if last - first > 1 => format!("{first} to {last}"),
                run => run.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
            })
            .collect();
        write!(f, "{} of {classes} classes have no training image: {}", unused.len(), runs.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_classes_are_told_in_runs() {
        let told = |labels: &[u8], classes| Unused::of(labels, classes).map(|unused| unused.to_string());
        assert_eq!(told(&[0, 1, 2], 3), None);
        assert_eq!(told(&[2, 1], 3).unwrap(), "class 0 of 3 has no training image");
        assert_eq!(told(&[0, 1, 2, 10], 11).unwrap(), "7 of 11 classes have no training image: 3 to 9");
        assert_eq!(told(&[0, 3, 9], 10).unwrap(), "7 of 10 classes have no training image: 1, 2, 4 to 8");
        assert!(Unused::of(&[1, 2], 3).unwrap().is_first_alone());
        assert!(!Unused::of(&[2], 3).unwrap().is_first_alone());
    }
}
