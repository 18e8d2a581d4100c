#import network

// An optimiser's kernel: it changes every parameter, W1, b1, W2 and b2, by its gradient.
//
// The kernel that uses this says what is subtracted for each unit of the rate, `change(i, g)` of the vec4 at `i` and its gradient,
// and binds its slots.

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
    epsilon: f32,
}

@group(0) @binding(1) var<uniform> update: Update;
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> parameters: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    for (var i = id.x; i < arrayLength(&parameters); i += groups.x * LANES) {
        let p = parameters[i];
        let g = gradient[i] + update.decay * p;
        // Not p (1 - shrink): in f32 that rounds a small shrinkage coarsely.
        parameters[i] = p - (update.shrink * p + update.rate * change(i, g));
    }
}
