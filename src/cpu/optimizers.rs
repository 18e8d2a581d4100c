//! What changes the parameters by a gradient that is stored, value by value, and leaves the gradient 0: the counterpart of
//! `shaders/optimizers/`. The formulas stand at [`Rule`].

use super::simd::{Instructions, Row, flat_mut, kernel, multiply_add};
use crate::net::optimizer::{Rule, Update};

// What is smaller than these counts as 0. A CPU takes a hundred times as long for subnormal numbers (below 1.2e-38), and rounding keeps
// one that only decays from ever being 0.

/// The least gradient: Adam's share of its square, a thousandth, is 1e-37.
const LEAST_GRADIENT: f32 = 1e-17;
/// The least parameter or mean of gradients.
const LEAST_MEAN: f32 = 1e-30;
/// The least mean of squares.
const LEAST_SQUARE: f32 = 1e-36;

/// The value, or 0 in the place of one that is smaller.
#[inline(always)]
fn at_least(least: f32, value: f32) -> f32 {
    if value.abs() < least { 0.0 } else { value }
}

/// Changes some parameters by their gradient, with their part of each slot.
pub fn change(
    kind: Instructions,
    rule: Rule,
    update: &Update,
    gradient: &mut [Row],
    slots: &mut [&mut [Row]],
    parameters: &mut [Row],
) {
    match (rule, slots) {
        (Rule::Momentum, [velocity]) => momentum(kind, update, gradient, velocity, parameters),
        (Rule::Adagrad, [squares]) => adagrad(kind, update, gradient, squares, parameters),
        (Rule::Adam | Rule::AdamW, [mean, square]) => adam(kind, update, gradient, mean, square, parameters),
        _ => decayed_sgd(kind, update, gradient, parameters),
    }
}

kernel! {
    fn decayed_sgd(update: &Update, gradient: &mut [Row], parameters: &mut [Row]) {
        for (g, p) in flat_mut(gradient).iter_mut().zip(flat_mut(parameters)) {
            let change = multiply_add::<FUSED>(update.decay, *p, *g);
            *p = at_least(LEAST_MEAN, multiply_add::<FUSED>(-update.rate, change, *p));
            *g = 0.0;
        }
    }
}

kernel! {
    fn momentum(update: &Update, gradient: &mut [Row], velocity: &mut [Row], parameters: &mut [Row]) {
        let slots = flat_mut(velocity).iter_mut();
        for ((g, v), p) in flat_mut(gradient).iter_mut().zip(slots).zip(flat_mut(parameters)) {
            let decayed = multiply_add::<FUSED>(update.decay, *p, *g);
            *v = at_least(LEAST_MEAN, multiply_add::<FUSED>(update.first, *v, decayed));
            *p = at_least(LEAST_MEAN, multiply_add::<FUSED>(-update.rate, *v, *p));
            *g = 0.0;
        }
    }
}

kernel! {
    fn adagrad(update: &Update, gradient: &mut [Row], squares: &mut [Row], parameters: &mut [Row]) {
        let slots = flat_mut(squares).iter_mut();
        for ((g, s), p) in flat_mut(gradient).iter_mut().zip(slots).zip(flat_mut(parameters)) {
            let decayed = at_least(LEAST_GRADIENT, multiply_add::<FUSED>(update.decay, *p, *g));
            *s = at_least(LEAST_SQUARE, multiply_add::<FUSED>(decayed, decayed, *s));
            let change = decayed / (s.sqrt() + update.epsilon);
            *p = at_least(LEAST_MEAN, multiply_add::<FUSED>(-update.rate, change, *p));
            *g = 0.0;
        }
    }
}

kernel! {
    fn adam(update: &Update, gradient: &mut [Row], mean: &mut [Row], square: &mut [Row], parameters: &mut [Row]) {
        let slots = flat_mut(mean).iter_mut().zip(flat_mut(square));
        for ((g, (m, v)), p) in flat_mut(gradient).iter_mut().zip(slots).zip(flat_mut(parameters)) {
            let decayed = at_least(LEAST_GRADIENT, multiply_add::<FUSED>(update.decay, *p, *g));
            *m = at_least(LEAST_MEAN, multiply_add::<FUSED>(update.first, *m, update.first_share * decayed));
            let square = update.second_share * decayed * decayed;
            *v = at_least(LEAST_SQUARE, multiply_add::<FUSED>(update.second, *v, square));
            let root = multiply_add::<FUSED>(v.sqrt(), update.root, update.epsilon);
            // Not p (1 - shrink): in f32 that rounds a small shrinkage coarsely.
            let change = multiply_add::<FUSED>(update.rate, *m / root, update.shrink * *p);
            *p = at_least(LEAST_MEAN, *p - change);
            *g = 0.0;
        }
    }
}
