//! Pictures of every format that are taken over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::data::import::picture;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = picture::read(bytes) {
        let count = found.rows * found.cols;
        assert_eq!(found.grey.to_bytes(found.grey.full()).len(), count);
        assert!(found.alpha.is_none_or(|alpha| alpha.len() == count));
    }
});
