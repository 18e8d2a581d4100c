#import activation
#import loss
#import network

// The output layer, forward and back: a2 = z1 W2 + b2, the logits; y, the loss and dy; and
// da1 = (dy W2ᵀ) activation'(a1), elementwise, the mean loss's derivative by a1.
//
// One invocation an image.
// Oracle: reference::Pass::dy, reference::Pass::da1. Test: tests/stages.rs.

@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
// W2, then b2. Every invocation reads the same weights at the same time.
@group(0) @binding(3) var<uniform> layer: array<vec4f, WINDOW>;
@group(0) @binding(4) var<storage, read> z1: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dy: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> da1: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let n = id.x;
    if n >= dispatch.batch_size {
        return;
    }
    let y = n * CLASS_VEC4S;
    let z = n * HIDDEN_VEC4S;
    for (var k = 0u; k < CLASS_VEC4S; k++) {
        var a = layer[4u * HIDDEN_VEC4S * CLASS_VEC4S + k];
        for (var j = 0u; j < HIDDEN_VEC4S; j++) {
            a += weights(j, k) * z1[z + j];
        }
        dy[y + k] = a;
    }

    let label = labels[indices[n]];
    let s = output_sums(y);
    losses[n] = loss(y, label, s);
    for (var k = 0u; k < CLASS_VEC4S; k++) {
        dy[y + k] = pass_output(y, k, label, s);
    }

    if !FORWARD_ONLY {
        for (var j = 0u; j < HIDDEN_VEC4S; j++) {
            var dz = vec4f();
            for (var k = 0u; k < CLASS_VEC4S; k++) {
                // A row vector times the matrix: its dot product with each of the four rows of W2.
                dz += dy[y + k] * weights(j, k);
            }
            da1[z + j] = dz * activation_gradient(z1[z + j]);
        }
    }
}

// 4 rows of W2, a vec4 of each.
fn weights(j: u32, k: u32) -> mat4x4f {
    let at = 4u * j * CLASS_VEC4S + k;
    return mat4x4f(layer[at], layer[at + CLASS_VEC4S], layer[at + 2u * CLASS_VEC4S], layer[at + 3u * CLASS_VEC4S]);
}

fn logits(row: u32, v4: u32) -> vec4f {
    return dy[row + v4];
}
