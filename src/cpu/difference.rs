//! The central difference of the loss by every parameter, (L(w + h) - L(w - h)) / 2h, where nothing cancels.
//!
//! Moving one weight changes a loss by so little that the difference of two f32 losses has few digits left, and it changes
//! almost nothing of a pass. So only the values that a move changes are computed, as changes. Of an image with label t, output y and
//! loss L = -ln(y_t + 1e-7):
//!
//! - When logit k moves by u_k, with v_k = u_k - u_t and s the sum over k of y_k (e^v_k - 1), L moves by
//!   ln(1 + q s / (1 + r s)), where q = y_t / (y_t + 1e-7) and r = 1e-7 / (y_t + 1e-7). This is exact.
//! - When W1[i, j] moves by h, a1_j moves by h x_i, and z1_j by z (1 - z) e / (1 + z e), where e = e^(h x_i) - 1. This is
//!   exact too. Then v_k is that times W2[j, k] - W2[j, t]. b1[j] moves as if by an x of 1.
//! - When W2[j, k] or b2[k] moves by h, only logit k moves: by h z1_j, or by h.
//!
//! Two losses for each parameter, and no derivative anywhere. Where x is 0, moving the weight changes nothing; and a pixel
//! has 256 levels at most, so for an image and a hidden unit each level is computed once, however many pixels have it.

use std::borrow::BorrowMut;
use std::ops::Range;

use bytemuck::Zeroable;

use super::functions::{exps, ln_of};
use super::gathered::MOST_STRIPS;
use super::images::Images;
use super::layers;
use super::pixels::Nonzero;
use super::simd::{Instructions, LANES, Row, add_scaled, kernel, multiply_add};
use super::strips::{StripParams, W1};
use super::tiles::{StripTile, TILE, tiles};
use crate::functions::EPSILON;

/// Levels that a pixel may have.
const LEVELS: usize = 256;
/// Levels whose presence makes a word of bits.
const BITS: usize = u64::BITS as usize;
/// That of x = 1: what a bias is multiplied by.
const ONE: u8 = u8::MAX;

/// How the parameters are moved.
#[derive(Debug)]
pub struct Perturbation {
    size: f64,
    /// e^(hx) - 1 and e^(-hx) - 1, by the level of x.
    by_level: Vec<[f32; 2]>,
}

impl Perturbation {
    /// Moves by h = `size` to either side.
    pub fn new(size: f64) -> Self {
        let x = (0..LEVELS).map(|level| level as f64 / f64::from(ONE));
        Self { size, by_level: x.map(|x| [size * x, -size * x].map(|by| by.exp_m1() as f32)).collect() }
    }

    /// From one side to the other: 2h.
    pub fn span(&self) -> f64 {
        2.0 * self.size
    }
}

/// How e^v - 1 and ln(1 + s) are computed: what a kernel is compiled for.
mod series {
    use crate::net::method::series::{SHORT_UP_TO, SHORTEST_UP_TO};

    pub const SHORTEST: usize = 0;
    pub const SHORT: usize = 1;
    pub const FULL: usize = 2;

    /// By the largest |v|.
    pub fn up_to(v: f64) -> usize {
        match v {
            0.0..=SHORTEST_UP_TO => SHORTEST,
            0.0..=SHORT_UP_TO => SHORT,
            _ => FULL,
        }
    }
}
use series::{FULL, SHORT, SHORTEST};

/// (e^v - 1) / v.
#[inline(always)]
fn expm1_over_x<const FUSED: bool, const SERIES: usize>(v: f32) -> f32 {
    if SERIES == SHORTEST {
        return multiply_add::<FUSED>(v, 0.5, 1.0);
    }
    let sum = multiply_add::<FUSED>(v, 1.0 / 24.0, 1.0 / 6.0);
    let sum = multiply_add::<FUSED>(v, sum, 0.5);
    multiply_add::<FUSED>(v, sum, 1.0)
}

/// e^v - 1.
#[inline(always)]
fn exp_move<const FUSED: bool, const SERIES: usize>(v: f32) -> f32 {
    if SERIES == FULL { exps::<FUSED>(v).1 } else { v * expm1_over_x::<FUSED, SERIES>(v) }
}

