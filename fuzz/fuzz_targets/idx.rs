//! IDX files of images and of labels, raw or compressed with gzip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::data::{Dataset, idx};

fuzz_target!(|bytes: &[u8]| {
    let images = idx::unpacked(bytes).map(idx::read_images);
    if let Ok(Ok(idx::Images { rows, cols, pixels })) = images {
        let count = pixels.len() / (rows * cols);
        let set = Dataset::new(pixels, vec![0; count], rows, cols).expect("what was decoded is a set");
        let mut again = Vec::new();
        idx::write_images(&set, &mut again).expect("memory takes everything");
        assert_eq!(idx::read_images(&again[..]).expect("what was written is read").pixels, set.images());
    }
    let _ = idx::unpacked(bytes).map(idx::read_labels);
});
