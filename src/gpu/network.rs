//! The network on a GPU: its parameters, its data and its passes, all resident; only batch indices go in, and only
//! losses come out.

use wgpu::{Buffer, ComputePassDescriptor};

use super::Error;
use super::data::{Data, Rows};
use super::device::Device;
use super::kernels::confusion::{self, Confusion};
use super::kernels::hidden::{self, Hidden};
use super::kernels::hidden_delta::{self, HiddenDelta};
use super::kernels::hidden_gradient::{self, HiddenGradient};
use super::kernels::loss::{self, Loss};
use super::kernels::mean_loss::{self, MeanLoss};
use super::kernels::output::{self, Output};
use super::kernels::output_gradient::{self, OutputGradient};
use super::kernels::sgd::{self, Sgd};
use super::kernels::{Dispatch, ROW_WORDS, Step};
use super::layer::{Layers, bytes, padded, unpad_rows};
use super::values::Values;
use crate::answers::{Evaluation, Intermediates, Resident};
use crate::data::Dataset;
use crate::net::{Gradients, Net, Params, Shape};

/// A network of one shape on one GPU, for batches of one size.
pub(crate) struct Network {
    device: Device,
    net: Net,
    batch_size: usize,
    kernels: Kernels,
    parameters: Layers,
    gradients: Layers,
    /// A gradient's end: an update of the parameters, or the gradient itself.
    update: Buffer,
    keep: Buffer,
    /// The image numbers of the batches of one submission, a row of `row_words` a step.
    batches: Buffer,
    /// The losses of the same images, in the same places.
    losses: Buffer,
    mean_losses: Buffer,
    row_words: usize,
    most_steps: usize,
    mean_loss: Dispatch,
    sgd: [Dispatch; 2],
    values: Values,
    sets: Vec<Set>,
}

struct Kernels {
    hidden: Hidden,
    output: Output,
    loss: Loss,
    hidden_delta: HiddenDelta,
    output_gradient: OutputGradient,
    hidden_gradient: HiddenGradient,
    confusion: Confusion,
}

/// A data set on the device, with the passes over it ready to be recorded.
struct Set {
    data: Data,
    /// A row of `batches` through the network, forward and back.
    pass: [Dispatch; 4],
    update: [Dispatch; 2],
    gradient: [Dispatch; 2],
}

/// Bytes of image numbers that one submission may take.
const BATCHES_BYTES: u64 = 4 << 20;
/// Steps that one submission may take, however small they are.
const MOST_STEPS: u64 = 4096;

impl Network {
    /// Kernels of a training step.
    pub const DISPATCHES: usize = 6;

    /// Compiles the kernels for this network and batch size, and puts the parameters on the device.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is run, or what the device reports.
    pub fn new(device: Device, net: Net, batch_size: usize, params: &Params) -> Result<Self, Error> {
        let shape = net.shape;
        let parameters = Layers::new(&device, "parameters", shape)?;
        let gradients = Layers::new(&device, "gradient", shape)?;
        let values = Values::new(&device, shape, batch_size)?;
        let kernels = Kernels {
            hidden: Hidden::new(&device, &net, Some(net.activation)),
            output: Output::new(&device, &net),
            loss: Loss::new(&device, &net, true),
            hidden_delta: HiddenDelta::new(&device, &net, Some(net.activation)),
            output_gradient: OutputGradient::new(&device, &net),
            hidden_gradient: HiddenGradient::new(&device, &net),
            confusion: Confusion::new(&device, &net),
        };
        let row_words = batch_size.next_multiple_of(ROW_WORDS);
        let most_steps = (BATCHES_BYTES / bytes(row_words)).clamp(1, MOST_STEPS) as usize;
        let losses = device.storage("losses", bytes(most_steps * row_words));
        let mean_losses = device.storage("mean losses", bytes(most_steps));
        let update = device.uniform("update", size_of::<Step>() as u64);
        let keep = device.uniform("keep", size_of::<Step>() as u64);
        let bindings = mean_loss::Bindings { step: &update, losses: &losses, means: &mean_losses };
        let mean_loss = MeanLoss::new(&device, &net).bind(&device, &bindings, most_steps);
        let sgd_kernel = Sgd::new(&device, &net);
        let [hidden, output] = parameters.quads();
        let sgd = [(&gradients.hidden, &parameters.hidden, hidden), (&gradients.output, &parameters.output, output)]
            .map(|(gradient, layer, quads)| {
                sgd_kernel.bind(&device, &sgd::Bindings { step: &update, gradient, layer }, quads)
            });
        let network = Self {
            batches: device.storage("batches", bytes(most_steps * row_words)),
            net,
            batch_size,
            kernels,
            parameters,
            gradients,
            update,
            keep,
            losses,
            mean_losses,
            row_words,
            most_steps,
            mean_loss,
            sgd,
            values,
            sets: Vec::new(),
            device,
        };
        network.write_step(&network.keep, 0.0, 1.0);
        network.set_params(params)?;
        Ok(network)
    }

