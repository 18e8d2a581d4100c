//! Tables that are taken over, in any encoding, compressed or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::data::import::{LabelColumn, Options, read_table};

fuzz_target!(|bytes: &[u8]| {
    let read = read_table(bytes, &Options::default(), None);
    if let Ok(found) = &read {
        assert_eq!(found.set.images().len(), found.set.len() * found.set.pixels());
        assert!(found.set.labels().iter().all(|&label| usize::from(label) < found.classes.count));
        // What is taken over is of its own classes and on its own scale.
        read_table(bytes, &Options::default(), Some(found)).expect("it goes with itself");
    }
    let options =
        Options { size: Some((2, 3)), max: Some(16), label: Some(LabelColumn::Last), first_label: 1, ..Options::default() };
    let _ = read_table(bytes, &options, read.as_ref().ok());
});
