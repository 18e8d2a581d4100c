//! The first layer's weights as a picture: an image for each hidden unit.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use png::ColorType;

use super::plot::{Outcome, PlotError, encode_png, font, write};
use crate::net::Params;

/// The most pixels of a picture's side.
const LARGEST: usize = 4096;
/// The width that pictures are made for.
const WIDTH: usize = 1800;
/// So many units have this many in a row.
const ROWS: [(usize, usize); 3] = [(100, 10), (600, 20), (usize::MAX, 50)];
/// The largest square that a weight is drawn as.
const MAX_SCALE: usize = 16;
/// The edge of the page.
const EDGE: usize = 24;
/// The height of the text, and the room for a line of it.
const TEXT: usize = 20;
const LINE: usize = 28;
/// The width of the numbers before the rows of a large picture.
const NUMBERS: usize = 56;
/// The narrowest image that has room for its number.
const NUMBERED: usize = 40;
const PAGE: Rgb = [0xdd, 0xdd, 0xdd];
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
/// The width and height of the scale of colours.
const SCALE_BAR: (usize, usize) = (320, 20);
/// The colours of 0, of half the largest weight, and of the largest, below and above 0. People who cannot tell red from green
/// tell blue from orange.
const BELOW: [Rgb; 3] = [WHITE_PIXEL, [0x5b, 0x9c, 0xd4], [0x00, 0x33, 0x77]];
const ABOVE: [Rgb; 3] = [WHITE_PIXEL, [0xf0, 0x8c, 0x3c], [0x8c, 0x2d, 0x04]];
const WHITE_PIXEL: Rgb = [0xff; 3];

type Rgb = [u8; 3];

/// How the images lie on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Rows and columns of an image.
    image: (usize, usize),
    /// The images that fit.
    count: usize,
    /// Images in a row.
    across: usize,
    /// The side of the square that a weight is drawn as.
    scale: usize,
    /// Whether each image has its number; otherwise each row has that of its first image.
    numbered: bool,
}

impl Layout {
    fn new(image: (usize, usize), units: usize) -> Self {
        let (rows, cols) = image;
        let most = ROWS.iter().find(|(most, _)| units <= *most).map_or(units, |(_, across)| *across);
        let across = most.min(units).min((LARGEST - 2 * EDGE - NUMBERS) / (cols + 1)).max(1);
        let scale = (WIDTH / (most * (cols + 1))).clamp(1, MAX_SCALE);
        // One image in a column of its own may be very high.
        let scale = scale.min((LARGEST / 2 / rows).max(1));
        let numbered = across <= ROWS[0].1 && scale * cols >= NUMBERED;
        let mut layout = Self { image, count: units, across, scale, numbered };
        let down = (LARGEST - 2 * EDGE - Layout::foot()) / layout.pitch().1;
        layout.count = units.min(across * down.max(1));
        layout
    }

    /// The room below the images, for the scale of colours and a line of text.
    fn foot() -> usize {
        EDGE + SCALE_BAR.1 + 2 * LINE
    }

    /// The gap between two images.
    fn gap(&self) -> usize {
        (2 * self.scale).clamp(1, 10)
    }

    /// From an image to its neighbours.
    fn pitch(&self) -> (usize, usize) {
        let (rows, cols) = self.image;
        let below = if self.numbered { LINE } else { 0 };
        (self.scale * cols + self.gap(), self.scale * rows + self.gap() + below)
    }

    fn left(&self) -> usize {
        if self.numbered { EDGE } else { EDGE + NUMBERS }
    }

    /// The upper left corner of an image.
    fn corner(&self, place: usize) -> (usize, usize) {
        let (across, down) = self.pitch();
        (self.left() + place % self.across * across, EDGE + place / self.across * down)
    }

