//! Pictures of any size, prepared for a network in every way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::data::description::{Paper, Preparation};
use twolayer::data::import::picture;
use twolayer::data::prepare::{Grey, Way};

/// As `twolayer predict` takes, but for fewer pixels: a picture of one colour packs into a few bytes, and takes a second.
const MAX_PIXELS: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(found) = picture::read_up_to(bytes, MAX_PIXELS) else { return };
    let own = Preparation { rows: 5, cols: 9, inverted: true, max: Some(16), paper: Some(Paper::White) };
    let ways = [(Way::Digit, 784), (Way::Own(own), 45), (Way::Square { side: 8 }, 64), (Way::Raw { pixels: 64 }, 64)];
    for (way, pixels) in ways {
        let (grey, alpha) = found.to_scale(way.full(found.grey.full()));
        if let Ok(grey) = Grey::new(found.rows, found.cols, grey)
            && let Ok(image) = way.image(grey, alpha.as_deref())
        {
            assert_eq!(image.len(), pixels);
        }
    }
});
