//! The built-in digits: pictures like MNIST's drawn by a pen that follows a few strokes, for when MNIST can't be had.
//!
//! A digit's strokes are moved about at random, slanted, turned and fitted into a 20x20 box, which is then laid in a
//! 28x28 picture with its centre of mass in the middle, as MNIST's digits are. Only `+ - * /` and `sqrt` touch a float,
//! so a seed gives the same bytes on every machine.

use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Dataset, Error, Splits};

/// Pixels along one side of an image.
pub const SIDE: usize = 28;
/// Bytes of one image, row-major, 0 for black paper and 255 for white ink.
pub const PIXELS: usize = SIDE * SIDE;
/// Number of labels: the digits 0 to 9.
pub const CLASSES: usize = 10;

/// Side of the box that holds all ink of a digit.
const BOX: usize = 20;
/// Points along one side of the lattice that the strokes are written on.
const LATTICE: usize = 10;
/// Straight pieces that stand for one curve.
const PIECES: usize = 6;

/// Control points of one pen stroke: the digits of each number are its column and row, so 70 is the right of the top row.
/// Curves run between the middles of neighbouring points, so a point written twice is a sharp corner.
type Stroke = &'static [u8];
/// One way to write a digit.
type Hand = &'static [Stroke];

#[rustfmt::skip]
const HANDS: [&[Hand]; CLASSES] = [
    &[&[&[40, 0, 9, 99, 90, 40]], &[&[70, 20, 5, 29, 79, 94, 70, 30]]],
    &[&[&[50, 54, 59]], &[&[33, 42, 50, 50, 54, 59]], &[&[33, 42, 50, 50, 54, 59], &[29, 59, 89]]],
    &[&[&[2, 0, 80, 84, 9, 9, 49, 89]], &[&[2, 0, 90, 85, 39, 8, 6, 57, 99]]],
    &[&[&[2, 10, 80, 84, 34, 34, 94, 99, 19, 7]], &[&[0, 40, 80, 80, 43, 43, 93, 99, 29, 8]]],
    &[&[&[10, 6, 6, 96], &[70, 75, 79]], &[&[79, 75, 70, 70, 33, 6, 6, 96]]],
    &[&[&[20, 14, 14, 43, 93, 99, 49, 9], &[20, 50, 90]], &[&[90, 50, 20, 20, 14, 14, 73, 98, 49, 9]]],
    &[&[&[70, 11, 9, 89, 84, 14, 7]], &[&[50, 5, 9, 89, 85, 25, 17]]],
    &[&[&[0, 40, 90, 90, 54, 39]], &[&[0, 40, 90, 90, 64, 39], &[35, 55, 85]], &[&[2, 0, 0, 40, 90, 90, 54, 49]]],
    &[&[&[50, 0, 4, 94, 99, 9, 5, 94, 90, 50]], &[&[40, 10, 4, 74, 70, 40], &[44, 4, 9, 89, 84, 44]],
      &[&[91, 40, 2, 95, 79, 29, 17, 81]]],
    &[&[&[82, 80, 0, 5, 75, 82, 82, 85, 69]], &[&[82, 80, 0, 5, 75, 82, 82, 99, 49, 18]]],
];

// How much digits vary: enough that the book's network reads about 95 of 100 test images, as it does of MNIST's, while
// a person still reads nearly all of them.
/// Width of the lattice over its height.
const WIDTH: Range<f32> = 0.5..0.95;
/// Radius of the pen in pixels.
const PEN: Range<f32> = 0.6..1.8;
/// Slant that all hands share, tops to the right, and the most that one leaves it.
const LEAN: f32 = -0.2;
const SLANT: f32 = 0.4;
/// Tangent of half the largest turn.
const TURN: f32 = 0.25;
/// Most steps of the lattice that a point moves along each axis.
const SHAKE: f32 = 2.0;

type Point = [f32; 2];

/// `count` digit images of [`PIXELS`] bytes, one after another, and their labels, 0 to 9.
///
/// Image and label i depend on (`seed`, i) alone. The sets of two seeds have nothing in common but the way they are drawn.
#[must_use]
pub fn draw(count: usize, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let mut images = Vec::new();
    let mut labels = Vec::new();
    let streams = ChaCha8Rng::seed_from_u64(seed);
    for stream in (0u64..).take(count) {
        let mut rng = streams.clone();
        rng.set_stream(stream);
        let (image, label) = Dice(rng).digit();
        images.extend_from_slice(&image);
        labels.push(label);
    }
    (images, labels)
}

