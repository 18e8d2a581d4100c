//! Evaluation and prediction over a set's images, a tile at a time, each thread its own tiles; and every value of a training pass,
//! for tests.

use super::images::{Set, Visit, Workspace};
use super::layers::{self, Place};
use super::simd::{Instructions, LANES, Row};
use super::strips::Strips;
use super::team::Team;
use super::tiles::{StripTile, TILE, tiles};
use crate::NoMemory;
use crate::backend::{Evaluation, Intermediates};
use crate::net::Net;

/// A network, and a set to run it over.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    pub kind: Instructions,
    pub net: &'a Net,
    pub set: &'a Set,
    pub parameters: &'a Strips,
}

/// The values of a pass over some images.
#[derive(Default)]
struct Values {
    /// a1, then z1: `[tiles, strips]`.
    hidden: Vec<StripTile>,
    /// a2, then y or dy: `[rows of classes, N]`.
    output: Vec<Row>,
    workspace: Workspace,
}

impl Forward<'_> {
    /// Loss, accuracy and confusion matrix over the whole set.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn evaluate(&self, team: &Team) -> Result<Evaluation, NoMemory> {
        let Self { kind, net, set, .. } = self;
        let classes = net.shape.classes;
        let results = self.each_tile(team, |indices, values| {
            self.logits(indices, values);
            let labels = &set.labels[indices[0] as usize..][..indices.len()];
            layers::judge(*kind, net.output, classes, &values.output, labels)
        })?;
        let mut confusion = vec![0; classes * classes];
        let found = results.iter().flat_map(|(_, found)| found);
        for (label, found) in set.labels.iter().zip(found) {
            confusion[usize::from(*label) * classes + usize::from(*found)] += 1;
        }
        let loss: f64 = results.iter().map(|(loss, _)| loss).sum();
        Ok(Evaluation { images: set.labels.len(), loss: loss / set.labels.len() as f64, classes, confusion })
    }

    /// The output y, `[N, classes]`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn predict(&self, team: &Team) -> Result<Vec<f32>, NoMemory> {
        let y = self.each_tile(team, |indices, values| {
            self.logits(indices, values);
            layers::output(self.kind, self.net.output, &mut values.output, indices.len());
            self.shown_output(&values.output, indices.len())
        })?;
        Ok(y.concat())
    }

    /// Every value of a training pass over these images.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn intermediates(&self, indices: &[u32]) -> Result<Intermediates, NoMemory> {
        let Self { kind, net, set, parameters } = *self;
        let count = indices.len();
        let mut values = Values::default();
        set.images.reserve(&mut values.workspace)?;
        self.hidden_input(indices, &mut values);
        let a1 = self.shown_hidden(&values.hidden, count);
        self.logits_of_hidden(count, &mut values);
        let (z1, a2) = (self.shown_hidden(&values.hidden, count), self.shown_output(&values.output, count));
        let mut y = values.output.clone();
        layers::output(kind, net.output, &mut y, count);
        let y = self.shown_output(&y, count);
        let labels: Vec<u8> = indices.iter().map(|image| set.labels[*image as usize]).collect();
        layers::loss(kind, net.output, net.shape.classes, &mut values.output, &labels, 1.0 / count as f32);
        let dy = self.shown_output(&values.output, count);
        let mut dz1 = values.hidden.clone();
        let strips = parameters.strip_params.len();
        let both = dz1.chunks_exact_mut(strips).zip(values.hidden.chunks_exact_mut(strips));
        for (images, (dz1, z1)) in tiles(count).zip(both) {
            let place = Place { first: images.start, of: count };
            for (strip_params, (dz1, z1)) in parameters.strip_params.iter().zip(dz1.iter_mut().zip(z1)) {
                let dz1 = &mut dz1[..images.len()];
                layers::hidden_derivative(kind, &strip_params.w2, &values.output, place, dz1);
                layers::delta(kind, net.activation, dz1, z1);
            }
        }
        let (dz1, da1) = (self.shown_hidden(&dz1, count), self.shown_hidden(&values.hidden, count));
        Ok(Intermediates { a1, z1, a2, y, dy, dz1, da1 })
    }

    /// a1 = x W1 + b1.
    fn hidden_input(&self, indices: &[u32], values: &mut Values) {
        let Values { hidden, workspace, .. } = values;
        let Strips { w1, strip_params, .. } = self.parameters;
        hidden.resize(tiles(indices.len()).len() * strip_params.len(), [Row::ZERO; TILE]);
        self.set.images.gather(self.kind, indices, indices.len(), workspace);
        let visit = Visit { indices, blocks: 0..w1.len() };
        self.set.images.forward(self.kind, visit, w1, strip_params, hidden, workspace);
    }

    /// From the images to the logits.
    fn logits(&self, indices: &[u32], values: &mut Values) {
        self.hidden_input(indices, values);
        self.logits_of_hidden(indices.len(), values);
    }

    /// From a1 of `count` images to their logits.
    fn logits_of_hidden(&self, count: usize, values: &mut Values) {
        let Self { kind, net, parameters: Strips { strip_params, b2, .. }, .. } = *self;
        let Values { hidden, output, .. } = values;
        output.resize(count * b2.len(), Row::ZERO);
        layers::bias(b2, count, output);
        for (images, hidden) in tiles(count).zip(hidden.chunks_exact_mut(strip_params.len())) {
            let place = Place { first: images.start, of: count };
            for (strip_params, a1) in strip_params.iter().zip(hidden) {
                let a1 = &mut a1[..images.len()];
                layers::activate(kind, net.activation, strip_params, a1);
                layers::strip_logits(kind, strip_params, a1, place, output);
            }
        }
    }

    /// Does something with each tile of the set. The results are in the order of the tiles.
    fn each_tile<R: Send>(
        &self,
        team: &Team,
        what: impl Fn(&[u32], &mut Values) -> R + Sync,
    ) -> Result<Vec<R>, NoMemory> {
        let results = team.deal(tiles(self.set.labels.len()), Values::default, |values, images| {
            let indices: Vec<u32> = images.map(|image| image as u32).collect();
            self.set.images.reserve(&mut values.workspace)?;
            Ok(what(&indices, values))
        });
        results.into_iter().collect()
    }

    /// Values of the hidden layer, `[N, hidden]`.
    fn shown_hidden(&self, hidden: &[StripTile], count: usize) -> Vec<f32> {
        let strips = self.parameters.strip_params.len();
        let value = |n: usize, unit: usize| hidden[n / TILE * strips + unit / LANES][n % TILE].0[unit % LANES];
        shown(self.net.shape.hidden, count, value)
    }

    /// Values of the output layer, `[N, classes]`.
    fn shown_output(&self, output: &[Row], count: usize) -> Vec<f32> {
        shown(self.net.shape.classes, count, |n, class| output[class / LANES * count + n].0[class % LANES])
    }
}

/// A matrix of some values, `[count, columns]`.
fn shown(columns: usize, count: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    (0..count).flat_map(|n| (0..columns).map(move |column| (n, column))).map(|(n, column)| value(n, column)).collect()
}
