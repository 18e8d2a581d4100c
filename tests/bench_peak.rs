//! The peaks of every device are measured, and the results of the measuring kernels are correct.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{Check, run_on_every_device};
use pollster::block_on;
use twolayer::backend;
use twolayer::bench::peak::measure;
use twolayer::devices::Device;

fn main() -> ExitCode {
    run_on_every_device(&[("peaks are measured".to_owned(), Arc::new(peaks) as Check)])
}

fn peaks(device: &Device) -> Result<(), backend::Error> {
    // A wrong result of a kernel is an error.
    let peak = block_on(measure(device))?;
    assert!(peak.flops.is_finite() && peak.flops > 0.0, "{peak:?}");
    assert!(peak.bytes_per_second.is_finite() && peak.bytes_per_second > 0.0, "{peak:?}");
    Ok(())
}
