//! What is kept beside a set.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::data::description::{decode, write};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((classes, description)) = decode(bytes) {
        let mut again = Vec::new();
        write(&mut again, classes, &description).expect("memory takes everything");
        assert_eq!(decode(&again).expect("what was written is read"), (classes, description));
    }
});
