//! Networks in safetensors files, of this program and of others. Each that is read is written again, and exported.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twolayer::export::{PixelType, write_c, write_onnx, write_pytorch};
use twolayer::model;
use twolayer::net::Net;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = model::read(bytes) {
        let activation = read.activation.unwrap_or_default();
        let output = read.output.unwrap_or_default();
        let net = Net { shape: read.params.shape, activation, output };
        for write in [model::write, write_pytorch] {
            let mut again = Vec::new();
            write(&mut again, &net, &read.params, &read.description).expect("memory takes everything");
            let found = model::read(&again).expect("what was written is read");
            assert_eq!((&found.params, &found.description), (&read.params, &read.description));
        }
        let mut exported = Vec::new();
        write_c(&mut exported, &net, &read.params, &read.description).expect("memory takes everything");
        write_onnx(&mut exported, &net, &read.params, &read.description, PixelType::U8).expect("memory takes everything");
        if let Some(conversion) = read.conversion {
            assert!(!conversion.to_string().contains(char::is_control));
        }
    }
});
