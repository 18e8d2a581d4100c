//! Detects a run that does not learn, or that stops learning.

use super::events::{EpochAccuracy, Settings};

/// A run whose accuracy is near that of a constant prediction, or no longer rises although it is low.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// Epochs so far.
    pub epochs: usize,
    /// The accuracy on the training split, from 0 to 1.
    pub accuracy: f64,
    /// The share of the largest class in the training split: the accuracy of a constant prediction.
    pub majority: f64,
    /// Whether the accuracy is near that share.
    pub is_at_chance: bool,
}

/// A run is judged after this number of epochs, if they have this number of steps together. Networks that learn well on MNIST
/// and on the built-in digits show it by then.
const EPOCHS: usize = 3;
const STEPS: u64 = 300;
/// With long epochs, a run is judged after this number of steps.
const STEPS_OF_LONG_EPOCHS: u64 = 2000;
/// Progress is (accuracy - majority) / (1 - majority). Below this progress, a run is at chance. On MNIST the book's network has
/// a progress of 0.75 after 600 steps, and on the built-in digits 0.5.
const MIN_PROGRESS: f64 = 0.1;
/// A run no longer rises if it has this number of epochs, its progress in the last third of them grew by less than `MIN_GAIN`,
/// and it is below `GOOD_PROGRESS`.
const EPOCHS_FOR_GAIN: usize = 12;
const MIN_GAIN: f64 = 0.01;
const GOOD_PROGRESS: f64 = 0.7;

