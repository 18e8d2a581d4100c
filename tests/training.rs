//! Whole runs on every device: against the reference with the same batches, and against themselves bit by bit.
//!
//! Oracles: `TwoLayerNet::train_step`, `TwoLayerNet::predict` and `common::mean_loss`.

mod common;

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::{
    Case, Check, Run, assert_close, mean_loss, relative_error, run_on_every_device, with_every_density,
    with_every_plan, with_steps,
};
use pollster::block_on;
use twolayer::backend::{self, Backend, Resident};
use twolayer::data::batches::{Batches, Sampling};
use twolayer::data::{Store, StoredSet, idx};
use twolayer::devices::Device;
use twolayer::functions::argmax;
use twolayer::net::Activation::{Relu, Sigmoid, Tanh};
use twolayer::net::Output::{Identity, Softmax};
use twolayer::net::{Params, Shape};
use twolayer::train::{self, Done, End, Event, Images, Outcome, Sets, Settings, Snapshot, Stream, train};

fn main() -> ExitCode {
    let mut checks: Vec<(String, Check)> = Vec::new();
    for (shape, batch_size, activation, output) in [
        (Shape { input: 784, hidden: 50, classes: 10 }, 100, Sigmoid, Softmax),
        (Shape { input: 65, hidden: 129, classes: 7 }, 50, Relu, Softmax),
        (Shape { input: 129, hidden: 7, classes: 2 }, 7, Sigmoid, Identity),
        (Shape { input: 50, hidden: 65, classes: 10 }, 65, Relu, Identity),
        (Shape { input: 129, hidden: 65, classes: 7 }, 50, Tanh, Softmax),
    ] {
        let name = format!("{STEPS} steps of {shape}, batch {batch_size}, {activation}, {output}");
        let check: Check = Arc::new(move |device| {
            let case = || Case::new(shape, batch_size, activation, output, 500);
            with_every_density(device, case).into_iter().try_for_each(|case| steps(device, case))
        });
        checks.push((name, check));
    }
    let whole: [(&str, Run); 13] = [
        ("the same seed gives the same bits, however the steps are cut", same_bits),
        ("one image is evaluated and predicted as the reference does", |device| evaluation(device, 50, 1)),
        // A tile has 128 images on the CPU; on a GPU 8,192, or 4,160 with 1,000 hidden units.
        ("whole tiles are evaluated and predicted as the reference does", |device| evaluation(device, 50, 8192)),
        ("a part of a tile is evaluated and predicted as the reference does", |device| evaluation(device, 1000, 9001)),
        // A GPU gets 16,384 images at a time.
        ("many images are evaluated and predicted as the reference does", |device| evaluation(device, 7, 17_000)),
        ("images that are mostly 0 train, and are evaluated and predicted, as the reference does", blanks),
        ("a given gradient is applied", |device| {
            given_gradient(device, Shape { input: 50, hidden: 7, classes: 3 }, 10)
        }),
        ("a given gradient is applied to the largest layers", |device| {
            given_gradient(device, Shape { input: 4096, hidden: 4096, classes: 255 }, 1)
        }),
        ("a loss that stops being finite ends the run with the last good weights", divergence),
        ("a run ends at its target accuracy", target),
        ("an interrupted run keeps what it has", interruption),
        ("a run that goes on from a checkpoint has the bits of one that never stopped", resumption),
        ("images that are read as they are used give the same bits", streamed),
    ];
    checks.extend(whole.map(|(name, check)| (name.to_owned(), Arc::new(check) as Check)));
    run_on_every_device(&checks)
}

const STEPS: usize = 200;

/// The steps of every plan against `TwoLayerNet::train_step`, which is computed once for all of them.
fn steps(device: &Device, mut case: Case) -> Result<(), backend::Error> {
    let shape = case.net.shape;
    let plans = with_steps(with_every_plan(device, shape), device, shape, STEPS);
    let indices = case.indices(STEPS);
    // These runs were chosen: in another a ReLU's input may come so near 0 that f32 and f64 fall on different sides of it.
    let learning_rate = 0.05_f32;
    let mut reference = case.reference();
    let mut expected = Vec::new();
    for (steps, plan, device) in plans {
        for batch in indices.chunks(case.batch_size).take(steps).skip(expected.len()) {
            let (x, t) = case.set.batch(batch);
            expected.push(mean_loss(&reference, &reference.pass(&x, &t), &x, &t));
            reference.train_step(&x, &t, f64::from(learning_rate));
        }
        let mut backend = case.backend(&device)?;
        let set = block_on(backend.upload(&case.set))?;
        let losses = block_on(backend.train(set, &indices[..steps * case.batch_size], learning_rate))?;
        assert_close(&plan, &block_on(backend.params())?, &reference.params, 2e-5);
        let error = relative_error(&losses, &expected);
        assert!(error < 2e-5, "{plan}, losses: {error:.1e}");
    }
    Ok(())
}

