//! What every plot is drawn with: pages as SVG or PNG, axes, curves and their legend.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontError, register_font};

/// The pixels of a PNG file: width and height. An SVG file has half of both.
pub(super) type Size = (u32, u32);
/// Units per pixel. Plotters draws thick lines with jagged edges of whole units, so the units are small. All lengths below are
/// in units.
const FINE: u32 = 3;
pub(super) const LINE: u32 = 14;
/// The width of a line that others are drawn over.
pub(super) const THIN: u32 = 6;
/// The distance between the page's edge, and what stands there.
const MARGIN: i32 = 120;
/// The room for an axis' labels and its name.
const LABELS: i32 = 360;
/// The lengths of a dash and of the gap after it.
pub(super) type Dash = (f64, f64);
pub(super) const SOLID: Dash = (f64::MAX, 0.0);
pub(super) const DASHED: Dash = (60.0, 36.0);
pub(super) const DOTTED: Dash = (20.0, 24.0);
/// The length of a line in the legend: three dashes and two gaps.
const SAMPLE: i32 = (3.0 * DASHED.0 + 2.0 * DASHED.1) as i32;
const TEXT: (&str, i32) = ("sans-serif", 130);
/// The distance by which plotters centres text too high.
const RISE: i32 = TEXT.1 / 6;

pub(super) type Page<DB> = DrawingArea<DB, Shift>;
pub(in crate::report) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

pub(super) fn svg(size: Size, draw: impl FnOnce(&Page<SVGBackend>) -> Outcome<()>) -> Outcome<Vec<u8>> {
    let page = in_units(size);
    let mut svg = String::new();
    draw(&SVGBackend::with_string(&mut svg, page).into_drawing_area())?;
    let tag = |(width, height)| format!(r#"width="{width}" height="{height}""#);
    let svg = svg.replacen(&tag(page), &tag((size.0 / 2, size.1 / 2)), 1);
    // The vertical centre of text in a PNG file, so that `RISE` is right for both formats.
    Ok(svg.replace(r#"dy="0.5ex""#, r#"dy="0.12em""#).into_bytes())
}

pub(super) fn png(size: Size, draw: impl FnOnce(&Page<BitMapBackend>) -> Outcome<()>) -> Outcome<Vec<u8>> {
    let page = in_units(size);
    let (row, side) = (page.0 as usize * 3, FINE as usize);
    let mut units = vec![0; row * page.1 as usize];
    draw(&BitMapBackend::with_buffer(&mut units, page).into_drawing_area())?;
    // A pixel is the mean of a square of units.
    let pixels = units.chunks_exact(row * side).flat_map(|rows| {
        (0..row / side).map(move |byte| {
            let corner = byte / 3 * 3 * side + byte % 3;
            let square = (0..side * side).map(|unit| rows[corner + unit / side * row + unit % side * 3]);
            (square.map(u32::from).sum::<u32>() / (FINE * FINE)) as u8
        })
    });
    encode_png(size, png::ColorType::Rgb, &pixels.collect::<Vec<_>>())
}

/// The size of a page in units.
fn in_units((width, height): Size) -> Size {
    (width * FINE, height * FINE)
}

/// A PNG file of this width and height, from row-major pixels with 8 bits a channel.
pub(in crate::report) fn encode_png(
    (width, height): (u32, u32),
    color: png::ColorType,
    pixels: &[u8],
) -> Outcome<Vec<u8>> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(color);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(png)
}

/// The colour and dash of the first, second and third curve.
pub(super) const STYLES: [(RGBColor, Dash); 3] =
    [(RGBColor(0x00, 0x44, 0x88), SOLID), (RGBColor(0xee, 0x77, 0x33), DASHED), (RGBColor(0x22, 0x88, 0x33), DOTTED)];

/// An axis: its name, its range, and the values with a tick, each with its text.
pub(super) struct Axis {
    pub name: &'static str,
    pub range: Range<f64>,
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The text of a tick. Plotters names a tick by its value.
    fn text(&self, value: f64) -> String {
        let distance = |tick: &(f64, String)| (tick.0 - value).abs();
        let nearest = self.ticks.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)));
        nearest.map_or(String::new(), |(_, text)| text.clone())
    }

    fn ticked(&self) -> Ticked {
        let ticks = self.ticks.iter().map(|(value, _)| *value).collect();
        Ticked { range: self.range.clone().into(), ticks }
    }
}

/// A curve: its name, colour, dash and points.
pub(super) type Curve<'a> = (&'a str, RGBColor, Dash, Vec<(f64, f64)>);
/// The plane of two axes.
pub(super) type Plane<'a, DB> = ChartContext<'a, DB, Cartesian2d<Ticked, Ticked>>;

/// A range with ticks where an axis wants them. (Those of plotters are where it likes.)
pub(super) struct Ticked {
    range: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Ranged for Ticked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}

