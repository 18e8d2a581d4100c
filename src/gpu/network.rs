//! The network on a GPU. Parameters, data and passes are resident; only indices go in, and only losses come out.
//!
//! A call returns when its work is submitted, and its answer is awaited later: the host records the next steps while the GPU
//! runs the current ones.

use std::cell::OnceCell;

use bytemuck::NoUninit;
use wgpu::{Buffer, ComputePass, ComputePassDescriptor};

use super::data::{Data, Rows};
use super::device::Device;
use super::kernels::Dispatch;
use super::kernels::family::{Gradients, Pass};
use super::kernels::lists::{Confusion, MeanLoss, Sgd};
use super::kernels::numerical::Differences;
use super::kernels::operands::{Operands, PassOutput};
use super::kernels::optimizers;
use super::layer::{Layers, unpad_rows};
use super::layout::{Axpby, Perturbation, ROW_WORDS, Slice, bytes, padded};
use super::plan::{Class, Plan};
use super::timing;
use super::values::Values;
use crate::backend::{
    self, Answer, Error, Evaluation, Intermediates, KernelTime, Kernels as StepKernels, Pending, Profile, Resident,
    Untimed,
};
use crate::data::Source;
use crate::net::method::Method;
use crate::net::optimizer::{Optimizer, Update};
use crate::net::{Gradients as Gradient, Net, Params, Shape};

/// A network of one shape on one GPU, for batches of one size.
pub(crate) struct Network {
    device: Device,
    net: Net,
    batch_size: usize,
    plan: Plan,
    kernels: Kernels,
    /// Compiled when a numerical gradient is first asked for.
    numerical: Option<Numerical>,
    is_numerical: bool,
    parameters: Layers,
    gradient: Layers,
    /// The [`Axpby`] of each step's SGD update, a row a step; and the learning rates in the first of these rows.
    update: Buffer,
    rates: Vec<f32>,
    /// The [`Axpby`] that stores the gradient itself.
    assign: Buffer,
    /// None for plain SGD.
    optimizing: Option<Optimizing>,
    /// The indices of the batches of one submission, a row of `row_words` a step.
    batches: Buffer,
    /// The losses of the same images, in the same places.
    losses: Buffer,
    mean_losses: Buffer,
    row_words: usize,
    most_steps: usize,
    mean_loss: Dispatch,
    /// Compiled when a gradient is first given: training has no use for it.
    sgd: OnceCell<Dispatch>,
    values: Values,
    sets: Vec<Set>,
}

struct Kernels {
    training: Pass,
    evaluation: Pass,
    gradients: Gradients,
    confusion: Confusion,
}

/// The kernels of numerical gradients.
struct Numerical {
    /// Passes that store a1, and that store z1 and y.
    hidden_input: Pass,
    output: Pass,
    differences: Differences,
    /// How the parameters are moved.
    perturbation: Buffer,
}

/// An optimiser that changes the parameters by the stored gradient.
struct Optimizing {
    slots: Vec<Layers>,
    /// An [`Update`] for each step of one submission, a row a step.
    updates: Buffer,
    change: Dispatch,
}

/// A data set on the device, with the passes over it ready to be recorded.
struct Set {
    data: Data,
    backprop: Steps,
    /// None as long as no numerical gradient was asked for.
    numerical: Option<Steps>,
    /// A tile of the set through the network, a whole one or the last one.
    evaluation: [Vec<Dispatch>; 2],
}

/// The dispatches for a row of `batches`.
struct Steps {
    /// The images through the network, forward and back if that is how the gradient is computed.
    pass: Vec<Dispatch>,
    update: Vec<Dispatch>,
    gradient: Vec<Dispatch>,
}

impl Steps {
    /// A step of training: the pass, then the update; or the gradient, and what changes the parameters by it.
    fn step<'a>(&'a self, change: Option<&'a Dispatch>) -> impl Iterator<Item = &'a Dispatch> {
        let update = if change.is_some() { &self.gradient } else { &self.update };
        self.pass.iter().chain(update).chain(change)
    }

    /// The same pass, then the gradient.
    fn gradient(&self) -> impl Iterator<Item = &Dispatch> {
        self.pass.iter().chain(&self.gradient)
    }

