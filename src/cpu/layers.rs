//! The parts of a step between the products of the first layer, in their order: for some images, a strip at a time.
//!
//! a1, z1, dz1 and da1 are a row an image. a2 and dy are `[rows of classes, N]`, a lane a class.

use super::functions::{exp, sigmoid, tanh};
use super::simd::{Instructions, LANES, Row, add_scaled, flat, flat_mut, kernel, multiply_add, rows};
use super::strips::StripParams;
use super::tiles::TILE;
use crate::net::{Activation, Output};

/// Images, or classes, whose sums are in registers at a time.
const TOGETHER: usize = 4;
/// Images whose factors, each at most 255, are multiplied before one logarithm is taken.
const FACTORS: usize = 64;

/// Where some images are in their batch: from `first` on, of so many.
#[derive(Clone, Copy)]
pub struct Place {
    pub first: usize,
    pub of: usize,
}

kernel! {
    /// a1 to z1, in place; 0 in the lanes that are no units.
    pub fn activate(activation: Activation, strip: &StripParams, a1: &mut [Row]) {
        macro_rules! each {
            ($a:ident => $z:expr) => {
                for (place, a) in flat_mut(a1).iter_mut().enumerate() {
                    let $a = *a;
                    let z = $z;
                    *a = if place % LANES < strip.units { z } else { 0.0 };
                }
            };
        }
        // A loop for each: with the choice within it, it would become no vector instructions.
        match activation {
            Activation::Sigmoid => each!(a => sigmoid::<FUSED>(a)),
            // Written so that a NaN stays one.
            Activation::Relu => each!(a => if a <= 0.0 { 0.0 } else { a }),
            Activation::Tanh => each!(a => tanh::<FUSED>(a)),
        }
    }
}

kernel! {
    /// sigmoid'(a1) = sigmoid(a1) sigmoid(-a1); 0 in the lanes that are no units.
    pub fn slope(strip: &StripParams, a1: &[Row], slopes: &mut [Row]) {
        for (place, (a, slope)) in flat(a1).iter().zip(flat_mut(slopes)).enumerate() {
            let product = sigmoid::<FUSED>(*a) * sigmoid::<FUSED>(-*a);
            *slope = if place % LANES < strip.units { product } else { 0.0 };
        }
    }
}

kernel! {
    /// W2 of a strip by its units, for up to 16 classes.
    fn by_unit(w2: &[Row], by_unit: &mut [Row; LANES]) {
        by_unit[..w2.len()].copy_from_slice(w2);
        transpose(by_unit);
    }
}

kernel! {
    /// Adds z1 W2 to a2.
    fn logits(by_unit: &[Row; LANES], units: usize, z1: &[Row], a2: &mut [Row]) {
        let (z1, z1_rest) = z1.as_chunks::<TOGETHER>();
        let (a2, a2_rest) = a2.as_chunks_mut::<TOGETHER>();
        for (z1, a2) in z1.iter().zip(a2) {
            let mut sums = *a2;
            for (unit, row) in by_unit.iter().enumerate().take(units) {
                for (z1, sum) in z1.iter().zip(&mut sums) {
                    add_scaled::<FUSED>(sum, z1.0[unit], row);
                }
            }
            *a2 = sums;
        }
        for (z1, a2) in z1_rest.iter().zip(a2_rest) {
            for (z, row) in z1.0.iter().zip(by_unit) {
                add_scaled::<FUSED>(a2, *z, row);
            }
        }
    }
}

/// Adds z1 W2 of some images and a strip to a2.
pub fn strip_logits(kind: Instructions, strip_params: &StripParams, z1: &[Row], place: Place, a2: &mut [Row]) {
    for (w2, a2) in strip_params.w2.chunks(LANES).zip(a2.chunks_exact_mut(place.of)) {
        let mut weights = [Row::ZERO; LANES];
        by_unit(kind.without_gathers(), w2, &mut weights);
        logits(kind, &weights, strip_params.units, z1, &mut a2[place.first..][..z1.len()]);
    }
}

/// Fills `a` with the bias, once for each of `count` images: `[rows, count]`.
pub fn bias<'a>(b: impl IntoIterator<Item = &'a Row>, count: usize, a: &mut [Row]) {
    for (b, a) in b.into_iter().zip(a.chunks_exact_mut(count)) {
        a.fill(*b);
    }
}

