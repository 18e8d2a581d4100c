//! Steps of training on several threads.
//!
//! Every thread has its own strips, which stay in its own caches. From the others it needs only their partial sums of the logits: for
//! these all wait for each other, once a step. Any number of threads gives the same bits, as `exchange.rs` sums up in a fixed order.

use std::mem::swap;
use std::ops::Range;
use std::slice::{IterMut, from_mut};
use std::time::Duration;

use super::difference::{self, Hidden, Outputs, Perturbation, Scratch};
use super::exchange::{Exchange, MOST_SHARES, PartialSums};
use super::images::{Set, Visit, Workspace};
use super::layers::{self, Place};
use super::optimizers;
use super::simd::{Instructions, Row, flat, flat_mut};
use super::strips::{Blocks, StripParams, Strips, W1};
use super::team::Team;
use super::tiles::{StripTile, TILE, tiles};
use crate::net::Net;
use crate::net::optimizer::{Rule, Update};
use crate::{NoMemory, memory, threads};

/// Fewest multiply-adds of a step that are worth a thread: with less it would mostly wait for the others.
const FEWEST_TERMS: usize = 100_000;

/// Strips whose parts of the logits are summed together.
pub fn strips_in_a_share(strips: usize) -> usize {
    strips.div_ceil(MOST_SHARES)
}

/// Shares that strips are dealt in: the most threads that their steps use.
pub fn shares(strips: usize) -> usize {
    strips.div_ceil(strips_in_a_share(strips))
}

/// What the steps of one call have in common.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    pub kind: Instructions,
    pub net: &'a Net,
    /// How parameters are moved for a numerical gradient; none for backpropagation.
    pub perturbation: Option<&'a Perturbation>,
    pub set: &'a Set,
    /// Image numbers, `[steps, batch_size]`.
    pub indices: &'a [u32],
    pub batch_size: usize,
    /// The optimiser's rule, where it changes the parameters by a stored gradient.
    pub rule: Option<Rule>,
    /// Each step's update; none where only the gradient is asked for.
    pub updates: &'a [Update],
}

/// Which strips are a thread's, and which shares of the logits they are.
#[derive(Clone, Debug)]
struct Part {
    strips: Range<usize>,
    shares: Range<usize>,
    per_share: usize,
}

/// A thread's parameters, or its gradient: its strips, and a copy of b2. All threads compute b2 alike.
struct Own<'a> {
    /// `[blocks, strips]`.
    w1: Vec<Vec<&'a mut W1>>,
    strip_params: Vec<StripParams>,
    b2: Vec<Row>,
}

/// A thread's parts of what the optimiser needs: the gradient, 0 between two steps, and the slots.
struct Optimizing<'a> {
    rule: Rule,
    gradient: Own<'a>,
    slots: Vec<Own<'a>>,
}

/// What a thread's steps have changed, but for W1, which they change in place.
type Changed = (Vec<StripParams>, Vec<Row>);

/// The buffers of steps, reused by the next call: allocating them takes as long as a step.
#[derive(Default)]
pub struct Memory {
    exchange: Exchange,
    threads: Vec<Values>,
}

/// The values of one thread's strips.
#[derive(Default)]
struct Values {
    /// a1, then z1, then da1 of a step: `[tiles, strips]`.
    hidden: Vec<StripTile>,
    /// a1 of the step after it.
    next_a1: Vec<StripTile>,
    /// W2 of one strip before the step changes it.
    w2: Vec<Row>,
    /// What a numerical gradient needs beside: sigmoid'(a1), `[tiles, strips]`, and y, `[rows of classes, N]`.
    slopes: Vec<StripTile>,
    y: Vec<Row>,
    /// The gradient by b1.
    b1: Vec<Row>,
    scratch: Scratch,
    /// The logits, then dy: `[rows of classes, N]`.
    logits: Vec<Row>,
    labels: Vec<u8>,
    sums: PartialSums,
    /// The batch of a step, in the order of its products, and that of the step after it.
    workspace: Workspace,
    next_workspace: Workspace,
}

impl Memory {
    /// How long the threads of the last steps slept because others were late, all of them together.
    pub fn slept(&self) -> Duration {
        self.exchange.barrier.slept()
    }
}

