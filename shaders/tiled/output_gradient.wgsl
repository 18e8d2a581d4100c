#import gradient_tile
#import network

// The gradient of W2, z1ᵀ dy, and of b2, the sum of dy over the batch; applied to the layer at once, or kept.
//
// Each invocation computes a tile of 4 hidden units x 16 classes, and the last row of tiles the bias.
// Oracle: reference::TwoLayerNet::gradient_of. Test: tests/stages.rs.

@group(0) @binding(4) var<storage, read> z1: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
    gradient_tile(id.x, HIDDEN_VEC4S, 4u * group.y, CLASS_VEC4S);
}

fn inputs(n: u32, row: u32) -> vec4f {
    return z1[n * HIDDEN_VEC4S + row];
}
