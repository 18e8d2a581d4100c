//! Training on several devices together: with a mean after every step they are one network on the whole batches, whatever the
//! devices; with one after every K steps a run is the same again to the bit, and goes on from its checkpoints.
//!
//! Oracle: the same run on one device, which `tests/training.rs` and `tests/optimizers.rs` compare with the reference.

mod common;

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::{Check, relative_error, run_on_every_device};
use pollster::block_on;
use twolayer::backend::{self, Backend};
use twolayer::data::batches::{Batches, Sampling};
use twolayer::data::{Dataset, Store, StoredSet, digits, idx};
use twolayer::devices::Device;
use twolayer::net::method::Method;
use twolayer::net::optimizer::{Optimizer, Rule};
use twolayer::net::schedule::{Decay, Schedule};
use twolayer::net::state::State;
use twolayer::net::{Activation, Net, Output, Params, Shape};
use twolayer::train::{
    self, Done, End, Event, Outcome, Replica, ReplicaDevice, ReplicaImages, Settings, Several, Snapshot, SplitStores,
    continue_training, train_on_several,
};

const NET: Net = Net {
    shape: Shape { input: digits::PIXELS, hidden: 50, classes: digits::CLASSES },
    activation: Activation::Sigmoid,
    output: Output::Softmax,
};
const BATCH_SIZE: usize = 100;
/// Images of the splits, none a multiple of the devices.
const IMAGES: [usize; 3] = [1501, 301, 401];
/// The steps of an epoch: some means fall on its end, others do not.
const EPOCH: u64 = 75;
const CPU: Device = Device::Cpu { threads: 1 };

/// A run, apart from its devices.
#[derive(Clone)]
struct Case {
    optimizer: Optimizer,
    method: Method,
    settings: Settings,
    average_every: u64,
    stores: SplitStores,
    /// The state and the steps that it goes on from.
    from: (State, Done),
}

impl Case {
    fn new(optimizer: Optimizer, iterations: u64) -> Self {
        let set = |count, seed| {
            let (images, labels) = digits::draw(count, seed);
            Dataset::new(images, labels, digits::SIDE, digits::SIDE).expect("digits")
        };
        let [train, validation, test] = [(IMAGES[0], 1), (IMAGES[1], 2), (IMAGES[2], 3)]
            .map(|(count, seed)| Arc::new(Store::Memory(set(count, seed))));
        let slots = vec![Params::zeros(NET.shape); optimizer.slots()];
        let state = State { params: Params::init(NET.shape, 0.01, 0), slots, steps: 0 };
        Self {
            optimizer,
            method: Method::Backprop,
            settings: Settings::new(iterations, EPOCH, optimizer.rule.learning_rate()),
            average_every: 1,
            stores: SplitStores { train, validation: Some(validation), test },
            from: (state, Done::default()),
        }
    }

    fn sgd(iterations: u64) -> Self {
        Self::new(Rule::Sgd.into(), iterations)
    }

    fn every(self, average_every: u64) -> Self {
        Self { average_every, ..self }
    }

    fn backend(&self, device: &Device, batch_size: usize) -> Result<Backend, backend::Error> {
        block_on(async {
            let mut backend = Backend::new(device, NET, batch_size, &self.from.0.params).await?;
            backend.set_method(self.method).await?;
            backend.set_optimizer(self.optimizer).await?;
            backend.set_state(&self.from.0).await?;
            Ok(backend)
        })
    }

    fn batches(&self) -> Batches {
        Batches::new(7, Sampling::Replacement, BATCH_SIZE, self.stores.train.len())
    }

    fn on_one(&self, device: &Device) -> Outcome {
        let mut backend = self.backend(device, BATCH_SIZE).expect("a device");
        let sets = block_on(self.stores.upload(&mut backend)).expect("images");
        let (mut batches, done) = (self.batches(), self.from.1.clone());
        let go_on = &mut |_: Event| ControlFlow::Continue(());
        block_on(continue_training(&mut backend, sets, &mut batches, &self.settings, done, go_on)).expect("a run")
    }

    fn on(&self, devices: &[&Device]) -> Outcome {
        self.watched(devices, &mut |_| ControlFlow::Continue(())).expect("a run")
    }