/// The random choices of one image, made from the generator's bits so that no other library has a say in a seed's meaning.
struct Dice(ChaCha8Rng);

impl Dice {
    /// Uniform in 0..1, from as many bits as an f32 holds exactly.
    fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    fn within(&mut self, range: Range<f32>) -> f32 {
        range.start + (range.end - range.start) * self.unit()
    }

    /// Triangular over `-spread..spread`: mostly small, never far out.
    fn about(&mut self, spread: f32) -> f32 {
        (self.unit() - self.unit()) * spread
    }

    /// A whole number in `0..end`, all about equally likely.
    fn below(&mut self, end: usize) -> usize {
        ((u64::from(self.0.next_u32()) * end as u64) >> 32) as usize
    }

    fn digit(&mut self) -> ([u8; PIXELS], u8) {
        let label = self.below(CLASSES);
        let hands = HANDS[label];
        let hand = hands[self.below(hands.len())];
        let strokes = self.strokes(hand);
        let pen = self.within(PEN);
        (centred(&inked(&strokes, pen)), label as u8)
    }

    /// The hand's strokes as polylines: lattice points shaken, slanted, stretched and turned.
    fn strokes(&mut self, hand: Hand) -> Vec<Vec<Point>> {
        let width = self.within(WIDTH);
        let slant = self.about(SLANT) + LEAN;
        // With t = tan(angle / 2), (1 - t^2, 2t) / (1 + t^2) is (cos, sin).
        let t = self.about(TURN);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        // A lattice point is shaken once, so strokes that share it still meet.
        let mut lattice = [[0.0; 2]; LATTICE * LATTICE];
        for (i, point) in lattice.iter_mut().enumerate() {
            let x = (i / LATTICE) as f32 + self.about(SHAKE);
            let y = (i % LATTICE) as f32 + self.about(SHAKE);
            let x = width * x + slant * y;
            *point = [cos * x - sin * y, sin * x + cos * y];
        }
        let place = |&p: &u8| lattice[usize::from(p)];
        hand.iter().map(|stroke| flattened(&stroke.iter().map(place).collect::<Vec<_>>())).collect()
    }
}

/// The quadratic Bézier curves between the middles of neighbouring points, and from and to the ends, as one polyline.
fn flattened(points: &[Point]) -> Vec<Point> {
    let blend = |a: Point, b: Point, t: f32| [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
    let mut line: Vec<Point> = points.first().copied().into_iter().collect();
    let curves = points.windows(3).len();
    for (i, w) in points.windows(3).enumerate() {
        let start = blend(w[0], w[1], if i == 0 { 0.0 } else { 0.5 });
        let end = blend(w[1], w[2], if i + 1 == curves { 1.0 } else { 0.5 });
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            line.push(blend(blend(start, w[1], t), blend(w[1], end, t), t));
        }
    }
    line
}

