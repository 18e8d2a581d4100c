//! The CPU backend: the same contract as the GPU's, in f32, on all cores.
//!
//! Work is cut into blocks of rows, and where the cuts fall does not depend on the number of threads. Every value is
//! computed within one block, in one order, so any number of threads gives the same bits.

mod layers;
#[cfg(feature = "cli")]
pub(crate) mod peak;

use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::{IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, ArrayViewMut1, ArrayViewMut2, Axis, Zip, s};
use rayon::iter::IndexedParallelIterator;
use rayon::slice::ParallelSlice;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::answers::{Evaluation, Intermediates, Resident};
use crate::data::Dataset;
use crate::net::{Gradients, Net, Params, Shape};

/// What can go wrong on the CPU.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The system gave no threads.
    #[error("can't start {threads} threads: {reason}; use fewer")]
    Threads {
        /// The threads asked for; 0 stands for one a core.
        threads: usize,
        /// What the system said.
        reason: String,
    },
    /// A computation whose result is known exactly gave another.
    #[error("the CPU computes {what} wrongly: {found}, where {expected} is right; choose another device")]
    Wrong {
        /// What was computed.
        what: &'static str,
        /// What came of it.
        found: f32,
        /// What is right.
        expected: f32,
    },
}

/// A network of one shape on the CPU, for batches of one size.
pub(crate) struct Network {
    net: Net,
    batch_size: usize,
    parameters: Tensors,
    values: Values,
    sets: Vec<Dataset>,
    pool: ThreadPool,
}

/// W1, b1, W2, b2, or a gradient by them.
#[derive(Clone)]
struct Tensors {
    w1: Array2<f32>,
    b1: Array1<f32>,
    w2: Array2<f32>,
    b2: Array1<f32>,
}

/// The values of a pass, a row an image, for as many images as a batch or a tile has.
struct Values {
    x: Array2<f32>,
    z1: Array2<f32>,
    a2: Array2<f32>,
    dy: Array2<f32>,
    da1: Array2<f32>,
    losses: Array1<f32>,
}

/// One block of a pass: some of the batch's images and their rows of every value.
struct Block<'a> {
    images: &'a [u32],
    x: ArrayViewMut2<'a, f32>,
    z1: ArrayViewMut2<'a, f32>,
    a2: ArrayViewMut2<'a, f32>,
    dy: ArrayViewMut2<'a, f32>,
    da1: ArrayViewMut2<'a, f32>,
    losses: ArrayViewMut1<'a, f32>,
}

/// Images that one pass of an evaluation or a prediction takes.
const TILE: usize = 1024;
/// Most blocks that a matrix is cut into: enough for many cores.
const MOST_BLOCKS: usize = 32;
/// Fewest rows that are worth a block.
const FEWEST_ROWS: usize = 25;

/// Rows in a block where `rows` are shared out.
fn block_rows(rows: usize) -> usize {
    rows.div_ceil(MOST_BLOCKS).max(FEWEST_ROWS)
}

/// As many threads as asked for, or one a core if 0.
fn pool(threads: usize) -> Result<ThreadPool, Error> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Error::Threads { threads, reason: error.to_string() })
}

impl Network {
    /// A network with these parameters, on `threads` threads, or on one a core if 0.
    ///
    /// # Errors
    /// [`Error::Threads`].
    pub fn new(net: Net, batch_size: usize, params: &Params, threads: usize) -> Result<Self, Error> {
        let pool = pool(threads)?;
        let Shape { input, hidden, classes } = net.shape;
        let rows = batch_size.max(TILE);
        let values = Values {
            x: Array2::zeros((rows, input)),
            z1: Array2::zeros((rows, hidden)),
            a2: Array2::zeros((rows, classes)),
            dy: Array2::zeros((rows, classes)),
            da1: Array2::zeros((rows, hidden)),
            losses: Array1::zeros(rows),
        };
        let parameters = Tensors::from_params(params);
        Ok(Self { net, batch_size, parameters, values, sets: Vec::new(), pool })
    }

    /// Keeps a data set.
    pub fn upload(&mut self, set: &Dataset) -> Resident {
        self.sets.push(set.clone());
        Resident(self.sets.len() - 1)
    }

    /// Trains on one batch after another; `indices` are their image numbers, `[steps, batch_size]`. Returns each batch's
    /// mean loss before its update.
    pub fn train(&mut self, set: Resident, indices: &[u32], learning_rate: f32) -> Vec<f32> {
        let Self { net, batch_size, parameters, values, sets, pool, .. } = self;
        let set = &sets[set.0];
        let train = || {
            let step = |batch: &[u32]| {
                let loss = values.pass(net, parameters, set, batch);
                values.gradient_into(parameters, batch.len(), 1.0, -learning_rate);
                loss
            };
            indices.chunks(*batch_size).map(step).collect()
        };
        pool.install(train)
    }