fn same_bits(device: &Device) -> Result<(), backend::Error> {
    let case = Case::new(Shape { input: 65, hidden: 50, classes: 10 }, 33, Sigmoid, Softmax, 300);
    let indices = Batches::new(0, Sampling::Shuffle, case.batch_size, case.set.len()).indices(0, 100);
    let run = |device: &Device, cut: usize| -> Result<(Params, Vec<f32>), backend::Error> {
        let mut backend = case.backend(device)?;
        let set = block_on(backend.upload(&case.set))?;
        let mut losses = Vec::new();
        for indices in indices.chunks(cut * case.batch_size) {
            losses.extend(block_on(backend.train(set, indices, 0.1))?);
        }
        Ok((block_on(backend.params())?, losses))
    };
    let whole = run(device, 100)?;
    assert_eq!(run(device, 100)?, whole, "again");
    assert_eq!(run(device, 7)?, whole, "cut every 7 steps");
    Ok(())
}

/// Each batch and each tile has other words that are 0.
fn blanks(device: &Device) -> Result<(), backend::Error> {
    let case = |batch_size, images| {
        Case::new(Shape { input: 129, hidden: 50, classes: 7 }, batch_size, Sigmoid, Softmax, images).blanked()
    };
    steps(device, case(33, 500))?;
    evaluation_of(device, &case(1, 9001))
}

fn evaluation(device: &Device, hidden: usize, images: usize) -> Result<(), backend::Error> {
    evaluation_of(device, &Case::new(Shape { input: 7, hidden, classes: 7 }, 1, Sigmoid, Softmax, images))
}

/// The whole set of a case with seven classes.
fn evaluation_of(device: &Device, case: &Case) -> Result<(), backend::Error> {
    let images = case.set.len();
    let all: Vec<u32> = (0..images as u32).collect();
    let (x, t) = case.set.batch(&all);
    let reference = case.reference();
    let expected = reference.predict(&x);
    let expected_loss = mean_loss(&reference, &reference.pass(&x, &t), &x, &t);
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    // Twice, so that counts left over from the first time would show.
    for _ in 0..2 {
        let found = block_on(backend.evaluate(set))?;
        assert_eq!(found.images, images);
        assert_eq!(found.confusion.iter().sum::<u32>() as usize, images);
        assert!(relative_error(&[found.loss as f32], &[expected_loss]) < 1e-5);
        let mut confusion = vec![0; 49];
        for (y, &t) in expected.outer_iter().zip(&t) {
            confusion[t * 7 + argmax(&y)] += 1;
        }
        // An image whose two best classes differ by less than f32 can tell may fall either way.
        let moved: u32 = found.confusion.iter().zip(&confusion).map(|(a, b): (&u32, &u32)| a.abs_diff(*b)).sum();
        assert!(moved as usize <= images / 2000, "{moved} of the confusion matrix differ");
    }
    let y = block_on(backend.predict(case.set.images()))?;
    assert!(relative_error(&y, &expected) < 5e-6);
    assert!(block_on(backend.predict(&[]))?.is_empty());
    assert!(block_on(backend.predict(&[0; 8])).is_err(), "8 bytes are no whole images of 7");
    Ok(())
}

fn given_gradient(device: &Device, shape: Shape, batch_size: usize) -> Result<(), backend::Error> {
    let mut case = Case::new(shape, batch_size, Relu, Softmax, 30);
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    let batch = case.indices(1);
    let (_, gradient) = block_on(backend.gradient(set, &batch))?;
    block_on(backend.apply(&gradient, 0.1))?;
    let applied = block_on(backend.params())?;
    block_on(backend.set_params(&case.params))?;
    assert_eq!(block_on(backend.params())?, case.params);
    block_on(backend.train(set, &batch, 0.1))?;
    let trained = block_on(backend.params())?;
    for (a, b) in applied.tensors().iter().zip(trained.tensors()) {
        let b_f64: Vec<f64> = b.values.iter().map(|&v| f64::from(v)).collect();
        assert!(relative_error(a.values, &b_f64) < 1e-6, "{}", a.name);
    }
    Ok(())
}