    /// Makes a data set resident.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or what the device reports.
    pub fn upload(&mut self, set: &Dataset) -> Result<Resident, Error> {
        let data = Data::new(&self.device, self.net.shape, self.values.tile, set.images(), set.labels())?;
        let rows = self.batch_rows();
        let [hidden, output, loss] = self.forward(&data, &rows, &self.kernels.loss);
        let set = Set {
            pass: [hidden, output, loss, self.delta(&self.kernels.hidden_delta)],
            update: self.gradients_into(&data, &self.update, &self.parameters),
            gradient: self.gradients_into(&data, &self.keep, &self.gradients),
            data,
        };
        self.sets.push(set);
        self.device.check()?;
        Ok(Resident(self.sets.len() - 1))
    }

    /// Trains on one batch after another; `indices` are their image numbers, `[steps, batch_size]`. Returns each batch's
    /// mean loss before its update.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn train(&mut self, set: Resident, indices: &[u32], learning_rate: f32) -> Result<Vec<f32>, Error> {
        self.write_step(&self.update, 1.0, -learning_rate);
        let set = &self.sets[set.0];
        let mut means = Vec::with_capacity(indices.len() / self.batch_size);
        for indices in indices.chunks(self.most_steps * self.batch_size) {
            let steps = indices.len() / self.batch_size;
            self.write_batches(indices);
            self.device.submit(|encoder| {
                let mut compute = encoder.begin_compute_pass(&ComputePassDescriptor::default());
                for row in 0..steps {
                    for dispatch in set.pass.iter().chain(&set.update) {
                        dispatch.record(&mut compute, row);
                    }
                }
                self.mean_loss.record_workgroups(&mut compute, 0, [steps as u32, 1]);
            });
            means.extend(self.device.read::<f32>(&[(&self.mean_losses, steps)]).await?.concat());
        }
        Ok(means)
    }

    /// The mean gradient of one batch, and its mean loss.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn gradient(&mut self, set: Resident, indices: &[u32]) -> Result<(f32, Gradients), Error> {
        let set = &self.sets[set.0];
        self.write_step(&self.update, 1.0, 0.0);
        self.write_batches(indices);
        self.device.submit(|encoder| {
            self.gradients.record_clear(encoder);
            let mut compute = encoder.begin_compute_pass(&ComputePassDescriptor::default());
            for dispatch in set.pass.iter().chain(&set.gradient) {
                dispatch.record(&mut compute, 0);
            }
            self.mean_loss.record_workgroups(&mut compute, 0, [1, 1]);
        });
        let loss = self.device.read::<f32>(&[(&self.mean_losses, 1)]).await?.concat();
        Ok((loss[0], self.gradients.read(&self.device).await?))
    }

    /// One SGD update by a gradient that is given.
    ///
    /// # Errors
    /// What the device reports.
    pub fn apply(&mut self, gradient: &Gradients, learning_rate: f32) -> Result<(), Error> {
        self.gradients.write(&self.device, gradient);
        self.write_step(&self.update, 1.0, -learning_rate);
        self.device.submit(|encoder| {
            let mut compute = encoder.begin_compute_pass(&ComputePassDescriptor::default());
            for dispatch in &self.sgd {
                dispatch.record(&mut compute, 0);
            }
        });
        self.device.check()
    }

    /// The parameters as they are now.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn params(&self) -> Result<Params, Error> {
        self.parameters.read(&self.device).await
    }

    /// Sets every parameter.
    ///
    /// # Errors
    /// What the device reports.
    pub fn set_params(&self, params: &Params) -> Result<(), Error> {
        self.parameters.write(&self.device, params);
        self.device.check()
    }

    /// Loss, accuracy and confusion matrix over a whole set.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn evaluate(&self, set: Resident) -> Result<Evaluation, Error> {
        let data = &self.sets[set.0].data;
        self.device.submit(|encoder| encoder.clear_buffer(&data.confusion, 0, None));
        let tiles = data.tiles().map(|rows| {
            let [hidden, output, loss] = self.forward(data, &rows, &self.kernels.loss);
            let confusion = confusion::Bindings {
                step: rows.step,
                a2: &self.values.a2,
                batch: rows.batch,
                labels: &data.labels,
                confusion: &data.confusion,
            };
            [hidden, output, loss, self.kernels.confusion.bind(&self.device, &confusion, rows.images, rows.row_words)]
        });
        for (row, images) in data.rows() {
            // A submission a tile: some drivers reset a GPU that is busy with one for seconds.
            self.submit(&tiles[usize::from(images < data.tile)], row);
        }
        let classes = self.net.shape.classes;
        let confusion = self.device.read::<u32>(&[(&data.confusion, classes * classes)]).await?.concat();
        let losses = self.device.read::<f32>(&[(&data.losses, data.len)]).await?.concat();
        let sum: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
        Ok(Evaluation { images: data.len, loss: sum / data.len as f64, classes, confusion })
    }

    /// The network's output y `[N, classes]` for images given as bytes, `[N, input]`.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or what the device reports.
    pub async fn predict(&self, images: &[u8]) -> Result<Vec<f32>, Error> {
        let Shape { input, classes, .. } = self.net.shape;
        let no_labels = vec![0; images.len() / input];
        let data = Data::new(&self.device, self.net.shape, self.values.tile, images, &no_labels)?;
        let show_y = Loss::new(&self.device, &self.net, false);
        let tiles = data.tiles().map(|rows| self.forward(&data, &rows, &show_y));
        let mut y = Vec::with_capacity(data.len * classes);
        for (row, images) in data.rows() {
            self.submit(&tiles[usize::from(images < data.tile)], row);
            let rows = self.device.read(&[(&self.values.dy, images * padded(classes))]).await?.concat();
            y.extend(unpad_rows(&rows, images, classes));
        }
        Ok(y)
    }

    /// Every intermediate value of one batch's pass, for tests: from the training kernels themselves, compiled once
    /// more without the function that hides the value.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn intermediates(&mut self, set: Resident, indices: &[u32]) -> Result<Intermediates, Error> {
        self.write_step(&self.update, 1.0, 0.0);
        self.write_batches(indices);
        let Set { data, pass: [z1, a2, dy, da1], .. } = &self.sets[set.0];
        let rows = self.batch_rows();
        let a1 = self.hidden(&Hidden::new(&self.device, &self.net, None), data, &rows);
        let y = self.loss(&Loss::new(&self.device, &self.net, false), data, &rows);
        let dz1 = self.delta(&HiddenDelta::new(&self.device, &self.net, None));
        let Shape { hidden, classes, .. } = self.net.shape;
        Ok(Intermediates {
            a1: self.show(&a1, &self.values.z1, hidden).await?,
            z1: self.show(z1, &self.values.z1, hidden).await?,
            a2: self.show(a2, &self.values.a2, classes).await?,
            y: self.show(&y, &self.values.dy, classes).await?,
            dy: self.show(dy, &self.values.dy, classes).await?,
            dz1: self.show(&dz1, &self.values.da1, hidden).await?,
            da1: self.show(da1, &self.values.da1, hidden).await?,
        })
    }

    /// Runs one kernel and reads what it left, `[batch_size, width]`.
    async fn show(&self, kernel: &Dispatch, left: &Buffer, width: usize) -> Result<Vec<f32>, Error> {
        self.submit(std::slice::from_ref(kernel), 0);
        let rows = self.device.read(&[(left, self.batch_size * padded(width))]).await?.concat();
        Ok(unpad_rows(&rows, self.batch_size, width))
    }

    fn submit(&self, kernels: &[Dispatch], row: usize) {
        self.device.submit(|encoder| {
            let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
            for kernel in kernels {
                kernel.record(&mut pass, row);
            }
        });
    }

    fn batch_rows(&self) -> Rows<'_> {
        Rows {
            step: &self.update,
            batch: &self.batches,
            losses: &self.losses,
            images: self.batch_size,
            row_words: self.row_words,
        }
    }

    /// From the images to the losses and what `loss` leaves, dy or y.
    fn forward(&self, data: &Data, rows: &Rows, loss: &Loss) -> [Dispatch; 3] {
        let layer = &self.parameters.output;
        let output = output::Bindings { step: rows.step, z1: &self.values.z1, layer, a2: &self.values.a2 };
        [
            self.hidden(&self.kernels.hidden, data, rows),
            self.kernels.output.bind(&self.device, &output, rows.images),
            self.loss(loss, data, rows),
        ]
    }

    fn hidden(&self, kernel: &Hidden, data: &Data, rows: &Rows) -> Dispatch {
        let bindings = hidden::Bindings {
            step: rows.step,
            images: &data.images,
            batch: rows.batch,
            layer: &self.parameters.hidden,
            z1: &self.values.z1,
        };
        kernel.bind(&self.device, &bindings, rows.images, rows.row_words)
    }

    fn loss(&self, kernel: &Loss, data: &Data, rows: &Rows) -> Dispatch {
        let bindings = loss::Bindings {
            step: rows.step,
            a2: &self.values.a2,
            batch: rows.batch,
            labels: &data.labels,
            dy: &self.values.dy,
            losses: rows.losses,
        };
        kernel.bind(&self.device, &bindings, rows.images, rows.row_words)
    }

    fn delta(&self, kernel: &HiddenDelta) -> Dispatch {
        let bindings = hidden_delta::Bindings {
            step: &self.update,
            dy: &self.values.dy,
            layer: &self.parameters.output,
            z1: &self.values.z1,
            da1: &self.values.da1,
        };
        kernel.bind(&self.device, &bindings, self.batch_size)
    }

    /// The gradients of both layers, ending in `target` as `step` says.
    fn gradients_into(&self, data: &Data, step: &Buffer, target: &Layers) -> [Dispatch; 2] {
        let values = &self.values;
        let output = output_gradient::Bindings { step, z1: &values.z1, dy: &values.dy, layer: &target.output };
        let hidden = hidden_gradient::Bindings {
            step,
            images: &data.images,
            batch: &self.batches,
            da1: &values.da1,
            layer: &target.hidden,
        };
        [
            self.kernels.output_gradient.bind(&self.device, &output),
            self.kernels.hidden_gradient.bind(&self.device, &hidden, self.row_words),
        ]
    }

    fn write_step(&self, uniform: &Buffer, keep: f32, scale: f32) {
        let step = Step { batch_size: self.batch_size as u32, keep, scale, row_words: self.row_words as u32 };
        self.device.write(uniform, &[step]);
    }

    /// Puts the batches `[steps, batch_size]` into the rows of `batches`.
    fn write_batches(&self, indices: &[u32]) {
        let mut rows = vec![0; indices.len() / self.batch_size * self.row_words];
        for (row, batch) in rows.chunks_mut(self.row_words).zip(indices.chunks(self.batch_size)) {
            row[..batch.len()].copy_from_slice(batch);
        }
        self.device.write(&self.batches, &rows);
    }
}
