//! Statistics of repeated measurements: mean, standard deviation, median, and whether the A/A run was quiet.

use super::others::Others;

/// A mean and a standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The arithmetic mean.
    pub mean: f64,
    /// The sample standard deviation, with n - 1 in the denominator. `None` for a single value.
    pub deviation: Option<f64>,
}

impl Spread {
    /// Mean and deviation of the values. `None` if `values` is empty.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Some(Self { mean, deviation })
    }

    /// The ratio `this / other` of two independent measurements: the ratio of the means. Its relative deviation is
    /// sqrt((da / a)² + (db / b)²), by first-order error propagation.
    #[must_use]
    pub fn of_ratio(this: &[f64], other: &[f64]) -> Option<Self> {
        let (this, other) = (Self::of(this)?, Self::of(other)?);
        let mean = this.mean / other.mean;
        let deviation = this.relative().zip(other.relative()).map(|(a, b)| mean * a.hypot(b));
        mean.is_finite().then_some(Self { mean, deviation })
    }

    /// The deviation over the mean.
    #[must_use]
    pub fn relative(&self) -> Option<f64> {
        self.deviation.map(|deviation| deviation / self.mean)
    }
}

/// The middle value, or the mean of the two in the middle. `None` if `values` is empty.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let [low, high] = [values.len().checked_sub(1)? / 2, values.len() / 2];
    Some(f64::midpoint(sorted[low], sorted[high]))
}

/// The verdict of the A/A run: whether one configuration, measured twice in turns, gave the same speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The speeds agree. Differences beyond the deviation are real.
    Quiet,
    /// The speeds agree, but other programs kept the machine busy. All speeds are lower than on a quiet machine.
    Busy,
    /// The speeds differ, or the ratios scatter widely. Something disturbed the benchmark.
    TooNoisy,
    /// There was only one repetition.
    Unknown,
}

impl Verdict {
    /// The name used in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Busy => "busy",
            Self::TooNoisy => "too-noisy",
            Self::Unknown => "unknown",
        }
    }
}

/// The largest deviation of a quiet row, relative to its mean.
pub const MAX_DEVIATION: f64 = 0.1;

/// A mean ratio this close to 1 always passes. With five ratios, about one mean in ten differs from 1 by more than its
/// own deviation by chance alone.
const RESOLUTION: f64 = 0.01;

/// Judges the ratios of the A/A run, one a round. Their mean must be 1 within their deviation or within 0.01, and the
/// deviation must be at most [`MAX_DEVIATION`]. `others` is the load of other programs during these rounds, if known.
#[must_use]
pub fn verdict(ratios: &[f64], others: Option<&Others>) -> Verdict {
    let Some(Spread { mean, deviation: Some(deviation) }) = Spread::of(ratios) else { return Verdict::Unknown };
    let is_one = (mean - 1.0).abs() <= deviation.max(RESOLUTION);
    if !is_one || deviation > MAX_DEVIATION {
        Verdict::TooNoisy
    } else if others.is_some_and(Others::is_busy) {
        Verdict::Busy
    } else {
        Verdict::Quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_is(found: Option<Spread>, mean: f64, deviation: Option<f64>) {
        let found = found.unwrap();
        assert!((found.mean - mean).abs() < 1e-12, "{found:?}");
        assert_eq!(found.deviation.is_some(), deviation.is_some(), "{found:?}");
        let difference = found.deviation.unwrap_or(0.0) - deviation.unwrap_or(0.0);
        assert!(difference.abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn mean_and_sample_deviation() {
        assert_eq!(Spread::of(&[]), None);
        assert_is(Spread::of(&[3.0]), 3.0, None);
        assert_is(Spread::of(&[2.0, 4.0]), 3.0, Some(2_f64.sqrt()));
        assert_is(Spread::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 5.0, Some((32.0_f64 / 7.0).sqrt()));
        assert_eq!(Spread { mean: 4.0, deviation: Some(1.0) }.relative(), Some(0.25));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        for (values, middle) in [(&[3.0][..], 3.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 9.0, 2.0], 3.0)] {
            assert!((median(values).unwrap() - middle).abs() < 1e-12, "{values:?}");
        }
    }

    #[test]
    fn the_deviation_of_a_ratio_comes_from_both_values() {
        // 4 ± 25 % over 2 ± 50 %.
        let spread = |mean: f64, relative: f64| [mean, mean - mean * relative, mean + mean * relative];
        let ratio = Spread::of_ratio(&spread(4.0, 0.25), &spread(2.0, 0.5));
        assert_is(ratio, 2.0, Some(2.0 * (0.25_f64.powi(2) + 0.5_f64.powi(2)).sqrt()));
        assert_is(Spread::of_ratio(&[3.0], &[2.0, 4.0]), 1.0, None);
        assert_eq!(Spread::of_ratio(&[], &[1.0]), None);
        assert_eq!(Spread::of_ratio(&[1.0], &[0.0]), None);
    }

    #[test]
    fn the_ratios_of_a_quiet_run_are_1() {
        for quiet in [&[1.0, 1.0][..], &[0.95, 1.04, 1.0], &[1.004, 1.004], &[0.93, 1.07]] {
            assert_eq!(verdict(quiet, None), Verdict::Quiet, "{quiet:?}");
            // A steady load does not make the ratios scatter.
            for (programs, expected) in [(0.01, Verdict::Quiet), (0.98, Verdict::Busy)] {
                assert_eq!(verdict(quiet, Some(&Others { programs, stolen: 0.0, cores: 2 })), expected);
            }
        }
        // The mean is not 1, or the deviation is too large.
        for noisy in [&[1.05, 1.06][..], &[0.8, 0.81, 0.8], &[0.8, 1.2], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0]] {
            assert_eq!(verdict(noisy, None), Verdict::TooNoisy, "{noisy:?}");
        }
        assert_eq!(verdict(&[1.0], None), Verdict::Unknown);
        assert_eq!(verdict(&[], None), Verdict::Unknown);
    }
}
