//! A hash of a data set, so that a run is not continued on other images.

use sha2::{Digest, Sha256};

use super::{Error, Stores};

/// Most images of a split that are hashed.
const SAMPLE: usize = 1000;
/// Bytes of the hash that are kept.
const BYTES: usize = 16;

/// A hash of all labels, and of up to 1,000 images of each split at equal distances, in hex.
///
/// # Errors
/// The images cannot be read.
pub fn fingerprint(stores: &Stores) -> Result<String, Error> {
    let mut hash = Sha256::new();
    for store in [&stores.train, &stores.test] {
        let (rows, cols) = store.size();
        for number in [rows, cols, store.len()] {
            hash.update((number as u64).to_le_bytes());
        }
        hash.update(store.labels());
        hash.update(store.sample(SAMPLE)?.images());
    }
    let hash: [u8; 32] = hash.finalize().into();
    Ok(hash.iter().take(BYTES).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Splits, Store};

    fn of(images: Vec<u8>, labels: Vec<u8>, size: (usize, usize)) -> String {
        let test = Dataset::new(vec![1; size.0 * size.1], vec![0], size.0, size.1).unwrap();
        let train = Dataset::new(images, labels, size.0, size.1).unwrap();
        fingerprint(&Splits::new(Store::Memory(train), Store::Memory(test)).unwrap()).unwrap()
    }

    #[test]
    fn other_pixels_labels_or_sizes_have_another_hash() {
        let ours = of(vec![1, 2, 3, 4], vec![0, 1], (1, 2));
        assert_eq!(ours.len(), 2 * BYTES);
        assert_eq!(ours, of(vec![1, 2, 3, 4], vec![0, 1], (1, 2)));
        for other in [
            of(vec![1, 2, 3, 5], vec![0, 1], (1, 2)),
            of(vec![1, 2, 3, 4], vec![1, 0], (1, 2)),
            of(vec![1, 2, 3, 4], vec![0, 1], (2, 1)),
            of(vec![3, 4, 1, 2], vec![0, 1], (1, 2)),
        ] {
            assert_ne!(ours, other);
        }
    }
}
