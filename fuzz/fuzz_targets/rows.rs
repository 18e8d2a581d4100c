//! Tables that are answered by a network, with labels or without, in any encoding, compressed or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::data::import::{Rows, Target, looks_like_a_table, read_rows};

fuzz_target!(|bytes: &[u8]| {
    let _ = looks_like_a_table(bytes);
    for (size, max) in [((2, 2), None), ((2, 3), Some(16)), ((1, 1), None)] {
        let turned = Target { size, max, is_inverted: true, is_transposed: true };
        let plain = Target { is_inverted: false, is_transposed: false, ..turned };
        let (Ok(plain), Ok(turned)) = (read_rows(bytes, &plain), read_rows(bytes, &turned)) else { continue };
        let Rows { lines, set, .. } = plain;
        assert_eq!(lines.iter().filter(|line| line.is_ok()).count(), set.len());
        assert_eq!((set.rows(), set.cols()), size);
        assert_eq!(set.transposed().inverted().images().len(), turned.set.images().len());
    }
});
