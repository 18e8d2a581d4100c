//! The axes that the plots and the terminal chart share: epochs, and accuracies.

use crate::train::EpochAccuracy;

/// The range of epochs of a history.
pub(super) struct EpochAxis {
    first: usize,
    last: usize,
}

impl EpochAxis {
    pub(super) fn new(history: &[EpochAccuracy]) -> Self {
        let epochs = || history.iter().map(|point| point.epoch);
        Self { first: epochs().min().unwrap_or(0), last: epochs().max().unwrap_or(0) }
    }

    /// The position of an epoch: 0 at the start of the axis, 1 at its end. A single epoch is in the middle.
    pub(super) fn position(&self, epoch: usize) -> f64 {
        if self.first == self.last {
            return 0.5;
        }
        epoch.saturating_sub(self.first) as f64 / (self.last - self.first) as f64
    }

    /// The epochs to label: at most `max_steps` steps, each 1, 2 or 5 times a power of ten.
    pub(super) fn ticks(&self, max_steps: usize) -> impl Iterator<Item = usize> {
        let steps = (0..)
            .map(|power| 10usize.saturating_pow(power))
            .flat_map(|ten| [1, 2, 5].map(|times| ten.saturating_mul(times)));
        let span = self.last - self.first;
        let step =
            steps.take_while(|&step| step < usize::MAX).find(|step| span / step <= max_steps).unwrap_or(usize::MAX);
        (self.first.div_ceil(step)..=self.last / step).map(move |tick| tick * step)
    }
}

/// The largest number of labelled steps of an accuracy axis.
const STEPS: f64 = 5.0;
/// The possible numbers of steps from 0 to 1. An axis uses the first that fits, so that the curves fill it. A step below
/// 0.002 would show noise: that is one standard deviation of an accuracy on 10,000 images.
const STEPS_IN_ONE: [f64; 7] = [500.0, 200.0, 100.0, 50.0, 20.0, 10.0, STEPS];

/// A range of accuracies. Its ends are steps, counted from an accuracy of 0.
pub(super) struct AccuracyAxis {
    pub bottom: f64,
    pub top: f64,
    pub steps_in_one: f64,
}

impl AccuracyAxis {
    /// The finest axis that shows these accuracies. NaN is ignored.
    pub(super) fn new(accuracies: impl Iterator<Item = f64> + Clone) -> Self {
        let low = accuracies.clone().fold(1.0, f64::min).max(0.0);
        let high = accuracies.fold(0.0, f64::max).min(1.0);
        let fit = |steps_in_one: f64| {
            let top = (high * steps_in_one).ceil().max(1.0);
            let bottom = (low * steps_in_one).floor().min(top - 1.0);
            Self { bottom, top, steps_in_one }
        };
        let fits = |axis: &Self| axis.top - axis.bottom <= STEPS;
        STEPS_IN_ONE.into_iter().map(fit).find(fits).unwrap_or(fit(STEPS))
    }

    /// The number of its steps.
    pub(super) fn steps(&self) -> usize {
        (self.top - self.bottom) as usize
    }

    /// The accuracy at a step, counted from the bottom.
    pub(super) fn accuracy(&self, step: usize) -> f64 {
        (self.bottom + step as f64) / self.steps_in_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(first: usize, last: usize, max_steps: usize) -> Vec<usize> {
        EpochAxis { first, last }.ticks(max_steps).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(0, 16, 10), [0, 2, 4, 6, 8, 10, 12, 14, 16]);
        assert_eq!(ticks(3, 999, 4), [200, 400, 600, 800]);
        assert_eq!(ticks(7, 7, 10), [7]);
        assert!(ticks(0, usize::MAX, 3).len() <= 4);
    }

    #[test]
    fn positions_run_from_0_to_1() {
        let axis = EpochAxis { first: 10, last: 20 };
        for (epoch, expected) in [(10, 0.0), (15, 0.5), (20, 1.0)] {
            assert!((axis.position(epoch) - expected).abs() < f64::EPSILON);
        }
        let single = EpochAxis { first: 4, last: 4 };
        assert!((single.position(4) - 0.5).abs() < f64::EPSILON);
    }
}
