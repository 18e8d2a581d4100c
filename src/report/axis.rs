//! The epoch axis that the plot and the terminal chart share.

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