impl Steps<'_> {
    /// Runs the steps on `threads` threads, at most [`Self::most_threads`]. The gradient is added to `gradient` if there is one,
    /// and else to the parameters; with a rule the parameters then change by it and by `slots`, and `gradient` is 0 again. Returns
    /// each batch's mean loss before its update.
    ///
    /// # Errors
    /// [`NoMemory`], before the first step.
    pub fn run(
        &self,
        team: &Team,
        threads: usize,
        memory: &mut Memory,
        parameters: &mut Strips,
        mut gradient: Option<&mut Strips>,
        slots: &mut [Strips],
    ) -> Result<Vec<f32>, NoMemory> {
        let parts = Self::parts(threads, parameters.strip_params.len());
        let Memory { exchange, threads } = memory;
        exchange.fit(parts.iter().map(|part| part.shares.clone()), parameters.b2.len(), self.batch_size)?;
        // Those of threads that rest are kept.
        threads.resize_with(threads.len().max(parts.len()), Values::default);
        for (values, part) in threads.iter_mut().zip(&parts) {
            values.reserve(self, part.strips.len(), parameters.b2.len())?;
        }
        let results = {
            let mut gradients = gradient.as_deref_mut().map(|gradient| deal(gradient, &parts).into_iter());
            let owned = deal(parameters, &parts).into_iter();
            let mut slots: Vec<_> = slots.iter_mut().map(|slot| deal(slot, &parts).into_iter()).collect();
            let mut beside = || {
                let gradient = gradients.as_mut()?.next()?;
                Some(match self.rule {
                    None => Beside::Gradient(gradient),
                    Some(rule) => {
                        let slots = slots.iter_mut().filter_map(Iterator::next).collect();
                        Beside::Optimizing(Optimizing { rule, gradient, slots })
                    }
                })
            };
            let work = owned.zip(&parts).zip(threads).map(|((own, part), values)| (part, own, beside(), values));
            team.run(work.collect(), |thread, (part, own, beside, values)| {
                self.run_part(thread, part, own, beside, values, exchange)
            })
        };
        let mut targets = match gradient {
            Some(gradient) if self.rule.is_none() => vec![gradient],
            _ => std::iter::once(parameters).chain(slots).collect(),
        };
        let mut losses = Vec::new();
        for (part, (part_losses, changed)) in parts.into_iter().zip(results) {
            for (target, (strip_params, b2)) in targets.iter_mut().zip(changed) {
                target.strip_params.splice(part.strips.clone(), strip_params);
                target.b2 = b2;
            }
            losses = part_losses;
        }
        Ok(losses)
    }

    /// The most threads that are worth it, at least 1, and the shares that they are dealt.
    pub fn most_threads(&self, team: &Team, parameters: &Strips) -> (usize, usize) {
        let strips = parameters.strip_params.len();
        let shares = shares(strips);
        let terms = self.batch_size * self.set.images.terms() * strips;
        // A numerical gradient computes with every class where backpropagation has one product.
        let terms = if self.perturbation.is_some() { terms * self.net.shape.classes } else { terms };
        (team.threads().min(terms / FEWEST_TERMS).clamp(1, shares), shares)
    }

    /// Deals the strips to threads, whole shares to each.
    fn parts(threads: usize, strips: usize) -> Vec<Part> {
        let per_share = strips_in_a_share(strips);
        let shares = shares(strips);
        let part = |thread| {
            let shares = threads::part(shares, thread, threads);
            Part { strips: shares.start * per_share..strips.min(shares.end * per_share), shares, per_share }
        };
        (0..threads).map(part).collect()
    }

    /// One thread's part of the steps. Returns the losses, and what is to be copied back: of the gradient that was asked for, or of
    /// the parameters and each slot.
    fn run_part<'a>(
        &self,
        thread: usize,
        part: &Part,
        mut own: Own<'a>,
        mut beside: Option<Beside<'a>>,
        values: &mut Values,
        exchange: &Exchange,
    ) -> (Vec<f32>, Vec<Changed>) {
        let _member = exchange.barrier.member(thread);
        let steps = self.indices.len() / self.batch_size;
        values.fit(self, &own);
        let mut losses = Vec::with_capacity(steps);
        if steps > 0 {
            self.begin(self.batch(0), &own, values);
        }
        for step in 0..steps {
            let next = (step + 1 < steps).then(|| self.batch(step + 1));
            swap(&mut values.hidden, &mut values.next_a1);
            swap(&mut values.workspace, &mut values.next_workspace);
            self.publish_logits(step, thread, part, &own, values, exchange);
            if next.is_some() && self.perturbation.is_none() {
                // Others may still be busy with theirs.
                let ahead = &self.indices[(step + 1) * self.batch_size..];
                self.set.images.gather(self.kind, ahead, self.batch_size, &mut values.next_workspace);
            }
            self.reduce_logits(step, &own, values, exchange);
            losses.push(self.loss(step, values));
            let (gradient, optimizing) = match &mut beside {
                None => (None, false),
                Some(Beside::Gradient(gradient)) => (Some(gradient), false),
                Some(Beside::Optimizing(optimizing)) => (Some(&mut optimizing.gradient), true),
            };
            // The next batch must wait for the parameters.
            let next_with_it = next.filter(|_| !optimizing);
            match self.perturbation {
                None => self.backpropagate(step, &mut own, gradient, values, next_with_it),
                Some(perturbation) => self.difference(perturbation, step, &mut own, gradient, values, next_with_it),
            }
            if let Some(Beside::Optimizing(optimizing)) = &mut beside {
                optimizing.change(self, &self.updates[step], &mut own);
                match next {
                    Some(next) if self.perturbation.is_some() => self.begin(next, &own, values),
                    Some(next) => self.forward(next, &own, values),
                    None => {}
                }
            }
        }
        let changed = match beside {
            None => vec![own],
            Some(Beside::Gradient(gradient)) => vec![gradient],
            Some(Beside::Optimizing(Optimizing { slots, .. })) => std::iter::once(own).chain(slots).collect(),
        };
        (losses, changed.into_iter().map(|Own { strip_params, b2, .. }| (strip_params, b2)).collect())
    }

    /// a1 of the next step.
    fn begin(&self, indices: &[u32], own: &Own, values: &mut Values) {
        self.set.images.gather(self.kind, indices, indices.len(), &mut values.next_workspace);
        self.forward(indices, own, values);
    }

    /// a1 of the next step, whose images are gathered.
    fn forward(&self, indices: &[u32], own: &Own, Values { next_a1, next_workspace, .. }: &mut Values) {
        let visit = Visit { indices, blocks: 0..own.w1.len() };
        self.set.images.forward(self.kind, visit, &own.w1, &own.strip_params, next_a1, next_workspace);
    }

    /// a1 to z1 of this thread's strips, and to its partial sums of the logits.
    fn publish_logits(
        &self,
        step: usize,
        thread: usize,
        part: &Part,
        own: &Own,
        Values { hidden, slopes, sums, .. }: &mut Values,
        exchange: &Exchange,
    ) {
        let &Self { kind, net, .. } = self;
        let strips = own.strip_params.len();
        exchange.publish(kind, step, thread, sums, |share, images, a2| {
            a2.fill(Row::ZERO);
            let first = (share - part.shares.start) * part.per_share;
            let before = images.start / TILE * strips;
            let place = Place { first: 0, of: images.len() };
            for (strip, strip_params) in (first..).zip(&own.strip_params[first..]).take(part.per_share) {
                let a1 = &mut hidden[before + strip][..images.len()];
                if self.perturbation.is_some() {
                    layers::slope(kind, strip_params, a1, &mut slopes[before + strip]);
                }
                layers::activate(kind, net.activation, strip_params, a1);
                layers::strip_logits(kind, strip_params, a1, place, a2);
            }
        });
        exchange.barrier.reach(thread, step + 1);
    }

    /// The logits, of all threads' partial sums.
    fn reduce_logits(&self, step: usize, own: &Own, Values { logits, sums, .. }: &mut Values, exchange: &Exchange) {
        exchange.barrier.wait(step + 1);
        exchange.reduce(self.kind, step, &own.b2, sums, logits);
    }

    /// The images of a step.
    fn batch(&self, step: usize) -> &[u32] {
        &self.indices[step * self.batch_size..][..self.batch_size]
    }

    /// What the gradient of a step's mean loss is multiplied by before it is added.
    fn scale(&self, step: usize) -> f32 {
        match self.updates.get(step) {
            Some(update) if self.rule.is_none() => -update.rate,
            _ => 1.0,
        }
    }

    /// The batch's mean loss. The logits become dy, already scaled; a numerical gradient has y beside.
    fn loss(&self, step: usize, Values { logits, y, labels, .. }: &mut Values) -> f32 {
        let &Self { kind, net, set, batch_size, .. } = self;
        if self.perturbation.is_some() {
            y.copy_from_slice(logits);
            layers::output(kind, net.output, y, batch_size);
        }
        labels.iter_mut().zip(self.batch(step)).for_each(|(label, image)| *label = set.labels[*image as usize]);
        let loss =
            layers::loss(kind, net.output, net.shape.classes, logits, labels, self.scale(step) / batch_size as f32);
        (loss / batch_size as f64) as f32
    }

    /// From dy to the parameters, or to the gradient; and a1 of the next batch.
    fn backpropagate<'a>(
        &self,
        step: usize,
        own: &mut Own<'a>,
        mut gradient: Option<&mut Own<'a>>,
        values: &mut Values,
        next: Option<&[u32]>,
    ) {
        let &Self { kind, net, set, batch_size, .. } = self;
        let indices = self.batch(step);
        let Values { hidden, next_a1, w2, logits: dy, workspace, next_workspace, .. } = values;
        let mut dz1 = [Row::ZERO; TILE];
        layers::add_each(kind, dy, &mut gradient.as_deref_mut().unwrap_or(own).b2);
        let strips = own.strip_params.len();
        for strip in 0..strips {
            // As the step found it: the target may be the parameters themselves.
            w2.clone_from(&own.strip_params[strip].w2);
            let target = &mut gradient.as_deref_mut().unwrap_or(own).strip_params[strip];
            for (images, tile) in tiles(batch_size).zip(hidden.chunks_exact_mut(strips)) {
                let place = Place { first: images.start, of: batch_size };
                let (z1, dz1) = (&mut tile[strip][..images.len()], &mut dz1[..images.len()]);
                layers::hidden_derivative(kind, w2, dy, place, dz1);
                layers::output_gradient(kind, z1, dy, place, &mut target.w2);
                layers::delta(kind, net.activation, dz1, z1);
                layers::add_each(kind, z1, from_mut(&mut target.b1));
            }
        }
        let all = own.w1.len();
        let together = set.images.blocks_together(all, batch_size);
        for blocks in (0..all).step_by(together).map(|first| first..first + together) {
            let target = &mut gradient.as_deref_mut().unwrap_or(own).w1;
            set.images.backward(kind, Visit { indices, blocks: blocks.clone() }, hidden, target, workspace);
            if together == all {
                // No block needs da1 any more: a1 of the next batch takes its place, also in the caches. Block by block, later ones do.
                swap(hidden, next_a1);
            }
            if let Some(indices) = next {
                let visit = Visit { indices, blocks };
                set.images.forward(kind, visit, &own.w1, &own.strip_params, next_a1, next_workspace);
            }
        }
    }

    /// From y and z1 to the parameters, or to the gradient, by central differences; and a1 of the next batch.
    fn difference<'a>(
        &self,
        perturbation: &Perturbation,
        step: usize,
        own: &mut Own<'a>,
        mut gradient: Option<&mut Own<'a>>,
        values: &mut Values,
        next: Option<&[u32]>,
    ) {
        let &Self { kind, set, batch_size, .. } = self;
        let Values { hidden: z1, slopes, y, labels, b1, scratch, .. } = values;
        let (indices, outputs) = (self.batch(step), Outputs { y, labels });
        let scale = (f64::from(self.scale(step)) / (perturbation.span() * batch_size as f64)) as f32;
        let hidden = Hidden { kind, perturbation, images: &set.images, indices, outputs, z1, slopes };
        b1.fill(Row::ZERO);
        let Own { strip_params, w1, .. } = &mut *own;
        let w1 = gradient.as_deref_mut().map_or(w1, |gradient| &mut gradient.w1);
        hidden.add(scale, strip_params, w1, b1, scratch);
        let Own { strip_params, b2, .. } = gradient.unwrap_or(own);
        for (strip, (strip_params, b1)) in strip_params.iter_mut().zip(&*b1).enumerate() {
            layers::add(kind, 1.0, std::slice::from_ref(b1), std::slice::from_mut(&mut strip_params.b1));
            hidden.add_output(scale, strip, &mut strip_params.w2, scratch);
        }
        difference::add_output_bias(kind, perturbation, &outputs, scale, b2);
        if let Some(indices) = next {
            self.begin(indices, own, values);
        }
    }
}