    fn watched(
        &self,
        devices: &[&Device],
        on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Outcome, train::Error> {
        let size = devices.len();
        let replica = |(rank, device): (usize, &&Device)| {
            let mut backend = self.backend(device, Replica::batch_size(BATCH_SIZE, rank, size))?;
            let images = block_on(ReplicaImages::upload(&mut backend, &self.stores, rank, size))?;
            Ok(ReplicaDevice { name: format!("device {rank}"), backend, images })
        };
        let devices = devices.iter().enumerate().map(replica).collect::<Result<_, train::Error>>()?;
        let (batches, average_every) = (&self.batches(), self.average_every);
        train_on_several(Several { devices, batches, average_every }, &self.settings, self.from.1.clone(), on_event)
    }
}

fn main() -> ExitCode {
    let mut checks: Vec<(String, Check)> = Vec::new();
    let mut add = |name: &str, check: fn(&Device) -> Result<(), backend::Error>| {
        checks.push((name.to_owned(), Arc::new(check)));
    };
    add("two, three unequal ones and one with a CPU are one network for 1,000 steps", |device| {
        let case = Case::sgd(1000);
        let one = case.on_one(device);
        for several in groups(device) {
            assert_same(&case.on(&several), &one, 1e-5);
        }
        Ok(())
    });
    add("every optimiser takes the step of the whole batch", |device| {
        for rule in Rule::ALL {
            let case = Case::new(Optimizer { weight_decay: 0.01, ..rule.into() }, 2 * EPOCH + 1);
            assert_same(&case.on(&[device, &CPU]), &case.on_one(device), 5e-5);
        }
        Ok(())
    });
    add("a schedule and numerical gradients are everyone's", |device| {
        let schedule = Schedule { decay: Decay::Cosine, warmup: 10 };
        let case = Case::sgd(60);
        let scheduled = Case { settings: Settings { schedule, ..case.settings }, ..case.clone() };
        let numerical = Case { method: Method::Numerical { step_size: 1e-3 }, ..Case::sgd(20) };
        for case in [scheduled, numerical] {
            assert_same(&case.on(&[device, &CPU]), &case.on_one(device), 1e-5);
        }
        Ok(())
    });
    add("the same bits again, by checkpoints at any time, and after one", |device| {
        for optimizer in [Rule::Sgd, Rule::Momentum, Rule::AdamW].map(Optimizer::from) {
            for every in [1, 10] {
                resumes(device, &Case::new(optimizer, 2 * EPOCH + 20).every(every));
            }
        }
        Ok(())
    });
    add("a run goes on with another number of devices", |device| {
        let whole = Case::sgd(300);
        let one = whole.on_one(device);
        let half = Case { settings: Settings { iterations: 151, ..whole.settings }, ..whole.clone() };
        let Outcome { snapshot: Snapshot::Backend(state), losses, epochs, best, train_time, eval_time, .. } =
            half.on(&[device, &CPU, &CPU])
        else {
            panic!("a backend's state")
        };
        let done = Done { losses, epochs, best, train_time, eval_time };
        let rest = Case { from: (state.into_owned(), done), ..whole };
        assert_same(&rest.on_one(device), &one, 1e-5);
        assert_same(&rest.on(&[device, &CPU]), &one, 1e-5);
        Ok(())
    });
    add("a mean after some steps is another network, which learns as well", |device| {
        let case = Case::sgd(4 * EPOCH);
        let settings = Settings { learning_rate: 0.5, ..case.settings };
        let case = Case { settings, ..case };
        let accuracy = |outcome: &Outcome| outcome.last.as_ref().expect("an evaluation").test.accuracy();
        let [each, every_25] = [1, 25].map(|every| case.clone().every(every).on(&[device, &CPU]));
        assert_ne!(each.snapshot, every_25.snapshot);
        assert!((accuracy(&each) - accuracy(&every_25)).abs() < 0.05, "{} {}", accuracy(&each), accuracy(&every_25));
        assert!(accuracy(&every_25) > 0.6, "{}", accuracy(&every_25));
        Ok(())
    });
    add("images in a file are those in memory", |device| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("images");
        let case = Case::sgd(2 * EPOCH).every(7);
        let set = case.stores.train.to_memory().expect("images");
        idx::write_images(&set, std::fs::File::create(&path).expect("a file")).expect("a written file");
        let stored = Store::File(StoredSet::open(&path, set.labels().to_vec()).expect("a set"));
        let stores = SplitStores { train: Arc::new(stored), ..case.stores.clone() };
        let streamed = Case { stores, ..case.clone() };
        let [memory, file] = [case, streamed].map(|case| case.on(&[device, &CPU]));
        assert_eq!((memory.snapshot, memory.epochs), (file.snapshot, file.epochs));
        Ok(())
    });
    add("a stop and a loss that is not finite end all", |device| {
        let case = Case::sgd(1_000_000);
        let mut stop = |event: Event| match event {
            Event::Steps { done, .. } if done > 20 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let stopped = case.watched(&[device, &CPU], &mut stop).expect("a run");
        assert_eq!(stopped.end, End::Interrupted);
        let settings = Settings { learning_rate: 1e30, ..case.settings };
        let diverged = Case { settings, ..case }.on(&[device, &CPU]);
        assert!(matches!(diverged.end, End::NotFinite { .. }), "{:?}", diverged.end);
        assert!(diverged.snapshot.is_finite());
        Ok(())
    });
    run_on_every_device(&checks)
}

/// Groups with this device.
fn groups(device: &Device) -> Vec<Vec<&Device>> {
    let mut groups = vec![vec![device, device], vec![&CPU, device, device]];
    if let Device::Cpu { threads: 1 } = device {
        groups.extend([vec![device; 4], vec![device; 5]]);
    }
    groups
}

/// Parameters, losses and evaluations of two runs are the same within this tolerance, relative by norm; and the best evaluation.
fn assert_same(found: &Outcome, expected: &Outcome, tolerance: f64) {
    let (found_params, expected_params) = (found.snapshot.params(), expected.snapshot.params());
    let as_f64 = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
    for (found, expected) in found_params.tensors().iter().zip(expected_params.tensors()) {
        let error = relative_error(found.values, &as_f64(expected.values));
        assert!(error < tolerance, "{}: {error:.1e}", expected.name);
    }
    assert_eq!((found.end, found.losses.len()), (expected.end, expected.losses.len()));
    let error = relative_error(&found.losses, &as_f64(&expected.losses));
    assert!(error < tolerance, "losses: {error:.1e}");
    let epochs = |outcome: &Outcome| outcome.epochs.iter().map(|epoch| epoch.iteration).collect::<Vec<_>>();
    assert_eq!(epochs(found), epochs(expected));
    let [found_last, last] = [found, expected].map(|outcome| outcome.last.clone().expect("an evaluation"));
    let [found_validation, validation] = [&found_last, &last].map(|last| last.validation.clone().expect("validation"));
    let splits = [(&found_last.train, &last.train), (&found_validation, &validation), (&found_last.test, &last.test)];
    for ((found, expected), images) in splits.into_iter().zip(IMAGES) {
        assert_eq!((found.images, found.confusion.iter().sum::<u32>() as usize), (images, images));
        assert!(
            (found.loss - expected.loss).abs() < 10.0 * tolerance * expected.loss,
            "{} {}",
            found.loss,
            expected.loss
        );
        // An image whose two best classes hardly differ may fall either way.
        assert!((found.accuracy() - expected.accuracy()).abs() * images as f64 <= 2.0);
    }
    assert!(found.best.is_some());
}

/// A run is the same to the bit when it is repeated, with checkpoints at every chance, and from any of these.
fn resumes(device: &Device, case: &Case) {
    let devices = [device, &CPU];
    // Devices of other hardware exchange their parameters at evaluations only, and round the same update otherwise.
    let is_mixed = matches!(device, Device::Gpu(_)) && case.average_every == 1 && !case.optimizer.rule.is_linear();
    let whole = case.on(&devices);
    assert_eq!(case.on(&devices).snapshot, whole.snapshot);
    let settings = Settings { checkpoint_every: Some(Duration::ZERO), ..case.settings };
    let interrupted = Case { settings, ..case.clone() };
    let (mut losses, mut epochs, mut checkpoints) = (Vec::new(), Vec::new(), Vec::new());
    let watched = interrupted.watched(&devices, &mut |event| {
        match event {
            Event::Steps { losses: new, .. } => losses.extend_from_slice(new),
            Event::Epoch { accuracy, best, .. } => epochs.push((accuracy, best)),
            Event::Checkpoint(checkpoint) => {
                let Snapshot::Backend(state) = checkpoint.snapshot else { panic!("a backend's state") };
                checkpoints.push((state.into_owned(), losses.clone(), epochs.clone()));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let watched = watched.expect("a run");
    assert_eq!((&watched.snapshot, &watched.losses), (&whole.snapshot, &whole.losses));
    for (state, losses, epochs) in
        [checkpoints.len() / 3, checkpoints.len() - 1].map(|place| checkpoints[place].clone())
    {
        let best = epochs.last().and_then(|(_, best)| *best);
        let epochs = epochs.into_iter().map(|(accuracy, _)| accuracy).collect();
        let done = Done { losses, epochs, best, ..Done::default() };
        let rest = Case { from: (state, done), ..case.clone() }.on(&devices);
        if is_mixed {
            assert_same(&rest, &whole, 1e-5);
        } else {
            assert_eq!(
                (rest.snapshot, rest.losses, rest.epochs),
                (whole.snapshot.clone(), whole.losses.clone(), whole.epochs.clone())
            );
        }
    }
}
