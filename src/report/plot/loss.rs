//! The loss of every iteration, and its running mean.

use std::ops::Range;

use plotters::prelude::*;

use super::drawing::{Axis, Corner, Outcome, Page, SOLID, STYLES, THIN, axes, curves, line};

/// The most losses that are drawn as a line; more are a band.
const SINGLES: usize = 300;
/// The most places along the axis at which something is drawn: about one a pixel of an SVG file.
const PLACES: usize = 700;
/// The points of the running mean, at most.
const MEANS: usize = 350;
/// The running mean is over this share of the iterations.
const WINDOWS: usize = 100;
/// The fewest losses that a running mean smooths.
const FEWEST: usize = 5;
/// The loss axis is logarithmic if the largest loss is this many times the smallest mean.
const LOGARITHMIC: f64 = 10.0;
/// Losses further below the smallest mean than this factor are drawn at the foot of a logarithmic axis.
const DEPTH: f64 = 100.0;
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
    let scale = Scale::new(losses, &means);
    let at = |&(iteration, loss): &(f64, f64)| (iteration, scale.position(loss));
    let ticks = ticks(iterations.end, 1.0).into_iter().map(|iteration| (iteration, iteration.to_string())).collect();
    let x = Axis { name: "iterations", range: iterations, ticks };
    let plane = axes(panel, [x, scale.axis()])?;

    let faint = COLOURS[0];
    if losses.len() > SINGLES {
        let bands = bands(losses).into_iter();
        let (lower, upper): (Vec<_>, Vec<_>) = bands.map(|(at, low, high)| ((at, low), (at, high))).unzip();
        let outline = lower.iter().chain(upper.iter().rev()).map(at);
        let outline: Vec<_> = outline.map(|point| plane.backend_coord(&point)).collect();
        page.draw(&Polygon::new(outline, faint.filled()))?;
    } else {
        let points = finite(losses).map(|point| plane.backend_coord(&at(&point))).collect::<Vec<_>>();
        line(page, &points, faint, SOLID, THIN)?;
    }
    let line_of = |points: &mut dyn Iterator<Item = (f64, f64)>| points.map(|point| at(&point)).collect::<Vec<_>>();
    let corner = scale.free_corner(&means);
    if window == 1 {
        let each = ("each iteration", COLOURS[1], SOLID, line_of(&mut finite(losses)));
        return curves(page, &plane, corner, &[each]);
    }
    let name = format!("mean of {window}");
    let mean = (name.as_str(), COLOURS[1], SOLID, line_of(&mut means.into_iter()));
    curves(page, &plane, corner, &[("each iteration", faint, SOLID, Vec::new()), mean])
}

/// The losses that are finite, after their iterations.
fn finite(losses: &[f32]) -> impl Iterator<Item = (f64, f64)> {
    let losses = losses.iter().enumerate().filter(|(_, loss)| loss.is_finite());
    losses.map(|(iteration, loss)| (iteration as f64, f64::from(*loss)))
}

/// The iterations of a running mean: 1, 2 or 5 times a power of ten; 1 for few losses.
fn window(losses: usize) -> usize {
    let windows = [FEWEST, 10, 20, 50].into_iter().chain((2..19).flat_map(|power| {
        let ten = 10_usize.saturating_pow(power);
        [1, 2, 5].map(|times| ten.saturating_mul(times))
    }));
    if losses < 4 * FEWEST {
        1
    } else {
        windows.take_while(|window| *window <= losses / WINDOWS).last().unwrap_or(FEWEST)
    }
}

/// The mean around evenly spaced iterations, over `window` of them; fewer at the ends.
fn means(losses: &[f32], window: usize) -> Vec<(f64, f64)> {
    let mut sums = vec![(0.0, 0_u32)];
    for loss in losses {
        let &(sum, count) = sums.last().unwrap_or(&(0.0, 0));
        sums.push(if loss.is_finite() { (sum + f64::from(*loss), count + 1) } else { (sum, count) });
    }
    let mean = |iteration: usize| {
        let start = iteration.saturating_sub(window / 2);
        let end = (iteration + window.div_ceil(2)).min(losses.len());
        let (sum, count) = (sums[end].0 - sums[start].0, sums[end].1 - sums[start].1);
        (count > 0).then(|| (iteration as f64, sum / f64::from(count)))
    };
    spread(losses.len(), MEANS).filter_map(mean).collect()
}

/// At most this many of some indices, evenly spaced, with the first and the last.
fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let points = count.min(most);
    (0..points).map(move |point| if points < 2 { 0 } else { point * (count - 1) / (points - 1) })
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

/// The loss axis.
struct Scale {
    logarithmic: bool,
    /// The losses at its ends.
    bottom: f64,
    top: f64,
    /// The losses to label.
    ticks: Vec<f64>,
}

impl Scale {
    fn new(losses: &[f32], means: &[(f64, f64)]) -> Self {
        let high = finite(losses).map(|(_, loss)| loss).fold(0.0, f64::max);
        let positive = finite(losses).map(|(_, loss)| loss).filter(|loss| *loss > 0.0);
        let low = positive.fold(f64::INFINITY, f64::min);
        let low_mean = means.iter().map(|(_, mean)| *mean).filter(|mean| *mean > 0.0).fold(f64::INFINITY, f64::min);
        if low_mean.is_finite() && high >= LOGARITHMIC * low_mean {
            let bottom = below(low.max(low_mean / DEPTH));
            let top = above(high);
            return Self { logarithmic: true, bottom, top, ticks: powers(bottom, top) };
        }
        let ticks = ticks(if high > 0.0 { high } else { 1.0 }, 0.0);
        let step = ticks.get(1).copied().unwrap_or(1.0);
        let top = if high > 0.0 { (high / step).ceil() * step } else { 1.0 };
        let ticks = (0..=(top / step).round() as usize).map(|tick| tick as f64 * step).collect();
        Self { logarithmic: false, bottom: 0.0, top, ticks }
    }

