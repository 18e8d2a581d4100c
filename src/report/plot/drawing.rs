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
/// The lengths of a dash, of the gap after it, of the next dash, and so on; then again from the first.
pub(super) type Dash = &'static [f64];
pub(super) const SOLID: Dash = &[f64::MAX];
pub(super) const DASHED: Dash = &[60.0, 36.0];
const DOTTED: Dash = &[20.0, 24.0];
const DASH_DOT: Dash = &[90.0, 34.0, 20.0, 34.0];
const LONG_DASH: Dash = &[140.0, 44.0];
const DASH_DOT_DOT: Dash = &[90.0, 30.0, 20.0, 30.0, 20.0, 30.0];
const SPARSE_DOTS: Dash = &[20.0, 56.0];
const LONG_AND_SHORT: Dash = &[140.0, 36.0, 50.0, 36.0];
/// The length of a line in the legend, which every dash fits in.
const SAMPLE: i32 = 312;
/// The distances in a legend: between two lines of text, between a line and its name, and to the plot's edge.
const ROW: i32 = 160;
const GAP: i32 = 60;
const EDGE: i32 = 6;
/// Viewers of an SVG file have their own fonts, and some are this much wider.
const WIDER: f64 = 1.15;
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

/// The colours and dashes of curves. The colours differ for people with any colour vision.
pub(super) const STYLES: [(RGBColor, Dash); 8] = [
    (RGBColor(0x00, 0x44, 0x88), SOLID),
    (RGBColor(0xee, 0x77, 0x33), DASHED),
    (RGBColor(0x11, 0x77, 0x33), DOTTED),
    (RGBColor(0xaa, 0x33, 0x77), DASH_DOT),
    (RGBColor(0x33, 0xbb, 0xee), LONG_DASH),
    (RGBColor(0x00, 0x00, 0x00), DASH_DOT_DOT),
    (RGBColor(0x99, 0x99, 0x99), SPARSE_DOTS),
    (RGBColor(0x66, 0x11, 0x00), LONG_AND_SHORT),
];

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

/// A place of the legend that the curves leave free.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    is_left: bool,
    /// The share of the room above and below the legend that is below.
    below: f64,
}

impl Place {
    pub const UPPER_RIGHT: Self = Self { is_left: false, below: 1.0 };
    pub const LOWER_RIGHT: Self = Self { is_left: false, below: 0.0 };
    const LOWER_LEFT: Self = Self { is_left: true, below: 0.0 };
    const UPPER_LEFT: Self = Self { is_left: true, below: 1.0 };