/// The box with the strokes as large as fit in it, drawn by a round pen of radius `pen` pixels.
fn inked(strokes: &[Vec<Point>], pen: f32) -> [[u8; BOX]; BOX] {
    // The edge falls from white to black over one pixel, half of it outside the pen.
    let reach = pen + 0.5;
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for point in strokes.iter().flatten() {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let scale = (BOX as f32 - 2.0 * reach) / (high[0] - low[0]).max(high[1] - low[1]);
    let fitted =
        |point: Point| [0, 1].map(|axis| (point[axis] - (low[axis] + high[axis]) * 0.5) * scale + BOX as f32 * 0.5);

    let mut nearest = [[f32::MAX; BOX]; BOX];
    for piece in strokes.iter().flat_map(|line| line.windows(2)) {
        let ([ax, ay], [bx, by]) = (fitted(piece[0]), fitted(piece[1]));
        let (dx, dy) = (bx - ax, by - ay);
        let length2 = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        // The cast saturates at 0.
        let near = |a: f32, b: f32| (a.min(b) - reach) as usize..BOX.min((a.max(b) + reach) as usize + 1);
        for row in near(ay, by) {
            for column in near(ax, bx) {
                let (px, py) = (column as f32 + 0.5 - ax, row as f32 + 0.5 - ay);
                let along = ((px * dx + py * dy) / length2).clamp(0.0, 1.0);
                let (ex, ey) = (px - along * dx, py - along * dy);
                nearest[row][column] = nearest[row][column].min(ex * ex + ey * ey);
            }
        }
    }
    nearest.map(|row| row.map(|d2| ((reach - d2.sqrt()).clamp(0.0, 1.0) * 255.0 + 0.5) as u8))
}

/// The box laid in an image by whole pixels, its centre of mass as near the middle as that allows.
fn centred(ink: &[[u8; BOX]; BOX]) -> [u8; PIXELS] {
    let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
    for (row, line) in ink.iter().enumerate() {
        for (column, &value) in line.iter().enumerate() {
            mass += f32::from(value);
            x += f32::from(value) * (column as f32 + 0.5);
            y += f32::from(value) * (row as f32 + 0.5);
        }
    }
    let start = |moment: f32| ((SIDE as f32 / 2.0 - moment / mass + 0.5) as usize).min(SIDE - BOX);
    let (left, top) = (start(x), start(y));
    let mut image = [0; PIXELS];
    for (line, row) in ink.iter().zip(image.chunks_exact_mut(SIDE).skip(top)) {
        row[left..left + BOX].copy_from_slice(line);
    }
    image
}

/// The built-in set: 60,000 digits to train and 10,000 to test, the same ones always.
///
/// # Errors
/// None: the digits are a set.
pub fn built_in() -> Result<Splits, Error> {
    let set = |count, seed| {
        let (images, labels) = draw(count, seed);
        Dataset::new(images, labels, SIDE, SIDE)
    };
    Splits::new(set(60_000, 1)?, set(10_000, 2)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes folded into one number (FNV-1a).
    fn hash(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn the_set_never_changes() {
        let (images, labels) = draw(100, 0);
        assert_eq!((hash(&images), hash(&labels)), (0x4abc_fdc8_ddd2_77da, 0xad5d_9e28_6ddc_d5a9));
    }

    #[test]
    fn an_image_depends_on_its_seed_and_index_alone() {
        let (few, few_labels) = draw(5, 7);
        let (many, many_labels) = draw(50, 7);
        assert_eq!(few, many[..few.len()]);
        assert_eq!(few_labels, many_labels[..few_labels.len()]);
        assert_eq!((few.len(), few_labels.len()), (5 * PIXELS, 5));
        assert_ne!(few, draw(5, 8).0);
        assert_eq!(draw(0, 7), (vec![], vec![]));
    }

    #[test]
    fn labels_are_balanced_and_mixed() {
        let labels = draw(5000, 1).1;
        let mut counts = [0; CLASSES];
        for &label in &labels {
            counts[usize::from(label)] += 1;
        }
        assert!(counts.iter().all(|n| (400..600).contains(n)), "{counts:?}");
        let repeats = labels.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!((400..600).contains(&repeats), "{repeats} repeats");
    }

    #[test]
    fn ink_stays_in_the_box_around_its_centre_of_mass() {
        for image in draw(5000, 2).0.chunks_exact(PIXELS) {
            for place in [|i| i % SIDE, |i| i / SIDE] {
                let ink = || image.iter().enumerate().filter(|(_, v)| **v > 0);
                let (low, high) = (ink().map(|(i, _)| place(i)).min(), ink().map(|(i, _)| place(i)).max());
                assert!(high.unwrap() - low.unwrap() < BOX);

                let mass: f32 = ink().map(|(_, &v)| f32::from(v)).sum();
                let moment: f32 = ink().map(|(i, &v)| f32::from(v) * (place(i) as f32 + 0.5)).sum();
                let off = moment / mass - SIDE as f32 / 2.0;
                assert!(off.abs() < 0.51, "{off} pixels off the middle");
            }
        }
    }

    #[test]
    fn every_stroke_is_a_curve_on_the_lattice() {
        for stroke in HANDS.iter().copied().flatten().copied().flatten() {
            assert!(stroke.len() >= 3, "{stroke:?}");
            assert!(stroke.iter().all(|&p| usize::from(p) < LATTICE * LATTICE));
        }
    }
}
