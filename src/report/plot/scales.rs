//! The scales of a plot's axes: iterations, and losses.

use std::ops::Range;

use super::drawing::Axis;

/// The loss axis is logarithmic if the largest loss is this many times the smallest mean.
const LOGARITHMIC: f64 = 10.0;
/// Losses further below the smallest mean than this factor are drawn at the foot of a logarithmic axis.
const DEPTH: f64 = 100.0;

/// The axis of iterations.
pub(super) fn iteration_axis(iterations: Range<f64>) -> Axis {
    let ticks = ticks(iterations.end, 1.0).into_iter().map(|iteration| (iteration, iteration.to_string())).collect();
    Axis { name: "iterations", range: iterations, ticks }
}

/// The loss axis.
pub(super) struct LossScale {
    pub logarithmic: bool,
    /// The losses at its ends.
    bottom: f64,
    top: f64,
    /// The losses to label.
    ticks: Vec<f64>,
}

impl LossScale {
    /// That of these losses, which are finite, and of their running means.
    pub fn new(losses: impl Iterator<Item = f64> + Clone, means: &[(f64, f64)]) -> Self {
        let high = losses.clone().fold(0.0, f64::max);
        let positive = losses.filter(|loss| *loss > 0.0);
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

    /// The positions of its ends.
    pub fn range(&self) -> Range<f64> {
        self.position(self.bottom)..self.position(self.top)
    }

    pub fn axis(&self) -> Axis {
        Axis {
            name: if self.logarithmic { "loss (log scale)" } else { "loss" },
            range: self.range(),
            ticks: self.ticks.iter().map(|&loss| (self.position(loss), number(loss))).collect(),
        }
    }

    /// The position of a loss along the axis.
    pub fn position(&self, loss: f64) -> f64 {
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
    fn the_scale_is_logarithmic_where_the_loss_falls_much() {
        let scale = |losses: &[f64]| {
            let means: Vec<_> = (0..).map(f64::from).zip(losses.iter().copied()).collect();
            LossScale::new(losses.iter().copied(), &means)
        };
        let linear = scale(&[2.3, 1.1, 0.5]);
        assert!(!linear.logarithmic && linear.range() == (0.0..2.5));
        assert_eq!(linear.ticks, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
        let falls = scale(&[2.3, 1.1, 0.03]);
        assert!(falls.logarithmic && (falls.bottom, falls.top) == (0.02, 5.0));
        let texts: Vec<String> = falls.axis().ticks.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"]);
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