/// What a thread's gradient goes to, where that is not the parameters at once.
enum Beside<'a> {
    /// The gradient that was asked for.
    Gradient(Own<'a>),
    /// The optimiser's, which then changes the parameters.
    Optimizing(Optimizing<'a>),
}

impl Optimizing<'_> {
    /// Changes this thread's parameters by the gradient, and makes that 0.
    fn change(&mut self, steps: &Steps, update: &Update, own: &mut Own) {
        let Self { rule, gradient, slots } = self;
        let rows = Blocks::new(steps.net.shape.input).width;
        let change = |slots: &mut [&mut [Row]], gradient: &mut [Row], parameters: &mut [Row]| {
            optimizers::change(steps.kind, *rule, update, gradient, slots, parameters);
        };
        for (block, (gradient, parameters)) in gradient.w1.iter_mut().zip(&mut own.w1).enumerate() {
            for (strip, (gradient, parameters)) in gradient.iter_mut().zip(parameters).enumerate() {
                with(
                    slots,
                    |slot| &mut slot.w1[block][strip][..rows],
                    |slots| {
                        change(slots, &mut gradient[..rows], &mut parameters[..rows]);
                    },
                );
            }
        }
        for (strip, (gradient, parameters)) in gradient.strip_params.iter_mut().zip(&mut own.strip_params).enumerate() {
            with(
                slots,
                |slot| &mut slot.strip_params[strip].w2,
                |slots| {
                    change(slots, &mut gradient.w2, &mut parameters.w2);
                },
            );
            with(
                slots,
                |slot| from_mut(&mut slot.strip_params[strip].b1),
                |slots| {
                    change(slots, from_mut(&mut gradient.b1), from_mut(&mut parameters.b1));
                },
            );
        }
        // Lanes that are no class may be infinite, and stay as they are.
        let classes = steps.net.shape.classes;
        let beyond = flat(&own.b2).get(classes).copied().unwrap_or_default();
        with(slots, |slot| &mut slot.b2, |slots| change(slots, &mut gradient.b2, &mut own.b2));
        flat_mut(&mut own.b2)[classes..].fill(beyond);
        for slot in slots {
            flat_mut(&mut slot.b2)[classes..].fill(0.0);
        }
    }
}

