//! Networks in safetensors files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::model;
use twolayer::net::Net;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = model::read(bytes) {
        let activation = read.activation.unwrap_or_default();
        let output = read.output.unwrap_or_default();
        let net = Net { shape: read.params.shape, activation, output };
        let mut again = Vec::new();
        model::write(&mut again, &net, &read.params, &read.description).expect("memory takes everything");
        let found = model::read(&again).expect("what was written is read");
        assert_eq!((found.params, found.description), (read.params, read.description));
    }
});
