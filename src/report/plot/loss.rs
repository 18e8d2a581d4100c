//! The loss of every iteration, and its running mean.

use std::ops::Range;

use plotters::prelude::*;

use super::drawing::{Outcome, Page, Place, SOLID, STYLES, THIN, axes, curves, free_place, legend_shares, line};
use super::scales::{LossScale, iteration_axis};
use crate::report::running_mean::{finite, means, window};

/// The most losses that are drawn as a line; more are a band.
const SINGLES: usize = 300;
/// The most places along the axis at which something is drawn: about one a pixel of an SVG file.
const PLACES: usize = 700;
/// The colour of the single losses, and that of their mean.
const COLOURS: [RGBColor; 2] = [RGBColor(0xa9, 0xc6, 0xe3), STYLES[0].0];

/// Draws the losses of the iterations from 0.
pub(super) fn draw<DB: DrawingBackend<ErrorType: 'static>>(
    page: &Page<DB>,
    panel: &Page<DB>,
    losses: &[f32],
    iterations: Range<f64>,
) -> Outcome<()> {
    let window = window(losses.len());
    let means = means(losses, window);
    let scale = LossScale::new(finite(losses).map(|(_, loss)| loss), &means);
    let at = |(iteration, loss): (f64, f64)| (iteration, scale.position(loss));
    let plane = axes(panel, [iteration_axis(iterations.clone()), scale.axis()])?;

    let faint = COLOURS[0];
    if losses.len() > SINGLES {
        let bands = bands(losses).into_iter();
        let (lower, upper): (Vec<_>, Vec<_>) = bands.map(|(at, low, high)| ((at, low), (at, high))).unzip();
        let outline = lower.into_iter().chain(upper.into_iter().rev()).map(at);
        let outline: Vec<_> = outline.map(|point| plane.backend_coord(&point)).collect();
        page.draw(&Polygon::new(outline, faint.filled()))?;
    } else {
        let points = finite(losses).map(|point| plane.backend_coord(&at(point))).collect::<Vec<_>>();
        line(page, &points, faint, SOLID, THIN)?;
    }
    let name = format!("mean of {window}");
    let mean = |name, points: Vec<_>| (name, COLOURS[1], SOLID, points);
    let shown = if window == 1 {
        vec![mean("each iteration", finite(losses).map(at).collect())]
    } else {
        vec![("each iteration", faint, SOLID, Vec::new()), mean(&name, means.into_iter().map(at).collect())]
    };
    let place = free_place([&iterations, &scale.range()], legend_shares(panel, &shown)?, &shown);
    curves(page, &plane, place.unwrap_or(Place::UPPER_RIGHT), &shown)
}

/// The smallest and the largest loss around evenly spaced iterations.
fn bands(losses: &[f32]) -> Vec<(f64, f64, f64)> {
    let width = losses.len().div_ceil(PLACES);
    let bands = (0..losses.len().div_ceil(width)).filter_map(|band| {
        // With the neighbours, so that the outline has no gaps.
        let start = (band * width).saturating_sub(1);
        let part = &losses[start..(band * width + width + 1).min(losses.len())];
        let (low, high) = finite(part)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, loss)| (low.min(loss), high.max(loss)));
        let middle = (band * width) as f64 + (width.min(losses.len() - band * width) - 1) as f64 / 2.0;
        (low <= high).then_some((middle, low, high))
    });
    bands.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_losses_keep_their_extremes() {
        let mut losses = vec![0.5; 10_000];
        (losses[4321], losses[8765], losses[99]) = (7.0, 0.25, f32::NAN);
        let bands = bands(&losses);
        assert!(bands.len() <= PLACES && bands.len() > PLACES / 2);
        let near = |(at, ..): &&(f64, f64, f64), iteration: f64| (at - iteration).abs() <= 15.0;
        assert!(bands.iter().filter(|band| near(band, 4321.0)).any(|(_, _, high)| *high > 6.9));
        assert!(bands.iter().filter(|band| near(band, 8765.0)).any(|(_, low, _)| *low < 0.26));
        assert!(bands.iter().all(|(_, low, high)| low <= high));
    }
}
