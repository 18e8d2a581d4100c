//! A numerical gradient is the naive central difference, not a derivative in disguise: on every device, against f64.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{
    Case, Check, Run, assert_close, relative_error, run_on_every_device, with_every_density, with_every_plan,
};
use pollster::block_on;
use twolayer::backend::{self, Device, Method};
use twolayer::net::Activation::{Relu, Sigmoid};
use twolayer::net::Output::{Identity, Softmax};
use twolayer::net::{Params, Shape};

/// (batch, input, hidden, classes): each odd size in each place.
const SIZES: [(usize, usize, usize, usize); 6] =
    [(1, 7, 50, 10), (7, 1, 65, 2), (50, 13, 1, 7), (13, 65, 7, 33), (129, 5, 16, 3), (3, 20, 17, 255)];
/// From the book's step to one at which a difference is far from the derivative.
const STEP_SIZES: [f64; 5] = [1e-6, 1e-4, 1e-2, 0.5, 1.0];

fn main() -> ExitCode {
    let mut checks: Vec<(String, Check)> = Vec::new();
    for (batch_size, input, hidden, classes) in SIZES {
        let shape = Shape { input, hidden, classes };
        let check: Check = Arc::new(move |device| naive(device, shape, batch_size));
        checks.push((format!("the naive central difference of {shape}, batch {batch_size}"), check));
    }
    let _ = (Relu, Identity, relative_error(&[1.0], &[1.0]), None::<(Run, Params)>);
    run_on_every_device(&checks)
}

/// Every parameter, at every step size, against two whole passes in f64.
fn naive(device: &Device, shape: Shape, batch_size: usize) -> Result<(), backend::Error> {
    for mut case in with_every_density(device, || Case::new(shape, batch_size, Sigmoid, Softmax, 300)) {
        let batch = case.indices(1);
        let (x, t) = case.batch(&batch);
        let reference = case.reference();
        for step_size in STEP_SIZES {
            let expected = reference.numerical_gradient(&x, &t, step_size);
            for (plan, device) in with_every_plan(device, shape) {
                let mut backend = case.backend(&device)?;
                let set = block_on(backend.upload(&case.set))?;
                block_on(backend.set_method(Method::Numerical { step_size }))?;
                let (_, found) = block_on(backend.gradient(set, &batch))?;
                assert_close(&format!("{plan}, h = {step_size}"), &found, &expected, 5e-6);
                assert_eq!(block_on(backend.params())?, case.params, "{plan}: a gradient changes no parameter");
            }
        }
    }
    Ok(())
}