    /// How many dispatches a submission may have. Some drivers reset a GPU that is busy with one submission for seconds.
    fn submitted(&self) -> usize {
        if self.update.len() > LONG_UPDATE { 1 } else { SUBMITTED }
    }
}

/// Images that are uploaded at a time for a prediction.
const PREDICTED: usize = 16_384;
/// A step with more dispatches than this submits each by itself. A numerical gradient has one for each 2,048 images.
const LONG_UPDATE: usize = 16;
/// Dispatches of a submission: so few that the GPU begins while the others are recorded, so many that it does not wait for them.
const SUBMITTED: usize = 128;
/// Bytes of indices that are sent at a time.
const BATCHES_BYTES: u64 = 4 << 20;
/// Words from one step's [`Update`] or [`Axpby`] to the next one's.
const UPDATE_WORDS: usize = ROW_WORDS;
/// Steps whose losses are read at a time, however small they are.
const MOST_STEPS: u64 = 4096;

impl Network {
    /// Compiles the kernels for this network and batch size, and puts the parameters on the device.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is run, or an error of the device.
    pub fn new(device: Device, net: Net, batch_size: usize, params: &Params) -> Result<Self, Error> {
        let shape = net.shape;
        let plan = device.plan(shape);
        let parameters = Layers::new(&device, "parameters", shape)?;
        let gradient = Layers::new(&device, "gradient", shape)?;
        let values = Values::new(&device, shape, batch_size)?;
        let training = Pass::compile(&device, &net, plan, batch_size);
        let kernels = Kernels {
            evaluation: training.with_output(&device, &net, PassOutput::Logits),
            training,
            gradients: Gradients::compile(&device, &net, plan, batch_size),
            confusion: Confusion::compile(&device, &net),
        };
        let row_words = batch_size.next_multiple_of(ROW_WORDS);
        let most_steps = (BATCHES_BYTES / bytes(row_words)).clamp(1, MOST_STEPS) as usize;
        let batches = device.storage("batches", bytes(most_steps * row_words));
        let losses = device.storage("losses", bytes(most_steps * row_words));
        let mean_losses = device.storage("mean losses", bytes(most_steps));
        let rows = Rows { indices: &batches, losses: &losses, count: batch_size, row_words };
        let mean_loss = MeanLoss::compile(&device, &net).bind(&device, &rows, &mean_losses, most_steps);
        let update = device.windowed("update", bytes(most_steps * UPDATE_WORDS));
        let assign = device.uniform("assign", size_of::<Axpby>() as u64);
        device.write(&assign, &[Axpby { alpha: 1.0, beta: 0.0 }]);
        let network = Self {
            net,
            batch_size,
            plan,
            kernels,
            numerical: None,
            is_numerical: false,
            parameters,
            gradient,
            update,
            rates: Vec::new(),
            assign,
            optimizing: None,
            batches,
            losses,
            mean_losses,
            row_words,
            most_steps,
            mean_loss,
            sgd: OnceCell::new(),
            values,
            sets: Vec::new(),
            device,
        };
        network.write_params(params)?;
        Ok(network)
    }

    fn write_params(&self, params: &Params) -> Result<(), Error> {
        self.parameters.write(&self.device, params);
        self.device.check()
    }

    fn data(&self, set: &Source) -> Result<Data, Error> {
        Data::new(&self.device, self.net.shape, self.values.tile, set)
    }

    fn taken(&self, data: Data) -> Set {
        let (on, rows) = (self.operands(), self.batch_rows());
        let gradients = &self.kernels.gradients;
        Set {
            backprop: Steps {
                pass: self.kernels.training.bind(&on, &data, &rows),
                update: gradients.bind(&on, &data, &rows, self.update(), &self.parameters),
                gradient: gradients.bind(&on, &data, &rows, (&self.assign).into(), &self.gradient),
            },
            numerical: self.numerical_steps(&data),
            evaluation: data.tiles().map(|rows| {
                let mut tile = self.kernels.evaluation.bind(&on, &data, &rows);
                tile.push(self.kernels.confusion.bind(&self.device, &data, &rows, self.values.dy()));
                tile
            }),
            data,
        }
    }