    fn range(&self) -> Range<f64> {
        self.position(self.bottom)..self.position(self.top)
    }

    fn axis(&self) -> Axis {
        Axis {
            name: if self.logarithmic { "loss (log scale)" } else { "loss" },
            range: self.range(),
            ticks: self.ticks.iter().map(|&loss| (self.position(loss), number(loss))).collect(),
        }
    }

    /// The right corner for a legend: the lower one for a loss that stays high.
    fn free_corner(&self, means: &[(f64, f64)]) -> Corner {
        let middle = f64::midpoint(self.range().start, self.range().end);
        let right = &means[means.len() / 2..];
        let is_high = right.iter().any(|(_, mean)| self.position(*mean) > middle);
        if is_high { Corner::LowerRight } else { Corner::UpperRight }
    }

    /// The position of a loss along the axis.
    fn position(&self, loss: f64) -> f64 {
        let loss = loss.clamp(self.bottom, self.top);
        if self.logarithmic { loss.log10() } else { loss }
    }
}

/// Steps from 0 to this value, about 5, each 1, 2 or 5 times a power of ten, but none below `least`.
fn ticks(end: f64, least: f64) -> Vec<f64> {
    let ten = 10_f64.powf((end / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * ten).find(|step| end / step <= 5.5);
    let step = step.unwrap_or(10.0 * ten).max(least);
    (0..=(end / step + 1e-9) as usize).map(|tick| tick as f64 * step).collect()
}

/// The next of 1, 2 and 5 times a power of ten.
fn above(value: f64) -> f64 {
    let ten = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|times| times * ten).find(|step| *step >= value).unwrap_or(10.0 * ten)
}

fn below(value: f64) -> f64 {
    let ten = 10_f64.powf(value.log10().floor());
    [5.0, 2.0].into_iter().map(|times| times * ten).find(|step| *step <= value).unwrap_or(ten)
}

/// The labels of a logarithmic axis: 1, 2 and 5 of each power of ten, or powers alone.
fn powers(bottom: f64, top: f64) -> Vec<f64> {
    let (first, last) = (bottom.log10().floor() as i32, top.log10().ceil() as i32);
    let decades = (last - first) as usize;
    let times: &[f64] = if decades <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let step = decades.div_ceil(8).max(1);
    let all = (first..=last).step_by(step).flat_map(|power| times.iter().map(move |times| times * 10_f64.powi(power)));
    all.filter(|tick| (bottom * 0.999..=top * 1.001).contains(tick)).collect()
}

/// A loss in few digits.
fn number(loss: f64) -> String {
    // Without the error of a product.
    let rounded: f64 = format!("{loss:.3e}").parse().unwrap_or(loss);
    if rounded == 0.0 || (1e-3..1e5).contains(&rounded) { format!("{rounded}") } else { format!("{rounded:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_over_its_window_and_over_fewer_at_the_ends() {
        assert_eq!([0, 1, 19, 20, 999, 1000, 9999, 10_000].map(window), [1, 1, 1, 5, 5, 10, 50, 100]);
        let losses: Vec<f32> = (0..20).map(|n| n as f32).collect();
        let means = means(&losses, 4);
        // 2 before and 1 after.
        assert_eq!((means[0], means[10], means[19]), ((0.0, 0.5), (10.0, 9.5), (19.0, 18.0)));
        let odd = [1.0, f32::NAN, 3.0, f32::INFINITY];
        assert_eq!(super::means(&odd, 2), [(0.0, 1.0), (1.0, 1.0), (2.0, 3.0), (3.0, 3.0)]);
    }

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

    #[test]
    fn the_scale_is_logarithmic_where_the_loss_falls_much() {
        let scale = |losses: &[f32]| Scale::new(losses, &means(losses, 1));
        let linear = scale(&[2.3, 1.1, 0.5]);
        assert!(!linear.logarithmic && linear.range() == (0.0..2.5));
        assert_eq!(linear.ticks, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
        let falls = scale(&[2.3, 1.1, 0.03]);
        assert!(falls.logarithmic && (falls.bottom, falls.top) == (0.02, 5.0));
        let texts: Vec<String> = falls.axis().ticks.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"]);
        let corner = |losses: &[f32]| scale(losses).free_corner(&means(losses, 1));
        assert!(corner(&[2.3, 2.1, 2.2]) == Corner::LowerRight && corner(&[2.3, 0.5, 0.4]) == Corner::UpperRight);
        // A loss of 0 has no logarithm; it stands at the foot.
        let zero = scale(&[2.3, 0.01, 0.0]);
        assert!((zero.position(0.0) - zero.range().start).abs() < 1e-12);
        assert!(scale(&[1e30, 1e-3]).ticks.len() < 12);
    }

    #[test]
    fn few_steps_are_round() {
        assert_eq!(ticks(9999.0, 1.0), [0.0, 2000.0, 4000.0, 6000.0, 8000.0]);
        assert_eq!((ticks(2.5, 0.0), ticks(1.0, 1.0)), (vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5], vec![0.0, 1.0]));
        assert_eq!((above(2.3), below(2.3), above(5.1), below(0.5)), (5.0, 2.0, 10.0, 0.5));
    }
}