impl From<Ticked> for Range<f64> {
    fn from(ticked: Ticked) -> Self {
        ticked.range()
    }
}

/// The font of all pictures, with letters of this height.
pub(in crate::report) fn font(height: i32) -> Outcome<TextStyle<'static>> {
    register_font(TEXT.0, FontStyle::Normal, ttf_noto_sans::REGULAR).map_err(|_| FontError::FontUnavailable)?;
    Ok((TEXT.0, height).into())
}

/// The corner of a plot that its curves leave free.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Corner {
    LowerRight,
    UpperRight,
}

/// Draws two axes with a grid.
pub(super) fn axes<DB>(panel: &Page<DB>, [x, y]: [Axis; 2]) -> Outcome<Plane<'_, DB>>
where
    DB: DrawingBackend<ErrorType: 'static>,
{
    font(TEXT.1)?;
    let mut builder = ChartBuilder::on(panel);
    builder.margin(MARGIN).set_left_and_bottom_label_area_size(LABELS);
    let mut chart = builder.build_cartesian_2d(x.ticked(), y.ticked())?;
    let [grid, axis] = [RGBColor(0xdd, 0xdd, 0xdd), BLACK].map(|colour| colour.stroke_width(5));
    let mut mesh = chart.configure_mesh();
    mesh.bold_line_style(grid).light_line_style(TRANSPARENT).axis_style(axis).set_all_tick_mark_size(30);
    let [across, up] = [&x, &y].map(|axis| |value: &f64| axis.text(*value));
    mesh.x_desc(x.name).x_label_formatter(&across).y_desc(y.name).y_label_formatter(&up);
    mesh.label_style(TEXT).y_label_offset(RISE).draw()?;
    Ok(chart)
}

/// Draws curves over two axes, with a legend in a corner.
pub(super) fn curves<DB>(page: &Page<DB>, plane: &Plane<DB>, corner: Corner, curves: &[Curve]) -> Outcome<()>
where
    DB: DrawingBackend<ErrorType: 'static>,
{
    let longest = curves.iter().map(|(name, ..)| name.len() as i32).max().unwrap_or(0);
    let (across, down) = plane.plotting_area().get_pixel_range();
    let (row, letter, edge) = (160, 62, 6);
    let height = row * curves.len() as i32;
    let right = across.end - edge;
    let top = if corner == Corner::UpperRight { down.start + edge } else { down.end - edge - 14 - height };
    let left = right - SAMPLE - 60 - letter * longest;
    page.draw(&Rectangle::new([(left - row / 2, top), (right, top + 14 + height)], WHITE.filled()))?;
    let text = TextStyle::from(TEXT).pos(Pos::new(HPos::Left, VPos::Center));
    for (y, (name, colour, dash, points)) in (top + row / 2..).step_by(row as usize).zip(curves) {
        line(page, &[(left, y), (left + SAMPLE, y)], *colour, *dash, LINE)?;
        page.draw(&Text::new(*name, (left + SAMPLE + 60, y + RISE), &text))?;
        let points: Vec<_> = points.iter().map(|point| plane.backend_coord(point)).collect();
        line(page, &points, *colour, *dash, LINE)?;
    }
    Ok(())
}

/// Draws a line through points, or a dot for a single point. Plotters would fill a thick line as one polygon, which shows
/// spikes where the data is noisy. So this draws each straight piece, with a round joint where a dash continues at a bend.
pub(super) fn line<DB>(
    page: &Page<DB>,
    points: &[(i32, i32)],
    colour: RGBColor,
    (dash, gap): Dash,
    thickness: u32,
) -> Outcome<()>
where
    DB: DrawingBackend<ErrorType: 'static>,
{
    if let [point] = points {
        // A dashed curve gets a ring, so that a dot under it stays visible.
        let style = if gap > 0.0 { colour.stroke_width(thickness) } else { colour.filled() };
        page.draw(&Circle::new(*point, 2 * thickness, style))?;
    }
    let mut walked = 0.0;
    for ends in points.windows(2) {
        let [from, to] = [ends[0], ends[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
        let (x, y) = (to.0 - from.0, to.1 - from.1);
        let length = x.hypot(y);
        let at = |distance: f64| {
            ((from.0 + distance / length * x).round() as i32, (from.1 + distance / length * y).round() as i32)
        };
        let mut start = -(walked % (dash + gap));
        while start < length {
            let (on, off) = (start.max(0.0), length.min(start + dash));
            if on < off {
                page.draw(&PathElement::new([at(on), at(off)], colour.stroke_width(thickness)))?;
                if start < on {
                    page.draw(&Circle::new(ends[0], thickness / 2, colour.filled()))?;
                }
            }
            start += dash + gap;
        }
        walked += length;
    }
    Ok(())
}
