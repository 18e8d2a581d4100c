#import axpby
#import network

// A layer's SGD update by a gradient that is given, in one part or as the sum of several: v - learning_rate * g.
// (Most training updates where the gradient is computed.)
// Oracle: reference::TwoLayerNet::train_step. Test: tests/training.rs.

override PARTS: u32;

// PARTS gradients of the layer, one after the other.
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> layer: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let vec4s = arrayLength(&layer);
    for (var i = id.x; i < vec4s; i += groups.x * LANES) {
        var sum = gradient[i];
        for (var p = 1u; p < PARTS; p++) {
            sum += gradient[p * vec4s + i];
        }
        layer[i] = axpby(layer[i], sum);
    }
}