impl Plateau {
    /// Judges a run at its latest evaluation. `evaluations` are all so far, and `majority` is the share of the largest class in
    /// the training split. `None` if the run learns, if it is too early, or if there is only one class.
    ///
    /// A short run is judged at its last evaluation. The first evaluation, after a single step, does not count.
    #[must_use]
    pub fn find(evaluations: &[EpochAccuracy], majority: f64, settings: &Settings) -> Option<Self> {
        let &EpochAccuracy { epoch: epochs, iteration, train: accuracy, .. } = evaluations.last()?;
        let steps = iteration.saturating_add(1);
        let is_last = iteration.saturating_add(settings.steps_per_epoch) >= settings.iterations;
        let is_time = match epochs {
            0 => false,
            1..EPOCHS => steps >= STEPS_OF_LONG_EPOCHS,
            _ => steps >= STEPS || is_last,
        };
        let progress = |evaluations: &[EpochAccuracy]| {
            let best = evaluations.iter().map(|evaluation| evaluation.train).fold(0.0, f64::max);
            (best - majority) / (1.0 - majority)
        };
        let trained = &evaluations[1..];
        let is_at_chance = is_time && progress(trained) < MIN_PROGRESS;
        let has_time_for_gain = epochs >= EPOCHS_FOR_GAIN && steps >= STEPS_OF_LONG_EPOCHS;
        let no_longer_rises = has_time_for_gain && progress(trained) < GOOD_PROGRESS && {
            let (before, last) = trained.split_at(trained.len() - trained.len() / 3);
            progress(last) - progress(before) < MIN_GAIN
        };
        (is_at_chance || no_longer_rises).then_some(Self { epochs, accuracy, majority, is_at_chance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first epoch at which a run with these accuracies is on a plateau.
    fn found(steps_per_epoch: u64, epochs: u64, majority: f64, accuracies: &[f64]) -> Option<usize> {
        let settings = Settings::new(epochs * steps_per_epoch, steps_per_epoch, 0.1);
        let evaluation = |(epoch, &train): (usize, &f64)| EpochAccuracy {
            epoch,
            iteration: epoch as u64 * steps_per_epoch,
            train,
            test: 0.0,
            validation: None,
        };
        let all: Vec<_> = accuracies.iter().enumerate().map(evaluation).collect();
        let plateau = (0..=all.len()).find_map(|count| Plateau::find(&all[..count], majority, &settings))?;
        assert_eq!((plateau.accuracy, plateau.majority), (accuracies[plateau.epochs], majority));
        Some(plateau.epochs)
    }

    #[test]
    fn networks_that_learn_are_not_on_a_plateau() {
        // Measured on MNIST: the book's settings, 10 hidden units, a learning rate of 0.01, batches of 1,000 and of 10.
        for (steps_per_epoch, accuracies) in [
            (600, &[0.104, 0.792, 0.875, 0.897][..]),
            (600, &[0.104, 0.618, 0.834, 0.870]),
            (600, &[0.112, 0.112, 0.113, 0.322, 0.489]),
            (60, &[0.112, 0.112, 0.165, 0.253, 0.481, 0.562]),
            (6000, &[0.104, 0.927, 0.950]),
        ] {
            assert_eq!(found(steps_per_epoch, 17, 0.1124, accuracies), None, "{accuracies:?}");
        }
        // One hidden unit learns a little.
        assert_eq!(found(600, 17, 0.1124, &[0.104, 0.217, 0.228, 0.225, 0.226]), None);
        // The accuracy rose and then fell.
        assert_eq!(found(600, 17, 0.1124, &[0.104, 0.7, 0.112, 0.112, 0.112]), None);
        // A whole run on the built-in digits with the book's settings.
        let digits = [
            0.101, 0.597, 0.700, 0.738, 0.762, 0.779, 0.794, 0.807, 0.816, 0.830, 0.839, 0.847, 0.853, 0.860, 0.867,
            0.871, 0.875,
        ];
        assert_eq!(found(600, 17, 0.1, &digits), None);
    }

    #[test]
    fn a_run_that_no_longer_rises_is_found() {
        let rise_to = |limit: f64, epochs: usize| -> Vec<f64> {
            (0..epochs).map(|epoch| (0.25 + 0.05 * epoch as f64).min(limit) + 0.002 * (epoch % 2) as f64).collect()
        };
        assert_eq!(found(200, 40, 0.25, &rise_to(0.51, 40)), Some(12));
        assert_eq!(found(60, 166, 0.25, &rise_to(0.51, 166)), Some(34), "2,000 steps");
        assert_eq!(found(60, 30, 0.25, &rise_to(0.51, 30)), None, "too early");
        assert_eq!(found(200, 40, 0.25, &rise_to(0.85, 40)), None, "a good accuracy");
        let slow: Vec<f64> = (0..40).map(|epoch| 0.4 + 0.005 * f64::from(epoch)).collect();
        assert_eq!(found(200, 40, 0.25, &slow), None, "slow, but rising");
    }

    #[test]
    fn a_run_at_chance_is_found_after_enough_steps() {
        let flat = [0.25; 400];
        for (steps_per_epoch, epochs, expected) in [
            (600, 17, Some(3)),
            (51, 10, Some(6)),
            (100, 10, Some(3)),
            (1, 400, Some(299)),
            (2000, 10, Some(1)),
            (80_000, 1, None),
            (80_000, 2, Some(1)),
            (1000, 10, Some(2)),
            // The last evaluation comes before step 300.
            (7, 20, Some(19)),
            (7, 4, Some(3)),
            (7, 3, None),
        ] {
            let evaluations = &flat[..(epochs as usize).min(flat.len())];
            assert_eq!(found(steps_per_epoch, epochs, 0.25, evaluations), expected, "{steps_per_epoch}, {epochs}");
        }
        assert_eq!(found(0, 0, 0.25, &[]), None);
    }

    #[test]
    fn chance_is_the_share_of_the_largest_class() {
        let flat = |accuracy| [accuracy; 5];
        for (majority, accuracy, is_found) in [
            (0.1, 0.1, true),
            (0.1, 0.18, true),
            (0.1, 0.2, false),
            (0.5, 0.54, true),
            (0.5, 0.56, false),
            (0.9, 0.9, true),
            (0.9, 0.92, false),
            (0.9, 0.3, true),
            (1.0, 1.0, false),
        ] {
            let found = found(600, 17, majority, &flat(accuracy)).is_some();
            assert_eq!(found, is_found, "{accuracy} with a largest class of {majority}");
        }
        // The first evaluation does not count.
        assert_eq!(found(600, 17, 0.5, &[0.7, 0.5, 0.5, 0.5]), Some(3));
    }
}