/// Trains on one resident set and tests with it too.
fn run_on(
    backend: &mut Backend,
    set: Resident,
    batches: &mut Batches,
    settings: &Settings,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome, backend::Error> {
    of_device(block_on(train(
        backend,
        Sets { train: set.into(), validation: None, test: set.into() },
        batches,
        settings,
        on_event,
    )))
}

fn of_device<T>(result: Result<T, train::Error>) -> Result<T, backend::Error> {
    result.map_err(|error| match error {
        train::Error::Backend(error) => error,
        error => panic!("{error}"),
    })
}

/// A set in its file is taken to the device as it is used, and the run is the same to the bit.
fn streamed(device: &Device) -> Result<(), backend::Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("images");
    // Chunks of a stream have as many images, and the last of an epoch has fewer.
    let images = 2 * Stream::IMAGES + 7000;
    for input in [6, 8] {
        let case = Case::new(Shape { input, hidden: 9, classes: 3 }, 64, Sigmoid, Softmax, images);
        let file = std::fs::File::create(&path).expect("a file");
        idx::write_images(&case.set, file).expect("a file that takes images");
        let store = || Store::File(StoredSet::open(&path, case.set.labels().to_vec()).expect("a set"));
        let settings = Settings::new(700, 500, 0.1);
        for sampling in [Sampling::Replacement, Sampling::Shuffle, Sampling::Sequential] {
            let mut batches = Batches::new(5, sampling, case.batch_size, images);
            let mut outcomes = Vec::new();
            for store in [Store::Memory(case.set.clone()), store()] {
                let mut backend = case.backend(device)?;
                let is_streamed = matches!(store, Store::File(_));
                let set = of_device(block_on(Images::new(&mut backend, store)))?;
                assert_eq!(matches!(set, Images::Streamed(_)), is_streamed);
                let test = block_on(backend.upload(&case.set))?.into();
                let sets = Sets { train: set, validation: None, test };
                outcomes.push(of_device(block_on(train(&mut backend, sets, &mut batches, &settings, &mut |_| {
                    ControlFlow::Continue(())
                })))?);
            }
            let [resident, streamed] = &outcomes[..] else { panic!("two outcomes") };
            assert_eq!(streamed.snapshot, resident.snapshot, "{sampling}");
            assert_eq!(streamed.losses, resident.losses, "{sampling}");
            assert_eq!(streamed.epochs, resident.epochs, "{sampling}");
            let [streamed, resident] = [streamed, resident].map(|outcome| outcome.last.clone().expect("evaluations"));
            assert_eq!(streamed.train.confusion, resident.train.confusion, "{sampling}");
            assert_eq!(streamed.train.images, images);
            assert!((streamed.train.loss - resident.train.loss).abs() < 1e-9, "{sampling}");
        }
    }
    Ok(())
}

fn divergence(device: &Device) -> Result<(), backend::Error> {
    let case = Case::new(Shape { input: 20, hidden: 9, classes: 3 }, 10, Relu, Identity, 100);
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    let batches = || Batches::new(0, Sampling::Replacement, case.batch_size, case.set.len());
    for steps_per_epoch in [1, 2, 10] {
        block_on(backend.set_params(&case.params))?;
        let settings = Settings::new(10_000, steps_per_epoch, 3.0);
        let outcome = run_on(&mut backend, set, &mut batches(), &settings, &mut |_| ControlFlow::Continue(()))?;
        let End::NotFinite { step } = outcome.end else { panic!("ended as {:?}", outcome.end) };
        let (bad, good) = outcome.losses.split_last().expect("losses");
        assert_eq!(good.len() as u64, step);
        assert!(!bad.is_finite() && good.iter().all(|loss| loss.is_finite()));
        // The weights kept are those that the last finite loss was of.
        block_on(backend.set_params(&outcome.snapshot.params()))?;
        let (loss, _) = block_on(backend.gradient(set, &batches().indices(step - 1, 1)))?;
        assert_eq!(Some(&loss), good.last());
    }
    Ok(())
}

/// A run ends at the first epoch with the accuracy that is asked for, with the network of this epoch.
fn target(device: &Device) -> Result<(), backend::Error> {
    let case = Case::new(Shape { input: 20, hidden: 9, classes: 3 }, 10, Relu, Softmax, 100);
    let batches = || Batches::new(0, Sampling::Replacement, case.batch_size, case.set.len());
    let run = |settings: &Settings| {
        let mut backend = case.backend(device)?;
        let set = block_on(backend.upload(&case.set))?;
        run_on(&mut backend, set, &mut batches(), settings, &mut |_| ControlFlow::Continue(()))
    };
    let whole = run(&Settings::new(200, 10, 0.5))?;
    let highest = whole.epochs.iter().map(|epoch| epoch.test).fold(0.0, f64::max);
    let first = whole.epochs.iter().position(|epoch| epoch.test >= highest).expect("one of them");
    let reached = run(&Settings { target_accuracy: Some(highest), ..Settings::new(200, 10, 0.5) })?;
    assert_eq!((reached.end, &reached.epochs[..]), (End::TargetReached, &whole.epochs[..=first]));
    let steps = reached.losses.len();
    assert_eq!((steps, &reached.losses[..]), (10 * first + 1, &whole.losses[..steps]));
    let shorter = run(&Settings::new(steps as u64, 10, 0.5))?;
    assert_eq!(reached.snapshot, shorter.snapshot);
    assert_eq!(reached.last, shorter.last);
    Ok(())
}

