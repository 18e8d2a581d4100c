//! Every optimiser and every schedule of the learning rate on every device: against the reference with the same batches, and against itself bit by bit.
//!
//! Oracle: `reference::Updates`, which `tests/reference.rs` compares with numpy.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{Case, Check, Plans, assert_close, run_on_every_device, with_every_density, with_steps};
use pollster::block_on;
use twolayer::backend;
use twolayer::devices::Device;
use twolayer::net::method::Method;
use twolayer::net::optimizer::{Optimizer, Rule};
use twolayer::net::schedule::{Decay, Schedule};
use twolayer::net::state::State;
use twolayer::net::{Activation, Output, Params, Shape};
use twolayer::reference::{TwoLayerNet, Updates};

const STEPS: usize = 100;

/// The change of each tensor after the steps differs by less than this, relatively, by norm.
fn tolerance(activation: Activation) -> f64 {
    if activation == Activation::Relu { 5e-5 } else { 2e-5 }
}

fn main() -> ExitCode {
    let mut checks: Vec<(String, Check)> = Vec::new();
    let networks = [
        (Shape { input: 784, hidden: 50, classes: 10 }, 100, Activation::Sigmoid, Output::Softmax),
        (Shape { input: 65, hidden: 129, classes: 7 }, 50, Activation::Relu, Output::Softmax),
    ];
    let decayed = [Rule::Sgd, Rule::Momentum, Rule::AdamW].map(|rule| Optimizer { weight_decay: 0.1, ..rule.into() });
    let optimizers = Rule::ALL.map(Optimizer::from).into_iter().chain(decayed);
    for optimizer in optimizers {
        let name = format!("{}, weight decay {}", optimizer.rule, optimizer.weight_decay);
        for (shape, batch_size, activation, output) in networks {
            let check: Check = Arc::new(move |device| {
                let case = || Case::new(shape, batch_size, activation, output, 500);
                let constant = Schedule::default();
                // A plan's own kernels change the parameters at once, for plain SGD, or store a gradient for an optimiser, whose kernels
                // are the same in every plan: SGD and one other show all of it.
                let plans = if matches!(optimizer.rule, Rule::Sgd | Rule::Adam) { Plans::Every } else { Plans::Chosen };
                with_every_density(device, case)
                    .into_iter()
                    .try_for_each(|case| steps(device, case, optimizer, constant, plans))
            });
            checks.push((format!("{STEPS} steps by {name}, of {shape}, {activation}"), check));
        }
        let check: Check = Arc::new(move |device| same_bits(device, optimizer));
        checks.push((format!("the same bits by {name}, however the steps are cut, and from a state"), check));
    }
    let (shape, batch_size, activation, output) = networks[0];
    for (rule, decay) in Decay::ALL.into_iter().map(|decay| (Rule::Sgd, decay)).chain([(Rule::Adam, Decay::Cosine)]) {
        let check: Check = Arc::new(move |device| {
            let case = || Case::new(shape, batch_size, activation, output, 500);
            let (optimizer, schedule) = (rule.into(), Schedule { decay, warmup: 30 });
            let plans = if decay == Decay::Cosine { Plans::Every } else { Plans::Chosen };
            with_every_density(device, case)
                .into_iter()
                .try_for_each(|case| steps(device, case, optimizer, schedule, plans))
        });
        checks.push((format!("{STEPS} steps by {rule}, {decay} after a warmup"), check));
    }
    checks.push(("a rate for each batch".to_owned(), Arc::new(rates_are_counted)));
    checks.push(("numerical gradients by adam are near its others".to_owned(), Arc::new(numerical)));
    run_on_every_device(&checks)
}

/// Plans against the reference, which is computed once for all of them.
fn steps(
    device: &Device,
    mut case: Case,
    optimizer: Optimizer,
    schedule: Schedule,
    plans: Plans,
) -> Result<(), backend::Error> {
    let shape = case.net.shape;
    let plans = with_steps(plans.of(device, shape), device, shape, STEPS);
    let indices = case.indices(STEPS);
    // A schedule's mean rate is lower, and in smaller changes the same rounding weighs more.
    let times = if schedule == Schedule::default() { 1.0 } else { 4.0 };
    let rates = rates(schedule, times * optimizer.rule.learning_rate(), STEPS);
    let before = case.reference().params;
    let mut reference = case.reference();
    let mut updates = Updates::new(optimizer, &before);
    let mut done = 0;
    for (steps, plan, device) in plans {
        for (batch, &rate) in indices.chunks(case.batch_size).zip(&rates).take(steps).skip(done) {
            let (x, t) = case.set.batch(batch);
            let gradient = reference.gradient(&x, &t);
            updates.step(&mut reference.params, &gradient, rate.into());
        }
        done = steps;
        let mut change = reference.params.clone();
        change.values_mut().zip(before.values()).for_each(|(value, before)| *value -= before);
        let mut backend = case.backend(&device)?;
        block_on(backend.set_optimizer(optimizer))?;
        let set = block_on(backend.upload(&case.set))?;
        block_on(backend.train_by(set, &indices[..steps * case.batch_size], &rates[..steps]))?;
        let mut found = block_on(backend.params())?;
        let Params { w1, b1, w2, b2, .. } = &mut found;
        for (values, before) in [w1, b1, w2, b2].into_iter().zip(case.params.tensors()) {
            values.iter_mut().zip(before.values).for_each(|(value, before)| *value -= before);
        }
        assert_close(&plan, &found, &change, tolerance(case.net.activation));
    }
    Ok(())
}

