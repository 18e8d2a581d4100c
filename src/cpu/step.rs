//! Steps of SGD, each thread with its own strips.
//!
//! A thread's strips stay in its own caches: of a step it hears from the others only their shares of the logits. These
//! are added up one by one, in their order, so that any number of threads gives the same bits.

use std::mem::swap;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use super::dense::Panel;
use super::images::{Set, Visit};
use super::layers;
use super::simd::{Instructions, Row};
use super::strips::{Strip, Strips};
use super::team::{Progress, Team};
use crate::net::Net;

/// The most shares that the strips are dealt in, and so the most threads that a step can use.
const MOST_SHARES: usize = 64;
/// Fewest multiply-adds of a step that are worth a thread: less, and it would mostly wait for the others.
const FEWEST_TERMS: usize = 100_000;

/// Strips whose parts of the logits are summed together.
pub fn strips_in_a_share(strips: usize) -> usize {
    strips.div_ceil(MOST_SHARES)
}

/// What the steps of one call have in common.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    pub kind: Instructions,
    pub net: &'a Net,
    pub set: &'a Set,
    /// Image numbers, `[steps, batch_size]`.
    pub indices: &'a [u32],
    pub batch_size: usize,
    /// What the gradient of the mean loss is multiplied by before it is added.
    pub scale: f32,
}

/// What one thread computes with.
struct Part<'a> {
    shares: Range<usize>,
    per_share: usize,
    strips: &'a mut [Strip],
    /// All of b2: every thread keeps its own, and all are alike.
    b2: Vec<Row>,
    /// Where the gradient is added, strips and b2, if not to the parameters.
    gradient: Option<(&'a mut [Strip], Vec<Row>)>,
}

/// The shares of the logits, of two steps: one thread may begin with the next while another still reads this one's.
struct Exchange {
    shares: [Vec<RwLock<Vec<Row>>>; 2],
    progress: Progress,
}

