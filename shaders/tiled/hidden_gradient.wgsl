#import axpby
#import network
#import nonzero_bits
#import sharing

// The gradient of W1, xᵀ da1, and of b1, the sum of da1 over the batch; applied to the layer at once, or kept.
//
// Each invocation computes a tile of 2 words of pixels x 8 hidden units in registers, as 4 matrices of 4 units x 4 pixels. The
// images where both words are 0 are skipped: nonzero.wgsl has noted which. Invocations side by side share their words
// (shared/sharing.wgsl). The word after the last one stands for the bias.
//
// da1 lies in a uniform buffer, from which software GPUs load faster, as many images at a time as one holds.
// Oracle: reference::TwoLayerNet::gradient_of. Test: tests/stages.rs.

// A window of da1: images from dispatch.first to dispatch.end.
@group(0) @binding(2) var<uniform> d: array<vec4f, WINDOW>;
// W1, then b1; or the buffer that takes their gradient.
@group(0) @binding(3) var<storage, read_write> layer: array<vec4f>;
@group(0) @binding(4) var<storage, read> pixels: array<u32>;
@group(0) @binding(5) var<storage, read> indices: array<u32>;
@group(0) @binding(6) var<storage, read> nonzero: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let word = 2u * tile_of(group.x, lane);
    let v4 = units_of(group.y, lane);
    if v4 >= HIDDEN_VEC4S || word > INPUT_VEC4S {
        return;
    }
    // Two vec4s of units: of the first word, and of the other.
    var g0 = mat4x4f();
    var g1 = mat4x4f();
    var h0 = mat4x4f();
    var h1 = mat4x4f();
    for (var first = dispatch.first / 32u * 32u; first < dispatch.end; first += 32u) {
        var left = added_images(word, first);
        while left != 0u {
            let n = first + countTrailingZeros(left);
            // All but the lowest bit.
            left &= left - 1u;
            let at = (n - dispatch.first) * HIDDEN_VEC4S + v4;
            let d0 = d[at];
            let d1 = d[at + 1u];
            let x = inputs(n, word);
            g0 += outer_product(d0, x);
            g1 += outer_product(d1, x);
            let y = inputs(n, word + 1u);
            h0 += outer_product(d0, y);
            h1 += outer_product(d1, y);
        }
    }
    apply(word, v4, g0);
    apply(word, v4 + 1u, g1);
    apply(word + 1u, v4, h0);
    apply(word + 1u, v4 + 1u, h1);
}

// Which of the 32 images from `first` on, of those in the window, add to the tile: a bit each. To the bias all do.
fn added_images(word: u32, first: u32) -> u32 {
    let last = INPUT_VEC4S - 1u;
    let some = nonzero[bits_at(min(word, last), first)] | nonzero[bits_at(min(word + 1u, last), first)];
    let before = max(first, dispatch.first) - first;
    let past = first + 32u - min(first + 32u, dispatch.end);
    return select(some, 0xffffffffu, word + 1u >= INPUT_VEC4S) & (0xffffffffu << before) & (0xffffffffu >> past);
}

fn inputs(n: u32, word: u32) -> vec4f {
    let x = pixels[indices[n] * INPUT_VEC4S + min(word, INPUT_VEC4S - 1u)];
    return select(unpack4x8unorm(x), BIAS_INPUT, word == INPUT_VEC4S);
}

// 4 units (rows) for 4 pixels (columns).
fn outer_product(d: vec4f, x: vec4f) -> mat4x4f {
    return mat4x4f(d * x.x, d * x.y, d * x.z, d * x.w);
}

// The last tile of a row may reach past it; those columns belong to the next row. The bias is one row of weights, not four.
fn apply(word: u32, v4: u32, g: mat4x4f) {
    if v4 >= HIDDEN_VEC4S || word > INPUT_VEC4S {
        return;
    }
    let at = 4u * word * HIDDEN_VEC4S + v4;
    apply_vec4(at, g[0]);
    if word < INPUT_VEC4S {
        apply_vec4(at + HIDDEN_VEC4S, g[1]);
        apply_vec4(at + 2u * HIDDEN_VEC4S, g[2]);
        apply_vec4(at + 3u * HIDDEN_VEC4S, g[3]);
    }
}

fn apply_vec4(at: u32, gradient: vec4f) {
    layer[at] = axpby(layer[at], gradient);
}
