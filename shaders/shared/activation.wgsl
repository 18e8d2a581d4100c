#import network

// The hidden layer's function and its gradient. `IDENTITY` leaves one of them out, which shows a1 in place of z1, or
// dz1 in place of da1: that is how tests see them.

override ACTIVATION: u32;
override ACTIVATION_GRADIENT: u32;
const IDENTITY = 0u;
const SIGMOID = 1u;
const RELU = 2u;

// z1 of a vec4 of hidden units. The sigmoid of a padding unit would be 0.5, and would train.
fn activation(a: vec4f, v4: u32) -> vec4f {
    return select(vec4f(0.0), activated(a), columns(v4) < vec4u(HIDDEN));
}

fn activated(a: vec4f) -> vec4f {
    if ACTIVATION == SIGMOID {
        // exp of a negative number only: on some GPUs an overflow to infinity ends as NaN.
        let e = exp(-abs(a));
        return select(e, vec4f(1.0), a >= vec4f(0.0)) / (1.0 + e);
    }
    if ACTIVATION == RELU {
        return select(a, vec4f(0.0), a <= vec4f(0.0));
    }
    return a;
}

// activation'(a), from z = activation(a).
fn activation_gradient(z: vec4f) -> vec4f {
    if ACTIVATION_GRADIENT == SIGMOID {
        return z * (1.0 - z);
    }
    if ACTIVATION_GRADIENT == RELU {
        return select(vec4f(0.0), vec4f(1.0), z > vec4f(0.0));
    }
    return vec4f(1.0);
}