/// How far the loss moves.
#[inline(always)]
fn loss_move<const FUSED: bool, const SERIES: usize>(s: f32, sample: Sample) -> f32 {
    let s = sample.q * s / multiply_add::<FUSED>(sample.r, s, 1.0);
    if SERIES == FULL {
        return ln_of::<FUSED>(1.0 + s, s);
    }
    let mut sum = 1.0 / 3.0;
    if SERIES == SHORT {
        sum = multiply_add::<FUSED>(s, multiply_add::<FUSED>(s, 0.2, -0.25), sum);
    }
    s * multiply_add::<FUSED>(s, multiply_add::<FUSED>(s, sum, -0.5), 1.0)
}

/// The same by the full functions, for moves of any size: `whole` is 1 + s, summed up by itself.
#[inline(always)]
fn loss_move_of_whole<const FUSED: bool>(s: f32, whole: f32, sample: Sample) -> f32 {
    let p = sample.q * s / multiply_add::<FUSED>(sample.r, s, 1.0);
    // Near s = -1 these two sums would cancel. What they come to is this ratio, of which nothing is negative.
    let ratio = whole / multiply_add::<FUSED>(sample.r, whole, sample.q);
    let is_far = s < -0.5;
    ln_of::<FUSED>(if is_far { ratio } else { 1.0 + p }, if is_far { ratio - 1.0 } else { p })
}

/// The outputs of a batch.
#[derive(Clone, Copy)]
pub struct Outputs<'a> {
    /// `[rows of classes, N]`, a lane a class.
    pub y: &'a [Row],
    pub labels: &'a [u8],
}

/// What the output of one image comes to.
#[derive(Clone, Copy)]
struct Sample {
    label: usize,
    /// y_t / (y_t + 1e-7).
    q: f32,
    /// 1e-7 / (y_t + 1e-7).
    r: f32,
}

impl Outputs<'_> {
    #[inline(always)]
    fn y(&self, n: usize, class: usize) -> f32 {
        self.y[class / LANES * self.labels.len() + n].0[class % LANES]
    }

    #[inline(always)]
    fn sample(&self, n: usize) -> Sample {
        const SMALL: f32 = EPSILON as f32;
        let label = usize::from(self.labels[n]);
        let right = self.y(n, label);
        Sample { label, q: right / (right + SMALL), r: SMALL / (right + SMALL) }
    }

    /// The sum of the outputs for all classes but the label: 1 - y_t, which would cancel.
    #[inline(always)]
    fn wrong(&self, n: usize) -> f32 {
        let rows = self.y.iter().skip(n).step_by(self.labels.len());
        let classes = rows.flat_map(|row| row.0).enumerate();
        classes.filter(|(class, _)| *class != usize::from(self.labels[n])).map(|(_, y)| y).sum()
    }
}

/// What the differences by W1 and b1 are computed from.
pub struct Hidden<'a> {
    pub kind: Instructions,
    pub perturbation: &'a Perturbation,
    pub images: &'a Images,
    /// Which of them the batch has.
    pub indices: &'a [u32],
    pub outputs: Outputs<'a>,
    /// `[tiles, strips]`.
    pub z1: &'a [StripTile],
    /// sigmoid'(a1), `[tiles, strips]`.
    pub slopes: &'a [StripTile],
}

/// The differences of an image's loss by the weights between a pixel and a strip's units, by the pixel's level.
type ByLevel = [Row; LEVELS];

/// The factors of class k when unit j moves: W2[j, k] - W2[j, t], and y_k times that; or y_k itself, where
/// e^v - 1 is computed as a whole.
#[derive(Clone, Copy, Default)]
struct Pull {
    v: Row,
    s: Row,
}

/// A strip's units, and their values for one image.
struct Units<'a> {
    strip_params: &'a StripParams,
    z1: &'a Row,
    slope: &'a Row,
}

/// Memory that is kept from image to image.
#[derive(Default)]
pub struct Scratch {
    /// Which series each strip takes.
    series: Vec<usize>,
    /// Which levels an image has.
    levels: Vec<u8>,
    /// The nonzero pixels of an image, and where those of each block end.
    pixels: Vec<Nonzero>,
    ends: Vec<usize>,
    pulls: Vec<Pull>,
    by_level: Vec<ByLevel>,
    /// A tile's sums by b1, or by a strip's W2.
    sums: Vec<Row>,
    /// Those by W1, `[blocks, strips]`.
    w1_sums: Vec<Vec<W1>>,
}