    /// The width and height of the page. It has room for the scale of colours.
    fn page(&self) -> (usize, usize) {
        let (across, down) = self.pitch();
        let width = self.left() + self.across * across - self.gap() + EDGE;
        (width.max(SCALE_BAR.0 + 2 * EDGE + 4 * TEXT), EDGE + self.count.div_ceil(self.across) * down + Self::foot())
    }
}

/// Draws the weights from the pixels to some hidden units, an image of `size` (rows, columns) each, in one scale for all. The
/// picture is at most about 4,096 pixels wide and high. Returns how many units it shows, the first of them if not all fit.
///
/// # Errors
/// The file cannot be written.
///
/// # Panics
/// If `size` is not that of the network's images, or there is no such unit.
pub fn write_weights(path: &Path, params: &Params, size: (usize, usize), units: &[usize]) -> Result<usize, PlotError> {
    assert_eq!(size.0 * size.1, params.shape.input, "an image has a pixel for each input");
    let layout = Layout::new(size, units.len());
    write(path, draw(params, layout, &units[..layout.count]))?;
    Ok(layout.count)
}

fn draw(params: &Params, layout: Layout, units: &[usize]) -> Outcome<Vec<u8>> {
    let hidden = params.shape.hidden;
    let weight = |pixel: usize, unit: usize| params.w1[pixel * hidden + unit];
    let largest = params.w1.iter().fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
    let (width, height) = layout.page();
    let mut page: Vec<u8> = std::iter::repeat_n(PAGE, width * height).flatten().collect();
    letter(&mut page, layout, units, largest)?;

    let mut fill = |(x, y): (usize, usize), (wide, high): (usize, usize), colour: Rgb| {
        for row in y..y + high {
            page.as_chunks_mut::<3>().0[row * width + x..][..wide].fill(colour);
        }
    };
    let (_, cols) = layout.image;
    for (place, &unit) in units.iter().enumerate() {
        let (x, y) = layout.corner(place);
        for pixel in 0..params.shape.input {
            let corner = (x + pixel % cols * layout.scale, y + pixel / cols * layout.scale);
            fill(corner, (layout.scale, layout.scale), colour(weight(pixel, unit), largest));
        }
    }
    let (x, y) = scale_bar(layout);
    for step in 0..SCALE_BAR.0 {
        let value = 2.0 * step as f32 / (SCALE_BAR.0 - 1) as f32 - 1.0;
        fill((x + step, y), (1, SCALE_BAR.1), colour(value, 1.0));
    }
    encode_png((width as u32, height as u32), ColorType::Rgb, &page)
}

/// The upper left corner of the scale of colours.
fn scale_bar(layout: Layout) -> (usize, usize) {
    let (width, height) = layout.page();
    ((width - SCALE_BAR.0) / 2, height - Layout::foot() + EDGE)
}

/// Draws the numbers of the units and the text of the scale.
fn letter(page: &mut [u8], layout: Layout, units: &[usize], largest: f32) -> Outcome<()> {
    let font = font(TEXT as i32)?.color(&INK);
    let (width, height) = layout.page();
    let area = BitMapBackend::with_buffer(page, (width as u32, height as u32)).into_drawing_area();
    let text = |text: String, (x, y): (usize, usize), horizontal, vertical| {
        let style = font.pos(Pos::new(horizontal, vertical));
        area.draw(&Text::new(text, (x as i32, y as i32), style))
    };
    let (across, (rows, cols), scale) = (layout.across, layout.image, layout.scale);
    for (place, unit) in units.iter().enumerate() {
        let (x, y) = layout.corner(place);
        if layout.numbered {
            text(unit.to_string(), (x + cols * scale / 2, y + rows * scale + 4), HPos::Center, VPos::Top)?;
        } else if place.is_multiple_of(across) && labelled(layout, place / across) {
            text(unit.to_string(), (x - 10, y + rows * scale / 2), HPos::Right, VPos::Center)?;
        }
    }
    let (x, y) = scale_bar(layout);
    let below = y + SCALE_BAR.1 + 4;
    let number = format!("{largest:.3}");
    text(format!("−{number}"), (x, below), HPos::Center, VPos::Top)?;
    text("0".to_owned(), (x + SCALE_BAR.0 / 2, below), HPos::Center, VPos::Top)?;
    text(number, (x + SCALE_BAR.0, below), HPos::Center, VPos::Top)?;
    area.present()?;
    Ok(())
}