/// Calls `run` with a part of each slot.
fn with<'s, 'a>(
    slots: &'s mut [Own<'a>],
    part: impl Fn(&'s mut Own<'a>) -> &'s mut [Row],
    run: impl FnOnce(&mut [&mut [Row]]),
) {
    match slots {
        [] => run(&mut []),
        [one] => run(&mut [part(one)]),
        [one, two, ..] => run(&mut [part(one), part(two)]),
    }
}

impl Values {
    /// Room for the sizes that [`Self::fit`] takes on, for a thread with so many strips: a thread that waits for others has
    /// no way to fail. The pages are touched first by the thread that uses them.
    fn reserve(&mut self, steps: &Steps, strips: usize, rows: usize) -> Result<(), NoMemory> {
        let batch_size = steps.batch_size;
        let (hidden, output) = (tiles(batch_size).len() * strips, rows * batch_size);
        let Self { hidden: a1, next_a1, w2, slopes, y, logits, labels, sums, workspace, next_workspace, .. } = self;
        for values in [a1, next_a1] {
            memory::reserve(values, hidden, "a batch's values")?;
        }
        memory::reserve(logits, output, "a batch's values")?;
        if steps.perturbation.is_some() {
            memory::reserve(slopes, hidden, "a batch's values")?;
            memory::reserve(y, output, "a batch's values")?;
        }
        memory::reserve(w2, steps.net.shape.classes, "weights")?;
        memory::reserve(labels, batch_size, "labels")?;
        sums.reserve(rows)?;
        [workspace, next_workspace].into_iter().try_for_each(|workspace| steps.set.images.reserve(workspace))
    }

