//! Images that are taken over.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use twolayer::data::import;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = import::read_png(Cursor::new(bytes)) {
        assert_eq!(image.pixels.len(), image.rows * image.cols);
    }
});