    /// The mean loss of one batch and its gradient.
    pub fn gradient(&mut self, set: Resident, indices: &[u32]) -> (f32, Gradients) {
        let Self { net, parameters, values, sets, pool, .. } = self;
        let mut gradient = Tensors::from_params(&Params::zeros(net.shape));
        let loss = pool.install(|| {
            let loss = values.pass(net, parameters, &sets[set.0], indices);
            values.gradient_into(&mut gradient, indices.len(), 0.0, 1.0);
            loss
        });
        (loss, gradient.to_params(net.shape))
    }

    /// One SGD update by a gradient that is given.
    pub fn apply(&mut self, gradient: &Gradients, learning_rate: f32) {
        let gradient = Tensors::from_params(gradient);
        self.parameters.w1.scaled_add(-learning_rate, &gradient.w1);
        self.parameters.b1.scaled_add(-learning_rate, &gradient.b1);
        self.parameters.w2.scaled_add(-learning_rate, &gradient.w2);
        self.parameters.b2.scaled_add(-learning_rate, &gradient.b2);
    }

    /// The parameters as they are now.
    #[must_use]
    pub fn params(&self) -> Params {
        self.parameters.to_params(self.net.shape)
    }

    /// Sets every parameter.
    pub fn set_params(&mut self, params: &Params) {
        self.parameters = Tensors::from_params(params);
    }

    /// Loss, accuracy and confusion matrix over a whole set.
    pub fn evaluate(&mut self, set: Resident) -> Evaluation {
        let Self { net, parameters, values, sets, pool, .. } = self;
        let set = &sets[set.0];
        let classes = net.shape.classes;
        let mut confusion = vec![0; classes * classes];
        let mut sum = 0.0;
        let order: Vec<u32> = (0..set.len() as u32).collect();
        for tile in order.chunks(TILE) {
            pool.install(|| {
                values.blocks(tile).for_each(|mut block| {
                    block.forward(net, parameters, set.images());
                    block.loss(net, set.labels(), 1.0);
                });
            });
            sum += values.losses.iter().take(tile.len()).map(|&loss| f64::from(loss)).sum::<f64>();
            for (a2, &image) in values.a2.outer_iter().zip(tile) {
                let label = usize::from(set.labels()[image as usize]);
                confusion[label * classes + layers::argmax(&a2)] += 1;
            }
        }
        Evaluation { images: set.len(), loss: sum / set.len() as f64, classes, confusion }
    }

    /// The output y `[N, classes]` for images given as bytes, `[N, input]`.
    pub fn predict(&mut self, images: &[u8]) -> Vec<f32> {
        let Self { net, parameters, values, pool, .. } = self;
        let order: Vec<u32> = (0..(images.len() / net.shape.input) as u32).collect();
        let mut y = Vec::with_capacity(order.len() * net.shape.classes);
        for tile in order.chunks(TILE) {
            pool.install(|| {
                values.blocks(tile).for_each(|mut block| {
                    block.forward(net, parameters, images);
                    block.output(net);
                });
            });
            y.extend(values.dy.slice(s![..tile.len(), ..]));
        }
        y
    }

    /// Every intermediate value of one batch's pass, for tests.
    pub fn intermediates(&mut self, set: Resident, indices: &[u32]) -> Intermediates {
        let Self { net, parameters, values, sets, pool, .. } = self;
        let set = &sets[set.0];
        let rows = indices.len();
        pool.install(|| {
            let shown = |values: &Array2<f32>| values.slice(s![..rows, ..]).iter().copied().collect::<Vec<f32>>();
            values.blocks(indices).for_each(|mut block| {
                block.forward(net, parameters, set.images());
                block.output(net);
                layers::affine(&block.x, &parameters.w1, &parameters.b1, &mut block.da1);
            });
            let (a1, z1, a2, y) = (shown(&values.da1), shown(&values.z1), shown(&values.a2), shown(&values.dy));
            values.blocks(indices).for_each(|mut block| {
                block.loss(net, set.labels(), 1.0 / rows as f32);
                block.hidden_derivative(parameters);
            });
            let (dy, dz1) = (shown(&values.dy), shown(&values.da1));
            values.blocks(indices).for_each(|mut block| block.delta(net, parameters));
            Intermediates { a1, z1, a2, y, dy, dz1, da1: shown(&values.da1) }
        })
    }
}

impl Values {
    /// Cuts the rows of these images into blocks.
    fn blocks<'a>(&'a mut self, images: &'a [u32]) -> impl IndexedParallelIterator<Item = Block<'a>> {
        let rows = block_rows(images.len());
        let cut = Axis(0);
        (
            images.par_chunks(rows),
            self.x.axis_chunks_iter_mut(cut, rows).into_par_iter(),
            self.z1.axis_chunks_iter_mut(cut, rows).into_par_iter(),
            self.a2.axis_chunks_iter_mut(cut, rows).into_par_iter(),
            self.dy.axis_chunks_iter_mut(cut, rows).into_par_iter(),
            self.da1.axis_chunks_iter_mut(cut, rows).into_par_iter(),
            self.losses.axis_chunks_iter_mut(cut, rows).into_par_iter(),
        )
            .into_par_iter()
            .map(|(images, x, z1, a2, dy, da1, losses)| {
                let count = images.len();
                Block {
                    images,
                    x: x.slice_move(s![..count, ..]),
                    z1: z1.slice_move(s![..count, ..]),
                    a2: a2.slice_move(s![..count, ..]),
                    dy: dy.slice_move(s![..count, ..]),
                    da1: da1.slice_move(s![..count, ..]),
                    losses: losses.slice_move(s![..count]),
                }
            })
    }