    /// Takes on the sizes of these steps, for a thread with these strips.
    fn fit(&mut self, steps: &Steps, own: &Own) {
        let batch_size = steps.batch_size;
        let (hidden, output) = (tiles(batch_size).len() * own.strip_params.len(), own.b2.len() * batch_size);
        self.hidden.resize(hidden, [Row::ZERO; TILE]);
        self.next_a1.resize(hidden, [Row::ZERO; TILE]);
        self.logits.resize(output, Row::ZERO);
        self.labels.resize(batch_size, 0);
        self.sums.fit(own.b2.len());
        if steps.perturbation.is_some() {
            self.slopes.resize(hidden, [Row::ZERO; TILE]);
            self.y.resize(output, Row::ZERO);
            self.b1.resize(own.strip_params.len(), Row::ZERO);
        }
    }
}

/// Deals parameters, or a gradient, to the threads.
fn deal<'a>(strips: &'a mut Strips, parts: &[Part]) -> Vec<Own<'a>> {
    let Strips { w1, strip_params, b2, .. } = strips;
    let mut w1: Vec<_> = w1.iter_mut().map(|block| block.iter_mut()).collect();
    let own = |part: &Part| {
        let block = |block: &mut IterMut<'a, W1>| block.take(part.strips.len()).collect();
        let w1 = w1.iter_mut().map(block).collect();
        Own { w1, strip_params: strip_params[part.strips.clone()].to_vec(), b2: b2.clone() }
    };
    parts.iter().map(own).collect()
}
