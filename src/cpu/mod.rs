//! The CPU backend: the same contract as the GPU's, in f32, as fast as the CPU allows.
//!
//! The hidden layer is cut into strips of 16 units, whose parameters lie together, and every thread has some of them.
//! Where the cuts fall does not depend on the number of threads, and neither does the order of any sum: any number of
//! threads gives the same bits. docs/decisions.md tells why it is done so, and what was slower.

#![allow(clippy::inline_always, reason = "what a kernel calls must become part of it, to be of its instructions")]

mod dense;
mod difference;
mod exchange;
mod forward;
mod functions;
mod gathered;
mod images;
mod layers;
mod optimizers;
mod pace;
#[cfg(feature = "cli")]
pub(crate) mod peak;
mod pixels;
mod simd;
mod sparse;
mod step;
mod strips;
mod team;
#[cfg(test)]
mod tests;
mod tiles;

use difference::Perturbation;
use forward::Forward;
use images::{Images, Set};
use pace::Pace;
use simd::{Instructions, Row, flat, flat_mut};
use step::{Memory, Steps};
use strips::Strips;
use team::Team;

use crate::backend::{
    self, Answer, Error, Evaluation, Intermediates, Kernels, Pending, Profile, Resident, Untimed, ready,
};
use crate::clock::Instant;
use crate::data::Source;
use crate::memory;
use crate::net::method::Method;
use crate::net::optimizer::{Optimizer, Update};
use crate::net::{Gradients, Net, Output, Params};

/// The vector instructions in use.
pub(crate) fn instructions() -> &'static str {
    Instructions::widest().as_str()
}

/// A network of one shape on the CPU, for batches of one size.
pub(crate) struct Network {
    net: Net,
    batch_size: usize,
    kind: Instructions,
    /// How parameters are moved for a numerical gradient; none for backpropagation.
    perturbation: Option<Perturbation>,
    optimizer: Optimizer,
    parameters: Strips,
    /// The optimiser's slots; and, where it is not plain SGD, room for a gradient, 0 between two steps.
    slots: Vec<Strips>,
    gradient: Option<Strips>,
    sets: Vec<Set>,
    team: Team,
    memory: Memory,
    pace: Pace,
}

impl Network {
    /// A network with these parameters, on `threads` threads, or on one a core if 0; on fewer where it has less work.
    ///
    /// # Errors
    /// [`Error::Threads`] or [`Error::NoMemory`].
    pub fn new(net: Net, batch_size: usize, params: &Params, threads: usize) -> Result<Self, Error> {
        let parameters = Strips::new(params, beyond(&net))?;
        let most_parts = step::shares(parameters.strip_params.len());
        let (kind, team) = (Instructions::widest(), Team::new(threads, most_parts)?);
        Ok(Self {
            net,
            batch_size,
            kind,
            perturbation: None,
            optimizer: Optimizer::default(),
            parameters,
            slots: Vec::new(),
            gradient: None,
            sets: Vec::new(),
            team,
            memory: Memory::default(),
            pace: Pace::default(),
        })
    }

    fn taken(&self, set: &Source) -> Result<Set, Error> {
        let images = Images::new(self.kind, &self.team, set)?;
        Ok(Set { images, labels: memory::copied(set.labels(), "labels")? })
    }

    /// Trains on one batch after another. Where there is no memory the steps before are done.
    fn steps(&mut self, set: Resident, indices: &[u32], updates: &[Update]) -> Result<Vec<f32>, Error> {
        let Self { net, batch_size, kind, perturbation, optimizer, parameters, slots, gradient, .. } = self;
        let (set, perturbation) = (&self.sets[set.0], perturbation.as_ref());
        let (team, memory, pace) = (&self.team, &mut self.memory, &mut self.pace);
        let rule = (!optimizer.is_plain()).then_some(optimizer.rule);
        let (kind, batch_size) = (*kind, *batch_size);
        let mut steps = Steps { kind, net, perturbation, set, indices, batch_size, rule, updates };
        let (threads, parts) = steps.most_threads(team, parameters);
        pace.fit(threads, parts);
        let mut losses = Vec::with_capacity(updates.len());
        let (mut left, mut updates) = (indices, updates);
        while !left.is_empty() {
            let (threads, count) = pace.piece();
            let count = count.min(updates.len());
            (steps.indices, left) = left.split_at(count * batch_size);
            (steps.updates, updates) = updates.split_at(count);
            // One thread has nothing to choose.
            let start = pace.can_change().then(Instant::now);
            losses.extend(steps.run(team, threads, memory, parameters, gradient.as_mut(), slots)?);
            if let Some(start) = start {
                pace.took(count, start.elapsed(), memory.slept());
            }
        }
        Ok(losses)
    }

    fn gradient_of(&mut self, set: Resident, indices: &[u32]) -> Result<(f32, Gradients), Error> {
        let Self { net, batch_size, kind, perturbation, parameters, sets, team, memory, .. } = self;
        let (set, perturbation) = (&sets[set.0], perturbation.as_ref());
        let (kind, batch_size) = (*kind, *batch_size);
        let steps = Steps { kind, net, perturbation, set, indices, batch_size, rule: None, updates: &[] };
        let mut gradient = Strips::new(&Params::zeros(net.shape), 0.0)?;
        let (threads, _) = steps.most_threads(team, parameters);
        let losses = steps.run(team, threads, memory, parameters, Some(&mut gradient), &mut [])?;
        Ok((losses[0], gradient.params(net.shape)))
    }

