// The gradient of W1, xᵀ da1, and of b1, the sum of da1 over the batch; applied to the layer at once, or kept.
//
// Each invocation computes a tile of 4 pixels x 4 hidden units, in registers, and the last row of tiles the bias.

@group(0) @binding(1) var<storage, read> images: array<u32>;
@group(0) @binding(2) var<storage, read> batch: array<u32>;
@group(0) @binding(3) var<storage, read> da1: array<vec4f>;
// W1, then b1; or the buffer that takes their gradient.
@group(0) @binding(4) var<storage, read_write> layer: array<vec4f>;

@compute @workgroup_size(GRID, GRID)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let quad = id.x;
    let row = id.y;
    if quad >= HIDDEN_QUADS || row > INPUT_QUADS {
        return;
    }

    let is_bias = row == INPUT_QUADS;
    let pixels = min(row, INPUT_QUADS - 1u);
    var g = array<vec4f, 4>();
    for (var n = 0u; n < step.batch_size; n++) {
        let x = select(unpack4x8unorm(images[batch[n] * INPUT_QUADS + pixels]), vec4f(1.0, 0.0, 0.0, 0.0), is_bias);
        let d = da1[n * HIDDEN_QUADS + quad];
        g[0] += x.x * d;
        g[1] += x.y * d;
        g[2] += x.z * d;
        g[3] += x.w * d;
    }

    let w = 4u * row * HIDDEN_QUADS + quad;
    apply(w, g[0]);
    if !is_bias {
        apply(w + HIDDEN_QUADS, g[1]);
        apply(w + 2u * HIDDEN_QUADS, g[2]);
        apply(w + 3u * HIDDEN_QUADS, g[3]);
    }
}

fn apply(at: u32, gradient: vec4f) {
    layer[at] = updated(layer[at], gradient);
}