    /// The values of a batch that a pass stored in `buffer`, `[batch_size, width]`.
    async fn read_rows(&self, buffer: &Buffer, width: usize) -> Result<Vec<f32>, Error> {
        let rows = self.device.read(&[(buffer, self.batch_size * padded(width))]).await?.concat();
        Ok(unpad_rows(&rows, self.batch_size, width))
    }

    /// Runs kernels, each with its row of `batches`, in submissions of so many, and then computes the mean loss of each of `rows`
    /// rows.
    fn submit_steps(&self, kernels: &[(&Dispatch, usize)], submitted: usize, rows: usize) {
        for kernels in kernels.chunks(submitted) {
            self.in_a_pass(|pass| kernels.iter().for_each(|(kernel, row)| kernel.record(pass, *row)));
        }
        self.in_a_pass(|pass| self.mean_loss.record_workgroups(pass, 0, [rows as u32, 1, 1]));
    }

    fn submit<'a>(&self, kernels: impl IntoIterator<Item = &'a Dispatch>, row: usize) {
        self.in_a_pass(|pass| kernels.into_iter().for_each(|kernel| kernel.record(pass, row)));
    }

    /// Records a compute pass and submits it.
    fn in_a_pass(&self, record: impl FnOnce(&mut ComputePass)) {
        self.device.submit(|encoder| record(&mut encoder.begin_compute_pass(&ComputePassDescriptor::default())));
    }

    /// The dispatches for a batch of a set, by the current method.
    fn steps(&self, set: Resident) -> &Steps {
        let Set { backprop, numerical, .. } = &self.sets[set.0];
        numerical.as_ref().filter(|_| self.is_numerical).unwrap_or(backprop)
    }

    fn numerical_steps(&self, data: &Data) -> Option<Steps> {
        let Numerical { hidden_input, output, differences, perturbation } = self.numerical.as_ref()?;
        let (on, rows) = (self.operands(), self.batch_rows());
        // a1 in the place of da1, before the other pass stores its z1.
        let values = self.values.swapped();
        let mut pass = hidden_input.bind(&Operands { values: &values, ..on }, data, &rows);
        pass.extend(output.bind(&on, data, &rows));
        Some(Steps {
            pass,
            update: differences.bind(&on, data, &rows, perturbation, self.update(), &self.parameters),
            gradient: differences.bind(&on, data, &rows, perturbation, (&self.assign).into(), &self.gradient),
        })
    }

    /// What each use of the network dispatches, in order: a step of training, a tile of an evaluation or a prediction, and a step
    /// by the current method where that is another.
    ///
    /// # Errors
    /// An error of the device.
    #[cfg(feature = "cli")]
    pub fn uses(&self) -> Result<Vec<(&'static str, Vec<Dispatch>)>, Error> {
        let Shape { input, .. } = self.net.shape;
        let (images, labels) = (vec![0; self.values.tile * input], vec![0; self.values.tile]);
        let data = self.data(&Source::of_bytes(&images, &labels, input))?;
        let prediction = self.kernels.training.with_output(&self.device, &self.net, PassOutput::Output);
        let prediction = prediction.bind(&self.operands(), &data, &data.tiles()[0]);
        let Set { backprop, numerical, evaluation: [evaluation, _], .. } = self.taken(data);
        let training = |steps: &Steps| steps.step(self.change()).chain([&self.mean_loss]).cloned().collect();
        let uses = [("training", training(&backprop)), ("evaluation", evaluation), ("prediction", prediction)];
        Ok(uses.into_iter().chain(numerical.map(|steps| ("numerical", training(&steps)))).collect())
    }

    /// What changes the parameters by the gradient, unless that is plain SGD.
    fn change(&self) -> Option<&Dispatch> {
        self.optimizing.as_ref().map(|optimizing| &optimizing.change)
    }

    fn operands(&self) -> Operands<'_> {
        let Self { device, net, parameters, values, .. } = self;
        Operands { device, net, parameters, values }
    }

    fn batch_rows(&self) -> Rows<'_> {
        let &Self { ref batches, ref losses, batch_size, row_words, .. } = self;
        Rows { indices: batches, losses, count: batch_size, row_words }
    }

    /// The rows of the SGD update.
    fn update(&self) -> Slice<'_> {
        Slice::rows(&self.update, UPDATE_WORDS)
    }

    /// Puts the learning rates of the next steps into the rows of the SGD update, unless they are there.
    fn write_rates(&mut self, rates: Vec<f32>) {
        if !self.rates.starts_with(&rates) {
            let axpby = |&rate: &f32| Axpby { alpha: -rate, beta: 1.0 };
            self.write_rows(&self.update, &rates.iter().map(axpby).collect::<Vec<_>>(), 1, UPDATE_WORDS);
            self.rates = rates;
        }
    }

    /// Puts what each step changes the parameters with into its row.
    fn write_updates(&mut self, updates: &[Update]) {
        match &self.optimizing {
            Some(optimizing) => self.write_rows(&optimizing.updates, updates, 1, UPDATE_WORDS),
            None => self.write_rates(updates.iter().map(|update| update.rate).collect()),
        }
    }

    /// Puts the batches `[steps, batch_size]` into the rows of `batches`.
    fn write_batches(&self, indices: &[u32]) {
        self.write_rows(&self.batches, indices, self.batch_size, self.row_words);
    }

    /// Puts each `width` values at the start of a row of `row_words`.
    fn write_rows<T: NoUninit>(&self, buffer: &Buffer, values: &[T], width: usize, row_words: usize) {
        let mut rows = vec![0; values.len() / width * row_words];
        for (row, values) in rows.chunks_mut(row_words).zip(values.chunks(width)) {
            let words: &[u32] = bytemuck::cast_slice(values);
            row[..words.len()].copy_from_slice(words);
        }
        self.device.write(buffer, &rows);
    }
}

