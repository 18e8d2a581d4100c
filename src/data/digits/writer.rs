//! The random choices of one image.

use std::ops::Range;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::pen::{PIXELS, Pen, Point};
use super::styles::{self, CLASSES, DIGITS, Digit, Style};

// The variation of digits. These numbers, and the shares, widths and leans in `styles`, were fitted: a network trained on the
// digits alone classifies MNIST's training images best with them.
const WIDTH: Range<f32> = 0.55..1.1;
/// The slant of all digits, with the top to the right, and the largest deviation from it.
const LEAN: f32 = -0.23;
const SLANT: f32 = 0.7;
/// Tangent of half the largest rotation.
const ROTATION: f32 = 0.23;
/// The largest shifts: of a stroke, of each of the control values along it, and of a point.
const STROKE_SHIFT: f32 = 6.0;
const CONTROL_SHIFT: f32 = 24.0;
const CONTROLS: usize = 5;
const POINT_SHIFT: f32 = 2.6;
/// The largest shift of the 4x4 control points that bend the paper.
const BEND: f32 = 24.0;
const RADIUS: Range<f32> = 0.54..1.8;
const PRESSURE: f32 = 0.59;
const EDGE: Range<f32> = 0.47..0.52;

/// Straight segments of a curve from one point to the next.
const SEGMENTS: usize = 5;

/// The writer of one image. It uses the generator's bits directly, so a seed's meaning depends on no other library.
pub struct Writer(ChaCha8Rng);

/// Shifts of 4x4 control points over the square of the strokes.
type Bend = [[Point; 4]; 4];

impl Writer {
    pub fn new(rng: ChaCha8Rng) -> Self {
        Self(rng)
    }

    /// Uniform in 0..1, from the 24 bits that an f32 holds exactly.
    fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    fn uniform(&mut self, range: Range<f32>) -> f32 {
        range.start + (range.end - range.start) * self.unit()
    }

    /// Triangular over `-spread..spread`.
    fn triangular(&mut self, spread: f32) -> f32 {
        (self.unit() - self.unit()) * spread
    }

    fn shift(&mut self, spread: f32) -> Point {
        [self.triangular(spread), self.triangular(spread)]
    }

    /// A whole number in `0..end`, each nearly equally likely.
    fn below(&mut self, end: usize) -> usize {
        ((u64::from(self.0.next_u32()) * end as u64) >> 32) as usize
    }

    /// A picture of a random digit, and its label.
    pub fn digit(&mut self) -> ([u8; PIXELS], u8) {
        let label = self.below(CLASSES);
        (self.digit_of(label), label as u8)
    }

    /// A picture of this digit, 0 to 9.
    pub fn digit_of(&mut self, label: usize) -> [u8; PIXELS] {
        let digit = &DIGITS[label];
        let style = self.style(digit);
        let mut strokes = self.strokes(style);
        self.distort(digit, &mut strokes);
        let pen = Pen { radius: self.uniform(RADIUS), pressure: self.shift(PRESSURE), edge: self.uniform(EDGE) };
        pen.draw(&strokes)
    }

