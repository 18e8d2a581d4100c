//! The optimisers in f64, parameter by parameter.

use super::tensors::Tensors;
use crate::net::optimizer::{ADAGRAD_EPSILON, ADAM_EPSILON, BETAS, Optimizer, Rule};

/// An optimiser at work: what it remembers, and the steps that it has done. Its formulas stand at [`Rule`].
#[derive(Clone, Debug)]
pub struct Updates {
    optimizer: Optimizer,
    slots: [Tensors; 2],
    steps: u64,
}

impl Updates {
    /// An optimiser before its first step on parameters of this shape.
    #[must_use]
    pub fn new(optimizer: Optimizer, params: &Tensors) -> Self {
        let mut zeros = params.clone();
        zeros.values_mut().for_each(|value| *value = 0.0);
        Self { optimizer, slots: [zeros.clone(), zeros], steps: 0 }
    }

    /// Changes the parameters by this gradient.
    pub fn step(&mut self, params: &mut Tensors, gradient: &Tensors, learning_rate: f64) {
        self.steps += 1;
        let Optimizer { rule, momentum, weight_decay } = self.optimizer;
        let (momentum, weight_decay, t) = (f64::from(momentum), f64::from(weight_decay), self.steps as f64);
        let [first, second] = &mut self.slots;
        let slots = first.values_mut().zip(second.values_mut());
        for ((p, g), (m, v)) in params.values_mut().zip(gradient.values()).zip(slots) {
            let g = if rule == Rule::AdamW { *g } else { g + weight_decay * *p };
            match rule {
                Rule::Sgd => *p -= learning_rate * g,
                Rule::Momentum => {
                    *m = momentum * *m + g;
                    *p -= learning_rate * *m;
                }
                Rule::Adagrad => {
                    *m += g * g;
                    *p -= learning_rate * g / (m.sqrt() + ADAGRAD_EPSILON);
                }
                Rule::Adam | Rule::AdamW => {
                    if rule == Rule::AdamW {
                        *p -= learning_rate * weight_decay * *p;
                    }
                    let [beta1, beta2] = BETAS;
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    let mean = *m / (1.0 - beta1.powf(t));
                    let mean_square = *v / (1.0 - beta2.powf(t));
                    *p -= learning_rate * mean / (mean_square.sqrt() + ADAM_EPSILON);
                }
            }
        }
    }
}
