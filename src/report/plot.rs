//! Plots as SVG or PNG files. Each kind of plot is a function such as `accuracy`, which gives `chart` its axes and curves.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontError, register_font};

use crate::files::{check_place, write_atomic};
use crate::train::EpochAccuracy;

/// The pixels of a PNG file. An SVG file has half the width and height.
const SIZE: (u32, u32) = (1600, 1200);
/// Units per pixel. Plotters draws thick lines with jagged edges of whole units, so the units are small.
const FINE: u32 = 3;
/// The size of the page in units. All lengths below are in units.
const PAGE: (u32, u32) = (SIZE.0 * FINE, SIZE.1 * FINE);
const LINE: u32 = 14;
/// The lengths of a dash and of the gap after it.
type Dash = (f64, f64);
const SOLID: Dash = (f64::MAX, 0.0);
const DASHED: Dash = (60.0, 36.0);
const DOTTED: Dash = (20.0, 24.0);
/// The length of a line in the legend: three dashes and two gaps.
const SAMPLE: i32 = (3.0 * DASHED.0 + 2.0 * DASHED.1) as i32;
const TEXT: (&str, i32) = ("sans-serif", 130);
/// The distance by which plotters centres text too high.
const RISE: i32 = TEXT.1 / 6;

type Page<DB> = DrawingArea<DB, Shift>;
pub(super) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A plot cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The file's extension is neither `.svg` nor `.png`.
    #[error("{}: a plot is an .svg or .png file; end its name in one of these", .0.display())]
    Extension(PathBuf),
    /// The plot cannot be drawn.
    #[error("{}: the plot cannot be drawn: {}; use the other of .svg and .png", .0.display(), .1)]
    Draw(PathBuf, #[source] Box<dyn Error + Send + Sync>),
    /// The file cannot be written. No partial file is left.
    #[error("{}: the plot cannot be written: {}; give a folder that exists and takes files", .0.display(), .1)]
    Write(PathBuf, #[source] io::Error),
}

/// Checks the extension of the file's name.
///
/// # Errors
/// [`PlotError::Extension`] unless the name ends in `.svg` or `.png`, in upper or lower case.
pub fn check_plot_name(path: &Path) -> Result<(), PlotError> {
    is_png(path).map(drop)
}

/// Checks that [`write_plot`] can write this file. Commands call it before the work.
///
/// # Errors
/// [`PlotError::Write`] if the path is a folder, or its folder accepts no new files.
pub fn check_plot_place(path: &Path) -> Result<(), PlotError> {
    let checked = if path.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { check_place(path) };
    checked.map_err(|error| PlotError::Write(path.to_owned(), error))
}

/// Draws train and test accuracy by epoch into an SVG file (800 x 600) or a PNG file (1600 x 1200). Accuracies outside 0 to 1
/// are left out. On an error an old file is kept.
///
/// # Errors
/// The name has another extension, or the file cannot be written.
pub fn write_plot(path: &Path, history: &[EpochAccuracy]) -> Result<(), PlotError> {
    write(path, if is_png(path)? { png(|page| accuracy(page, history)) } else { svg(|page| accuracy(page, history)) })
}

/// A curve: its name, and points of a step size and the relative error of a gradient.
pub type ErrorCurve = (&'static str, Vec<(f64, f64)>);

/// Draws up to three curves of errors by step size into a file, as [`write_plot`] does. Both axes are logarithmic. Errors that
/// are 0 or not finite are left out.
///
/// # Errors
/// Those of [`write_plot`].
pub fn write_errors(path: &Path, curves: &[ErrorCurve]) -> Result<(), PlotError> {
    write(path, if is_png(path)? { png(|page| errors(page, curves)) } else { svg(|page| errors(page, curves)) })
}

/// Writes a picture to a file.
pub(super) fn write(path: &Path, picture: Outcome<Vec<u8>>) -> Result<(), PlotError> {
    let bytes = picture.map_err(|error| PlotError::Draw(path.to_owned(), error))?;
    write_atomic(path, |file| file.write_all(&bytes)).map_err(|error| PlotError::Write(path.to_owned(), error))
}

fn is_png(path: &Path) -> Result<bool, PlotError> {
    match path.extension() {
        Some(end) if end.eq_ignore_ascii_case("svg") => Ok(false),
        Some(end) if end.eq_ignore_ascii_case("png") => Ok(true),
        _ => Err(PlotError::Extension(path.to_owned())),
    }
}

fn svg(draw: impl FnOnce(&Page<SVGBackend>) -> Outcome<()>) -> Outcome<Vec<u8>> {
    let mut svg = String::new();
    draw(&SVGBackend::with_string(&mut svg, PAGE).into_drawing_area())?;
    let size = |(width, height)| format!(r#"width="{width}" height="{height}""#);
    let svg = svg.replacen(&size(PAGE), &size((SIZE.0 / 2, SIZE.1 / 2)), 1);
    // The vertical centre of text in a PNG file, so that `RISE` is right for both formats.
    Ok(svg.replace(r#"dy="0.5ex""#, r#"dy="0.12em""#).into_bytes())
}

fn png(draw: impl FnOnce(&Page<BitMapBackend>) -> Outcome<()>) -> Outcome<Vec<u8>> {
    let (row, side) = (PAGE.0 as usize * 3, FINE as usize);
    let mut units = vec![0; row * PAGE.1 as usize];
    draw(&BitMapBackend::with_buffer(&mut units, PAGE).into_drawing_area())?;
    // A pixel is the mean of a square of units.
    let pixels = units.chunks_exact(row * side).flat_map(|rows| {
        (0..row / side).map(move |byte| {
            let corner = byte / 3 * 3 * side + byte % 3;
            let square = (0..side * side).map(|unit| rows[corner + unit / side * row + unit % side * 3]);
            (square.map(u32::from).sum::<u32>() / (FINE * FINE)) as u8
        })
    });
    encode_png(SIZE, png::ColorType::Rgb, &pixels.collect::<Vec<_>>())
}

/// A PNG file of this width and height, from row-major pixels with 8 bits a channel.
pub(super) fn encode_png((width, height): (u32, u32), color: png::ColorType, pixels: &[u8]) -> Outcome<Vec<u8>> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(color);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(png)
}

/// The book's chart: train and test accuracy by epoch.
fn accuracy<DB: DrawingBackend<ErrorType: 'static>>(page: &Page<DB>, history: &[EpochAccuracy]) -> Outcome<()> {
    let first = history.iter().map(|point| point.epoch).min().unwrap_or(0);
    let last = history.iter().map(|point| point.epoch).max().unwrap_or(0);
    // The ends of an axis must differ, even for one epoch.
    let epochs = first..last.max(first.saturating_add(1));
    let points = |accuracy: fn(&EpochAccuracy) -> f64| {
        let points = history.iter().map(|point| (point.epoch, accuracy(point)));
        points.filter(|(_, accuracy)| (0.0..=1.0).contains(accuracy)).collect()
    };
    let train = ("train acc", STYLES[0].0, STYLES[0].1, points(|point| point.train));
    let test = ("test acc", STYLES[1].0, STYLES[1].1, points(|point| point.test));
    let x: Axis<_> = ("epochs", epochs, |epoch| epoch.to_string());
    let y: Axis<_> = ("accuracy", 0.0..1.0, |accuracy| format!("{accuracy:.1}"));
    chart(page, x, y, &[train, test])
}

/// Relative errors by step size.
fn errors<DB: DrawingBackend<ErrorType: 'static>>(page: &Page<DB>, curves: &[ErrorCurve]) -> Outcome<()> {
    let curves: Vec<_> = curves
        .iter()
        .zip(STYLES)
        .map(|((name, points), (colour, dash))| {
            let logarithms = points.iter().map(|(step_size, error)| (step_size.log10(), error.log10()));
            (*name, colour, dash, logarithms.filter(|(x, y)| x.is_finite() && y.is_finite()).collect::<Vec<_>>())
        })
        .collect();
    // The ends are different whole powers of ten, even for one point.
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = || curves.iter().flat_map(|(.., points)| points.iter().map(of));
        let (min, max) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if min > max { 0.0..1.0 } else { min.floor()..max.ceil().max(min.floor() + 1.0) }
    };
    let (steps, sizes) = (range(|point| point.0), range(|point| point.1));
    let power = |power: &f64| if power.fract() == 0.0 { format!("1e{power}") } else { String::new() };
    chart(page, ("step size", steps, power), ("relative error of W1's gradient", sizes, power), &curves)
}

/// The colour and dash of the first, second and third curve.
const STYLES: [(RGBColor, Dash); 3] =
    [(RGBColor(0x00, 0x44, 0x88), SOLID), (RGBColor(0xee, 0x77, 0x33), DASHED), (RGBColor(0x22, 0x88, 0x33), DOTTED)];

/// An axis: its name, its range, and the text of a tick.
type Axis<R> = (&'static str, R, fn(&<R as AsRangedCoord>::Value) -> String);
/// A curve: its name, colour, dash and points.
type Curve<X, Y> = (&'static str, RGBColor, Dash, Vec<(X, Y)>);

/// Draws curves over two axes, with a legend in the lower right.
fn chart<DB, X, Y>(page: &Page<DB>, x: Axis<X>, y: Axis<Y>, curves: &[Curve<X::Value, Y::Value>]) -> Outcome<()>
where
    DB: DrawingBackend<ErrorType: 'static>,
    X: AsRangedCoord<CoordDescType: ValueFormatter<X::Value>>,
    Y: AsRangedCoord<CoordDescType: ValueFormatter<Y::Value>>,
{
    register_font(TEXT.0, FontStyle::Normal, ttf_noto_sans::REGULAR).map_err(|_| FontError::FontUnavailable)?;
    page.fill(&WHITE)?;
    let mut builder = ChartBuilder::on(page);
    builder.margin(120).set_left_and_bottom_label_area_size(360);
    let mut chart = builder.build_cartesian_2d(x.1, y.1)?;
    let [grid, axis] = [RGBColor(0xdd, 0xdd, 0xdd), BLACK].map(|colour| colour.stroke_width(5));
    let mut mesh = chart.configure_mesh();
    mesh.bold_line_style(grid).light_line_style(TRANSPARENT).axis_style(axis).set_all_tick_mark_size(30);
    mesh.x_desc(x.0).x_label_formatter(&x.2).y_desc(y.0).y_label_formatter(&y.2);
    mesh.label_style(TEXT).y_label_offset(RISE).draw()?;

    let longest = curves.iter().map(|(name, ..)| name.len() as i32).max().unwrap_or(0);
    let ((right, bottom), row, letter) = ((4674, 3114), 160, 62);
    let (left, top) = (right - SAMPLE - 60 - letter * longest, bottom - 14 - row * curves.len() as i32);
    page.draw(&Rectangle::new([(left - row / 2, top), (right, bottom)], WHITE.filled()))?;
    let text = TextStyle::from(TEXT).pos(Pos::new(HPos::Left, VPos::Center));
    for (y, (name, colour, dash, points)) in (top + row / 2..).step_by(row as usize).zip(curves) {
        line(page, &[(left, y), (left + SAMPLE, y)], *colour, *dash)?;
        page.draw(&Text::new(*name, (left + SAMPLE + 60, y + RISE), &text))?;
        let points: Vec<_> = points.iter().map(|point| chart.backend_coord(point)).collect();
        line(page, &points, *colour, *dash)?;
    }
    Ok(())
}

/// Draws a line through points, or a dot for a single point. Plotters would fill a thick line as one polygon, which shows
/// spikes where the data is noisy. So this draws each straight piece, with a round joint where a dash continues at a bend.
fn line<DB>(page: &Page<DB>, points: &[(i32, i32)], colour: RGBColor, (dash, gap): Dash) -> Outcome<()>
where
    DB: DrawingBackend<ErrorType: 'static>,
{
    if let [point] = points {
        // A dashed curve gets a ring, so that a dot under it stays visible.
        let style = if gap > 0.0 { colour.stroke_width(LINE) } else { colour.filled() };
        page.draw(&Circle::new(*point, 2 * LINE, style))?;
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
                page.draw(&PathElement::new([at(on), at(off)], colour.stroke_width(LINE)))?;
                if start < on {
                    page.draw(&Circle::new(ends[0], LINE / 2, colour.filled()))?;
                }
            }
            start += dash + gap;
        }
        walked += length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(points: usize) -> Vec<EpochAccuracy> {
        (0..points).map(|epoch| EpochAccuracy { epoch, iteration: 0, train: 0.9, test: 0.8 }).collect()
    }

    fn assert_named(history: &[EpochAccuracy]) {
        let svg = String::from_utf8(svg(|page| accuracy(page, history)).unwrap()).unwrap();
        assert!(svg.starts_with(r#"<svg width="800" height="600" viewBox="0 0 4800 3600""#), "{svg}");
        for word in ["train acc", "test acc", "epochs", "accuracy", "0.0", "1.0"] {
            assert!(svg.contains(&format!(">\n{word}\n</text>")), "{word}, {history:?}");
        }
        assert_eq!(svg.contains(r#"<circle cx="480""#), history.len() == 1, "a single dot, on the axis: {svg}");
    }

    #[test]
    fn an_svg_has_all_its_labels() {
        for points in [0, 1, 2, 17, 1000] {
            assert_named(&history(points));
        }
        let odd = [f64::NAN, f64::INFINITY, -1e300, 1e300, 0.5, 0.6].into_iter().enumerate();
        let odd =
            odd.map(|(n, train)| EpochAccuracy { epoch: usize::MAX / 5 * n, iteration: 0, train, test: 1.0 - train });
        assert_named(&odd.collect::<Vec<_>>());
        assert_named(&[EpochAccuracy { epoch: 3, iteration: 0, train: 0.1, test: 0.1 }]);
    }

    #[test]
    fn a_png_has_its_size_and_a_legend_in_the_lower_right() {
        for points in [1, 2, 17, 1000] {
            let png = png(|page| accuracy(page, &history(points))).unwrap();
            let mut reader = png::Decoder::new(io::Cursor::new(png)).read_info().unwrap();
            let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut bytes).unwrap();
            assert_eq!((info.width, info.height), SIZE);
            let pixels = bytes.as_chunks::<3>().0.chunks_exact(1600).skip(920).take(120);
            let legend: Vec<_> = pixels.flat_map(|row| &row[1260..1540]).collect();
            for colour in [[0x00, 0x44, 0x88], [0xee, 0x77, 0x33], [0; 3]] {
                assert!(legend.contains(&&colour), "{colour:?}, {points} points");
            }
        }
    }

    #[test]
    fn dashes_go_round_bends() {
        for (dash, pieces, joints) in [(SOLID, 2, 1), (DASHED, 4, 1), ((100.0, 10.0), 2, 0)] {
            let svg = svg(|page| line(page, &[(0, 0), (0, 100), (100, 100)], BLACK, dash)).unwrap();
            let svg = String::from_utf8(svg).unwrap();
            assert_eq!([svg.matches("<polyline").count(), svg.matches("<circle").count()], [pieces, joints], "{svg}");
        }
    }

    #[test]
    fn the_extension_chooses_the_format() {
        let folder = tempfile::tempdir().unwrap();
        for (name, start) in [("a.SVG", &b"<svg "[..]), ("b.png", b"\x89PNG")] {
            let path = folder.path().join(name);
            write_plot(&path, &history(2)).unwrap();
            assert!(std::fs::read(path).unwrap().starts_with(start), "{name}");
        }
        for name in ["a.pdf", "a", "svg", ".png", "a.svg.gz", ""] {
            assert!(matches!(check_plot_name(Path::new(name)), Err(PlotError::Extension(_))), "{name}");
        }
    }

    #[test]
    fn a_path_under_a_file_is_an_error_that_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "kept").unwrap();
        assert!(matches!(write_plot(&file.join("a.svg"), &history(2)), Err(PlotError::Write(..))));
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
