//! Plots as SVG or PNG files. Each kind of plot is a function such as `accuracy`, which gives `chart` its axes and curves.

mod comparison;
mod drawing;
mod loss;
mod scales;

use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use plotters::prelude::*;

pub use self::comparison::{MOST_CURVES, RunCurve, Value};
use self::drawing::{Axis, Page, Place, STYLES, Size, axes, curves, png, svg};
pub(super) use self::drawing::{Outcome, encode_png, font};
use super::axis::EpochAxis;
use crate::files::{check_place, write_atomic};
use crate::train::EpochAccuracy;

/// A single panel.
const SINGLE: Size = (1600, 1200);
/// Two panels, one above the other.
const DOUBLE: Size = (1600, 1840);
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

/// Draws train and test accuracy by epoch, and below it the loss of every iteration with its running mean, into an SVG file
/// (800 x 920) or a PNG file (1600 x 1840). `losses` are those of the iterations from 0. The loss axis is logarithmic if the
/// loss falls or rises much. Accuracies outside 0 to 1 and losses that are not finite are left out. On an error an old file is
/// kept.
///
/// # Errors
/// The name has another extension, or the file cannot be written.
pub fn write_plot(path: &Path, history: &[EpochAccuracy], losses: &[f32]) -> Result<(), PlotError> {
    let picture = if is_png(path)? {
        png(DOUBLE, |page| of_run(page, history, losses))
    } else {
        svg(DOUBLE, |page| of_run(page, history, losses))
    };
    write(path, picture)
}

/// A curve: its name, and points of a step size and the relative error of a gradient.
pub type ErrorCurve = (&'static str, Vec<(f64, f64)>);

/// Draws up to three curves of errors by step size into a file, as [`write_plot`] does. Both axes are logarithmic. Errors that
/// are 0 or not finite are left out.
///
/// # Errors
/// Those of [`write_plot`].
pub fn write_errors(path: &Path, curves: &[ErrorCurve]) -> Result<(), PlotError> {
    let picture =
        if is_png(path)? { png(SINGLE, |page| errors(page, curves)) } else { svg(SINGLE, |page| errors(page, curves)) };
    write(path, picture)
}

/// Draws a curve for each of up to [`MOST_CURVES`] runs into a file, as [`write_plot`] does. The loss axis is as there. An
/// accuracy axis covers the last three quarters of every curve, so that the first steps do not flatten the rest.
///
/// # Errors
/// Those of [`write_plot`].
pub fn write_comparison(path: &Path, runs: &[RunCurve], value: Value) -> Result<(), PlotError> {
    let picture = if is_png(path)? {
        png(SINGLE, |page| comparison::draw(page, runs, value))
    } else {
        svg(SINGLE, |page| comparison::draw(page, runs, value))
    };
    write(path, picture)
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

/// The panels of a run: the accuracy above the loss, by the same iterations.
fn of_run<DB: DrawingBackend<ErrorType: 'static>>(
    page: &Page<DB>,
    history: &[EpochAccuracy],
    losses: &[f32],
) -> Outcome<()> {
    page.fill(&WHITE)?;
    let (upper, lower) = page.split_vertically(page.dim_in_pixel().1 as i32 / 2);
    let last = history.iter().map(|point| point.iteration).chain([losses.len().saturating_sub(1) as u64]).max();
    // The ends of an axis must differ, even for one iteration.
    let iterations = 0.0..last.unwrap_or(0).max(1) as f64;
    accuracy(page, &upper, history, iterations.clone())?;
    loss::draw(page, &lower, losses, iterations)
}

/// The book's chart: train and test accuracy by epoch. Its epochs stand where their iterations do.
fn accuracy<DB: DrawingBackend<ErrorType: 'static>>(
    page: &Page<DB>,
    panel: &Page<DB>,
    history: &[EpochAccuracy],
    iterations: Range<f64>,
) -> Outcome<()> {
    let points = |accuracy: fn(&EpochAccuracy) -> f64| {
        let points = history.iter().map(|point| (point.iteration as f64, accuracy(point)));
        points.filter(|(_, accuracy)| (0.0..=1.0).contains(accuracy)).collect()
    };
    let train = ("train acc", STYLES[0].0, STYLES[0].1, points(|point| point.train));
    let test = ("test acc", STYLES[1].0, STYLES[1].1, points(|point| point.test));
    let validation = ("validation acc", STYLES[2].0, STYLES[2].1, points(|point| point.validation.unwrap_or(f64::NAN)));
    let has_validation = history.iter().any(|point| point.validation.is_some());
    let x = Axis { name: "epochs", range: iterations, ticks: epoch_ticks(history) };
    let ticks = (0..=5).map(|tick| f64::from(tick) / 5.0).map(|accuracy| (accuracy, format!("{accuracy:.1}")));
    let y = Axis { name: "accuracy", range: 0.0..1.0, ticks: ticks.collect() };
    let plane = axes(panel, [x, y])?;
    let all = [train, test].into_iter().chain(has_validation.then_some(validation)).collect::<Vec<_>>();
    curves(page, &plane, Place::LOWER_RIGHT, &all)
}

