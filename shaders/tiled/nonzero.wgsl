#import network
#import nonzero_bits

// Which words of the batch's pixels are not 0. Most of MNIST's are 0, and hidden.wgsl and hidden_gradient.wgsl skip those.
//
// Each invocation looks at one word of 32 images, and writes a bit for each. Tested through the kernels that skip.
// Oracle: reference::Pass::z1, reference::TwoLayerNet::gradient_of. Test: tests/stages.rs.

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> nonzero: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let word = id.x;
    let row = 32u * id.y;
    if word >= INPUT_VEC4S {
        return;
    }
    var bits = 0u;
    for (var n = row; n < min(row + 32u, dispatch.batch_size); n++) {
        bits |= u32(pixels[indices[n] * INPUT_VEC4S + word] != 0u) << (n - row);
    }
    nonzero[bits_at(word, row)] = bits;
}
