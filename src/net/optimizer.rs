//! How a gradient changes the parameters.

use bytemuck::{Pod, Zeroable};

use super::names;

/// The rule of an update. The definitions and the constants are those of PyTorch's `torch.optim`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Stochastic gradient descent: p -= learning rate × g.
    #[default]
    Sgd,
    /// SGD with momentum: v = momentum × v + g, p -= learning rate × v.
    Momentum,
    /// Duchi et al. 2011: s += g², p -= learning rate × g / (√s + 1e-10).
    Adagrad,
    /// Kingma and Ba 2015, corrected for the slots' start at 0: m = 0.9 m + 0.1 g, v = 0.999 v + 0.001 g²,
    /// p -= learning rate × (m / (1 - 0.9ᵗ)) / (√(v / (1 - 0.999ᵗ)) + 1e-8) in step t.
    Adam,
    /// Adam with decoupled weight decay, Loshchilov and Hutter 2019: p shrinks by learning rate × weight decay before the step,
    /// and the gradient has no decay.
    AdamW,
}

names!(Rule, "optimizer", {
    Sgd => "sgd",
    Momentum => "momentum",
    Adagrad => "adagrad",
    Adam => "adam",
    AdamW => "adamw",
});

impl Rule {
    /// The learning rate that suits the rule: the book's for its SGD and, in its chapter 6, momentum, AdaGrad and Adam's own.
    #[must_use]
    pub fn learning_rate(self) -> f32 {
        match self {
            Self::Sgd => crate::book::LEARNING_RATE,
            Self::Momentum | Self::Adagrad => 0.01,
            Self::Adam | Self::AdamW => 0.001,
        }
    }

    /// Whether the change is linear in the gradient: then the mean of several updates is the update by the mean gradient.
    #[must_use]
    pub fn is_linear(self) -> bool {
        matches!(self, Self::Sgd | Self::Momentum)
    }

    /// PyTorch's weight decay.
    #[must_use]
    pub fn weight_decay(self) -> f32 {
        if self == Self::AdamW { 0.01 } else { 0.0 }
    }
}

/// The momentum where none is given.
pub const MOMENTUM: f32 = 0.9;
/// Adam's factors of the old mean and of the old mean of squares.
pub const BETAS: [f64; 2] = [0.9, 0.999];
/// What keeps Adam from dividing by 0, outside the root.
pub const ADAM_EPSILON: f64 = 1e-8;
/// What keeps AdaGrad from dividing by 0.
pub const ADAGRAD_EPSILON: f64 = 1e-10;

/// A rule with its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimizer {
    /// The rule.
    pub rule: Rule,
    /// The factor of the old velocity, from 0 to below 1; for [`Rule::Momentum`] alone.
    pub momentum: f32,
    /// The weight decay, 0 or more: of all parameters, added to the gradient (g + decay × p), but for AdamW.
    pub weight_decay: f32,
}

impl Default for Optimizer {
    /// The book's SGD.
    fn default() -> Self {
        Self::from(Rule::default())
    }
}

impl From<Rule> for Optimizer {
    fn from(rule: Rule) -> Self {
        Self { rule, momentum: MOMENTUM, weight_decay: rule.weight_decay() }
    }
}

/// Numbers that no optimiser has.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum OptimizerError {
    /// A momentum out of range.
    #[error("a momentum of {0} is out of range; choose one from 0 to below 1")]
    Momentum(f32),
    /// A weight decay out of range.
    #[error("a weight decay of {0} is out of range; choose a finite one, 0 or more")]
    WeightDecay(f32),
}

impl Optimizer {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`OptimizerError`].
    pub fn check(self) -> Result<(), OptimizerError> {
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(OptimizerError::Momentum(self.momentum));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return Err(OptimizerError::WeightDecay(self.weight_decay));
        }
        Ok(())
    }

    /// The number of slots: values that it remembers for each parameter.
    #[must_use]
    pub fn slots(self) -> usize {
        match self.rule {
            Rule::Sgd => 0,
            Rule::Momentum | Rule::Adagrad => 1,
            Rule::Adam | Rule::AdamW => 2,
        }
    }

    /// Whether an update is the gradient times a number, which backends add where they compute it.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.rule == Rule::Sgd && self.weight_decay == 0.0
    }

    /// The numbers of step `step`, from 1.
    #[must_use]
    pub fn update(self, learning_rate: f32, step: u64) -> Update {
        let (rate, decay) = (f64::from(learning_rate), f64::from(self.weight_decay));
        let corrections = BETAS.map(|beta| 1.0 - beta.powf(step as f64));
        let is_adam = matches!(self.rule, Rule::Adam | Rule::AdamW);
        let is_decoupled = self.rule == Rule::AdamW;
        Update {
            rate: if is_adam { (rate / corrections[0]) as f32 } else { learning_rate },
            shrink: if is_decoupled { (rate * decay) as f32 } else { 0.0 },
            decay: if is_decoupled { 0.0 } else { self.weight_decay },
            first: if is_adam { BETAS[0] as f32 } else { self.momentum },
            first_share: (1.0 - BETAS[0]) as f32,
            second: BETAS[1] as f32,
            second_share: (1.0 - BETAS[1]) as f32,
            root: (1.0 / corrections[1].sqrt()) as f32,
            epsilon: if is_adam { ADAM_EPSILON } else { ADAGRAD_EPSILON } as f32,
        }
    }
}

/// What one step's updates are computed with, in f32 on every device; the uniform `Update` of `shaders/shared/update.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Update {
    /// The factor of what is subtracted.
    pub rate: f32,
    /// The factor of the parameter that is subtracted too.
    pub shrink: f32,
    /// The factor of the parameter that is added to its gradient.
    pub decay: f32,
    /// The factor of the old first slot: the momentum, or Adam's 0.9.
    pub first: f32,
    /// And of the gradient, in Adam.
    pub first_share: f32,
    /// The factor of the old second slot, Adam's 0.999.
    pub second: f32,
    /// And of the gradient's square.
    pub second_share: f32,
    /// The factor of the second slot's root.
    pub root: f32,
    /// What is added to the root.
    pub epsilon: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adam_is_corrected_for_its_start() {
        let update = Optimizer::from(Rule::Adam).update(0.001, 1);
        // m and v are a tenth and a thousandth of the first gradient and its square: the step is the learning rate.
        let (m, v) = (update.first_share * 3.0, update.second_share * 9.0);
        assert!((update.rate * m / (v.sqrt() * update.root) - 0.001).abs() < 1e-8);
        let late = Optimizer::from(Rule::Adam).update(0.001, 100_000_000);
        assert_eq!((late.rate, late.root), (0.001, 1.0));
    }

    #[test]
    fn only_adamw_shrinks_the_parameter_itself() {
        for rule in Rule::ALL {
            let update = Optimizer { weight_decay: 0.5, ..rule.into() }.update(0.1, 7);
            let expected = if rule == Rule::AdamW { (0.05, 0.0) } else { (0.0, 0.5) };
            assert_eq!((update.shrink, update.decay), expected, "{rule}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let optimizer = Optimizer::from(Rule::Momentum);
        assert_eq!(optimizer.check(), Ok(()));
        for momentum in [-0.1, 1.0, f32::NAN] {
            assert!(Optimizer { momentum, ..optimizer }.check().is_err());
        }
        for weight_decay in [-1.0, f32::INFINITY, f32::NAN] {
            assert!(Optimizer { weight_decay, ..optimizer }.check().is_err());
        }
    }
}