/// The learning rates of all steps of a run.
fn rates(schedule: Schedule, learning_rate: f32, steps: usize) -> Vec<f32> {
    (0..steps as u64).map(|step| schedule.rate(learning_rate, step, steps as u64)).collect()
}

fn rates_are_counted(device: &Device) -> Result<(), backend::Error> {
    let shape = Shape { input: 7, hidden: 5, classes: 3 };
    let case = Case::new(shape, 2, Activation::Sigmoid, Output::Softmax, 6);
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    for rates in [&[0.1][..], &[0.1; 3]] {
        let error = block_on(backend.train_by(set, &[0, 1, 2, 3], rates)).unwrap_err().to_string();
        assert_eq!(error, format!("{} learning rates for 2 batches; give one for each", rates.len()));
    }
    assert_eq!(block_on(backend.params())?, case.params, "as they were");
    Ok(())
}

fn same_bits(device: &Device, optimizer: Optimizer) -> Result<(), backend::Error> {
    let shape = Shape { input: 65, hidden: 50, classes: 10 };
    let mut case = Case::new(shape, 33, Activation::Sigmoid, Output::Softmax, 300);
    let indices = case.indices(60);
    let rates = rates(Schedule { decay: Decay::Cosine, warmup: 5 }, 0.01, 60);
    // In pieces of so many steps, with a new backend that continues from the state after each where that is wanted.
    let run = |cut: usize, anew: bool| -> Result<(Vec<f32>, State), backend::Error> {
        let fresh = || -> Result<_, backend::Error> {
            let mut backend = case.backend(device)?;
            block_on(backend.set_optimizer(optimizer))?;
            let set = block_on(backend.upload(&case.set))?;
            Ok((backend, set))
        };
        let (mut backend, mut set) = fresh()?;
        let mut losses = Vec::new();
        for (indices, rates) in indices.chunks(cut * case.batch_size).zip(rates.chunks(cut)) {
            losses.extend(block_on(backend.train_by(set, indices, rates))?);
            if anew {
                let state = block_on(backend.state())?;
                (backend, set) = fresh()?;
                block_on(backend.set_state(&state))?;
            }
        }
        Ok((losses, block_on(backend.state())?))
    };
    let whole = run(60, false)?;
    assert_eq!(whole.1.slots.len(), optimizer.slots());
    assert_eq!(whole.1.steps, 60);
    assert_eq!(run(7, false)?, whole, "cut every 7 steps");
    assert_eq!(run(25, true)?, whole, "from a state");
    // Parameters that are set begin anew.
    let mut backend = case.backend(device)?;
    block_on(backend.set_optimizer(optimizer))?;
    let set = block_on(backend.upload(&case.set))?;
    block_on(backend.train(set, &indices, 0.5))?;
    block_on(backend.set_params(&case.params))?;
    block_on(backend.train_by(set, &indices, &rates))?;
    assert_eq!(block_on(backend.state())?, whole.1, "after set_params");
    Ok(())
}

fn numerical(device: &Device) -> Result<(), backend::Error> {
    let shape = Shape { input: 20, hidden: 9, classes: 4 };
    let mut case = Case::new(shape, 10, Activation::Sigmoid, Output::Softmax, 100);
    let indices = case.indices(20);
    let run = |method| -> Result<_, backend::Error> {
        let mut backend = case.backend(device)?;
        block_on(backend.set_method(method))?;
        block_on(backend.set_optimizer(Rule::Adam.into()))?;
        let set = block_on(backend.upload(&case.set))?;
        block_on(backend.train(set, &indices, 0.001))?;
        block_on(backend.params())
    };
    let (backprop, differences) = (run(Method::Backprop)?, run(Method::Numerical { step_size: 1e-4 })?);
    assert_close("adam", &differences, &TwoLayerNet::new(case.net, &backprop).params, 1e-4);
    Ok(())
}
