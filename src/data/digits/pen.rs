//! A round pen that draws strokes into a 20x20 box of a picture.

use std::ops::Range;

/// Pixels along one side of an image.
pub const SIDE: usize = 28;
/// Bytes of one image, row-major, 0 for black paper and 255 for white ink.
pub const PIXELS: usize = SIDE * SIDE;

/// Side of the box that holds all ink of a digit.
pub const BOX: usize = 20;

/// A point on a stroke, (x, y).
pub type Point = [f32; 2];

/// A round pen.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// Radius in pixels.
    pub radius: f32,
    /// The relative increase of the radius at a stroke's beginning and at its end.
    pub pressure: [f32; 2],
    /// The width of the edge from white to black, in pixels.
    pub edge: f32,
}

impl Pen {
    /// The picture of strokes, scaled to fill the box.
    pub fn draw(&self, strokes: &[Vec<Point>]) -> [u8; PIXELS] {
        centred(&self.inked(strokes))
    }

    fn inked(&self, strokes: &[Vec<Point>]) -> [[u8; BOX]; BOX] {
        let &Self { radius, pressure: [first, last], edge } = self;
        let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
        for point in strokes.iter().flatten() {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        let scale = (BOX as f32 - 2.0 * radius) / (high[0] - low[0]).max(high[1] - low[1]);
        let fitted =
            |point: Point| [0, 1].map(|axis| (point[axis] - (low[axis] + high[axis]) * 0.5) * scale + BOX as f32 * 0.5);

        // The largest depth of each pixel's centre inside the pen's edge.
        let mut depths = [[f32::MIN; BOX]; BOX];
        let reach = radius * (1.0 + first.max(last).max(0.0)) + 0.5 * edge;
        for line in strokes {
            let segments = line.len() as f32 - 1.0;
            for (index, segment) in line.windows(2).enumerate() {
                let t = index as f32 / segments;
                let radius = radius * (1.0 + first * (1.0 - t) + last * t);
                let (from, to) = (fitted(segment[0]), fitted(segment[1]));
                let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
                let length2 = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
                for row in near(from[1], to[1], reach) {
                    for column in near(from[0], to[0], reach) {
                        let (x, y) = (column as f32 + 0.5 - from[0], row as f32 + 0.5 - from[1]);
                        let along = ((x * dx + y * dy) / length2).clamp(0.0, 1.0);
                        let (x, y) = (x - along * dx, y - along * dy);
                        let depth = &mut depths[row][column];
                        *depth = depth.max(radius - (x * x + y * y).sqrt());
                    }
                }
            }
        }
        depths.map(|row| row.map(|depth| ((depth / edge + 0.5).clamp(0.0, 1.0) * 255.0 + 0.5) as u8))
    }
}

/// The rows or columns within `reach` of the interval between `a` and `b`.
fn near(a: f32, b: f32, reach: f32) -> Range<usize> {
    // The casts saturate at 0.
    (a.min(b) - reach) as usize..BOX.min((a.max(b) + reach) as usize + 1)
}

/// The picture of a box, shifted by whole pixels so that its centre of mass is as near the middle as possible.
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
