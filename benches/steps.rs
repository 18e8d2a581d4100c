//! How long a step of training takes on every device of this machine, and each kernel of one.
//!
//! `cargo bench --bench steps` runs it, and criterion compares with the run before. A step's throughput is in images.

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use pollster::block_on;
use twolayer::backend::{self, Backend, Resident};
use twolayer::bench::task::Task;
use twolayer::bench::workload::Workload;
use twolayer::data::{Dataset, digits};
use twolayer::devices::{self, Device, Found, Info};
use twolayer::net::Shape;

const WORKLOADS: [Workload; 2] = [Workload::ARTICLE, Workload::WIDE];
/// As many as MNIST has, because how far apart a batch's images lie in memory matters.
const IMAGES: usize = 60_000;
/// Small enough that the wide network does not diverge, whose weights would then be of sizes that no real ones have.
const LEARNING_RATE: f32 = 0.005;
/// The most steps between two waits for the losses.
const CHUNK: usize = 512;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = every_device
}
criterion_main!(benches);

fn every_device(criterion: &mut Criterion) {
    let (images, labels) = digits::draw(IMAGES, 0);
    let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE).expect("digits are a set");
    for found in block_on(devices::list(0)) {
        let Info { index, name, backend, .. } = &found.info;
        let device_name = format!("{backend} {index}, {name}");
        match block_on(found.open()) {
            Ok(device) => device_benches(criterion, &found, &device, &device_name, &set),
            Err(reason) => eprintln!("{device_name} is left out: {reason}"),
        }
    }
}

fn device_benches(criterion: &mut Criterion, found: &Found, device: &Device, name: &str, set: &Dataset) {
    for workload in WORKLOADS {
        let task = Task::new(workload, set);
        let Shape { input, hidden, classes } = task.net.shape;
        let what = format!("{input}-{hidden}-{classes}, batch {}", task.images_per_step());
        if found.info.software && !workload.suits_software() {
            eprintln!("{name}: {what} is left out, as a program on the CPU is too slow for it");
            continue;
        }
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        if let Err(reason) = task_benches(&mut group, device, &what, &task) {
            eprintln!("{name}: {what} is left out: {reason}");
        }
        group.finish();
    }
}

fn task_benches(
    group: &mut BenchmarkGroup<WallTime>,
    device: &Device,
    what: &str,
    task: &Task,
) -> Result<(), backend::Error> {
    let batch_size = task.images_per_step();
    let mut backend = block_on(Backend::new(device, task.net, batch_size, &task.params))?;
    let set = block_on(backend.upload(task.set))?;
    let batches = task.batches(CHUNK);
    // Some drivers compile a kernel only when it first runs; and a device that fails does so here.
    block_on(backend.train(set, &task.batch, LEARNING_RATE))?;
    group.throughput(Throughput::Elements(batch_size as u64));
    group.bench_function(format!("step of {what}"), |bencher| {
        bencher.iter_custom(|steps| {
            let start = Instant::now();
            train(&mut backend, set, &batches, batch_size, steps as usize);
            start.elapsed()
        });
    });
    let profile = block_on(backend.profile(set, &task.batch))?;
    if let Some(reason) = profile.missing {
        eprintln!("{what}: the kernels are left out: {reason}");
    }
    for (place, kernel) in profile.kernels.iter().enumerate() {
        group.bench_function(format!("kernel {} of {what}", kernel.name), |bencher| {
            // An iteration is a whole profile, which is of several steps, and its time is that of the kernel in one step.
            bencher.iter_custom(|profiles| {
                let mut profile = || block_on(backend.profile(set, &task.batch)).expect("profiled before");
                let seconds = |_| profile().kernels.get(place).expect("had timestamps before").seconds;
                Duration::from_secs_f64((0..profiles).map(seconds).sum())
            });
        });
    }
    Ok(())
}

fn train(backend: &mut Backend, set: Resident, batches: &[u32], batch_size: usize, steps: usize) {
    let mut left = steps * batch_size;
    while left > 0 {
        let numbers = left.min(batches.len());
        block_on(backend.train(set, &batches[..numbers], LEARNING_RATE)).expect("trained before");
        left -= numbers;
    }
}
