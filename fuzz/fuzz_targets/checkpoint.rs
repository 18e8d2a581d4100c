//! Checkpoints of runs. Each that is read is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::report::checkpoint;
use twolayer::report::run_folder::parse_losses;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = checkpoint::read(bytes) {
        let mut again = Vec::new();
        checkpoint::write(&mut again, &read.run, &read.snapshot, read.best.as_ref(), read.losses).expect("memory takes everything");
        let found = checkpoint::read(&again).expect("what was written is read");
        assert_eq!(found.snapshot, read.snapshot);
        assert_eq!(found.run.done(Vec::new()), read.run.done(Vec::new()));
        let _ = read.run.text(80);
    }
    if let Ok(text) = str::from_utf8(bytes) {
        for count in [0, 1, 3, u64::MAX] {
            assert!(parse_losses(text, count).is_none_or(|losses| losses.len() as u64 == count));
        }
    }
});
