// The gradient of W2, z1ᵀ dy, and of b2, the sum of dy over the batch; applied to the layer at once, or kept.
//
// Each invocation computes a tile of 4 hidden units x 4 classes, in registers, and the last row of tiles the bias.

@group(0) @binding(1) var<storage, read> z1: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
// W2, then b2; or the buffer that takes their gradient.
@group(0) @binding(3) var<storage, read_write> layer: array<vec4f>;

@compute @workgroup_size(GRID, GRID)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let quad = id.x;
    let row = id.y;
    if quad >= CLASS_QUADS || row > HIDDEN_QUADS {
        return;
    }

    let is_bias = row == HIDDEN_QUADS;
    let unit = min(row, HIDDEN_QUADS - 1u);
    var g = array<vec4f, 4>();
    for (var n = 0u; n < step.batch_size; n++) {
        let z = select(z1[n * HIDDEN_QUADS + unit], vec4f(1.0, 0.0, 0.0, 0.0), is_bias);
        let d = dy[n * CLASS_QUADS + quad];
        g[0] += z.x * d;
        g[1] += z.y * d;
        g[2] += z.z * d;
        g[3] += z.w * d;
    }

    let w = 4u * row * CLASS_QUADS + quad;
    apply(w, g[0]);
    if !is_bias {
        apply(w + CLASS_QUADS, g[1]);
        apply(w + 2u * CLASS_QUADS, g[2]);
        apply(w + 3u * CLASS_QUADS, g[3]);
    }
}

fn apply(at: u32, gradient: vec4f) {
    layer[at] = updated(layer[at], gradient);
}
