// z1 = activation(x W1 + b1), the hidden layer.
//
// Each invocation computes a tile of 4 images x 16 hidden units in registers, one image a matrix, one quad of units a
// column. All invocations of a workgroup share their units, so they read the same weights at the same time, and those
// lie in a uniform buffer, which is made for that. What does not fit such a buffer at once is bound a window at a time: W1's
// rows from 4 * part.first to 4 * part.end; between windows z1 holds the sums so far.
//
// The widths (INPUT_QUADS, HIDDEN_QUADS), LANES and `part` are declared in shared/network.wgsl, which also says what the host
// sets them to, and activation() in shared/activation.wgsl. WINDOW and the dispatch are in src/gpu/kernels/: mod.rs, tiled.rs.

// Four pixels a word, as bytes; an image's rows are rounded up to whole words with 0.
@group(0) @binding(1) var<storage, read> images: array<u32>;
// Which image each row of x is.
@group(0) @binding(2) var<storage, read> batch: array<u32>;
// A window of W1, then b1 if it is the last one.
@group(0) @binding(3) var<uniform> layer: array<vec4f, WINDOW>;
@group(0) @binding(4) var<storage, read_write> z1: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
    let row = 4u * id.x;
    let quad = 4u * group.y;
    if row >= part.batch_size {
        return;
    }
    // Rows past the end of the batch repeat its last image; nothing reads them.
    let rows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(part.batch_size - 1u));
    let x = INPUT_QUADS * vec4u(batch[rows.x], batch[rows.y], batch[rows.z], batch[rows.w]);

    var a0 = sums(row, quad);
    var a1 = sums(row + 1u, quad);
    var a2 = sums(row + 2u, quad);
    var a3 = sums(row + 3u, quad);
    for (var i = part.first; i < part.end; i++) {
        let x0 = unpack4x8unorm(images[x.x + i]);
        let x1 = unpack4x8unorm(images[x.y + i]);
        let x2 = unpack4x8unorm(images[x.z + i]);
        let x3 = unpack4x8unorm(images[x.w + i]);
        let at = 4u * (i - part.first) * HIDDEN_QUADS + quad;
        var w = weights(at);
        a0 += w * x0.x;
        a1 += w * x1.x;
        a2 += w * x2.x;
        a3 += w * x3.x;
        w = weights(at + HIDDEN_QUADS);
        a0 += w * x0.y;
        a1 += w * x1.y;
        a2 += w * x2.y;
        a3 += w * x3.y;
        w = weights(at + 2u * HIDDEN_QUADS);
        a0 += w * x0.z;
        a1 += w * x1.z;
        a2 += w * x2.z;
        a3 += w * x3.z;
        w = weights(at + 3u * HIDDEN_QUADS);
        a0 += w * x0.w;
        a1 += w * x1.w;
        a2 += w * x2.w;
        a3 += w * x3.w;
    }
    leave(row, quad, a0);
    leave(row + 1u, quad, a1);
    leave(row + 2u, quad, a2);
    leave(row + 3u, quad, a3);
}

// One pixel's weights for 16 units. The last units' tile may reach past its row; those columns are not left anywhere.
fn weights(at: u32) -> mat4x4f {
    return mat4x4f(layer[at], layer[at + 1u], layer[at + 2u], layer[at + 3u]);
}

// What the windows before this one have summed up.
fn sums(row: u32, quad: u32) -> mat4x4f {
    if part.first == 0u {
        return mat4x4f();
    }
    let z = row * HIDDEN_QUADS + quad;
    return mat4x4f(z1[z], z1[z + 1u], z1[z + 2u], z1[z + 3u]);
}

fn leave(row: u32, quad: u32, a: mat4x4f) {
    leave_quad(row, quad, a[0]);
    leave_quad(row, quad + 1u, a[1]);
    leave_quad(row, quad + 2u, a[2]);
    leave_quad(row, quad + 3u, a[3]);
}

fn leave_quad(row: u32, quad: u32, sum: vec4f) {
    if quad >= HIDDEN_QUADS {
        return;
    }
    let z = row * HIDDEN_QUADS + quad;
    if part.end < INPUT_QUADS {
        z1[z] = sum;
        return;
    }
    let bias = layer[4u * (part.end - part.first) * HIDDEN_QUADS + quad];
    z1[z] = activation(sum + bias, quad);
}