/// Whether a row has room for its number.
fn labelled(layout: Layout, row: usize) -> bool {
    row.is_multiple_of(TEXT.div_ceil(layout.pitch().1))
}

/// The colour of a weight: white for 0, and darker with its size.
fn colour(weight: f32, largest: f32) -> Rgb {
    let share = if largest > 0.0 { (weight / largest).clamp(-1.0, 1.0) } else { 0.0 };
    let stops = if share < 0.0 { BELOW } else { ABOVE };
    let place = 2.0 * share.abs();
    let (from, to, share) = if place < 1.0 { (stops[0], stops[1], place) } else { (stops[1], stops[2], place - 1.0) };
    std::array::from_fn(|channel| {
        let [from, to] = [from[channel], to[channel]].map(f32::from);
        (from + share * (to - from)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Shape;

    #[test]
    fn colours_are_white_at_0_and_dark_at_the_ends() {
        let colours = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|weight| colour(weight, 2.0));
        assert_eq!(colours, [BELOW[2], BELOW[1], WHITE_PIXEL, ABOVE[1], ABOVE[2]]);
        assert_eq!(colour(0.0, 0.0), WHITE_PIXEL);
    }

    #[test]
    fn every_number_of_units_has_a_picture_of_bounded_size() {
        for image in [(28, 28), (1, 1), (6, 6), (64, 64), (1, 4096), (4096, 1), (32, 48)] {
            for units in [1, 2, 9, 10, 50, 100, 101, 1000, 2500, 4096] {
                let layout = Layout::new(image, units);
                let (width, height) = layout.page();
                assert!(width <= LARGEST + 100 && height <= LARGEST + 300, "{layout:?} {width} {height}");
                assert!((1..=units).contains(&layout.count), "{layout:?}");
                let (x, y) = layout.corner(layout.count - 1);
                assert!(x + layout.scale * image.1 <= width && y + layout.scale * image.0 <= height, "{layout:?}");
            }
        }
        let book = Layout::new((28, 28), 50);
        assert_eq!((book.across, book.scale, book.numbered, book.count), (10, 6, true, 50));
        assert_eq!(Layout::new((28, 28), 4096).count, 4096);
        assert!(Layout::new((64, 64), 4096).count < 4096);
    }

    #[test]
    fn a_unit_is_its_column_of_w1() {
        // 2 x 3 pixels, 2 units: unit 1 alone has weights.
        let mut params = Params::zeros(Shape { input: 6, hidden: 2, classes: 2 });
        params.w1 = vec![0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.5, 0.0, -0.5, 0.0, 0.25];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.png");
        assert_eq!(write_weights(&path, &params, (2, 3), &[1]).unwrap(), 1);
        let layout = Layout::new((2, 3), 1);
        let picture = image::open(&path).unwrap().to_rgb8();
        let at = |row: usize, column: usize| {
            let (x, y) = layout.corner(0);
            let middle = layout.scale / 2;
            picture[((x + column * layout.scale + middle) as u32, (y + row * layout.scale + middle) as u32)].0
        };
        let found = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)].map(|(row, column)| at(row, column));
        assert_eq!(found, [ABOVE[2], BELOW[2], WHITE_PIXEL, ABOVE[1], BELOW[1]]);
        // The largest weight of all units sets the scale, though another unit has it.
        write_weights(&path, &params, (2, 3), &[0]).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        assert_eq!(picture[(layout.corner(0).0 as u32 + 1, layout.corner(0).1 as u32 + 1)].0, WHITE_PIXEL);
    }
}
