//! The curves of several runs in one plot: their losses, or their accuracies.

use std::ops::Range;

use plotters::prelude::*;

use super::drawing::{Axis, Curve, Outcome, Page, Place, STYLES, axes, curves, free_place, legend_shares};
use super::scales::{LossScale, iteration_axis};
use crate::net::names;
use crate::report::axis::AccuracyAxis;
use crate::report::width::abbreviated;

/// What the curves show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// The running mean of the loss.
    #[default]
    Loss,
    /// The accuracy on the training images.
    TrainAccuracy,
    /// The accuracy on the validation images.
    ValidationAccuracy,
    /// The accuracy on the test images.
    TestAccuracy,
}

names!(Value, "value", {
    Loss => "loss",
    TrainAccuracy => "train-accuracy",
    ValidationAccuracy => "validation-accuracy",
    TestAccuracy => "test-accuracy",
});

/// The curve of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunCurve {
    /// The run's name.
    pub name: String,
    /// Its iterations.
    pub iterations: u64,
    /// Iterations and values, all finite.
    pub points: Vec<(f64, f64)>,
}

/// The most runs in one plot.
pub const MOST_CURVES: usize = STYLES.len();

/// The longest name in the legend, in columns. A longer one is cut.
const NAME: usize = 32;
/// An accuracy axis need not cover this share of a curve's points at its start.
const START: f64 = 0.25;

/// Draws the curves.
pub(super) fn draw<DB: DrawingBackend<ErrorType: 'static>>(
    page: &Page<DB>,
    runs: &[RunCurve],
    value: Value,
) -> Outcome<()> {
    page.fill(&WHITE)?;
    let (y, lines): (Axis, Vec<_>) = match value {
        Value::Loss => {
            let all = runs.iter().flat_map(|run| run.points.iter().copied()).collect::<Vec<_>>();
            let scale = LossScale::new(all.iter().map(|(_, loss)| *loss), &all);
            let at = |&(iteration, loss): &(f64, f64)| (iteration, scale.position(loss));
            let lines = runs.iter().map(|run| run.points.iter().map(at).collect()).collect();
            let name =
                if scale.logarithmic { "running mean of the loss (log scale)" } else { "running mean of the loss" };
            (Axis { name, ..scale.axis() }, lines)
        }
        Value::TrainAccuracy => accuracies("train accuracy", runs),
        Value::ValidationAccuracy => accuracies("validation accuracy", runs),
        Value::TestAccuracy => accuracies("test accuracy", runs),
    };
    let names: Vec<_> = runs.iter().map(|run| abbreviated(&run.name, NAME)).collect();
    let styled = names.iter().zip(STYLES).zip(lines);
    let shown: Vec<Curve> =
        styled.map(|((name, (colour, dash)), points)| (name.as_str(), colour, dash, points)).collect();

    // The ends of an axis must differ, even without an iteration.
    let ends = runs.iter().flat_map(|run| run.points.iter().map(|point| point.0).chain([run.iterations as f64]));
    let last = ends.fold(1.0, f64::max);
    let shares = legend_shares(page, &shown)?;
    let place = free_place([&(0.0..last), &y.range], shares, &shown);
    let mut x = iteration_axis(0.0..last);
    if place.is_none() {
        // Room for the legend behind the last iteration.
        x.range.end = last / (1.0 - shares[0]);
    }
    let plane = axes(page, [x, y])?;
    curves(page, &plane, place.unwrap_or(Place::UPPER_RIGHT), &shown)
}

/// An axis of accuracies, and the part of each curve that is on it.
fn accuracies(name: &'static str, runs: &[RunCurve]) -> (Axis, Vec<Vec<(f64, f64)>>) {
    let start = |points: &[(f64, f64)]| (START * points.len().saturating_sub(1) as f64).ceil() as usize;
    let shown = runs.iter().flat_map(|run| run.points[start(&run.points)..].iter().map(|(_, accuracy)| *accuracy));
    let axis = AccuracyAxis::new(shown);
    let decimals = match axis.steps_in_one {
        steps if steps > 100.0 => 3,
        steps if steps > 10.0 => 2,
        _ => 1,
    };
    let ticks = (0..=axis.steps()).map(|step| axis.accuracy(step));
    let ticks = ticks.map(|accuracy| (accuracy, format!("{accuracy:.decimals$}"))).collect();
    let range = axis.accuracy(0)..axis.accuracy(axis.steps());
    let lines = runs.iter().map(|run| within(&run.points, &range)).collect();
    (Axis { name, range, ticks }, lines)
}

