//! Every device's backend passes the benchmark's check.
//!
//! The check and the tests of the stages are two independent oracles. docs/decisions.md gives the reason.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{Case, Check, run_on_every_device};
use pollster::block_on;
use twolayer::backend;
use twolayer::bench::check::{Found, check, check_evaluation, learning_rate, params};
use twolayer::devices::Device;
use twolayer::net::Activation::{self, Relu, Sigmoid};
use twolayer::net::Output::{self, Identity, Softmax};
use twolayer::net::Shape;

fn main() -> ExitCode {
    let sizes = [
        (100, Shape { input: 784, hidden: 50, classes: 10 }, Sigmoid, Softmax),
        (129, Shape { input: 65, hidden: 37, classes: 7 }, Relu, Identity),
        // The largest batch: the longest sums.
        (8192, Shape { input: 50, hidden: 7, classes: 3 }, Relu, Softmax),
    ];
    let named = |(batch_size, shape, activation, output)| {
        let name = format!("{shape}, batch {batch_size}, {activation}, {output} passes the check");
        (name, Arc::new(move |device: &Device| passes(device, batch_size, shape, activation, output)) as Check)
    };
    run_on_every_device(&sizes.map(named))
}

fn passes(
    device: &Device,
    batch_size: usize,
    shape: Shape,
    activation: Activation,
    output: Output,
) -> Result<(), backend::Error> {
    let mut case = Case::new(shape, batch_size, activation, output, 300);
    case.params = params(shape);
    let batch = case.indices(1);
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    let evaluation = block_on(backend.evaluate(set))?;
    let intermediates = block_on(backend.intermediates(set, &batch))?;
    let (loss, gradient) = block_on(backend.gradient(set, &batch))?;
    let learning_rate = learning_rate(&case.params, &gradient);
    block_on(backend.train(set, &batch, learning_rate))?;
    let after = block_on(backend.params())?;
    let found = Found { intermediates, loss, gradient, after };
    let errors = check(&case.net, &case.params, &case.set, &batch, learning_rate, &found);
    assert!(errors.is_ok(), "{}", errors.unwrap_err());
    let errors = check_evaluation(&case.net, &case.params, &case.set, &evaluation);
    assert!(errors.is_ok(), "{}", errors.unwrap_err());
    Ok(())
}