    /// The four corners, and then the places between those at the right.
    fn all() -> impl Iterator<Item = Self> {
        let between = (1..20).rev().map(|step| Self { is_left: false, below: f64::from(step) / 20.0 });
        [Self::UPPER_RIGHT, Self::LOWER_RIGHT, Self::LOWER_LEFT, Self::UPPER_LEFT].into_iter().chain(between)
    }
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

/// Draws curves over two axes, with a legend.
pub(super) fn curves<DB>(page: &Page<DB>, plane: &Plane<DB>, place: Place, curves: &[Curve]) -> Outcome<()>
where
    DB: DrawingBackend<ErrorType: 'static>,
{
    let (across, down) = plane.plotting_area().get_pixel_range();
    let (width, height) = legend_size(page, curves)?;
    let left = if place.is_left { across.start + EDGE } else { across.end - EDGE - width };
    let room = down.end - down.start - 2 * EDGE - height;
    let top = down.start + EDGE + (f64::from(room) * (1.0 - place.below)) as i32;
    page.draw(&Rectangle::new([(left, top), (left + width, top + height)], WHITE.filled()))?;
    let text = TextStyle::from(TEXT).pos(Pos::new(HPos::Left, VPos::Center));
    let left = left + ROW / 2;
    for (y, (name, colour, dash, points)) in (top + ROW / 2..).step_by(ROW as usize).zip(curves) {
        line(page, &[(left, y), (left + SAMPLE, y)], *colour, dash, LINE)?;
        page.draw(&Text::new(*name, (left + SAMPLE + GAP, y + RISE), &text))?;
        let points: Vec<_> = points.iter().map(|point| plane.backend_coord(point)).collect();
        line(page, &points, *colour, dash, LINE)?;
    }
    Ok(())
}

/// The width and height of the legend of some curves.
fn legend_size<DB>(page: &Page<DB>, curves: &[Curve]) -> Outcome<(i32, i32)>
where
    DB: DrawingBackend<ErrorType: 'static>,
{
    let style = font(TEXT.1)?;
    let widths =
        curves.iter().map(|(name, ..)| page.estimate_text_size(name, &style)).collect::<Result<Vec<_>, _>>()?;
    let longest = widths.into_iter().map(|(width, _)| width).max().unwrap_or(0);
    let name = (f64::from(longest) * WIDER) as i32;
    Ok((ROW / 2 + SAMPLE + GAP + name, ROW * curves.len() as i32 + ROW / 10))
}

/// The width and height of the legend of some curves, as shares of the plot's.
pub(super) fn legend_shares<DB>(panel: &Page<DB>, curves: &[Curve]) -> Outcome<[f64; 2]>
where
    DB: DrawingBackend<ErrorType: 'static>,
{
    let (width, height) = panel.dim_in_pixel();
    let (legend_width, legend_height) = legend_size(panel, curves)?;
    let share = |legend: i32, panel: u32| f64::from(legend + EDGE) / f64::from(panel as i32 - 2 * MARGIN - LABELS);
    Ok([share(legend_width, width), share(legend_height, height)])
}

/// A place where a legend with these shares of the plot hides no curve. `x` and `y` are the ranges of the axes.
pub(super) fn free_place([x, y]: [&Range<f64>; 2], [width, height]: [f64; 2], curves: &[Curve]) -> Option<Place> {
    let share = |value: f64, range: &Range<f64>| (value - range.start) / (range.end - range.start);
    Place::all().find(|place| {
        let bottom = place.below * (1.0 - height);
        let legend = [if place.is_left { 0.0..width } else { 1.0 - width..1.0 }, bottom..bottom + height];
        let is_hidden = |points: &Vec<(f64, f64)>| {
            let points: Vec<_> = points.iter().map(|point| [share(point.0, x), share(point.1, y)]).collect();
            // The last piece is a point, so that a curve of one point has a piece.
            let ends = points.iter().skip(1).chain(points.last());
            points.iter().zip(ends).any(|(from, to)| enters(*from, *to, &legend))
        };
        !curves.iter().any(|(.., points)| is_hidden(points))
    })
}

/// Whether a straight line enters a rectangle.
fn enters(from: [f64; 2], to: [f64; 2], rectangle: &[Range<f64>; 2]) -> bool {
    // The part of the line, from 0 to 1, that is within the rectangle's columns, and of it the part within its rows.
    let part = rectangle.iter().zip(from.into_iter().zip(to)).fold(0.0..1.0, |part: Range<f64>, (side, (from, to))| {
        let length = to - from;
        if length == 0.0 {
            return if (side.start..=side.end).contains(&from) { part } else { 1.0..0.0 };
        }
        let [one, other] = [side.start, side.end].map(|end| (end - from) / length);
        part.start.max(one.min(other))..part.end.min(one.max(other))
    });
    part.start <= part.end
}

/// Draws a line through points, or a dot for a single point. Plotters would fill a thick line as one polygon, which shows
/// spikes where the data is noisy. So this draws each straight piece, with a round joint where a dash continues at a bend.
pub(super) fn line<DB>(
    page: &Page<DB>,
    points: &[(i32, i32)],
    colour: RGBColor,
    dash: Dash,
    thickness: u32,
) -> Outcome<()>
where
    DB: DrawingBackend<ErrorType: 'static>,
{
    if let [point] = points {
        // A dashed curve gets a ring, so that a dot under it stays visible.
        let style = if dash.len() > 1 { colour.stroke_width(thickness) } else { colour.filled() };
        page.draw(&Circle::new(*point, 2 * thickness, style))?;
    }
    let period: f64 = dash.iter().sum();
    let mut walked = 0.0;
    for ends in points.windows(2) {
        let [from, to] = [ends[0], ends[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
        let (x, y) = (to.0 - from.0, to.1 - from.1);
        let length = x.hypot(y);
        let at = |distance: f64| {
            ((from.0 + distance / length * x).round() as i32, (from.1 + distance / length * y).round() as i32)
        };
        let mut start = -(walked % period);
        for (index, piece) in dash.iter().enumerate().cycle() {
            if start >= length {
                break;
            }
            let (on, off) = (start.max(0.0), length.min(start + piece));
            if index % 2 == 0 && on < off {
                page.draw(&PathElement::new([at(on), at(off)], colour.stroke_width(thickness)))?;
                if start < on {
                    page.draw(&Circle::new(ends[0], thickness / 2, colour.filled()))?;
                }
            }
            start += piece;
        }
        walked += length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_enters_a_rectangle_or_passes_it() {
        let rectangle = [0.5..1.0, 0.5..1.0];
        for (from, to, expected) in [
            ([0.0, 0.0], [1.0, 1.0], true),
            ([0.0, 0.4], [1.0, 0.4], false),
            ([0.0, 0.9], [1.0, 0.9], true),
            ([0.7, 0.0], [0.7, 2.0], true),
            ([0.4, 0.0], [0.4, 1.0], false),
            // Past the corner, and over it.
            ([0.0, 0.9], [0.9, 0.0], false),
            ([0.2, 0.9], [0.9, 0.2], true),
            ([0.6, 0.6], [0.6, 0.6], true),
            ([0.6, 0.4], [0.6, 0.4], false),
            // Along an edge.
            ([0.0, 1.0], [1.0, 1.0], true),
            ([1.0, 0.6], [1.0, 0.7], true),
        ] {
            assert_eq!(enters(from, to, &rectangle), expected, "{from:?} {to:?}");
            assert_eq!(enters(to, from, &rectangle), expected, "{to:?} {from:?}");
        }
    }

    #[test]
    fn the_legend_goes_where_no_curve_is() {
        let place = |points: &[(f64, f64)], share| {
            let curve = ("a", BLACK, SOLID, points.to_vec());
            free_place([&(0.0..10.0), &(0.0..1.0)], [share; 2], &[curve])
        };
        assert_eq!(place(&[(0.0, 1.0), (10.0, 0.0)], 0.4), Some(Place::UPPER_RIGHT));
        assert_eq!(place(&[(0.0, 0.0), (10.0, 1.0)], 0.4), Some(Place::LOWER_RIGHT));
        assert_eq!(place(&[(0.0, 1.0), (9.0, 1.0), (9.0, 0.0)], 0.4), Some(Place::LOWER_LEFT));
        assert_eq!(place(&[(9.0, 1.0), (9.0, 0.0), (0.0, 0.0)], 0.4), Some(Place::UPPER_LEFT));
        assert_eq!(
            place(&[(10.0, 1.0), (0.0, 1.0), (0.0, 0.0), (10.0, 0.0)], 0.4).map(|place| place.is_left),
            Some(false)
        );
        assert_eq!(place(&[(0.0, 1.0), (10.0, 0.0)], 0.6), None);
        assert_eq!(place(&[], 0.6), Some(Place::UPPER_RIGHT));
    }

    #[test]
    fn no_two_curves_look_alike() {
        for (index, (colour, dash)) in STYLES.iter().enumerate() {
            assert!(dash.len() == 1 || dash.iter().sum::<f64>() <= f64::from(SAMPLE));
            assert!(STYLES[..index].iter().all(|(other, other_dash)| other != colour && other_dash != dash));
        }
    }
}