/// Adds to each row of a bias the sum of its part of the rows: its gradient.
pub fn add_each(kind: Instructions, rows: &[Row], b: &mut [Row]) {
    let count = rows.len() / b.len();
    for (rows, b) in rows.chunks_exact(count).zip(b) {
        add_rows(kind, rows, b);
    }
}

kernel! {
    /// Adds `scale` times some rows to others.
    pub fn add(scale: f32, rows: &[Row], sums: &mut [Row]) {
        for (x, sum) in flat(rows).iter().zip(flat_mut(sums)) {
            *sum = multiply_add::<FUSED>(scale, *x, *sum);
        }
    }
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// All lanes in one, two halves at a time.
#[inline(always)]
fn fold(mut row: Row, join: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            row.0[lane] = join(row.0[lane], row.0[lane + half]);
        }
    }
    row.0[0]
}

kernel! {
    /// a2 to the output y, in place, for `count` images.
    pub fn output(output: Output, a2: &mut [Row], count: usize) {
        if output == Output::Identity {
            return;
        }
        for n in 0..count {
            let mut largest = Row([f32::NEG_INFINITY; LANES]);
            for row in a2.iter().skip(n).step_by(count) {
                for (largest, a) in largest.0.iter_mut().zip(row.0) {
                    *largest = larger(*largest, a);
                }
            }
            let largest = fold(largest, larger);
            let mut sums = Row::ZERO;
            for row in a2.iter_mut().skip(n).step_by(count) {
                for (a, sum) in row.0.iter_mut().zip(&mut sums.0) {
                    *a = exp::<FUSED>(*a - largest);
                    *sum += *a;
                }
            }
            let sum = fold(sums, |a, b| a + b);
            for row in a2.iter_mut().skip(n).step_by(count) {
                row.0.iter_mut().for_each(|e| *e /= sum);
            }
        }
    }
}

/// a2 to dy = (y - t) * `scale`, in place, for images of these labels. Returns the sum of their losses.
pub fn loss(kind: Instructions, output: Output, classes: usize, a2: &mut [Row], labels: &[u8], scale: f32) -> f64 {
    match output {
        Output::Softmax => cross_entropy(kind.without_gathers(), classes, a2, labels, scale),
        Output::Identity => squares(kind, a2, labels, scale),
    }
}

kernel! {
    fn squares(a2: &mut [Row], labels: &[u8], scale: f32) -> f64 {
        let count = labels.len();
        let mut loss = 0.0;
        for (n, &label) in labels.iter().enumerate() {
            a2[usize::from(label) / LANES * count + n].0[usize::from(label) % LANES] -= 1.0;
            for row in a2.iter_mut().skip(n).step_by(count) {
                loss += f64::from(fold(Row(row.0.map(|e| e * e)), |a, b| a + b)) / 2.0;
                row.0.iter_mut().for_each(|error| *error *= scale);
            }
        }
        loss
    }
}

/// The logits of up to 16 images, a row a class and a lane an image, so that no lanes of one row have to be joined.
type ByClass = [[Row; LANES]];

/// Takes the logits of `count` images from `first` on.
#[inline(always)]
fn take(a2: &[Row], of: usize, first: usize, count: usize, by_class: &mut ByClass) {
    for (square, a2) in by_class.iter_mut().zip(a2.chunks_exact(of)) {
        square[..count].copy_from_slice(&a2[first..][..count]);
        transpose(square);
    }
}

/// The logit of each image's label.
#[inline(always)]
fn of_labels(logits: &[Row], labels: &[u8]) -> Row {
    let mut right = Row::ZERO;
    for (n, &label) in labels.iter().enumerate() {
        right.0[n] = logits[usize::from(label)].0[n];
    }
    right
}

/// The largest logit, and its class, the first of equals.
#[inline(always)]
fn largest(logits: &[Row]) -> (Row, [u32; LANES]) {
    let (mut largest, mut best) = (logits[0], [0; LANES]);
    for (class, row) in (0..).zip(logits) {
        for (lane, a) in row.0.iter().enumerate() {
            let is_larger = *a > largest.0[lane];
            largest.0[lane] = if is_larger { *a } else { largest.0[lane] };
            best[lane] = if is_larger { class } else { best[lane] };
        }
    }
    (largest, best)
}