/// The iterations of the epochs to label, and the epochs.
fn epoch_ticks(history: &[EpochAccuracy]) -> Vec<(f64, String)> {
    let axis = EpochAxis::new(history);
    let first = history.iter().min_by_key(|point| point.epoch);
    let last = history.iter().max_by_key(|point| point.epoch);
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let (start, end) = (first.iteration as f64, last.iteration as f64);
    let iteration =
        |epoch| if first.epoch == last.epoch { start } else { start + axis.position(epoch) * (end - start) };
    axis.ticks(EPOCHS).map(|epoch| (iteration(epoch), epoch.to_string())).collect()
}

/// The most steps between labelled epochs.
const EPOCHS: usize = 10;

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
    let axis = |name, range: Range<f64>| {
        let (first, last) = (range.start as i32, range.end as i32);
        let step = (last - first).unsigned_abs().div_ceil(POWERS).max(1) as usize;
        let ticks = (first..=last).step_by(step).map(|power| (f64::from(power), format!("1e{power}"))).collect();
        Axis { name, range, ticks }
    };
    page.fill(&WHITE)?;
    let x = axis("step size", range(|point| point.0));
    let plane = axes(page, [x, axis("relative error of W1's gradient", range(|point| point.1))])?;
    drawing::curves(page, &plane, Place::LOWER_RIGHT, &curves)
}

