//! twolayer's whole steps on the CPU beside the matrix products of such a step alone, by the crate gemm.
//!
//! `cargo bench --bench products --features gemm` runs it. Images whose pixels are mostly 0, and images that have none at 0. Each side is
//! checked in f64 before it is timed, and then they take turns.

mod turns;

use std::process::ExitCode;

use gemm::{Parallelism, gemm};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use twolayer::bench::entry;
use twolayer::bench::task::Task;
use twolayer::bench::workload::Workload;
use twolayer::data::{Dataset, digits};
use twolayer::devices::Device;
use twolayer::net::Shape;

use turns::{Failure, IMAGES, ROUNDS, Side, Twolayer, compare};

/// Hidden units and images in a batch.
const SIZES: [(usize, usize); 5] = [(50, 100), (512, 100), (512, 1024), (512, 8192), (4096, 100)];
/// Of the random images.
const SEED: u64 = 0;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    turns::show_load();
    println!("Steps a second, and how many times as many twolayer's are: median (min to max) of {ROUNDS} rounds.\n");
    println!("| pixels that are not 0 | network, batch | gemm, the products alone | twolayer, whole steps | ratio |");
    println!("|--:|---|--:|--:|--:|");
    let (images, labels) = digits::draw(IMAGES, 0);
    let sparse = Dataset::new(images, labels.clone(), digits::SIDE, digits::SIDE)?;
    let mut random = vec![0; IMAGES * digits::PIXELS];
    ChaCha8Rng::seed_from_u64(SEED).fill_bytes(&mut random);
    for value in &mut random {
        *value |= 1;
    }
    let dense = Dataset::new(random, labels, digits::SIDE, digits::SIDE)?;
    for set in [&sparse, &dense] {
        for (hidden, batch_size) in SIZES {
            println!("{}", row(set, hidden, batch_size)?);
        }
    }
    Ok(())
}

/// A row of the table.
fn row(set: &Dataset, hidden: usize, batch_size: usize) -> Result<String, Failure> {
    let task = Task::new(Workload::custom(Some(hidden), Some(batch_size)), set);
    let Shape { input, hidden, classes } = task.net.shape;
    let name = format!("{input}-{hidden}-{classes}, {batch_size}");
    let density = entry::density(set);
    eprintln!("{name}, {:.0} % of the pixels", density * 100.0);

    let cpu = Device::Cpu { threads: 0 };
    let wrong = |who, reason| format!("{who}, {name}: {reason}");
    task.check(&entry::enter(&cpu, &task)?.compute(&task)?).map_err(|reason| wrong("twolayer", reason.to_string()))?;
    let mut products = Products::new(&task);
    check(&mut products, &task).map_err(|reason| wrong("gemm", reason.to_string()))?;
    let mut twolayer = Twolayer::new(&cpu, &task)?;
    let rates = turns::take_turns(&task, [&mut products, &mut twolayer])?;
    Ok(format!("| {:.0} % | {name} | {} |", density * 100.0, turns::cells(rates)))
}

/// The products of a step and nothing else, on one batch whose pixels are f32 beforehand: training of a network without
/// biases or functions, whose logits are taken for dy.
struct Products {
    x: Array2<f32>,
    w1: Array2<f32>,
    w2: Array2<f32>,
    z1: Array2<f32>,
    dy: Array2<f32>,
    da1: Array2<f32>,
}

impl Products {
    fn new(task: &Task) -> Self {
        let Shape { input, hidden, classes } = task.net.shape;
        let batch_size = task.images_per_step();
        let matrix = |rows, columns, values: &[f32]| {
            Array2::from_shape_vec((rows, columns), values.to_vec()).expect("the sizes are the network's")
        };
        Self {
            x: task.set.inputs(&task.batch).mapv(|x| x as f32),
            w1: matrix(input, hidden, &task.params.w1),
            w2: matrix(hidden, classes, &task.params.w2),
            z1: Array2::zeros((batch_size, hidden)),
            dy: Array2::zeros((batch_size, classes)),
            da1: Array2::zeros((batch_size, hidden)),
        }
    }

    fn step(&mut self, scale: f32) {
        let Self { x, w1, w2, z1, dy, da1 } = self;
        product(1.0, &x.view(), &w1.view(), 0.0, &mut z1.view_mut());
        product(1.0, &z1.view(), &w2.view(), 0.0, &mut dy.view_mut());
        product(1.0, &dy.view(), &w2.t(), 0.0, &mut da1.view_mut());
        product(scale, &z1.t(), &dy.view(), 1.0, &mut w2.view_mut());
        product(scale, &x.t(), &da1.view(), 1.0, &mut w1.view_mut());
    }
}

impl Side for Products {
    fn train(&mut self, batches: &[u32], learning_rate: f32) -> Result<Vec<f32>, Failure> {
        let batch_size = self.x.nrows();
        for _ in batches.chunks_exact(batch_size) {
            self.step(-learning_rate / batch_size as f32);
        }
        Ok(Vec::new())
    }
}

/// `target = keep * target + scale * left * right`, on all cores.
fn product(scale: f32, left: &ArrayView2<f32>, right: &ArrayView2<f32>, keep: f32, target: &mut ArrayViewMut2<f32>) {
    let ((rows, sums), columns) = (left.dim(), right.ncols());
    assert_eq!((right.nrows(), target.dim()), (sums, (rows, columns)), "these matrices have no product");
    let strides = |matrix: &ArrayView2<f32>| (matrix.strides()[1], matrix.strides()[0]);
    let ((left_columns, left_rows), (right_columns, right_rows)) = (strides(left), strides(right));
    let (target_columns, target_rows) = strides(&target.view());
    #[allow(unsafe_code)]
    // SAFETY: each pointer comes with the strides of its own matrix, and the three are of the sizes given, as was just
    // asserted. The target is borrowed alone, so nothing else reads or writes it.
    unsafe {
        gemm(
            rows,
            columns,
            sums,
            target.as_mut_ptr(),
            target_columns,
            target_rows,
            keep != 0.0,
            left.as_ptr(),
            left_columns,
            left_rows,
            right.as_ptr(),
            right_columns,
            right_rows,
            keep,
            scale,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}

/// Compares a step's weights with ndarray's products in f64. The step is of a size that moves every weight.
fn check(side: &mut Products, task: &Task) -> Result<(), Failure> {
    let before = [&side.w1, &side.w2].map(Clone::clone);
    let [mut w1, mut w2] = before.each_ref().map(|weights| weights.mapv(f64::from));
    let x = task.set.inputs(&task.batch);
    let z1 = x.dot(&w1);
    let dy = z1.dot(&w2);
    let da1 = dy.dot(&w2.t());
    let scale = 1.0 / task.images_per_step() as f64;
    w2.scaled_add(scale, &z1.t().dot(&dy));
    w1.scaled_add(scale, &x.t().dot(&da1));
    side.step(scale as f32);
    compare("W1", side.w1.as_slice().expect("is by rows"), &w1)?;
    compare("W2", side.w2.as_slice().expect("is by rows"), &w2)?;
    [side.w1, side.w2] = before;
    Ok(())
}