/// A curve from where it enters a range for good.
fn within(points: &[(f64, f64)], range: &Range<f64>) -> Vec<(f64, f64)> {
    let is_outside = |(_, value): &(f64, f64)| !(range.start..=range.end).contains(value);
    let Some(last) = points.iter().rposition(is_outside) else { return points.to_vec() };
    let (outside, inside) = points.split_at(last + 1);
    let entry = outside.last().zip(inside.first()).map(|(from, to)| {
        let edge = if from.1 < range.start { range.start } else { range.end };
        (from.0 + (edge - from.1) / (to.1 - from.1) * (to.0 - from.0), edge)
    });
    entry.into_iter().chain(inside.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::SINGLE;
    use super::super::drawing::{png, svg};
    use super::*;

    /// Losses, or accuracies if they rise.
    fn run(name: &str, iterations: u32, end: f64) -> RunCurve {
        let value =
            |n: u32| end + (if end > 0.9 { 0.1 - end } else { 2.3 - end }) * (-10.0 * f64::from(n) / 1000.0).exp();
        let points = (0..=iterations).step_by(10).map(|n| (f64::from(n), value(n))).collect();
        RunCurve { name: name.to_owned(), iterations: iterations.into(), points }
    }

    fn drawn(runs: &[RunCurve], value: Value) -> String {
        let svg = String::from_utf8(svg(SINGLE, |page| draw(page, runs, value)).unwrap()).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        svg
    }

    fn has(svg: &str, text: &str) -> bool {
        svg.contains(&format!(">\n{text}\n</text>"))
    }

    #[test]
    fn every_run_has_its_name_and_the_axis_its_own() {
        let runs =
            [run("sgd", 1000, 0.3), run("a<b", 2000, 0.02), RunCurve { points: Vec::new(), ..run("none", 9, 0.0) }];
        let svg = drawn(&runs, Value::Loss);
        for text in ["sgd", "a&lt;b", "none", "iterations", "2000", "running mean of the loss (log scale)", "0.02"] {
            assert!(has(&svg, text), "{text}: {svg}");
        }
        assert!(has(&drawn(&runs[..1], Value::Loss), "running mean of the loss"));
        assert!(has(&drawn(&[], Value::TestAccuracy), "test accuracy"));
        let long = "n".repeat(200);
        let svg = drawn(&[run(&long, 1000, 0.3)], Value::Loss);
        assert!(!svg.contains(&long) && svg.contains("nnn...nnn"), "{svg}");
    }

    #[test]
    fn accuracies_near_each_other_are_told_apart() {
        let runs = [run("one", 1000, 0.96), run("other", 1000, 0.98)];
        let svg = drawn(&runs, Value::TrainAccuracy);
        for text in ["train accuracy", "0.88", "0.98"] {
            assert!(has(&svg, text), "{text}: {svg}");
        }
        assert!(!has(&svg, "0.50") && !has(&svg, "0.10"), "{svg}");
    }

    #[test]
    fn a_curve_begins_where_it_enters_the_axis() {
        let points = [(0.0, 0.1), (10.0, 0.9), (20.0, 0.5), (30.0, 0.95), (40.0, 0.97)];
        let found = within(&points, &(0.8..1.0));
        assert_eq!(found.len(), 3);
        let (iteration, accuracy) = found[0];
        assert!((iteration - (20.0 + 10.0 * 2.0 / 3.0)).abs() < 1e-9 && (accuracy - 0.8).abs() < 1e-9);
        assert_eq!(found[1..], points[3..]);
        assert_eq!(within(&points, &(0.0..1.0)), points);
        assert_eq!(within(&points[..1], &(0.8..1.0)), []);
    }

    #[test]
    fn a_png_holds_every_colour_of_many_runs() {
        let runs: Vec<_> =
            (0..MOST_CURVES as u32).map(|n| run(&format!("run {n}"), 1000, 0.1 * f64::from(n))).collect();
        let png = png(SINGLE, |page| draw(page, &runs, Value::Loss)).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        let pixels = bytes.as_chunks::<3>().0;
        for (RGBColor(red, green, blue), _) in STYLES {
            assert!(pixels.contains(&[red, green, blue]), "{red} {green} {blue}");
        }
    }
}