impl Scratch {
    /// Takes on the sizes of the hidden layer.
    fn fit(&mut self, blocks: usize, strips: usize) {
        self.series.clear();
        self.by_level.resize(MOST_STRIPS.min(strips), [Row::ZERO; LEVELS]);
        self.sums.resize(strips, Row::ZERO);
        self.w1_sums.resize_with(blocks, Vec::new);
        self.w1_sums.iter_mut().for_each(|block| block.resize(strips, W1::zeroed()));
    }
}

impl Hidden<'_> {
    /// Adds the differences, times `scale`, to `w1`, `[blocks, strips]`, and `b1`, `[strips]`; `strip_params` are those strips.
    pub fn add(
        &self,
        scale: f32,
        strip_params: &[StripParams],
        w1: &mut [Vec<impl BorrowMut<W1>>],
        b1: &mut [Row],
        scratch: &mut Scratch,
    ) {
        let &Self { kind, outputs, .. } = self;
        scratch.fit(w1.len(), strip_params.len());
        scratch.series.extend(
            strip_params.iter().map(|strip_params| series::up_to(self.perturbation.size / 4.0 * strip_params.spread())),
        );
        for images in tiles(outputs.labels.len()) {
            scratch.sums.fill(Row::ZERO);
            scratch.w1_sums.iter_mut().flatten().for_each(|w1| w1.fill(Row::ZERO));
            for n in images {
                self.find_levels(n, scratch);
                for (first, strip_params) in (0..).step_by(MOST_STRIPS).zip(strip_params.chunks(MOST_STRIPS)) {
                    for (place, strip_params) in strip_params.iter().enumerate() {
                        self.difference(n, first + place, strip_params, place, scratch);
                    }
                    let Scratch { pixels, ends, by_level, w1_sums, .. } = &mut *scratch;
                    let mut start = 0;
                    for (w1, &end) in w1_sums.iter_mut().zip(&*ends) {
                        let (pixels, w1) = (&pixels[start..end], &mut w1[first..]);
                        start = end;
                        match strip_params.len() {
                            1 => add_levels::<1>(kind, pixels, by_level, scale, each(w1)),
                            2 => add_levels::<2>(kind, pixels, by_level, scale, each(w1)),
                            3 => add_levels::<3>(kind, pixels, by_level, scale, each(w1)),
                            _ => add_levels::<MOST_STRIPS>(kind, pixels, by_level, scale, each(w1)),
                        }
                    }
                }
            }
            layers::add(kind, scale, &scratch.sums, b1);
            for (w1, sums) in w1.iter_mut().flatten().zip(scratch.w1_sums.iter().flatten()) {
                layers::add(kind, 1.0, sums, w1.borrow_mut());
            }
        }
    }

    /// Adds the differences by a strip's W2, times `scale`, to `w2`, a row a class.
    pub fn add_output(&self, scale: f32, strip: usize, w2: &mut [Row], Scratch { sums, .. }: &mut Scratch) {
        let &Self { kind, perturbation, outputs, z1, .. } = self;
        let h = perturbation.size as f32;
        for (images, tile) in tiles(outputs.labels.len()).zip(z1.chunks_exact(self.strips())) {
            let z1 = &tile[strip];
            match series::up_to(perturbation.size) {
                SHORTEST => output::<SHORTEST>(kind, h, &outputs, images, z1, scale, w2, sums),
                SHORT => output::<SHORT>(kind, h, &outputs, images, z1, scale, w2, sums),
                _ => output::<FULL>(kind, h, &outputs, images, z1, scale, w2, sums),
            }
        }
    }

    fn strips(&self) -> usize {
        self.z1.len() / tiles(self.outputs.labels.len()).len()
    }

    /// Finds the nonzero pixels of an image, and which levels they have.
    fn find_levels(&self, n: usize, Scratch { levels, pixels, ends, .. }: &mut Scratch) {
        let mut has = [0; LEVELS];
        has[usize::from(ONE)] = 1;
        self.images.nonzeros(self.indices[n], pixels, ends);
        for pixel in &*pixels {
            has[usize::from(pixel.value)] = 1;
        }
        levels.clear();
        for (has, first) in has.as_chunks::<BITS>().0.iter().zip((0..).step_by(BITS)) {
            let mut left = 0_u64;
            for (flags, byte) in has.as_chunks::<8>().0.iter().zip((0..).step_by(8)) {
                // The product's highest byte has the lowest bit of each byte.
                left |= (u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56) << byte;
            }
            while left != 0 {
                levels.push((first + left.trailing_zeros()) as u8);
                left &= left - 1;
            }
        }
    }

    /// The differences of image `n` by a strip's weights, in the place of the strip among those computed together.
    fn difference(&self, n: usize, strip: usize, strip_params: &StripParams, place: usize, scratch: &mut Scratch) {
        let Self { kind, perturbation, outputs, .. } = self;
        let Scratch { series, levels, pulls, by_level, sums, .. } = scratch;
        let (at, row) = (n / TILE * self.strips() + strip, n % TILE);
        let units = Units { strip_params, z1: &self.z1[at][row], slope: &self.slopes[at][row] };
        let found = &mut by_level[place];
        match series[strip] {
            SHORTEST => difference::<SHORTEST>(*kind, perturbation, levels, outputs, n, &units, pulls, found),
            SHORT => difference::<SHORT>(*kind, perturbation, levels, outputs, n, &units, pulls, found),
            _ => difference::<FULL>(*kind, perturbation, levels, outputs, n, &units, pulls, found),
        }
        add_scaled::<false>(&mut sums[strip], 1.0, &found[usize::from(ONE)]);
    }
}

