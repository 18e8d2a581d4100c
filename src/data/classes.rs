//! The count of classes of a training and a test set, and the classes without an image.

use std::fmt;

use rand::Rng;
use rand::seq::index;

use super::Error;
use super::limits::MAX_CLASSES;

/// The count of classes without a class list: 1 + the largest training label.
pub(super) fn count(train: &[u8], test: &[u8]) -> Result<usize, Error> {
    let largest = train.iter().copied().max().ok_or(Error::Empty)?;
    let classes = usize::from(largest) + 1;
    if !(2..=MAX_CLASSES).contains(&classes) {
        return Err(Error::Classes(largest));
    }
    match first_outside(test, classes) {
        Some((index, label)) => Err(Error::TestLabel { index, label, classes }),
        None => Ok(classes),
    }
}

/// Draws this share of each class's images. Returns the images that are drawn and the others, both in file order. Of a class of two
/// or more images, at least one is drawn and one is not; the only image of a class is not drawn.
pub(super) fn drawn(labels: &[u8], share: f64, random: &mut impl Rng) -> (Vec<u32>, Vec<u32>) {
    let mut of_class = vec![Vec::new(); usize::from(u8::MAX) + 1];
    for (image, &label) in labels.iter().enumerate() {
        of_class[usize::from(label)].push(image);
    }
    let mut is_drawn = vec![false; labels.len()];
    for images in of_class.iter().filter(|images| images.len() > 1) {
        let count = ((images.len() as f64 * share).round() as usize).clamp(1, images.len() - 1);
        for index in index::sample(random, images.len(), count) {
            is_drawn[images[index]] = true;
        }
    }
    (0..labels.len() as u32).partition(|&image| is_drawn[image as usize])
}

/// The class of this name or, if none has it, of this number.
#[must_use]
pub fn named(given: &str, names: Option<&[String]>, classes: usize) -> Option<usize> {
    let by_name = names.and_then(|names| names.iter().position(|name| name == given));
    by_name.or_else(|| given.parse().ok().filter(|class| *class < classes))
}

/// The first label that is not below `classes`, after its index.
pub(super) fn first_outside(labels: &[u8], classes: usize) -> Option<(usize, u8)> {
    labels.iter().copied().enumerate().find(|&(_, label)| usize::from(label) >= classes)
}

/// Classes without a training image. A network learns never to predict them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    classes: usize,
    unused: Vec<usize>,
}

impl Unused {
    /// The classes that none of the labels names; none if each has a label.
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

    /// Whether class 0 is the only one, as in a set whose labels begin at 1.
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
    fn unused_classes_are_listed_in_ranges() {
        let text = |labels: &[u8], classes| Unused::of(labels, classes).map(|unused| unused.to_string());
        assert_eq!(text(&[0, 1, 2], 3), None);
        assert_eq!(text(&[2, 1], 3).unwrap(), "class 0 of 3 has no training image");
        assert_eq!(text(&[0, 1, 2, 10], 11).unwrap(), "7 of 11 classes have no training image: 3 to 9");
        assert_eq!(text(&[0, 3, 9], 10).unwrap(), "7 of 10 classes have no training image: 1, 2, 4 to 8");
        assert!(Unused::of(&[1, 2], 3).unwrap().is_first_alone());
        assert!(!Unused::of(&[2], 3).unwrap().is_first_alone());
    }
}