impl Steps<'_> {
    /// Runs the steps. The gradient goes where it is told, or to the parameters. Returns each batch's mean loss before
    /// its update.
    pub fn run(&self, team: &Team, parameters: &mut Strips, gradient: Option<&mut Strips>) -> Vec<f32> {
        let Strips { strips, b2 } = parameters;
        let per_share = strips_in_a_share(strips.len());
        let shares = strips.len().div_ceil(per_share);
        let threads = self.threads(team.threads().min(shares), strips.len());
        let (mut gradient, mut gradient_b2) = match gradient {
            Some(Strips { strips, b2 }) => (Some(&mut strips[..]), Some(b2)),
            None => (None, None),
        };
        let mut rest = &mut strips[..];
        let parts = (0..threads).map(|thread| {
            let shares = thread * shares / threads..(thread + 1) * shares / threads;
            let count = (shares.len() * per_share).min(rest.len());
            let strips = rest.split_off_mut(..count).expect("every share has its strips");
            let gradient = gradient.as_mut().map(|rest| {
                let strips = rest.split_off_mut(..count).expect("a gradient has as many strips");
                (strips, gradient_b2.as_ref().map_or(Vec::new(), |b2| b2.to_vec()))
            });
            Part { shares, per_share, strips, b2: b2.clone(), gradient }
        });
        let parts: Vec<Part> = parts.collect();
        let exchange = Exchange::new(threads, shares, self.batch_size * b2.len());
        let results = team.run(parts, |thread, part| self.run_part(thread, part, &exchange));
        let (losses, new_b2) = results.into_iter().next().expect("there is one thread at least");
        *gradient_b2.as_deref_mut().unwrap_or(b2) = new_b2;
        losses
    }

    /// How many of these threads are worth it.
    fn threads(&self, most: usize, strips: usize) -> usize {
        let terms = self.batch_size * self.set.images.terms() * strips;
        (terms / FEWEST_TERMS).clamp(1, most)
    }

    /// One thread's part of the steps. Returns the losses, and b2 or its gradient.
    fn run_part(&self, thread: usize, part: Part, exchange: &Exchange) -> (Vec<f32>, Vec<Row>) {
        let &Self { kind, net, set, indices, batch_size, scale } = self;
        let Part { shares, per_share, strips, mut b2, mut gradient } = part;
        let _member = exchange.progress.member(thread);
        let blocks = set.images.blocks().count;
        let batches: Vec<&[u32]> = indices.chunks_exact(batch_size).collect();
        let mut z1 = vec![vec![Row::ZERO; batch_size]; strips.len()];
        let mut a1 = z1.clone();
        let mut dz1 = vec![Row::ZERO; batch_size];
        let mut dy = vec![Row::ZERO; b2.len() * batch_size];
        let mut labels = vec![0; batch_size];
        let mut panel = Panel::new();
        let mut losses = Vec::with_capacity(batches.len());
        let prefetched = batch_size.div_ceil(blocks);

        if let Some(images) = batches.first() {
            set.hidden_input(kind, images, strips, &mut a1, &mut panel);
        }
        for (step, batch) in batches.iter().enumerate() {
            swap(&mut z1, &mut a1);
            strips.iter().zip(&mut z1).for_each(|(strip, z1)| layers::activate(kind, net.activation, strip, z1));
            for ((share, strips), z1) in shares.clone().zip(strips.chunks(per_share)).zip(z1.chunks(per_share)) {
                exchange.give(step, share, |a2| layers::all_logits(kind, strips, z1, a2));
            }
            exchange.progress.set(thread, step as u64 + 1);
            exchange.progress.wait(step as u64 + 1);
            layers::bias(&b2, batch_size, &mut dy);
            exchange.take(step, |part| layers::add(kind, 1.0, part, &mut dy));

            labels.iter_mut().zip(*batch).for_each(|(label, image)| *label = set.labels[*image as usize]);
            let loss = layers::loss(kind, net.output, &mut dy, &labels, scale / batch_size as f32);
            losses.push((loss / batch_size as f64) as f32);

            for (dy, b2) in dy.chunks_exact(batch_size).zip(gradient.as_mut().map_or(&mut b2, |(_, b2)| b2)) {
                layers::add_rows(kind, dy, b2);
            }
            for (strip, z1) in z1.iter_mut().enumerate() {
                layers::hidden_derivative(kind, &strips[strip], &dy, &mut dz1);
                let target = gradient.as_mut().map_or(&mut strips[strip], |(strips, _)| &mut strips[strip]);
                layers::output_gradient(kind, z1, &dy, &mut target.w2);
                layers::delta(kind, net.activation, &dz1, z1);
                layers::add_rows(kind, z1, &mut target.b1);
            }
            // In the place of z1 there is da1 now. While a block of W1 is in the cache, it is changed for this step and
            // used for the next.
            let next = batches.get(step + 1);
            for (strip, a1) in strips.iter().zip(&mut a1) {
                a1.fill(strip.b1);
            }
            for block in 0..blocks {
                if let Some(images) = batches.get(step + 2) {
                    set.images.prefetch(images.chunks(prefetched).nth(block).unwrap_or(&[]));
                }
                let target = gradient.as_mut().map_or(&mut *strips, |(strips, _)| strips);
                set.images.backward(kind, &Visit { images: batch, block }, &z1, target, &mut panel);
                if let Some(images) = next {
                    set.images.forward(kind, &Visit { images, block }, strips, &mut a1, &mut panel);
                }
            }
        }
        (losses, gradient.map_or(b2, |(_, b2)| b2))
    }
}

impl Exchange {
    fn new(threads: usize, shares: usize, rows: usize) -> Self {
        let shares = || (0..shares).map(|_| RwLock::new(vec![Row::ZERO; rows])).collect();
        Self { shares: [shares(), shares()], progress: Progress::new(threads) }
    }

    /// Lets `write` fill a share, all 0 before.
    fn give(&self, step: usize, share: usize, write: impl FnOnce(&mut [Row])) {
        let mut part = self.shares[step % 2][share].write().unwrap_or_else(PoisonError::into_inner);
        part.fill(Row::ZERO);
        write(&mut part);
    }

    /// Shows every share to `read`, in their order.
    fn take(&self, step: usize, mut read: impl FnMut(&[Row])) {
        for share in &self.shares[step % 2] {
            read(&share.read().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
