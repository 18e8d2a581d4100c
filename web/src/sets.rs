//! The sets that the page trains on.

use twolayer::data::idx::{self, Images};
use twolayer::data::{self, Dataset, Splits, digits};

/// Files that are no set.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not four files.
    #[error("{0} files; drop MNIST's four: images and labels, to train and to test, as they are or as .gz")]
    Count(usize),
    /// A file that holds neither images nor labels.
    #[error("{name} {reason}")]
    File {
        /// The file's name.
        name: String,
        /// What is wrong with it.
        reason: idx::Error,
    },
    /// Images without as many labels, or the reverse.
    #[error("no labels for the {0} images of a file; drop two files of images and the labels of each")]
    Unpaired(usize),
    /// The two sets do not belong together.
    #[error(transparent)]
    Set(#[from] data::Error),
}

/// The built-in digits that the page draws before it trains, to train and to test: as many as take less than half a second.
pub const DIGITS: [usize; 2] = [15_000, 2_000];

/// Built-in digits, so many to train and so many to test.
///
/// # Errors
/// No memory.
pub fn drawn([train, test]: [usize; 2]) -> Result<Splits, data::Error> {
    let [train_seed, test_seed] = digits::seeds(0);
    let set = |count, seed| {
        let (images, labels) = digits::draw(count, seed);
        Dataset::new(images, labels, digits::SIDE, digits::SIDE)
    };
    Splits::new(set(train, train_seed)?, set(test, test_seed)?)
}

/// The set in four IDX files with their names, in any order, each raw or compressed with gzip. Which is which is known by what they
/// hold: images go with as many labels, and the larger set is to train.
///
/// # Errors
/// [`Error`].
pub fn from_files(files: &[(String, Vec<u8>)]) -> Result<Splits, Error> {
    if files.len() != 4 {
        return Err(Error::Count(files.len()));
    }
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        match read(bytes) {
            Ok(Part::Images(part)) => images.push(part),
            Ok(Part::Labels(part)) => labels.push(part),
            Err(reason) => return Err(Error::File { name: name.clone(), reason }),
        }
    }
    let mut sets = images
        .into_iter()
        .map(|Images { pixels, rows, cols }| {
            let count = pixels.len() / (rows * cols);
            let place = labels.iter().position(|labels| labels.len() == count).ok_or(Error::Unpaired(count))?;
            Ok(Dataset::new(pixels, labels.swap_remove(place), rows, cols)?)
        })
        .collect::<Result<Vec<_>, Error>>()?;
    sets.sort_by_key(Dataset::len);
    match (sets.pop(), sets.pop()) {
        (Some(train), Some(test)) => Ok(Splits::new(train, test)?),
        (Some(one), None) => Err(Error::Unpaired(one.len())),
        (None, _) => Err(Error::Unpaired(0)),
    }
}

enum Part {
    Images(Images),
    Labels(Vec<u8>),
}

fn read(bytes: &[u8]) -> Result<Part, idx::Error> {
    match idx::read_images(idx::unpacked(bytes)?) {
        Ok(images) => Ok(Part::Images(images)),
        Err(idx::Error::Swapped { .. }) => Ok(Part::Labels(idx::read_labels(idx::unpacked(bytes)?)?)),
        Err(reason) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MNIST's four files, small ones, in no order.
    fn files() -> Vec<(String, Vec<u8>)> {
        let Splits { train, test, .. } = drawn([60, 20]).unwrap();
        let images = |set: &Dataset| {
            let mut bytes = Vec::new();
            idx::write_images(set, &mut bytes).unwrap();
            bytes
        };
        let labels = |set: &Dataset| {
            let mut bytes = Vec::new();
            idx::write_labels(set.labels(), &mut bytes).unwrap();
            bytes
        };
        [labels(&test), images(&train), images(&test), labels(&train)].map(|bytes| ("a file".to_owned(), bytes)).into()
    }

    #[test]
    fn four_files_in_any_order_are_a_set() {
        let mut files = files();
        for _ in 0..files.len() {
            files.rotate_left(1);
            assert_eq!(from_files(&files).unwrap(), drawn([60, 20]).unwrap());
        }
    }

    #[test]
    fn what_is_no_set_is_said_so() {
        let error = |files: &[(String, Vec<u8>)]| from_files(files).unwrap_err().to_string();
        let good = files();
        assert!(error(&good[1..]).starts_with("3 files; drop MNIST's four"));
        let mut picture = good.clone();
        picture[2] = ("cat.png".to_owned(), b"\x89PNG\r\n\x1a\n".to_vec());
        assert!(error(&picture).starts_with("cat.png begins with 0x89504e47"), "{}", error(&picture));
        let mut doubled = good.clone();
        doubled[2] = good[1].clone();
        assert!(error(&doubled).starts_with("no labels for the 60 images"));
        let mut only_labels = good.clone();
        (only_labels[1], only_labels[2]) = (good[0].clone(), good[3].clone());
        assert!(error(&only_labels).starts_with("no labels for the 0 images"));
    }
}
