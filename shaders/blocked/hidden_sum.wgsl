#import activation
#import network

// z1 = activation(x W1 + b1), where x W1 is there in SPLITS parts: hidden.wgsl left them, each the sum over some of the pixels.
// Oracle: reference::Pass::z1. Test: tests/stages.rs.

override SPLITS: u32;

// SPLITS times a1 without b1, one after the other.
@group(0) @binding(1) var<storage, read> parts: array<vec4f>;
// W1, then b1.
@group(0) @binding(2) var<storage, read> layer: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> z1: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let vec4s = dispatch.batch_size * HIDDEN_VEC4S;
    for (var i = id.x; i < vec4s; i += groups.x * LANES) {
        let v4 = i % HIDDEN_VEC4S;
        var a = layer[4u * INPUT_VEC4S * HIDDEN_VEC4S + v4];
        for (var p = 0u; p < SPLITS; p++) {
            a += parts[p * vec4s + i];
        }
        z1[i] = activation(a, v4);
    }
}