kernel! {
    fn difference<const SERIES: usize>(
        perturbation: &Perturbation,
        levels: &[u8],
        outputs: &Outputs,
        n: usize,
        units: &Units,
        pulls: &mut Vec<Pull>,
        found: &mut ByLevel,
    ) {
        let sample = outputs.sample(n);
        let right = units.strip_params.w2[sample.label];
        pulls.resize(units.strip_params.w2.len(), Pull::default());
        for (class, (pull, w2)) in pulls.iter_mut().zip(&units.strip_params.w2).enumerate() {
            let y = outputs.y(n, class);
            let (mut v, mut s) = (*w2, Row([y; LANES]));
            for (lane, right) in right.0.iter().enumerate() {
                v.0[lane] -= right;
                if SERIES != FULL {
                    s.0[lane] *= v.0[lane];
                }
            }
            *pull = Pull { v, s };
        }
        for &level in levels {
            let mut z_moves = [Row::ZERO; 2];
            for (by, e) in z_moves.iter_mut().zip(perturbation.by_level[usize::from(level)]) {
                for (lane, by) in by.0.iter_mut().enumerate() {
                    *by = units.slope.0[lane] * e / multiply_add::<FUSED>(units.z1.0[lane], e, 1.0);
                }
            }
            let found = &mut found[usize::from(level)];
            if SERIES == FULL {
                whole_difference::<FUSED>(pulls, &z_moves, sample, found);
                continue;
            }
            let mut s = [Row::ZERO; 2];
            for pull in &*pulls {
                for (s, by) in s.iter_mut().zip(&z_moves) {
                    for (lane, s) in s.0.iter_mut().enumerate() {
                        let v = by.0[lane] * pull.v.0[lane];
                        *s = multiply_add::<FUSED>(pull.s.0[lane], expm1_over_x::<FUSED, SERIES>(v), *s);
                    }
                }
            }
            let ([above, below], [by_above, by_below]) = (s, z_moves);
            for (lane, found) in found.0.iter_mut().enumerate() {
                let (above, below) = (above.0[lane] * by_above.0[lane], below.0[lane] * by_below.0[lane]);
                *found = loss_move::<FUSED, SERIES>(above, sample) - loss_move::<FUSED, SERIES>(below, sample);
            }
        }
    }
}

/// The differences by the weights of one level, for moves of any size.
#[inline(always)]
fn whole_difference<const FUSED: bool>(pulls: &[Pull], z_moves: &[Row; 2], sample: Sample, found: &mut Row) {
    // s, and 1 + s by itself.
    let (mut s, mut whole) = ([Row::ZERO; 2], [Row::ZERO; 2]);
    for Pull { v, s: y } in pulls {
        for ((s, whole), by) in s.iter_mut().zip(&mut whole).zip(z_moves) {
            for lane in 0..LANES {
                let (e, change) = exps::<FUSED>(by.0[lane] * v.0[lane]);
                s.0[lane] = multiply_add::<FUSED>(y.0[lane], change, s.0[lane]);
                whole.0[lane] = multiply_add::<FUSED>(y.0[lane], e, whole.0[lane]);
            }
        }
    }
    for (lane, found) in found.0.iter_mut().enumerate() {
        *found = loss_move_of_whole::<FUSED>(s[0].0[lane], whole[0].0[lane], sample)
            - loss_move_of_whole::<FUSED>(s[1].0[lane], whole[1].0[lane], sample);
    }
}