    /// The network forward and back over a batch. Returns its mean loss.
    fn pass(&mut self, net: &Net, parameters: &Tensors, set: &Dataset, batch: &[u32]) -> f32 {
        let count = batch.len();
        self.blocks(batch).for_each(|mut block| {
            block.forward(net, parameters, set.images());
            block.loss(net, set.labels(), 1.0 / count as f32);
            block.delta(net, parameters);
        });
        self.losses.slice(s![..count]).sum() / count as f32
    }

    /// `target * keep + gradient * scale`, by the gradient of the pass before: the SGD update of the parameters with
    /// keep 1 and scale -learning rate, the gradient itself with keep 0 and scale 1.
    fn gradient_into(&self, target: &mut Tensors, count: usize, keep: f32, scale: f32) {
        let rows = s![..count, ..];
        let (x, z1, dy, da1) = (self.x.slice(rows), self.z1.slice(rows), self.dy.slice(rows), self.da1.slice(rows));
        let Tensors { w1, b1, w2, b2 } = target;
        let block = block_rows(w1.nrows());
        let hidden_layer = || {
            let pixels = x.axis_chunks_iter(Axis(1), block).into_par_iter();
            let weights = w1.axis_chunks_iter_mut(Axis(0), block).into_par_iter();
            pixels.zip(weights).for_each(|(x, mut w1)| general_mat_mul(scale, &x.t(), &da1, keep, &mut w1));
        };
        let small_tensors = || {
            general_mat_mul(scale, &z1.t(), &dy, keep, w2);
            Zip::from(b1).and(&da1.sum_axis(Axis(0))).for_each(|b, g| *b = *b * keep + g * scale);
            Zip::from(b2).and(&dy.sum_axis(Axis(0))).for_each(|b, g| *b = *b * keep + g * scale);
        };
        rayon::join(hidden_layer, small_tensors);
    }
}

impl Block<'_> {
    /// From the images to the logits.
    fn forward(&mut self, net: &Net, parameters: &Tensors, images: &[u8]) {
        let Tensors { w1, b1, w2, b2 } = parameters;
        let input = net.shape.input;
        for (mut row, &image) in self.x.outer_iter_mut().zip(self.images) {
            let pixels = &images[image as usize * input..][..input];
            row.iter_mut().zip(pixels).for_each(|(x, &pixel)| *x = f32::from(pixel) / 255.0);
        }
        layers::affine(&self.x, w1, b1, &mut self.z1);
        layers::activation(net.activation, &mut self.z1);
        layers::affine(&self.z1, w2, b2, &mut self.a2);
    }

    /// y, in the place of dy.
    fn output(&mut self, net: &Net) {
        self.dy.assign(&self.a2);
        for mut y in self.dy.outer_iter_mut() {
            layers::output(net.output, &mut y);
        }
    }

    /// Each image's loss, and dy = (y - t) * `mean`, where `mean` is 1/N.
    fn loss(&mut self, net: &Net, labels: &[u8], mean: f32) {
        self.output(net);
        for (n, mut dy) in self.dy.outer_iter_mut().enumerate() {
            let label = usize::from(labels[self.images[n] as usize]);
            dy[label] -= 1.0;
            self.losses[n] = layers::loss(net.output, &self.a2.row(n), &dy, label);
            dy *= mean;
        }
    }

    /// dz1 = dy W2ᵀ, in the place of da1.
    fn hidden_derivative(&mut self, parameters: &Tensors) {
        general_mat_mul(1.0, &self.dy, &parameters.w2.t(), 0.0, &mut self.da1);
    }

    /// da1 = dz1 activation'(a1).
    fn delta(&mut self, net: &Net, parameters: &Tensors) {
        self.hidden_derivative(parameters);
        layers::activation_gradient(net.activation, &self.z1, &mut self.da1);
    }
}

impl Tensors {
    fn from_params(params: &Params) -> Self {
        let Shape { input, hidden, classes } = params.shape;
        let matrix = |rows, cols, values: &[f32]| {
            Array2::from_shape_vec((rows, cols), values.to_vec()).expect("Params are as long as their shape says")
        };
        Self {
            w1: matrix(input, hidden, &params.w1),
            b1: Array1::from_vec(params.b1.clone()),
            w2: matrix(hidden, classes, &params.w2),
            b2: Array1::from_vec(params.b2.clone()),
        }
    }

    fn to_params(&self, shape: Shape) -> Params {
        Params {
            shape,
            w1: self.w1.iter().copied().collect(),
            b1: self.b1.to_vec(),
            w2: self.w2.iter().copied().collect(),
            b2: self.b2.to_vec(),
        }
    }
}
