#import network

// What the optimisers' kernels have in common: an element of all parameters W1, b1, W2, b2, with its gradient and its slots.

// Optimizer::update in src/net/optimizer.rs fills it, for each step.
struct Update {
    rate: f32,
    shrink: f32,
    decay: f32,
    first: f32,
    first_share: f32,
    second: f32,
    second_share: f32,
    root: f32,
}

@group(0) @binding(1) var<uniform> update: Update;
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> parameters: array<vec4f>;

// The gradient, with the weight decay that counts as one.
fn decayed_gradient(i: u32) -> vec4f {
    return gradient[i] + update.decay * parameters[i];
}

fn subtract(i: u32, change: vec4f) {
    // Not p (1 - shrink): in f32 that rounds a small shrinkage coarsely.
    let p = parameters[i];
    parameters[i] = p - (update.shrink * p + update.rate * change);
}