    /// One of a digit's styles, drawn by their shares.
    fn style(&mut self, digit: &Digit) -> &'static Style {
        let total: usize = digit.styles.iter().map(|style| usize::from(style.share)).sum();
        let mut pick = self.below(total);
        for style in digit.styles {
            match pick.checked_sub(style.share.into()) {
                Some(rest) => pick = rest,
                None => return style,
            }
        }
        &digit.styles[0]
    }

    /// The strokes of a style as polylines, interpolated between two of its forms, with random shifts.
    fn strokes(&mut self, style: &Style) -> Vec<Vec<Point>> {
        let [from, to] = [0; 2].map(|_| style.forms[self.below(style.forms.len())]);
        let t = self.unit();
        // Equal points are shifted equally, so strokes that meet still do.
        let mut moved = Vec::new();
        let mut lines = Vec::with_capacity(from.len());
        for (from, to) in from.iter().zip(to) {
            let stroke_shift = self.shift(STROKE_SHIFT);
            let controls: [Point; CONTROLS] = [(); CONTROLS].map(|()| self.shift(CONTROL_SHIFT));
            let steps = from.windows(2).filter(|pair| pair[0] != pair[1]).count() as f32;
            let (mut step, mut last) = (0.0_f32, None);
            let (mut line, mut curve) = (Vec::new(), Vec::new());
            for point in from.iter().zip(*to) {
                let is_corner = last == Some(point);
                if last.is_some() && !is_corner {
                    step += 1.0;
                }
                let found = moved.iter().find(|(other, _)| *other == point).map(|(_, shifted)| *shifted);
                let shifted = found.unwrap_or_else(|| {
                    let start = styles::interpolated(*point.0, *point.1, t);
                    let control = blend(&controls, step / steps);
                    let own = self.shift(POINT_SHIFT);
                    let shifted = [0, 1].map(|axis| start[axis] + stroke_shift[axis] + control[axis] + own[axis]);
                    moved.push((point, shifted));
                    shifted
                });
                if is_corner {
                    add_curve(&curve, &mut line);
                    curve.clear();
                }
                curve.push(shifted);
                last = Some(point);
            }
            add_curve(&curve, &mut line);
            lines.push(line);
        }
        lines
    }

    /// Bends, slants, stretches and rotates.
    fn distort(&mut self, digit: &Digit, strokes: &mut [Vec<Point>]) {
        let bend: Bend = [(); 4].map(|()| [(); 4].map(|()| self.shift(BEND)));
        let width = self.uniform(WIDTH) * digit.width;
        let slant = self.triangular(SLANT) + LEAN + digit.lean;
        // With t = tan(angle / 2), (1 - t^2, 2t) / (1 + t^2) is (cos, sin).
        let t = self.triangular(ROTATION);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        for point in strokes.iter_mut().flatten() {
            let [x, y] = bent(&bend, *point);
            let x = width * x + slant * y;
            *point = [cos * x - sin * y, sin * x + cos * y];
        }
    }
}

/// Linear interpolation at `t`, 0 to 1, between equally spaced values.
fn blend(values: &[Point; CONTROLS], t: f32) -> Point {
    let position = t * (CONTROLS - 1) as f32;
    let first = (position as usize).min(CONTROLS - 2);
    let rest = position - first as f32;
    [0, 1].map(|axis| values[first][axis] * (1.0 - rest) + values[first + 1][axis] * rest)
}

/// A point of the bent paper.
fn bent(bend: &Bend, point: Point) -> Point {
    let [columns, rows] = point.map(|coordinate| bernstein(coordinate / styles::SIDE));
    let mut moved = point;
    for (line, row) in bend.iter().zip(rows) {
        for (shift, column) in line.iter().zip(columns) {
            moved = [0, 1].map(|axis| moved[axis] + row * column * shift[axis]);
        }
    }
    moved
}

/// The cubic Bernstein polynomials: the weights of four control values at `u`, 0 to 1.
fn bernstein(u: f32) -> [f32; 4] {
    let v = 1.0 - u;
    [v * v * v, 3.0 * u * v * v, 3.0 * u * u * v, u * u * u]
}

/// Adds a smooth curve through the points (a Catmull-Rom spline) to a polyline.
fn add_curve(points: &[Point], line: &mut Vec<Point>) {
    // The spline needs a point before the first and one after the last: these mirror the neighbours.
    let mirrored = |end: Point, before: Point| [0, 1].map(|axis| 2.0 * end[axis] - before[axis]);
    line.extend(points.first());
    for (index, pair) in points.windows(2).enumerate() {
        let before = if index > 0 { points[index - 1] } else { mirrored(pair[0], pair[1]) };
        let after = points.get(index + 2).copied().unwrap_or_else(|| mirrored(pair[1], pair[0]));
        for segment in 1..=SEGMENTS {
            let t = segment as f32 / SEGMENTS as f32;
            line.push([0, 1].map(|axis| {
                let (a, b, c, d) = (before[axis], pair[0][axis], pair[1][axis], after[axis]);
                b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
            }));
        }
    }
}
