#import gradient_tile
#import network

// The gradient of W1, xᵀ da1, and of b1, the sum of da1 over the batch; applied to the layer at once, or kept.
//
// Each invocation computes a tile of 4 pixels x 16 hidden units, and the last row of tiles the bias.
// Oracle: reference::TwoLayerNet::gradient_of. Test: tests/stages.rs.

@group(0) @binding(4) var<storage, read> pixels: array<u32>;
@group(0) @binding(5) var<storage, read> indices: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
    gradient_tile(id.x, INPUT_VEC4S, 4u * group.y, HIDDEN_VEC4S);
}

fn inputs(n: u32, row: u32) -> vec4f {
    return unpack4x8unorm(pixels[indices[n] * INPUT_VEC4S + row]);
}