    fn output_of(&self, pixels: &[u8]) -> Result<Vec<f32>, Error> {
        let input = self.net.shape.input;
        let labels = memory::zeroed(pixels.len() / input, "labels")?;
        let set = self.taken(&Source::of_bytes(pixels, &labels, input))?;
        Ok(self.forward(&set).predict(&self.team)?)
    }

    fn forward<'a>(&'a self, set: &'a Set) -> Forward<'a> {
        Forward { kind: self.kind, net: &self.net, set, parameters: &self.parameters }
    }
}

impl backend::Network for Network {
    fn set_method(&mut self, method: Method) -> Result<(), Error> {
        self.perturbation = match method {
            Method::Backprop => None,
            Method::Numerical { step_size } => Some(Perturbation::new(step_size)),
        };
        Ok(())
    }

    fn set_optimizer(&mut self, optimizer: Optimizer) -> Result<(), Error> {
        let zeros = || Strips::new(&Params::zeros(self.net.shape), 0.0);
        let slots = (0..optimizer.slots()).map(|_| zeros()).collect::<Result<_, _>>()?;
        self.gradient = if optimizer.is_plain() { None } else { Some(zeros()?) };
        (self.optimizer, self.slots) = (optimizer, slots);
        Ok(())
    }

    /// Keeps a data set, in the form that is fastest to compute with.
    fn upload(&mut self, set: Source) -> Result<Resident, Error> {
        let set = self.taken(&set)?;
        self.sets.push(set);
        Ok(Resident(self.sets.len() - 1))
    }

    fn replace(&mut self, resident: Resident, set: Source) -> Result<(), Error> {
        self.sets[resident.0] = self.taken(&set)?;
        Ok(())
    }

    fn images(&self, set: Resident) -> Option<usize> {
        self.sets.get(set.0).map(|set| set.labels.len())
    }

    fn train(&mut self, set: Resident, indices: &[u32], updates: &[Update]) -> Pending<Vec<f32>> {
        ready(self.steps(set, indices, updates))
    }

    fn gradient<'a>(&'a mut self, set: Resident, batch: &'a [u32]) -> Answer<'a, (f32, Gradients)> {
        ready(self.gradient_of(set, batch))
    }

    fn apply(&mut self, gradient: &Gradients, update: &Update) -> Result<(), Error> {
        let Self { net, kind, optimizer, parameters, slots, .. } = self;
        let mut gradient = Strips::new(gradient, 0.0)?;
        let beyond = flat(&parameters.b2)[net.shape.classes..].to_vec();
        let mut slot_rows: Vec<_> = slots.iter_mut().map(|slot| slot.rows_mut().into_iter()).collect();
        for (gradient, parameters) in gradient.rows_mut().into_iter().zip(parameters.rows_mut()) {
            let mut slots: Vec<&mut [Row]> = slot_rows.iter_mut().filter_map(Iterator::next).collect();
            if optimizer.is_plain() {
                layers::add(*kind, -update.rate, gradient, parameters);
            } else {
                optimizers::change(*kind, optimizer.rule, update, gradient, &mut slots, parameters);
            }
        }
        // Lanes that are no class may be infinite, and stay as they are.
        flat_mut(&mut parameters.b2)[net.shape.classes..].copy_from_slice(&beyond);
        for slot in slots {
            flat_mut(&mut slot.b2)[net.shape.classes..].fill(0.0);
        }
        Ok(())
    }

    fn params(&self) -> Pending<Params> {
        ready(Ok(self.parameters.params(self.net.shape)))
    }

    fn set_params(&mut self, params: &Params) -> Result<(), Error> {
        self.parameters.set(params, beyond(&self.net));
        Ok(())
    }

    fn slots(&self) -> Pending<Vec<Params>> {
        ready(Ok(self.slots.iter().map(|slot| slot.params(self.net.shape)).collect()))
    }

    fn set_slots(&mut self, slots: &[Params]) -> Result<(), Error> {
        self.slots = slots.iter().map(|slot| Strips::new(slot, 0.0)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn evaluate(&mut self, set: Resident) -> Pending<Evaluation> {
        ready(self.forward(&self.sets[set.0]).evaluate(&self.team).map_err(Error::from))
    }

    fn predict<'a>(&'a mut self, pixels: &'a [u8]) -> Answer<'a, Vec<f32>> {
        ready(self.output_of(pixels))
    }

    fn intermediates<'a>(&'a mut self, set: Resident, batch: &'a [u32]) -> Answer<'a, Intermediates> {
        ready(self.forward(&self.sets[set.0]).intermediates(batch).map_err(Error::from))
    }

    fn ahead(&self) -> usize {
        1
    }

    fn kernels(&self) -> Option<Kernels> {
        None
    }

    fn profile<'a>(&'a mut self, _: Resident, _: &'a [u32]) -> Answer<'a, Profile> {
        ready(Ok(Untimed::Cpu.into()))
    }
}

/// What a lane of b2 is that is no class: it gives nothing to the output, as softmax makes 0 of it.
fn beyond(net: &Net) -> f32 {
    if net.output == Output::Softmax { f32::NEG_INFINITY } else { 0.0 }
}
