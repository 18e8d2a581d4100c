//! Whether a run learns at all, and goes on learning.

use super::events::{EpochAccuracy, Settings};

/// A run that still does hardly better than one answer to all images, or that stands still far from what most sets allow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// Epochs so far.
    pub epochs: usize,
    /// The accuracy on the training set, from 0 to 1.
    pub accuracy: f64,
    /// The share of the largest class in the training set: the accuracy of that one answer.
    pub majority: f64,
    /// Whether it does hardly better than that answer.
    pub is_at_chance: bool,
}

/// By when a network that learns well shows it, as measured on MNIST and the built-in digits: after so many epochs, if they
/// have so many steps together ...
const EPOCHS: usize = 3;
const STEPS: u64 = 300;
/// ... or after so many steps, where an epoch is long.
const STEPS_OF_LONG_EPOCHS: u64 = 2000;
/// How much of the way from the largest class's share to 1 it has gone by then. The book's network has gone three quarters of
/// it after 600 steps on MNIST, and half with the built-in digits.
const LEARNT: f64 = 0.1;
/// A run stands still if in the last third of its epochs, of so many at least and steps as in long epochs, it has gone no
/// more of that way than this ...
const EPOCHS_OF_A_STAND: usize = 12;
const GAIN: f64 = 0.01;
/// ... and in all less than this: what learns well is beyond.
const LEARNT_WELL: f64 = 0.7;

impl Plateau {
    /// Judges a run by all its evaluations so far, at the latest one; `majority` is the share of the largest class in the
    /// training set. None where it learns, where it is too early to tell, and where there is but one class.
    ///
    /// A run whose last evaluation comes before it has had its steps is judged by what it has. The first evaluation, after
    /// a single step, does not count.
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
        let learnt = |evaluations: &[EpochAccuracy]| {
            let best = evaluations.iter().map(|evaluation| evaluation.train).fold(0.0, f64::max);
            (best - majority) / (1.0 - majority)
        };
        let trained = &evaluations[1..];
        let is_at_chance = is_time && learnt(trained) < LEARNT;
        let stands = epochs >= EPOCHS_OF_A_STAND && steps >= STEPS_OF_LONG_EPOCHS && learnt(trained) < LEARNT_WELL && {
            let (before, last) = trained.split_at(trained.len() - trained.len() / 3);
            learnt(last) - learnt(before) < GAIN
        };
        (is_at_chance || stands).then_some(Self { epochs, accuracy, majority, is_at_chance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The epoch at which a run of so many epochs with these accuracies is first found to be on a plateau.
    fn found(steps_per_epoch: u64, epochs: u64, majority: f64, accuracies: &[f64]) -> Option<usize> {
        let settings = Settings { iterations: epochs * steps_per_epoch, steps_per_epoch, learning_rate: 0.1 };
        let evaluation = |(epoch, &train): (usize, &f64)| EpochAccuracy {
            epoch,
            iteration: epoch as u64 * steps_per_epoch,
            train,
            test: 0.0,
        };
        let all: Vec<_> = accuracies.iter().enumerate().map(evaluation).collect();
        let plateau = (0..=all.len()).find_map(|count| Plateau::find(&all[..count], majority, &settings))?;
        assert_eq!((plateau.accuracy, plateau.majority), (accuracies[plateau.epochs], majority));
        Some(plateau.epochs)
    }

    #[test]
    fn networks_that_learn_are_let_alone() {
        // As measured: MNIST by the book, with 10 hidden units, by a rate of 0.01, in batches of 1,000 and of 10.
        for (steps_per_epoch, accuracies) in [
            (600, &[0.104, 0.792, 0.875, 0.897][..]),
            (600, &[0.104, 0.618, 0.834, 0.870]),
            (600, &[0.112, 0.112, 0.113, 0.322, 0.489]),
            (60, &[0.112, 0.112, 0.165, 0.253, 0.481, 0.562]),
            (6000, &[0.104, 0.927, 0.950]),
        ] {
            assert_eq!(found(steps_per_epoch, 17, 0.1124, accuracies), None, "{accuracies:?}");
        }
        // One hidden unit learns little, but it learns.
        assert_eq!(found(600, 17, 0.1124, &[0.104, 0.217, 0.228, 0.225, 0.226]), None);
        // It fell back, which is something else.
        assert_eq!(found(600, 17, 0.1124, &[0.104, 0.7, 0.112, 0.112, 0.112]), None);
        // The built-in digits by the book, to the end.
        let digits = [
            0.101, 0.597, 0.700, 0.738, 0.762, 0.779, 0.794, 0.807, 0.816, 0.830, 0.839, 0.847, 0.853, 0.860, 0.867,
            0.871, 0.875,
        ];
        assert_eq!(found(600, 17, 0.1, &digits), None);
    }

    #[test]
    fn a_run_that_stands_still_is_found() {
        // It rises to a half and stays there.
        let stand = |at: f64, epochs: usize| -> Vec<f64> {
            (0..epochs).map(|epoch| (0.25 + 0.05 * epoch as f64).min(at) + 0.002 * (epoch % 2) as f64).collect()
        };
        assert_eq!(found(200, 40, 0.25, &stand(0.51, 40)), Some(12));
        assert_eq!(found(60, 166, 0.25, &stand(0.51, 166)), Some(34), "2,000 steps");
        assert_eq!(found(60, 30, 0.25, &stand(0.51, 30)), None, "too early to tell");
        assert_eq!(found(200, 40, 0.25, &stand(0.85, 40)), None, "so good that it may be all there is");
        let slow: Vec<f64> = (0..40).map(|epoch| 0.4 + 0.005 * f64::from(epoch)).collect();
        assert_eq!(found(200, 40, 0.25, &slow), None, "slow, but rising");
    }

    #[test]
    fn a_run_at_chance_is_found_once_it_has_had_time() {
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
            // Its last evaluation comes before step 300.
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
    fn what_is_chance_is_the_largest_class_s_share() {
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
            assert_eq!(found, is_found, "{accuracy} where the largest class has {majority}");
        }
        // One step may be lucky.
        assert_eq!(found(600, 17, 0.5, &[0.7, 0.5, 0.5, 0.5]), Some(3));
    }
}