impl backend::Network for Network {
    /// The first time that gradients are numerical, this compiles the kernels.
    fn set_method(&mut self, method: Method) -> Result<(), Error> {
        self.is_numerical = false;
        if let Method::Numerical { step_size } = method {
            let with_output = |pass_output| self.kernels.training.with_output(&self.device, &self.net, pass_output);
            let numerical = self.numerical.get_or_insert_with(|| Numerical {
                hidden_input: with_output(PassOutput::HiddenInput),
                output: with_output(PassOutput::Output),
                differences: Differences::compile(&self.device, &self.net),
                perturbation: self.device.uniform("perturbation", size_of::<Perturbation>() as u64),
            });
            self.device.write(&numerical.perturbation, &[Perturbation::new(step_size, self.batch_size)]);
            let bound = |set: &Set| if set.numerical.is_none() { self.numerical_steps(&set.data) } else { None };
            let steps: Vec<_> = self.sets.iter().map(bound).collect();
            for (set, steps) in self.sets.iter_mut().zip(steps) {
                set.numerical = set.numerical.take().or(steps);
            }
            self.is_numerical = true;
        }
        self.device.check()
    }

    fn set_optimizer(&mut self, optimizer: Optimizer) -> Result<(), Error> {
        let Self { device, net, gradient, parameters, .. } = &*self;
        let slot = |_| Layers::new(device, "a slot of the optimiser", net.shape);
        let slots = (0..optimizer.slots()).map(slot).collect::<Result<Vec<_>, _>>()?;
        self.optimizing = if optimizer.is_plain() {
            None
        } else {
            let updates = device.windowed("updates", bytes(self.most_steps * UPDATE_WORDS));
            let rows = Slice::rows(&updates, UPDATE_WORDS);
            let params = self.batch_rows().whole(device);
            let change =
                optimizers::bind(device, net, optimizer.rule, [(&params).into(), rows], gradient, parameters, &slots);
            Some(Optimizing { slots, updates, change })
        };
        self.device.check()
    }

    fn upload(&mut self, set: Source) -> Result<Resident, Error> {
        let set = self.taken(self.data(&set)?);
        self.device.check()?;
        self.sets.push(set);
        Ok(Resident(self.sets.len() - 1))
    }

    /// The images go into the set's buffers if they are as many.
    fn replace(&mut self, resident: Resident, set: Source) -> Result<(), Error> {
        let data = &self.sets[resident.0].data;
        if data.len == set.labels().len() {
            data.write(&self.device, self.net.shape, &set)?;
        } else {
            self.sets[resident.0] = self.taken(self.data(&set)?);
        }
        self.device.check()
    }