/// W1 of `SIZE` strips.
fn each<const SIZE: usize>(w1: &mut [W1]) -> [&mut W1; SIZE] {
    w1.first_chunk_mut::<SIZE>().expect("as many strips as there are").each_mut()
}

kernel! {
    /// Adds to the weights of each pixel the differences of its level.
    fn add_levels<const SIZE: usize>(pixels: &[Nonzero], by_level: &[ByLevel], scale: f32, w1: [&mut W1; SIZE]) {
        let mut w1 = w1;
        let by_level: &[ByLevel; SIZE] = by_level.first_chunk().expect("as many strips as the kernel is compiled for");
        for pixel in pixels {
            let (index, level) = (usize::from(pixel.index), usize::from(pixel.value));
            // Read before W1 is written: the compiler does not know that they do not overlap.
            let mut found = [Row::ZERO; SIZE];
            for (found, by_level) in found.iter_mut().zip(by_level) {
                *found = by_level[level];
            }
            for (w1, found) in w1.iter_mut().zip(&found) {
                add_scaled::<FUSED>(&mut w1[index], scale, found);
            }
        }
    }
}

kernel! {
    /// Adds the differences of a tile by W2, times `scale`, to `w2`.
    fn output<const SERIES: usize>(
        h: f32,
        outputs: &Outputs,
        images: Range<usize>,
        z1: &StripTile,
        scale: f32,
        w2: &mut [Row],
        sums: &mut Vec<Row>,
    ) {
        sums.clear();
        sums.resize(w2.len(), Row::ZERO);
        for (n, z1) in images.zip(z1) {
            let sample = outputs.sample(n);
            let mut e = [Row::ZERO; 2];
            for (e, h) in e.iter_mut().zip([h, -h]) {
                for (e, z) in e.0.iter_mut().zip(z1.0) {
                    *e = exp_move::<FUSED, SERIES>(h * z);
                }
            }
            for (class, sum) in sums.iter_mut().enumerate() {
                // The logit of the label moves all others the other way, and they move alike.
                let is_label = class == sample.label;
                let y = if is_label { outputs.wrong(n) } else { outputs.y(n, class) };
                let [above, below] = if is_label { [&e[1], &e[0]] } else { [&e[0], &e[1]] };
                let mut total = *sum;
                for (lane, total) in total.0.iter_mut().enumerate() {
                    *total += loss_move::<FUSED, SERIES>(y * above.0[lane], sample)
                        - loss_move::<FUSED, SERIES>(y * below.0[lane], sample);
                }
                *sum = total;
            }
        }
        for (w2, sum) in w2.iter_mut().zip(&*sums) {
            add_scaled::<FUSED>(w2, scale, sum);
        }
    }
}

/// Adds the differences by b2, times `scale`, to `b2`, a lane a class.
pub fn add_output_bias(kind: Instructions, perturbation: &Perturbation, outputs: &Outputs, scale: f32, b2: &mut [Row]) {
    match series::up_to(perturbation.size) {
        SHORTEST => output_bias::<SHORTEST>(kind, perturbation.size as f32, outputs, scale, b2),
        SHORT => output_bias::<SHORT>(kind, perturbation.size as f32, outputs, scale, b2),
        _ => output_bias::<FULL>(kind, perturbation.size as f32, outputs, scale, b2),
    }
}

kernel! {
    fn output_bias<const SERIES: usize>(h: f32, outputs: &Outputs, scale: f32, b2: &mut [Row]) {
        let e = [exp_move::<FUSED, SERIES>(h), exp_move::<FUSED, SERIES>(-h)];
        for (b2, (first, y)) in b2.iter_mut().zip((0..).step_by(LANES).zip(outputs.y.chunks_exact(outputs.labels.len()))) {
            for images in tiles(outputs.labels.len()) {
                let mut sum = Row::ZERO;
                for n in images {
                    let (sample, wrong) = (outputs.sample(n), outputs.wrong(n));
                    for (lane, sum) in sum.0.iter_mut().enumerate() {
                        let is_label = first + lane == sample.label;
                        let y = if is_label { wrong } else { y[n].0[lane] };
                        let [above, below] = if is_label { [e[1], e[0]] } else { e };
                        *sum += loss_move::<FUSED, SERIES>(y * above, sample)
                            - loss_move::<FUSED, SERIES>(y * below, sample);
                    }
                }
                add_scaled::<FUSED>(b2, scale, &sum);
            }
        }
    }
}
