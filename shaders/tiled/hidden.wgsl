#import activation
#import network
#import nonzero_bits
#import sharing

// z1 = activation(x W1 + b1), the hidden layer.
//
// Each invocation computes a tile of 8 images x 8 hidden units in registers, as 4 matrices of 4 units x 4 images. The words of
// pixels that are 0 in all 8 are skipped: nonzero.wgsl has noted which. Invocations side by side share their images
// (shared/sharing.wgsl).
//
// Weights lie in a uniform buffer, from which software GPUs load faster. What does not fit such a buffer at once is bound a window
// at a time: W1's rows from 4 * dispatch.first to 4 * dispatch.end; between windows z1 holds the sums so far.
//
// The widths (INPUT_VEC4S, HIDDEN_VEC4S), LANES and `dispatch` are declared in shared/network.wgsl, which also says what the host
// sets them to, and activation() in shared/activation.wgsl. WINDOW is in src/gpu/layout.rs, the dispatch in
// src/gpu/kernels/tiled.rs.
// Oracle: reference::Pass::z1. Test: tests/stages.rs.

// Four pixels a word, as bytes; an image's rows are rounded up to whole words with 0.
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
// Which image each row of x is.
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read> nonzero: array<u32>;
// A window of W1, then b1 if it is the last one.
@group(0) @binding(4) var<uniform> layer: array<vec4f, WINDOW>;
@group(0) @binding(5) var<storage, read_write> z1: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = 8u * tile_of(group.x, lane);
    let v4 = units_of(group.y, lane);
    if v4 >= HIDDEN_VEC4S || row >= dispatch.batch_size {
        return;
    }
    let x = first_words(row);
    let y = first_words(row + 4u);

    // Two vec4s of units: of the first four images, and of the other four.
    var a0 = sums(row, v4);
    var a1 = sums(row, v4 + 1u);
    var b0 = sums(row + 4u, v4);
    var b1 = sums(row + 4u, v4 + 1u);
    var i = next_word(dispatch.first, row);
    while i < dispatch.end {
        let at = 4u * (i - dispatch.first) * HIDDEN_VEC4S + v4;
        let w0 = weights(at);
        let w1 = weights(at + 1u);
        let p = images(x + i);
        a0 += w0 * p;
        a1 += w1 * p;
        let q = images(y + i);
        b0 += w0 * q;
        b1 += w1 * q;
        i = next_word(i + 1u, row);
    }
    store(row, v4, a0);
    store(row, v4 + 1u, a1);
    store(row + 4u, v4, b0);
    store(row + 4u, v4 + 1u, b1);
}

// Where 4 images begin. Rows past the end of the batch repeat its last image; no other kernel reads them.
fn first_words(row: u32) -> vec4u {
    let rows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(dispatch.batch_size - 1u));
    return INPUT_VEC4S * vec4u(indices[rows.x], indices[rows.y], indices[rows.z], indices[rows.w]);
}

// The first word from `word` on that is not 0 in all 8 images.
fn next_word(word: u32, row: u32) -> u32 {
    let tile = 255u << (row % 32u);
    var i = word;
    while i < dispatch.end && (nonzero[bits_at(i, row)] & tile) == 0u {
        i++;
    }
    return i;
}

// 4 pixels (rows) of 4 images (columns).
fn images(words: vec4u) -> mat4x4f {
    return mat4x4f(
        unpack4x8unorm(pixels[words.x]),
        unpack4x8unorm(pixels[words.y]),
        unpack4x8unorm(pixels[words.z]),
        unpack4x8unorm(pixels[words.w]),
    );
}

// The weights of 4 units (rows) for 4 pixels (columns). The last units' tile may reach past its row; those columns are not left
// anywhere.
fn weights(at: u32) -> mat4x4f {
    return mat4x4f(layer[at], layer[at + HIDDEN_VEC4S], layer[at + 2u * HIDDEN_VEC4S], layer[at + 3u * HIDDEN_VEC4S]);
}

// What the windows before this one have summed up.
fn sums(row: u32, v4: u32) -> mat4x4f {
    if dispatch.first == 0u || v4 >= HIDDEN_VEC4S {
        return mat4x4f();
    }
    let z = row * HIDDEN_VEC4S + v4;
    return mat4x4f(z1[z], z1[z + HIDDEN_VEC4S], z1[z + 2u * HIDDEN_VEC4S], z1[z + 3u * HIDDEN_VEC4S]);
}

fn store(row: u32, v4: u32, a: mat4x4f) {
    if v4 >= HIDDEN_VEC4S {
        return;
    }
    let z = row * HIDDEN_VEC4S + v4;
    store_vec4(z, v4, a[0]);
    store_vec4(z + HIDDEN_VEC4S, v4, a[1]);
    store_vec4(z + 2u * HIDDEN_VEC4S, v4, a[2]);
    store_vec4(z + 3u * HIDDEN_VEC4S, v4, a[3]);
}

fn store_vec4(z: u32, v4: u32, sum: vec4f) {
    if dispatch.end < INPUT_VEC4S {
        z1[z] = sum;
        return;
    }
    let bias = layer[4u * (dispatch.end - dispatch.first) * HIDDEN_VEC4S + v4];
    z1[z] = activation(sum + bias, v4);
}
