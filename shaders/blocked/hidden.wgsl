#import activation
#import blocks
#import network

// z1 = activation(x W1 + b1), the hidden layer, in blocks of 64 images x 64 hidden units.
// Oracle: reference::Pass::z1. Test: tests/stages.rs.

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
// W1, then b1.
@group(0) @binding(3) var<storage, read> layer: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> z1: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    // What this invocation lays in a: a word of 4 images. Rows past the end of the batch repeat its last image; nothing
    // reads what is left of them.
    let row_vec4 = lane / 4u;
    let word = lane % 4u;
    let row = 4u * (group.y * BLOCK_VEC4S + row_vec4);
    let rows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(dispatch.batch_size - 1u));
    let x = INPUT_VEC4S * vec4u(indices[rows.x], indices[rows.y], indices[rows.z], indices[rows.w]) + word;

    var sums = Sums();
    for (var i = 0u; i < INPUT_VEC4S; i += STEP / 4u) {
        var four = mat4x4f();
        if i + word < INPUT_VEC4S {
            four = transpose(mat4x4f(
                unpack4x8unorm(pixels[x.x + i]),
                unpack4x8unorm(pixels[x.y + i]),
                unpack4x8unorm(pixels[x.z + i]),
                unpack4x8unorm(pixels[x.w + i]),
            ));
        }
        let at = 4u * word * BLOCK_VEC4S + row_vec4;
        a[at] = four[0];
        a[at + BLOCK_VEC4S] = four[1];
        a[at + 2u * BLOCK_VEC4S] = four[2];
        a[at + 3u * BLOCK_VEC4S] = four[3];
        lay_weights(4u * i, group.x * BLOCK_VEC4S, lane);
        lay_weights(4u * i, group.x * BLOCK_VEC4S, lane + LANES);
        lay_weights(4u * i, group.x * BLOCK_VEC4S, lane + 2u * LANES);
        lay_weights(4u * i, group.x * BLOCK_VEC4S, lane + 3u * LANES);
        workgroupBarrier();
        add_step(&sums, lane);
        workgroupBarrier();
    }
    leave_block(sums, group.y, group.x, lane);
}

// A vec4 of one pixel's weights.
fn lay_weights(pixel: u32, v4: u32, place: u32) {
    let row = pixel + place / BLOCK_VEC4S;
    let column = v4 + place % BLOCK_VEC4S;
    let inside = row < 4u * INPUT_VEC4S && column < HIDDEN_VEC4S;
    b[place] = select(vec4f(0.0), layer[select(0u, row * HIDDEN_VEC4S + column, inside)], inside);
}

fn store(row: u32, v4: u32, sum: vec4f) {
    if v4 < HIDDEN_VEC4S {
        let bias = layer[4u * INPUT_VEC4S * HIDDEN_VEC4S + v4];
        z1[row * HIDDEN_VEC4S + v4] = activation(sum + bias, v4);
    }
}