fn interruption(device: &Device) -> Result<(), backend::Error> {
    let case = Case::new(Shape { input: 20, hidden: 9, classes: 3 }, 10, Sigmoid, Softmax, 100);
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    let settings = Settings::new(1_000_000, 10, 0.1);
    let mut batches = Batches::new(0, Sampling::Replacement, case.batch_size, case.set.len());
    let mut seen = 0;
    let outcome = run_on(&mut backend, set, &mut batches, &settings, &mut |event| match event {
        Event::Steps { done, .. } if done > 20 => {
            seen = done;
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    })?;
    assert_eq!((outcome.end, outcome.losses.len() as u64), (End::Interrupted, seen));
    assert_eq!(outcome.epochs.iter().map(|epoch| epoch.iteration).collect::<Vec<_>>(), [0, 10]);
    assert_eq!(*outcome.snapshot.params(), block_on(backend.params())?);
    Ok(())
}

fn resumption(device: &Device) -> Result<(), backend::Error> {
    let case = Case::new(Shape { input: 20, hidden: 9, classes: 3 }, 10, Relu, Softmax, 105);
    let settings = |checkpoint_every| Settings { checkpoint_every, ..Settings::new(34, 10, 0.1) };
    let (never, always) = (settings(None), settings(Some(Duration::ZERO)));
    let batches = || Batches::new(0, Sampling::Shuffle, case.batch_size, case.set.len());
    let mut backend = case.backend(device)?;
    let set = block_on(backend.upload(&case.set))?;
    let whole = run_on(&mut backend, set, &mut batches(), &never, &mut |_| ControlFlow::Continue(()))?;

    // The run as far as it has come at each checkpoint, and once interrupted before an evaluation that is due.
    let mut states = Vec::new();
    let mut now = Done::default();
    block_on(backend.set_params(&case.params))?;
    let checked = run_on(&mut backend, set, &mut batches(), &always, &mut |event| {
        match event {
            Event::Steps { losses, .. } => now.losses.extend_from_slice(losses),
            Event::Epoch { accuracy, .. } => now.epochs.push(accuracy),
            Event::Checkpoint(checkpoint) => states.push((now.clone(), checkpoint.snapshot.into_owned())),
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    assert_eq!((&checked.snapshot, &checked.losses), (&whole.snapshot, &whole.losses));
    block_on(backend.set_params(&case.params))?;
    let interrupted = run_on(&mut backend, set, &mut batches(), &never, &mut |event| match event {
        Event::Steps { done, .. } if done > 10 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })?;
    let mut ends = vec![interrupted];
    // Between evaluations.
    for iterations in [3, 14, 27] {
        block_on(backend.set_params(&case.params))?;
        let shorter = Settings { iterations, ..never };
        ends.push(run_on(&mut backend, set, &mut batches(), &shorter, &mut |_| ControlFlow::Continue(()))?);
    }
    states.extend(
        ends.into_iter()
            .map(|Outcome { losses, epochs, snapshot, .. }| (Done { losses, epochs, ..Done::default() }, snapshot)),
    );
    let steps: Vec<usize> = states.iter().map(|(done, _)| done.losses.len()).collect();
    assert!([1, 11, 21, 31, 3, 14, 27].iter().all(|step| steps.contains(step)), "{steps:?}");

    for (done, snapshot) in states {
        let steps = done.losses.len();
        let mut backend = case.backend(device)?;
        let set = block_on(backend.upload(&case.set))?;
        let Snapshot::Backend(state) = snapshot else { panic!("the state of a backend") };
        block_on(backend.set_state(&state))?;
        let sets = Sets { train: set.into(), validation: None, test: set.into() };
        let mut on_event = |_: Event| ControlFlow::Continue(());
        let mut batches = batches();
        let run = train::continue_training(&mut backend, sets, &mut batches, &never, done, &mut on_event);
        let resumed = of_device(block_on(run))?;
        assert_eq!(resumed.snapshot, whole.snapshot, "from step {steps}");
        assert_eq!(resumed.losses, whole.losses, "from step {steps}");
        assert_eq!((&resumed.epochs, &resumed.last), (&whole.epochs, &whole.last), "from step {steps}");
    }
    Ok(())
}