    fn train(&mut self, set: Resident, indices: &[u32], updates: &[Update]) -> Pending<Vec<f32>> {
        let mut chunks = Vec::new();
        for (indices, updates) in indices.chunks(self.most_steps * self.batch_size).zip(updates.chunks(self.most_steps))
        {
            let steps = updates.len();
            self.write_batches(indices);
            self.write_updates(updates);
            let (steps_of_set, change) = (self.steps(set), self.change());
            let kernels = (0..steps).flat_map(|row| steps_of_set.step(change).map(move |kernel| (kernel, row)));
            self.submit_steps(&kernels.collect::<Vec<_>>(), steps_of_set.submitted(), steps);
            chunks.push(self.device.read::<f32>(&[(&self.mean_losses, steps)]));
        }
        Box::pin(async move {
            let mut means = Vec::new();
            for chunk in chunks {
                means.extend(chunk.await?.concat());
            }
            Ok(means)
        })
    }

    fn gradient<'a>(&'a mut self, set: Resident, indices: &'a [u32]) -> Answer<'a, (f32, Gradient)> {
        Box::pin(async move {
            let steps = self.steps(set);
            self.write_batches(indices);
            let kernels: Vec<_> = steps.gradient().map(|kernel| (kernel, 0)).collect();
            self.submit_steps(&kernels, steps.submitted(), 1);
            let loss = self.device.read::<f32>(&[(&self.mean_losses, 1)]).await?.concat();
            Ok((loss[0], self.gradient.read(&self.device).await?))
        })
    }

    fn apply(&mut self, gradient: &Gradient, update: &Update) -> Result<(), Error> {
        self.gradient.write(&self.device, gradient);
        self.write_updates(std::slice::from_ref(update));
        if let Some(change) = self.change() {
            self.submit([change], 0);
            return self.device.check();
        }
        let sgd = self.sgd.get_or_init(|| {
            let (gradient, parameters) = (self.gradient.all(), self.parameters.all());
            let params = self.batch_rows().whole(&self.device);
            let sgd = Sgd::compile(&self.device, &self.net, 1);
            sgd.bind(&self.device, &params, self.update(), gradient, parameters, self.parameters.vec4s())
        });
        self.submit([sgd], 0);
        self.device.check()
    }

    fn params(&self) -> Pending<Params> {
        Box::pin(self.parameters.read(&self.device))
    }

    fn set_params(&mut self, params: &Params) -> Result<(), Error> {
        self.write_params(params)
    }

    fn slots(&self) -> Pending<Vec<Params>> {
        let slots = self.optimizing.iter().flat_map(|optimizing| &optimizing.slots);
        let slots: Vec<_> = slots.map(|slot| slot.read(&self.device)).collect();
        Box::pin(async move {
            let mut read = Vec::with_capacity(slots.len());
            for slot in slots {
                read.push(slot.await?);
            }
            Ok(read)
        })
    }

    fn set_slots(&mut self, slots: &[Params]) -> Result<(), Error> {
        let own = self.optimizing.iter().flat_map(|optimizing| &optimizing.slots);
        own.zip(slots).for_each(|(slot, values)| slot.write(&self.device, values));
        self.device.check()
    }

    fn evaluate(&mut self, set: Resident) -> Pending<Evaluation> {
        let Set { data, evaluation, .. } = &self.sets[set.0];
        self.device.submit(|encoder| encoder.clear_buffer(&data.confusion, 0, None));
        for (row, count) in data.rows() {
            // A submission a tile: some drivers reset a GPU that is busy with one for seconds.
            self.submit(&evaluation[usize::from(count < data.tile)], row);
        }
        let (images, classes) = (data.len, self.net.shape.classes);
        let confusion = self.device.read::<u32>(&[(&data.confusion, classes * classes)]);
        let losses = self.device.read::<f32>(&[(&data.losses, images)]);
        Box::pin(async move {
            let sum: f64 = losses.await?.concat().iter().map(|&loss| f64::from(loss)).sum();
            Ok(Evaluation { images, loss: sum / images as f64, classes, confusion: confusion.await?.concat() })
        })
    }

