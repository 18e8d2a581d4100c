//! The random choices of one image.

use std::ops::Range;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::hands::{self, CLASSES, DIGITS, Digit, Hand};
use super::pen::{PIXELS, Pen, Point};

// How much digits vary. These numbers, and the shares, widths and leans in `hands`, are such that a network that has seen
// nothing else reads MNIST's training images best.
const WIDTH: Range<f32> = 0.55..1.1;
/// Slant that all digits share, tops to the right, and the most that one leaves it.
const LEAN: f32 = -0.23;
const SLANT: f32 = 0.7;
/// Tangent of half the largest turn.
const TURN: f32 = 0.23;
/// Most that a stroke moves as a whole; that it moves along its way, so many times differently; and each point.
const MOVE: f32 = 6.0;
const SWAY: f32 = 24.0;
const SWAYS: usize = 5;
const SHAKE: f32 = 2.6;
/// Most that the paper is bent at the 4x4 places of a lattice.
const BEND: f32 = 24.0;
const RADIUS: Range<f32> = 0.54..1.8;
const PRESSURE: f32 = 0.59;
const EDGE: Range<f32> = 0.47..0.52;

/// Straight pieces that stand for a curve from one point to the next.
const PIECES: usize = 5;

/// Who writes one image. The choices are made from the generator's bits, so that no other library has a say in a seed's
/// meaning.
pub struct Writer(ChaCha8Rng);

/// A lattice of 4x4 displacements over the box that hands are written in.
type Bend = [[Point; 4]; 4];

impl Writer {
    pub fn new(rng: ChaCha8Rng) -> Self {
        Self(rng)
    }

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

    fn point_about(&mut self, spread: f32) -> Point {
        [self.about(spread), self.about(spread)]
    }

    /// A whole number in `0..end`, all about equally likely.
    fn below(&mut self, end: usize) -> usize {
        ((u64::from(self.0.next_u32()) * end as u64) >> 32) as usize
    }

    /// A picture, and what it shows.
    pub fn digit(&mut self) -> ([u8; PIXELS], u8) {
        let label = self.below(CLASSES);
        (self.digit_of(label), label as u8)
    }

    /// A picture that shows this digit, 0 to 9.
    pub fn digit_of(&mut self, label: usize) -> [u8; PIXELS] {
        let digit = &DIGITS[label];
        let hand = self.hand(digit);
        let mut strokes = self.strokes(hand);
        self.distort(digit, &mut strokes);
        let pen = Pen {
            radius: self.within(RADIUS),
            pressure: [self.about(PRESSURE), self.about(PRESSURE)],
            edge: self.within(EDGE),
        };
        pen.draw(&strokes)
    }

    /// One of a digit's hands, by their shares.
    fn hand(&mut self, digit: &Digit) -> &'static Hand {
        let total: usize = digit.hands.iter().map(|hand| usize::from(hand.share)).sum();
        let mut pick = self.below(total);
        for hand in digit.hands {
            match pick.checked_sub(hand.share.into()) {
                Some(rest) => pick = rest,
                None => return hand,
            }
        }
        &digit.hands[0]
    }

    /// The hand's strokes as polylines, somewhere between two of its forms and shaken.
    fn strokes(&mut self, hand: &Hand) -> Vec<Vec<Point>> {
        let [from, to] = [0; 2].map(|_| hand.forms[self.below(hand.forms.len())]);
        let between = self.unit();
        // What was one point stays one, so strokes that share it still meet.
        let mut moved = Vec::new();
        let mut lines = Vec::with_capacity(from.len());
        for (from, to) in from.iter().zip(to) {
            let shift = self.point_about(MOVE);
            let sways: [Point; SWAYS] = [(); SWAYS].map(|()| self.point_about(SWAY));
            let steps = from.windows(2).filter(|pair| pair[0] != pair[1]).count() as f32;
            let (mut step, mut last) = (0.0_f32, None);
            let (mut line, mut curve) = (Vec::new(), Vec::new());
            for point in from.iter().zip(*to) {
                let is_corner = last == Some(point);
                if last.is_some() && !is_corner {
                    step += 1.0;
                }
                let found = moved.iter().find(|(other, _)| *other == point).map(|(_, after)| *after);
                let after = found.unwrap_or_else(|| {
                    let place = hands::between(*point.0, *point.1, between);
                    let sway = blend(&sways, step / steps);
                    let shake = self.point_about(SHAKE);
                    let after = [0, 1].map(|axis| place[axis] + shift[axis] + sway[axis] + shake[axis]);
                    moved.push((point, after));
                    after
                });
                if is_corner {
                    run_through(&curve, &mut line);
                    curve.clear();
                }
                curve.push(after);
                last = Some(point);
            }
            run_through(&curve, &mut line);
            lines.push(line);
        }
        lines
    }

    /// Bends, slants, stretches and turns.
    fn distort(&mut self, digit: &Digit, strokes: &mut [Vec<Point>]) {
        let bend: Bend = [(); 4].map(|()| [(); 4].map(|()| self.point_about(BEND)));
        let width = self.within(WIDTH) * digit.width;
        let slant = self.about(SLANT) + LEAN + digit.lean;
        // With t = tan(angle / 2), (1 - t^2, 2t) / (1 + t^2) is (cos, sin).
        let t = self.about(TURN);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        for point in strokes.iter_mut().flatten() {
            let [x, y] = bent(&bend, *point);
            let x = width * x + slant * y;
            *point = [cos * x - sin * y, sin * x + cos * y];
        }
    }
}

/// The value at a place from 0 to 1 between values at equal distances.
fn blend(values: &[Point; SWAYS], place: f32) -> Point {
    let place = place * (SWAYS - 1) as f32;
    let first = (place as usize).min(SWAYS - 2);
    let rest = place - first as f32;
    [0, 1].map(|axis| values[first][axis] * (1.0 - rest) + values[first + 1][axis] * rest)
}

/// A point where the bent paper has it.
fn bent(bend: &Bend, point: Point) -> Point {
    let [columns, rows] = point.map(|place| bernstein(place / hands::SIDE));
    let mut moved = point;
    for (line, row) in bend.iter().zip(rows) {
        for (by, column) in line.iter().zip(columns) {
            moved = [0, 1].map(|axis| moved[axis] + row * column * by[axis]);
        }
    }
    moved
}

/// The cubic Bernstein polynomials: what each of four control values has a share of, from one side to the other.
fn bernstein(u: f32) -> [f32; 4] {
    let v = 1.0 - u;
    [v * v * v, 3.0 * u * v * v, 3.0 * u * u * v, u * u * u]
}

/// Adds a smooth curve through the points (a Catmull-Rom spline) to a polyline.
fn run_through(points: &[Point], line: &mut Vec<Point>) {
    // Before the first and after the last point it goes on as it goes there.
    let beyond = |end: Point, before: Point| [0, 1].map(|axis| 2.0 * end[axis] - before[axis]);
    line.extend(points.first());
    for (place, pair) in points.windows(2).enumerate() {
        let before = if place > 0 { points[place - 1] } else { beyond(pair[0], pair[1]) };
        let after = points.get(place + 2).copied().unwrap_or_else(|| beyond(pair[1], pair[0]));
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            line.push([0, 1].map(|axis| {
                let (a, b, c, d) = (before[axis], pair[0][axis], pair[1][axis], after[axis]);
                b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
            }));
        }
    }
}