/// The most steps between labelled powers of ten.
const POWERS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::drawing::{DASHED, LINE, SOLID, line};
    use super::*;

    fn history(points: usize) -> Vec<EpochAccuracy> {
        let point =
            |epoch| EpochAccuracy { epoch, iteration: 600 * epoch as u64, train: 0.9, test: 0.8, validation: None };
        (0..points).map(point).collect()
    }

    /// Losses that fall from 2.3, with noise.
    fn losses(count: usize) -> Vec<f32> {
        let noise = |n: usize| (n * 7919 % 1000) as f32 / 1000.0;
        (0..count).map(|n| 2.3 * (-(n as f32) / 2000.0).exp() + 0.02 + 0.2 * noise(n)).collect()
    }

    fn assert_named(history: &[EpochAccuracy], losses: &[f32]) -> String {
        let svg = String::from_utf8(svg(DOUBLE, |page| of_run(page, history, losses)).unwrap()).unwrap();
        assert!(svg.starts_with(r#"<svg width="800" height="920" viewBox="0 0 4800 5520""#), "{svg}");
        for word in ["train acc", "test acc", "epochs", "accuracy", "0.0", "1.0", "iterations", "each iteration"] {
            assert!(svg.contains(&format!(">\n{word}\n</text>")), "{word}, {history:?}");
        }
        assert!(svg.len() < 150_000 + 400 * history.len(), "{}", svg.len());
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        svg
    }

    #[test]
    fn an_svg_has_all_its_labels() {
        for points in [0, 1, 2, 17, 1000] {
            for steps in [0, 1, 2, 600, 701, 10_000] {
                let svg = assert_named(&history(points), &losses(steps));
                assert_eq!(svg.contains(">\nloss (log scale)\n<"), steps == 10_000, "{steps}");
                assert_eq!(svg.contains(">\nloss\n<"), steps < 10_000, "{steps}");
            }
        }
        let odd = [f64::NAN, f64::INFINITY, -1e300, 1e300, 0.5, 0.6].into_iter().enumerate();
        let odd = odd.map(|(n, train)| {
            let epoch = usize::MAX / 5 * n;
            EpochAccuracy { epoch, iteration: epoch as u64, train, test: 1.0 - train, validation: None }
        });
        assert_named(&odd.collect::<Vec<_>>(), &[f32::NAN, f32::INFINITY, 0.0, -1.0, f32::MAX, f32::MIN_POSITIVE]);
        assert_named(&history(3)[2..], &[f32::NAN; 2000]);
    }

    #[test]
    fn epochs_stand_over_their_iterations() {
        // Epochs of 600 iterations, and 10,000 iterations in all: epoch 16 is at 9,600.
        assert_eq!(epoch_ticks(&history(17))[..2], [(0.0, "0".to_owned()), (1200.0, "2".to_owned())]);
        let svg = assert_named(&history(17), &losses(10_000));
        let x = |label: &str| {
            let (before, _) = svg.split_once(&format!(">\n{label}\n<")).unwrap();
            let (_, place) = before.rsplit_once(r#"<text x=""#).unwrap();
            place.split('"').next().unwrap().parse::<f64>().unwrap()
        };
        let (epoch, iteration) = ((x("10") - x("2")) / (8.0 * 600.0), (x("8000") - x("2000")) / 6000.0);
        assert!((epoch - iteration).abs() < 1e-3, "{epoch} {iteration}");
        assert!((x("10") - x("6000")).abs() <= 1.0);
    }

    #[test]
    fn a_png_has_its_size_and_legends_in_free_places() {
        for points in [1, 2, 17, 1000] {
            let png = png(DOUBLE, |page| of_run(page, &history(points), &losses(5000))).unwrap();
            let mut reader = png::Decoder::new(io::Cursor::new(png)).read_info().unwrap();
            let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut bytes).unwrap();
            assert_eq!((info.width, info.height), DOUBLE);
            let rows: Vec<_> = bytes.as_chunks::<3>().0.chunks_exact(1600).collect();
            let (lower, upper) = ([[0x00, 0x44, 0x88], [0xee, 0x77, 0x33]], [[0xa9, 0xc6, 0xe3], [0x00, 0x44, 0x88]]);
            for (first, last, colours) in [(640, 760, lower), (970, 1060, upper)] {
                let legend: Vec<_> = rows[first..last].iter().flat_map(|row| &row[1060..1540]).collect();
                for colour in colours.into_iter().chain([[0; 3]]) {
                    assert!(legend.contains(&&colour), "{colour:?}, {points} points, rows {first} to {last}");
                }
            }
        }
    }

    #[test]
    fn dashes_go_round_bends() {
        for (dash, pieces, joints) in [(SOLID, 2, 1), (DASHED, 4, 1), (&[100.0, 10.0], 2, 0)] {
            let svg = svg(SINGLE, |page| line(page, &[(0, 0), (0, 100), (100, 100)], BLACK, dash, LINE)).unwrap();
            let svg = String::from_utf8(svg).unwrap();
            assert_eq!([svg.matches("<polyline").count(), svg.matches("<circle").count()], [pieces, joints], "{svg}");
        }
    }

    #[test]
    fn the_extension_chooses_the_format() {
        let folder = tempfile::tempdir().unwrap();
        for (name, start) in [("a.SVG", &b"<svg "[..]), ("b.png", b"\x89PNG")] {
            let path = folder.path().join(name);
            write_plot(&path, &history(2), &losses(9)).unwrap();
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
        assert!(matches!(write_plot(&file.join("a.svg"), &history(2), &[]), Err(PlotError::Write(..))));
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