    fn predict<'a>(&'a mut self, pixels: &'a [u8]) -> Answer<'a, Vec<f32>> {
        Box::pin(async move {
            let Shape { input, classes, .. } = self.net.shape;
            let pass = self.kernels.training.with_output(&self.device, &self.net, PassOutput::Output);
            let [_, y_rows, _] = self.values.buffers();
            let mut y = Vec::with_capacity(pixels.len() / input * classes);
            for pixels in pixels.chunks(PREDICTED * input) {
                let no_labels = vec![0; pixels.len() / input];
                let data = self.data(&Source::of_bytes(pixels, &no_labels, input))?;
                let tiles = data.tiles().map(|rows| pass.bind(&self.operands(), &data, &rows));
                for (row, count) in data.rows() {
                    self.submit(&tiles[usize::from(count < data.tile)], row);
                    let rows = self.device.read(&[(y_rows, count * padded(classes))]).await?.concat();
                    y.extend(unpad_rows(&rows, count, classes));
                }
            }
            Ok(y)
        })
    }

    /// From the training kernels themselves, compiled once more with other pass outputs.
    fn intermediates<'a>(&'a mut self, set: Resident, indices: &'a [u32]) -> Answer<'a, Intermediates> {
        Box::pin(async move {
            self.write_batches(indices);
            let Shape { hidden, classes, .. } = self.net.shape;
            let [z1, dy, da1] = self.values.buffers();
            let data = &self.sets[set.0].data;
            let run = |pass_output| {
                let pass = self.kernels.training.with_output(&self.device, &self.net, pass_output);
                self.submit(&pass.bind(&self.operands(), data, &self.batch_rows()), 0);
            };
            run(PassOutput::HiddenInput);
            let a1 = self.read_rows(z1, hidden).await?;
            run(PassOutput::Logits);
            let a2 = self.read_rows(dy, classes).await?;
            run(PassOutput::Output);
            let y = self.read_rows(dy, classes).await?;
            run(PassOutput::HiddenDerivative);
            let dz1 = self.read_rows(da1, hidden).await?;
            self.submit(&self.sets[set.0].backprop.pass, 0);
            Ok(Intermediates {
                a1,
                z1: self.read_rows(z1, hidden).await?,
                a2,
                y,
                dy: self.read_rows(dy, classes).await?,
                dz1,
                da1: self.read_rows(da1, hidden).await?,
            })
        })
    }

    fn images(&self, set: Resident) -> Option<usize> {
        self.sets.get(set.0).map(|set| set.data.len)
    }

    /// A software GPU gains nothing by a second one.
    fn ahead(&self) -> usize {
        if self.device.class() == Class::Software { 1 } else { 2 }
    }

    fn kernels(&self) -> Option<StepKernels> {
        let names = |steps: &Steps| steps.step(self.change()).map(|dispatch| dispatch.name).collect();
        let dispatches = if self.sets.is_empty() { Vec::new() } else { names(self.steps(Resident(0))) };
        Some(StepKernels { family: self.plan.as_str(), plan: self.plan.to_string(), dispatches })
    }

    /// Steps of plain SGD at a learning rate of 0.
    fn profile<'a>(&'a mut self, set: Resident, indices: &'a [u32]) -> Answer<'a, Profile> {
        Box::pin(async move {
            self.write_rates(vec![0.0]);
            self.write_batches(indices);
            let step: Vec<&Dispatch> = self.steps(set).step(None).collect();
            let Some(times) = timing::seconds(&self.device, &step).await? else {
                return Ok(Untimed::NoTimestamps.into());
            };
            let mut kernels: Vec<KernelTime> = Vec::new();
            for (dispatch, seconds) in step.iter().zip(times) {
                if seconds <= 0.0 {
                    return Ok(Untimed::BadTimestamps.into());
                }
                let Dispatch { name, work, .. } = dispatch;
                match kernels.iter_mut().find(|kernel| kernel.name == *name) {
                    Some(kernel) => {
                        kernel.seconds += seconds;
                        kernel.flops += work.flops;
                        kernel.bytes += work.bytes;
                    }
                    None => kernels.push(KernelTime { name, seconds, flops: work.flops, bytes: work.bytes }),
                }
            }
            Ok(Profile { kernels, missing: None })
        })
    }
}
