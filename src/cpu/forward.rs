//! The network forward over a set's images, a tile at a time, each thread its own tiles.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::dense::Panel;
use super::images::Set;
use super::layers;
use super::simd::{Instructions, LANES, Row};
use super::step::strips_in_a_share;
use super::strips::Strips;
use super::team::Team;
use crate::answers::{Evaluation, Intermediates};
use crate::net::Net;

/// Images in a tile: their values stay in the second cache.
const TILE: usize = 128;

/// A network, and a set to run it over.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    pub kind: Instructions,
    pub net: &'a Net,
    pub set: &'a Set,
    pub parameters: &'a Strips,
}

/// The values of a pass over some images.
struct Values {
    /// a1, then z1: `[strips, N]`.
    hidden: Vec<Vec<Row>>,
    /// a2, then y or dy: `[rows of classes, N]`.
    output: Vec<Row>,
    share: Vec<Row>,
    panel: Panel,
}

impl Values {
    fn new(parameters: &Strips) -> Self {
        let hidden = vec![Vec::new(); parameters.strips.len()];
        Self { hidden, output: Vec::new(), share: Vec::new(), panel: Panel::new() }
    }

    /// Takes on the length of this many images.
    fn resize(&mut self, images: usize, class_rows: usize) {
        self.hidden.iter_mut().for_each(|hidden| hidden.resize(images, Row::ZERO));
        self.output.resize(images * class_rows, Row::ZERO);
        self.share.resize(images * class_rows, Row::ZERO);
    }
}

impl Forward<'_> {
    /// Loss, accuracy and confusion matrix over the whole set.
    pub fn evaluate(&self, team: &Team) -> Evaluation {
        let Self { kind, net, set, .. } = self;
        let classes = net.shape.classes;
        let tiles = self.tiles(team, |images, values| {
            self.logits(images, values);
            let found: Vec<usize> =
                (0..images.len()).map(|n| layers::argmax(&values.output, n, images.len(), classes)).collect();
            let labels = &set.labels[images[0] as usize..][..images.len()];
            (layers::loss(*kind, net.output, &mut values.output, labels, 1.0), found)
        });
        let mut confusion = vec![0; classes * classes];
        let found = tiles.iter().flat_map(|(_, found)| found);
        for (label, found) in set.labels.iter().zip(found) {
            confusion[usize::from(*label) * classes + found] += 1;
        }
        let loss: f64 = tiles.iter().map(|(loss, _)| loss).sum();
        Evaluation { images: set.labels.len(), loss: loss / set.labels.len() as f64, classes, confusion }
    }

    /// The output y, `[N, classes]`.
    pub fn predict(&self, team: &Team) -> Vec<f32> {
        let tiles = self.tiles(team, |images, values| {
            self.logits(images, values);
            layers::output(self.kind, self.net.output, &mut values.output, images.len());
            self.shown_output(values, images.len())
        });
        tiles.concat()
    }

    /// Every value of a training pass over these images.
    pub fn intermediates(&self, images: &[u32]) -> Intermediates {
        let Self { kind, net, set, parameters } = *self;
        let count = images.len();
        let mut values = Values::new(parameters);
        values.resize(count, parameters.b2.len());
        set.hidden_input(kind, images, &parameters.strips, &mut values.hidden, &mut values.panel);
        let a1 = self.shown_hidden(&values.hidden, count);
        self.logits(images, &mut values);
        let (z1, a2) = (self.shown_hidden(&values.hidden, count), self.shown_output(&values, count));
        let mut y = values.output.clone();
        layers::output(kind, net.output, &mut y, count);
        let labels: Vec<u8> = images.iter().map(|image| set.labels[*image as usize]).collect();
        layers::loss(kind, net.output, &mut values.output, &labels, 1.0 / count as f32);
        let dy = self.shown_output(&values, count);
        let mut dz1 = values.hidden.clone();
        for (strip, (dz1, z1)) in parameters.strips.iter().zip(dz1.iter_mut().zip(&mut values.hidden)) {
            layers::hidden_derivative(kind, strip, &values.output, dz1);
            layers::delta(kind, net.activation, dz1, z1);
        }
        values.output = y;
        let y = self.shown_output(&values, count);
        let (dz1, da1) = (self.shown_hidden(&dz1, count), self.shown_hidden(&values.hidden, count));
        Intermediates { a1, z1, a2, y, dy, dz1, da1 }
    }

    /// From the images to the logits.
    fn logits(&self, images: &[u32], values: &mut Values) {
        let Self { kind, net, set, parameters: Strips { strips, b2 } } = *self;
        let Values { hidden, output, share, panel } = values;
        set.hidden_input(kind, images, strips, hidden, panel);
        strips.iter().zip(&mut *hidden).for_each(|(strip, a1)| layers::activate(kind, net.activation, strip, a1));
        layers::bias(b2, images.len(), output);
        let per_share = strips_in_a_share(strips.len());
        for (strips, hidden) in strips.chunks(per_share).zip(hidden.chunks(per_share)) {
            share.fill(Row::ZERO);
            layers::all_logits(kind, strips, hidden, share);
            layers::add(kind, 1.0, share, output);
        }
    }

    /// Does something with each tile of the set. The results are in the order of the tiles.
    fn tiles<R: Send>(&self, team: &Team, what: impl Fn(&[u32], &mut Values) -> R + Sync) -> Vec<R> {
        let count = self.set.labels.len();
        let tiles = count.div_ceil(TILE);
        let next = AtomicUsize::new(0);
        let threads = vec![(); team.threads().min(tiles)];
        let results = team.run(threads, |_, ()| {
            let mut values = Values::new(self.parameters);
            let mut results = Vec::new();
            loop {
                let tile = next.fetch_add(1, Ordering::Relaxed);
                if tile >= tiles {
                    return results;
                }
                let images: Vec<u32> = (tile * TILE..count.min((tile + 1) * TILE)).map(|image| image as u32).collect();
                values.resize(images.len(), self.parameters.b2.len());
                results.push((tile, what(&images, &mut values)));
            }
        });
        let mut results: Vec<_> = results.into_iter().flatten().collect();
        results.sort_unstable_by_key(|(tile, _)| *tile);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Values of the hidden layer, `[N, hidden]`.
    fn shown_hidden(&self, hidden: &[Vec<Row>], count: usize) -> Vec<f32> {
        shown(self.net.shape.hidden, count, |n, unit| hidden[unit / LANES][n].0[unit % LANES])
    }

    /// Values of the output layer, `[N, classes]`.
    fn shown_output(&self, values: &Values, count: usize) -> Vec<f32> {
        shown(self.net.shape.classes, count, |n, class| values.output[class / LANES * count + n].0[class % LANES])
    }
}

/// A matrix of some values, `[count, columns]`.
fn shown(columns: usize, count: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    (0..count).flat_map(|n| (0..columns).map(move |column| (n, column))).map(|(n, column)| value(n, column)).collect()
}
