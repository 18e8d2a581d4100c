//! Lines of numbers that are taken over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::data::import;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(set) = import::read_csv(bytes, None) {
        assert_eq!(set.images().len(), set.len() * set.pixels());
    }
    let _ = import::read_csv(bytes, Some((2, 3)));
});
