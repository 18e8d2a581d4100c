#import axpby
#import network

// The gradient of W2, z1ᵀ dy, and of b2, the sum of dy over the batch; applied to the layer at once, or kept.
//
// Each invocation computes a tile of 4 hidden units x 16 classes in registers, and the last row of tiles the bias. All
// invocations of a workgroup share their classes, so they read the same dy at the same time, and that lies in a uniform buffer,
// as many images at a time as one holds.
// Oracle: reference::TwoLayerNet::gradient_of. Test: tests/stages.rs.

// A window of dy: images from dispatch.first to dispatch.end.
@group(0) @binding(2) var<uniform> d: array<vec4f, WINDOW>;
// W2, then b2; or the buffer that takes their gradient.
@group(0) @binding(3) var<storage, read_write> layer: array<vec4f>;
@group(0) @binding(4) var<storage, read> z1: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
    let row = id.x;
    let v4 = 4u * group.y;
    if row > HIDDEN_VEC4S {
        return;
    }
    var g0 = mat4x4f();
    var g1 = mat4x4f();
    var g2 = mat4x4f();
    var g3 = mat4x4f();
    for (var n = dispatch.first; n < dispatch.end; n++) {
        // The row after the last one is the bias.
        let z = select(z1[n * HIDDEN_VEC4S + min(row, HIDDEN_VEC4S - 1u)], BIAS_INPUT, row == HIDDEN_VEC4S);
        let at = (n - dispatch.first) * CLASS_VEC4S + v4;
        let classes = mat4x4f(d[at], d[at + 1u], d[at + 2u], d[at + 3u]);
        g0 += classes * z.x;
        g1 += classes * z.y;
        g2 += classes * z.z;
        g3 += classes * z.w;
    }
    let at = 4u * row * CLASS_VEC4S;
    apply(at, v4, g0);
    if row < HIDDEN_VEC4S {
        apply(at + CLASS_VEC4S, v4, g1);
        apply(at + 2u * CLASS_VEC4S, v4, g2);
        apply(at + 3u * CLASS_VEC4S, v4, g3);
    }
}

fn apply(row: u32, v4: u32, g: mat4x4f) {
    apply_vec4(row, v4, g[0]);
    apply_vec4(row, v4 + 1u, g[1]);
    apply_vec4(row, v4 + 2u, g[2]);
    apply_vec4(row, v4 + 3u, g[3]);
}

// The last tile of a row may reach past it; those columns belong to another tile.
fn apply_vec4(row: u32, v4: u32, gradient: vec4f) {
    if v4 < CLASS_VEC4S {
        layer[row + v4] = axpby(layer[row + v4], gradient);
    }
}