/// Logits to e^(logit - largest), and their sums.
#[inline(always)]
fn exponentials<const FUSED: bool>(logits: &mut [Row], largest: &Row) -> Row {
    let mut sums = Row::ZERO;
    for row in logits {
        for (lane, a) in row.0.iter_mut().enumerate() {
            *a = exp::<FUSED>(*a - largest.0[lane]);
            sums.0[lane] += *a;
        }
    }
    sums
}

/// Sum of cross-entropies, ln(sum) - (logit of the label - largest) each.
struct Loss {
    sum: f64,
    /// The sum of logarithms is the logarithm of the product.
    product: f64,
    factors: usize,
}

impl Loss {
    const ZERO: Self = Self { sum: 0.0, product: 1.0, factors: 0 };

    /// Adds those of the first `count` lanes.
    #[inline(always)]
    fn add(&mut self, logits: &Row, largest: &Row, sums: &Row, count: usize) {
        for ((logit, largest), sum) in logits.0.iter().zip(&largest.0).zip(&sums.0).take(count) {
            self.sum -= f64::from(logit - largest);
            self.product *= f64::from(*sum);
            self.factors += 1;
            if self.factors.is_multiple_of(FACTORS) {
                self.sum += std::mem::replace(&mut self.product, 1.0).ln();
            }
        }
    }

    fn sum(&self) -> f64 {
        self.sum + self.product.ln()
    }
}

kernel! {
    fn cross_entropy(classes: usize, a2: &mut [Row], labels: &[u8], scale: f32) -> f64 {
        let count = labels.len();
        let mut loss = Loss::ZERO;
        let by_class = &mut vec![[Row::ZERO; LANES]; rows(classes)];
        for (labels, first) in labels.chunks(LANES).zip((0..).step_by(LANES)) {
            take(a2, count, first, labels.len(), by_class);
            let a = &mut by_class.as_flattened_mut()[..classes];
            let (right, (largest, _)) = (of_labels(a, labels), largest(a));
            let mut sums = exponentials::<FUSED>(a, &largest);
            loss.add(&right, &largest, &sums, labels.len());
            sums.0.iter_mut().for_each(|sum| *sum = scale / *sum);
            for row in &mut *a {
                for (e, share) in row.0.iter_mut().zip(sums.0) {
                    *e *= share;
                }
            }
            for (n, &label) in labels.iter().enumerate() {
                a[usize::from(label)].0[n] -= scale;
            }
            by_class.as_flattened_mut()[classes..].fill(Row::ZERO);
            for (square, a2) in by_class.iter_mut().zip(a2.chunks_exact_mut(count)) {
                transpose(square);
                a2[first..][..labels.len()].copy_from_slice(&square[..labels.len()]);
            }
        }
        loss.sum()
    }
}

/// The sum of the losses of logits, and the class with the largest one for each image, the first of equals.
pub fn judge(kind: Instructions, output: Output, classes: usize, a2: &[Row], labels: &[u8]) -> (f64, Vec<u8>) {
    let mut found = vec![0; labels.len()];
    let loss = judgement(kind.without_gathers(), output, classes, a2, labels, &mut found);
    (loss, found)
}

kernel! {
    fn judgement(output: Output, classes: usize, a2: &[Row], labels: &[u8], found: &mut [u8]) -> f64 {
        let count = labels.len();
        let mut loss = Loss::ZERO;
        let by_class = &mut vec![[Row::ZERO; LANES]; rows(classes)];
        for ((labels, found), first) in labels.chunks(LANES).zip(found.chunks_mut(LANES)).zip((0..).step_by(LANES)) {
            take(a2, count, first, labels.len(), by_class);
            let a = &mut by_class.as_flattened_mut()[..classes];
            let (largest, best) = largest(a);
            for (found, best) in found.iter_mut().zip(best) {
                *found = best as u8;
            }
            match output {
                Output::Softmax => {
                    let right = of_labels(a, labels);
                    let sums = exponentials::<FUSED>(a, &largest);
                    loss.add(&right, &largest, &sums, labels.len());
                }
                Output::Identity => {
                    for (n, &label) in labels.iter().enumerate() {
                        a[usize::from(label)].0[n] -= 1.0;
                    }
                    for row in &*a {
                        for error in &row.0[..labels.len()] {
                            loss.sum += f64::from(error * error) / 2.0;
                        }
                    }
                }
            }
        }
        loss.sum()
    }
}

