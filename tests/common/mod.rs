//! Shared by the tests of the backends: the devices, and networks and data whose values all differ.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::mem::forget;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use ndarray::Array2;
use pollster::block_on;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use twolayer::backend::Backend;
use twolayer::data::Dataset;
use twolayer::devices::Device;
use twolayer::gpu::plan::{Blocks, Class, Plan};
use twolayer::net::{Activation, Net, Output, Params, Shape};
use twolayer::reference::{Pass, Tensors, TwoLayerNet};
use twolayer::{backend, gpu};

/// With this environment variable, a test without any adapter fails.
const REQUIRE_ADAPTER: &str = "TWOLAYER_REQUIRE_ADAPTER";

/// A test of one device, as a function.
pub type Run = fn(&Device) -> Result<(), backend::Error>;
/// A test of one device.
pub type Check = Arc<dyn Fn(&Device) -> Result<(), backend::Error> + Send + Sync>;

/// Runs each check on every adapter, and on the CPU with one and with two threads. The test's name contains the device.
pub fn run_on_every_device(checks: &[(String, Check)]) -> ExitCode {
    let on_cpu = [1, 2].map(|threads| {
        let trial = |(name, check): (String, Check)| {
            let run = move || check(&Device::Cpu { threads }).map_err(Failed::from);
            Trial::test(format!("cpu, {threads} threads: {name}"), run)
        };
        checks.iter().cloned().map(trial).collect()
    });
    let trials = spread([on_every_adapter(checks)].into_iter().chain(on_cpu));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The trials of all groups, those of each spread over the whole.
fn spread(groups: impl IntoIterator<Item = Vec<Trial>>) -> Vec<Trial> {
    let with_places = |group: Vec<Trial>| {
        let count = group.len() as f64;
        group.into_iter().enumerate().map(move |(place, trial)| ((place as f64 + 0.5) / count, trial))
    };
    let mut trials: Vec<_> = groups.into_iter().flat_map(with_places).collect();
    trials.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    trials.into_iter().map(|(_, trial)| trial).collect()
}

/// A test of each check on every adapter, with its backend and index in the name. The tests of an adapter that gives no device are
/// ignored, and so they are without an adapter.
pub fn on_every_adapter(checks: &[(String, Check)]) -> Vec<Trial> {
    let mut groups = Vec::new();
    let mut open = 0;
    let adapters = block_on(gpu::adapters::list());
    for (index, adapter) in (1..).zip(&adapters) {
        let info = adapter.get_info();
        // NVIDIA's OpenGL without a screen, for example.
        let is_shut = matches!(block_on(gpu::device::Device::open(adapter)), Err(backend::Error::NoDevice { .. }));
        open += usize::from(!is_shut);
        let shut = if is_shut { ", gives no device" } else { "" };
        let turns = Arc::new(Mutex::new(()));
        let trial = |(name, check): (String, Check)| {
            let (adapter, turns) = (adapter.clone(), turns.clone());
            let run = move || {
                // wgpu's OpenGL backend panics if one thread waits seconds for the context of another.
                let is_gl = adapter.get_info().backend == wgpu::Backend::Gl;
                let _turn = is_gl.then(|| turns.lock().unwrap_or_else(PoisonError::into_inner));
                let device = block_on(gpu::device::Device::open(&adapter))?;
                check(&Device::Gpu(device)).map_err(Failed::from)
            };
            let name = format!("{} {index}, {}{shut}: {name}", info.backend, info.name);
            Trial::test(name, run).with_ignored_flag(is_shut)
        };
        groups.push(checks.iter().cloned().map(trial).collect());
    }
    if open == 0 {
        let required = std::env::var_os(REQUIRE_ADAPTER).is_some();
        let trial = |(name, _): &(String, Check)| {
            let run = || Err(format!("no GPU adapter that gives a device, and {REQUIRE_ADAPTER} is set").into());
            Trial::test(format!("gpu, no adapter: {name}"), run).with_ignored_flag(!required)
        };
        groups.push(checks.iter().map(trial).collect());
    }
    // Never dropped. Otherwise a test's thread might unload a driver while the process ends.
    forget(adapters);
    // One after another, OpenGL's would leave one thread at work, and the others waiting for their turn.
    spread(groups)
}

/// The device with each plan that can run a network of this shape, and the plan's name. A GPU has every family of kernels; of
/// blocks both sizes, with sums in one part and in as many as possible.
pub fn with_every_plan(device: &Device, shape: Shape) -> Vec<(String, Device)> {
    let Device::Gpu(gpu) = device else { return vec![("cpu".to_owned(), device.clone())] };
    Plan::candidates(shape)
        .into_iter()
        .filter(|plan| match *plan {
            Plan::Blocked(blocks) => blocks.workgroups == 1024 || blocks == Blocks::ANY,
            Plan::Tiled | Plan::Fused => true,
        })
        .map(|plan| (format!("{plan:?}"), Device::Gpu(gpu.clone().with_plan(plan))))
        .collect()
}

/// Which plans a GPU runs in a test.
#[derive(Clone, Copy)]
pub enum Plans {
    Every,
    /// The one that the device takes by itself.
    Chosen,
}

impl Plans {
    /// The device with each of them, and the plan's name.
    pub fn of(self, device: &Device, shape: Shape) -> Vec<(String, Device)> {
        match self {
            Self::Every => with_every_plan(device, shape),
            Self::Chosen => vec![("chosen".to_owned(), device.clone())],
        }
    }
}

/// The steps of a whole run that each plan runs, the shortest first, so that a reference goes on from one plan to the next: all of
/// them, or a quarter where a software GPU would not choose the plan by itself. A step of these takes ten times as long there, and
/// what they compute at this shape, `tests/stages.rs` shows of all of them.
pub fn with_steps(
    plans: Vec<(String, Device)>,
    device: &Device,
    shape: Shape,
    steps: usize,
) -> Vec<(usize, String, Device)> {
    let steps_by = |plan: &Device| match (plan, device) {
        (Device::Gpu(plan), Device::Gpu(gpu))
            if gpu.class() == Class::Software && plan.plan(shape) != gpu.plan(shape) =>
        {
            steps / 4
        }
        _ => steps,
    };
    let mut plans: Vec<_> = plans.into_iter().map(|(name, plan)| (steps_by(&plan), name, plan)).collect();
    plans.sort_by_key(|(steps, ..)| *steps);
    plans
}

/// A network with its parameters, a data set and a batch size.
pub struct Case {
    pub net: Net,
    pub params: Params,
    pub set: Dataset,
    pub batch_size: usize,
    rng: ChaCha8Rng,
}

impl Case {
    /// Random parameters, small enough that no unit saturates. The biases are random too, so that the values of a tensor
    /// differ. A third of the random pixels are 0.
    pub fn new(shape: Shape, batch_size: usize, activation: Activation, output: Output, images: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(42);
        let mut params = Params::init(shape, 1.0, 1);
        let mut uniform = |range: f32| (rng.random::<f32>() * 2.0 - 1.0) * range;
        params.w1.iter_mut().for_each(|w| *w *= 2.0 / (shape.input as f32).sqrt());
        params.w2.iter_mut().for_each(|w| *w *= 1.0 / (shape.hidden as f32).sqrt());
        params.b1.iter_mut().for_each(|b| *b = uniform(0.5));
        params.b2.iter_mut().for_each(|b| *b = uniform(0.5));
        let pixel = |rng: &mut ChaCha8Rng| if rng.random_range(0..3) == 0 { 0 } else { rng.random() };
        let pixels = (0..images * shape.input).map(|_| pixel(&mut rng)).collect();
        let labels = (0..images).map(|_| rng.random_range(0..shape.classes) as u8).collect();
        let set = Dataset::new(pixels, labels, 1, shape.input).expect("a set");
        Self { net: Net { shape, activation, output }, params, set, batch_size, rng }
    }

    /// The same case with an eighth of the pixels. The others are 0.
    fn thinned(mut self) -> Self {
        let keep = |pixel, rng: &mut ChaCha8Rng| if rng.random_range(0..5) == 0 { pixel } else { 0 };
        self.change_pixels(keep);
        self
    }

    /// The same case with an eighth of each image's words, four pixels each. The others are 0.
    pub fn blanked(mut self) -> Self {
        let width = self.net.shape.input;
        let (mut column, mut is_blank) = (0, false);
        self.change_pixels(|pixel, rng| {
            if column % 4 == 0 {
                is_blank = rng.random_range(0..8) > 0;
            }
            column = (column + 1) % width;
            if is_blank { 0 } else { pixel }
        });
        self
    }

    /// The same case without a pixel of 0.
    fn filled(mut self) -> Self {
        self.change_pixels(|pixel, _| pixel | 1);
        self
    }

    fn change_pixels(&mut self, mut change: impl FnMut(u8, &mut ChaCha8Rng) -> u8) {
        let (rows, cols) = (self.set.rows(), self.set.cols());
        let pixels = self.set.images().iter().map(|pixel| change(*pixel, &mut self.rng)).collect();
        self.set = Dataset::new(pixels, self.set.labels().to_vec(), rows, cols).expect("a set");
    }

    pub fn backend(&self, device: &Device) -> Result<Backend, backend::Error> {
        block_on(Backend::new(device, self.net, self.batch_size, &self.params))
    }

    pub fn reference(&self) -> TwoLayerNet {
        TwoLayerNet::new(self.net, &self.params)
    }

    /// Random image indices for this many batches.
    pub fn indices(&mut self, batches: usize) -> Vec<u32> {
        let images = self.set.len() as u32;
        (0..batches * self.batch_size).map(|_| self.rng.next_u32() % images).collect()
    }
}

/// The case for a GPU. For the CPU, the case with few pixels and with all: the CPU backend has a kernel for each.
pub fn with_every_density(device: &Device, case: impl Fn() -> Case) -> Vec<Case> {
    match device {
        Device::Cpu { .. } => vec![case().thinned(), case().filled()],
        Device::Gpu(_) => vec![case()],
    }
}

/// The loss as the backends compute it, from the reference's pass: by log-softmax, without the book's 1e-7.
pub fn mean_loss(reference: &TwoLayerNet, pass: &Pass, x: &Array2<f64>, t: &[usize]) -> f64 {
    match reference.net.output {
        Output::Identity => reference.loss(x, t),
        Output::Softmax => {
            let a2 = &pass.a2;
            let loss = |(a2, &t): (ndarray::ArrayView1<f64>, &usize)| {
                let max = a2.fold(f64::NEG_INFINITY, |max, &a| max.max(a));
                (a2.mapv(|a| (a - max).exp()).sum()).ln() - (a2[t] - max)
            };
            a2.outer_iter().zip(t).map(loss).sum::<f64>() / t.len() as f64
        }
    }
}

/// |found - expected| / |expected|, by norm over the whole tensor.
pub fn relative_error<'a>(found: &[f32], expected: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (mut difference, mut norm, mut count) = (0.0, 0.0, 0);
    for (&found, &expected) in found.iter().zip(expected) {
        difference += (f64::from(found) - expected).powi(2);
        norm += expected.powi(2);
        count += 1;
    }
    assert_eq!(found.len(), count, "a tensor of another length");
    if norm == 0.0 { difference.sqrt() } else { (difference / norm).sqrt() }
}

/// Asserts that the relative error of each tensor, by norm, is below `tolerance`.
pub fn assert_close(plan: &str, found: &Params, expected: &Tensors, tolerance: f64) {
    let Tensors { w1, b1, w2, b2 } = expected;
    let errors = [
        relative_error(&found.w1, w1),
        relative_error(&found.b1, b1),
        relative_error(&found.w2, w2),
        relative_error(&found.b2, b2),
    ];
    assert!(errors.iter().all(|e| *e < tolerance), "{plan}, relative errors of W1, b1, W2, b2: {errors:?}");
}
