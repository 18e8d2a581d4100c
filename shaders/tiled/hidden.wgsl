#import activation
#import network

// z1 = activation(x W1 + b1), the hidden layer.
//
// Each invocation computes a tile of 4 images x 16 hidden units in registers, one image a matrix, one vec4 of units a
// column. All invocations of a workgroup share their units, so they read the same weights at the same time, and those
// lie in a uniform buffer, which is made for that. What does not fit such a buffer at once is bound a window at a time: W1's
// rows from 4 * dispatch.first to 4 * dispatch.end; between windows z1 holds the sums so far.
//
// The widths (INPUT_VEC4S, HIDDEN_VEC4S), LANES and `dispatch` are declared in shared/network.wgsl, which also says what the host
// sets them to, and activation() in shared/activation.wgsl. WINDOW is in src/gpu/layout.rs, the dispatch in
// src/gpu/kernels/tiled.rs.
// Oracle: reference::Pass::z1. Test: tests/stages.rs.

// Four pixels a word, as bytes; an image's rows are rounded up to whole words with 0.
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
// Which image each row of x is.
@group(0) @binding(2) var<storage, read> indices: array<u32>;
// A window of W1, then b1 if it is the last one.
@group(0) @binding(3) var<uniform> layer: array<vec4f, WINDOW>;
@group(0) @binding(4) var<storage, read_write> z1: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
    let row = 4u * id.x;
    let v4 = 4u * group.y;
    if row >= dispatch.batch_size {
        return;
    }
    // Rows past the end of the batch repeat its last image; nothing reads them.
    let rows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(dispatch.batch_size - 1u));
    let x = INPUT_VEC4S * vec4u(indices[rows.x], indices[rows.y], indices[rows.z], indices[rows.w]);

    var a0 = sums(row, v4);
    var a1 = sums(row + 1u, v4);
    var a2 = sums(row + 2u, v4);
    var a3 = sums(row + 3u, v4);
    for (var i = dispatch.first; i < dispatch.end; i++) {
        let x0 = unpack4x8unorm(pixels[x.x + i]);
        let x1 = unpack4x8unorm(pixels[x.y + i]);
        let x2 = unpack4x8unorm(pixels[x.z + i]);
        let x3 = unpack4x8unorm(pixels[x.w + i]);
        let at = 4u * (i - dispatch.first) * HIDDEN_VEC4S + v4;
        var w = weights(at);
        a0 += w * x0.x;
        a1 += w * x1.x;
        a2 += w * x2.x;
        a3 += w * x3.x;
        w = weights(at + HIDDEN_VEC4S);
        a0 += w * x0.y;
        a1 += w * x1.y;
        a2 += w * x2.y;
        a3 += w * x3.y;
        w = weights(at + 2u * HIDDEN_VEC4S);
        a0 += w * x0.z;
        a1 += w * x1.z;
        a2 += w * x2.z;
        a3 += w * x3.z;
        w = weights(at + 3u * HIDDEN_VEC4S);
        a0 += w * x0.w;
        a1 += w * x1.w;
        a2 += w * x2.w;
        a3 += w * x3.w;
    }
    store(row, v4, a0);
    store(row + 1u, v4, a1);
    store(row + 2u, v4, a2);
    store(row + 3u, v4, a3);
}

// One pixel's weights for 16 units. The last units' tile may reach past its row; those columns are not left anywhere.
fn weights(at: u32) -> mat4x4f {
    return mat4x4f(layer[at], layer[at + 1u], layer[at + 2u], layer[at + 3u]);
}

// What the windows before this one have summed up.
fn sums(row: u32, v4: u32) -> mat4x4f {
    if dispatch.first == 0u {
        return mat4x4f();
    }
    let z = row * HIDDEN_VEC4S + v4;
    return mat4x4f(z1[z], z1[z + 1u], z1[z + 2u], z1[z + 3u]);
}

fn store(row: u32, v4: u32, a: mat4x4f) {
    store_vec4(row, v4, a[0]);
    store_vec4(row, v4 + 1u, a[1]);
    store_vec4(row, v4 + 2u, a[2]);
    store_vec4(row, v4 + 3u, a[3]);
}

fn store_vec4(row: u32, v4: u32, sum: vec4f) {
    if v4 >= HIDDEN_VEC4S {
        return;
    }
    let z = row * HIDDEN_VEC4S + v4;
    if dispatch.end < INPUT_VEC4S {
        z1[z] = sum;
        return;
    }
    let bias = layer[4u * (dispatch.end - dispatch.first) * HIDDEN_VEC4S + v4];
    z1[z] = activation(sum + bias, v4);
}