/// Rows become columns: squares of four by four change places, and turn.
#[inline(always)]
fn transpose(rows: &mut [Row; LANES]) {
    const SIDE: usize = 4;
    let from = *rows;
    let (from, to) = (from.as_chunks::<SIDE>().0, rows.as_chunks_mut::<SIDE>().0);
    for (place, to) in to.iter_mut().enumerate() {
        for (square, from) in from.iter().enumerate() {
            let [a, b, c, d] = [0, 1, 2, 3].map(|row| from[row].0.as_chunks::<SIDE>().0[place]);
            for (row, to) in to.iter_mut().enumerate() {
                to.0.as_chunks_mut::<SIDE>().0[square] = [a[row], b[row], c[row], d[row]];
            }
        }
    }
}

kernel! {
    /// dz1 = dy W2ᵀ of some images, by the W2 of a strip.
    pub fn hidden_derivative(w2: &[Row], dy: &[Row], place: Place, dz1: &mut [Row]) {
        dz1.fill(Row::ZERO);
        for (w2, dy) in w2.chunks(LANES).zip(dy.chunks_exact(place.of)) {
            let (dy, dy_rest) = dy[place.first..][..dz1.len()].as_chunks::<TOGETHER>();
            let (dz1, dz1_rest) = dz1.as_chunks_mut::<TOGETHER>();
            for (dy, dz1) in dy.iter().zip(dz1) {
                let mut sums = *dz1;
                for (class, w2) in w2.iter().enumerate() {
                    for (dy, sum) in dy.iter().zip(&mut sums) {
                        add_scaled::<FUSED>(sum, dy.0[class], w2);
                    }
                }
                *dz1 = sums;
            }
            for (dy, dz1) in dy_rest.iter().zip(dz1_rest) {
                for (dy, w2) in dy.0.iter().zip(w2) {
                    add_scaled::<FUSED>(dz1, *dy, w2);
                }
            }
        }
    }
}

kernel! {
    /// z1 to da1 = dz1 activation'(a1), in place: the activation's gradient is known from its value.
    pub fn delta(activation: Activation, dz1: &[Row], z1: &mut [Row]) {
        macro_rules! each {
            ($z:ident => $derivative:expr) => {
                for (z, d) in flat_mut(z1).iter_mut().zip(flat(dz1)) {
                    let $z = *z;
                    *z = d * $derivative;
                }
            };
        }
        match activation {
            Activation::Sigmoid => each!(z => z * (1.0 - z)),
            Activation::Relu => each!(z => if z > 0.0 { 1.0 } else { 0.0 }),
            Activation::Tanh => each!(z => (1.0 - z) * (1.0 + z)),
        }
    }
}

kernel! {
    /// Adds z1ᵀ dy of a tile to W2.
    pub fn output_gradient(z1: &[Row], dy: &[Row], place: Place, w2: &mut [Row]) {
        debug_assert!(z1.len() <= TILE, "more would round too often");
        for (w2, dy) in w2.chunks_mut(LANES).zip(dy.chunks_exact(place.of)) {
            for (w2, first) in w2.chunks_mut(TOGETHER).zip((0..).step_by(TOGETHER)) {
                let mut sums = [Row::ZERO; TOGETHER];
                for (z1, dy) in z1.iter().zip(&dy[place.first..]) {
                    for (class, sum) in sums.iter_mut().enumerate() {
                        add_scaled::<FUSED>(sum, dy.0[first + class], z1);
                    }
                }
                for (w2, sum) in w2.iter_mut().zip(&sums) {
                    add_scaled::<FUSED>(w2, 1.0, sum);
                }
            }
        }
    }
}

kernel! {
    /// Adds all rows to one.
    fn add_rows(rows: &[Row], sum: &mut Row) {
        for rows in rows.chunks(TILE) {
            let mut of_tile = Row::ZERO;
            for row in rows {
                add_scaled::<FUSED>(&mut of_tile, 1.0, row);
            }
            add_scaled::<FUSED>(sum, 1.0, &of_tile);
        }
    }
}
