//! How the learning rate changes in the course of a run.

use std::f64::consts::PI;

use super::names;

/// The course of the learning rate after the warmup. `p` goes from 0 at its first step to 1 after the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// The rate that was given.
    #[default]
    Constant,
    /// Half a period of the cosine, down to 0: rate × (1 + cos(π p)) / 2. Loshchilov and Hutter 2017, without restarts.
    Cosine,
    /// A tenth of the rate from half of the steps on, and a hundredth from three quarters on, as for ResNets: He et al. 2016.
    Step,
    /// A straight line down to 0: rate × (1 − p).
    Linear,
}

names!(Decay, "schedule", {
    Constant => "constant", Cosine => "cosine", Step => "step", Linear => "linear",
});

/// The course of the learning rate: first up, then by a [`Decay`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Its course after the warmup.
    pub decay: Decay,
    /// The steps of the warmup, in which the rate rises evenly: step `t` of `W`, from 0, has rate × (t + 1) / W.
    pub warmup: u64,
}

impl Schedule {
    /// The learning rate of step `step`, from 0, in a run of `steps`.
    #[must_use]
    pub fn rate(self, learning_rate: f32, step: u64, steps: u64) -> f32 {
        let Self { decay, warmup } = self;
        if step < warmup {
            return (f64::from(learning_rate) * (step + 1) as f64 / warmup as f64) as f32;
        }
        let p = (step - warmup) as f64 / steps.saturating_sub(warmup).max(1) as f64;
        let factor = match decay {
            Decay::Constant => return learning_rate,
            Decay::Cosine => f64::midpoint(1.0, (PI * p.min(1.0)).cos()),
            Decay::Step if p < 0.5 => return learning_rate,
            Decay::Step => {
                if p < 0.75 {
                    0.1
                } else {
                    0.01
                }
            }
            Decay::Linear => 1.0 - p.min(1.0),
        };
        (f64::from(learning_rate) * factor) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(decay: Decay, warmup: u64, steps: u64) -> Vec<f32> {
        (0..steps).map(|step| Schedule { decay, warmup }.rate(0.5, step, steps)).collect()
    }

    #[test]
    fn the_rate_falls_as_its_formula_says() {
        assert_eq!(rates(Decay::Constant, 0, 3), [0.5; 3]);
        assert_eq!(rates(Decay::Linear, 0, 5), [0.5, 0.4, 0.3, 0.2, 0.1]);
        assert_eq!(rates(Decay::Step, 0, 8), [0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.005, 0.005]);
        let root = 0.5_f64.sqrt();
        let cosine = [0.5, 0.25 * (1.0 + root), 0.25, 0.25 * (1.0 - root)].map(|rate| rate as f32);
        assert_eq!(rates(Decay::Cosine, 0, 4), cosine);
    }

    #[test]
    fn a_warmup_rises_to_the_rate_and_the_decay_begins_after_it() {
        assert_eq!(rates(Decay::Constant, 4, 6), [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]);
        assert_eq!(rates(Decay::Linear, 2, 7), [0.25, 0.5, 0.5, 0.4, 0.3, 0.2, 0.1]);
        // A run that ends within it.
        assert_eq!(rates(Decay::Cosine, 10, 3), [0.05, 0.1, 0.15]);
    }

    #[test]
    fn every_step_has_a_rate_above_0_and_none_beyond_the_end_is_negative() {
        for decay in Decay::ALL {
            for (warmup, steps) in [(0, 1), (1, 1), (0, 10_000), (600, 10_000)] {
                let rates = rates(decay, warmup, steps);
                assert!(rates.iter().all(|rate| 0.0 < *rate && *rate <= 0.5), "{decay} {warmup} {steps}");
            }
            let beyond = Schedule { decay, warmup: 0 }.rate(0.5, 20, 10);
            assert!((0.0..=0.5).contains(&beyond), "{decay}: {beyond}");
        }
    }
}
