#import exps
#import network

// The hidden layer's function and its gradient: for each name that `Activation` has, and for `identity`, a NAME_activation and a
// NAME_gradient. The identity in place of one of them shows a1 in place of z1, or dz1 in place of da1: that is how tests see them.
//
// The host says which ones this network has, by a line each (PassOutput::hidden_layer in src/gpu/kernels/operands.rs):
// `activated(a)` and `activation_gradient(z)`. No name is that of a WGSL function, which would stand in for a missing one.

// z1 of a vec4 of hidden units. The sigmoid of a padding unit would be 0.5, and would train.
fn activation(a: vec4f, v4: u32) -> vec4f {
    return select(vec4f(0.0), activated(a), columns(v4) < vec4u(HIDDEN));
}

fn sigmoid_activation(a: vec4f) -> vec4f {
    // exp of a negative number only: on some GPUs an overflow to infinity ends as NaN.
    let e = exp(-abs(a));
    return select(e, vec4f(1.0), a >= vec4f(0.0)) / (1.0 + e);
}

fn relu_activation(a: vec4f) -> vec4f {
    return select(a, vec4f(0.0), a <= vec4f(0.0));
}

// Below this size tanh(a) is a as far as f32 tells.
const TANH_IS_A = 1e-4;

// By e^2|a| - 1, which keeps its digits near 0 and is held before it overflows; some drivers' tanh does neither.
fn tanh_activation(a: vec4f) -> vec4f {
    let change = exps(2.0 * abs(a)).change;
    // A NaN is not above any size, and stays.
    return select(a, sign(a) * change / (change + 2.0), abs(a) > vec4f(TANH_IS_A));
}

fn identity_activation(a: vec4f) -> vec4f {
    return a;
}

// activation'(a), from z = activation(a).

fn sigmoid_gradient(z: vec4f) -> vec4f {
    return z * (1.0 - z);
}

fn relu_gradient(z: vec4f) -> vec4f {
    return select(vec4f(0.0), vec4f(1.0), z > vec4f(0.0));
}

fn tanh_gradient(z: vec4f) -> vec4f {
    return (1.0 - z) * (1.0 + z);
}

fn identity_gradient(z: vec4f) -> vec4f {
    return vec4f(1.0);
}
