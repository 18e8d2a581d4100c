// z1 = activation(x W1 + b1), the hidden layer, in blocks of 64 images x 64 hidden units.

@group(0) @binding(1) var<storage, read> images: array<u32>;
@group(0) @binding(2) var<storage, read> batch: array<u32>;
// W1, then b1.
@group(0) @binding(3) var<storage, read> layer: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> z1: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    // What this invocation lays in a: a word of 4 images. Rows past the end of the batch repeat its last image; nothing
    // reads what is left of them.
    let row_quad = lane / 4u;
    let word = lane % 4u;
    let row = 4u * (group.y * BLOCK_QUADS + row_quad);
    let rows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(part.batch_size - 1u));
    let x = INPUT_QUADS * vec4u(batch[rows.x], batch[rows.y], batch[rows.z], batch[rows.w]) + word;

    var sums = Sums();
    for (var i = 0u; i < INPUT_QUADS; i += STEP / 4u) {
        var pixels = mat4x4f();
        if i + word < INPUT_QUADS {
            pixels = transpose(mat4x4f(
                unpack4x8unorm(images[x.x + i]),
                unpack4x8unorm(images[x.y + i]),
                unpack4x8unorm(images[x.z + i]),
                unpack4x8unorm(images[x.w + i]),
            ));
        }
        let at = 4u * word * BLOCK_QUADS + row_quad;
        a[at] = pixels[0];
        a[at + BLOCK_QUADS] = pixels[1];
        a[at + 2u * BLOCK_QUADS] = pixels[2];
        a[at + 3u * BLOCK_QUADS] = pixels[3];
        lay_weights(4u * i, group.x * BLOCK_QUADS, lane);
        lay_weights(4u * i, group.x * BLOCK_QUADS, lane + LANES);
        lay_weights(4u * i, group.x * BLOCK_QUADS, lane + 2u * LANES);
        lay_weights(4u * i, group.x * BLOCK_QUADS, lane + 3u * LANES);
        workgroupBarrier();
        add_step(&sums, lane);
        workgroupBarrier();
    }
    leave_block(sums, group.y, group.x, lane);
}

// A quad of one pixel's weights.
fn lay_weights(pixel: u32, quad: u32, place: u32) {
    let row = pixel + place / BLOCK_QUADS;
    let column = quad + place % BLOCK_QUADS;
    let inside = row < 4u * INPUT_QUADS && column < HIDDEN_QUADS;
    b[place] = select(vec4f(0.0), layer[select(0u, row * HIDDEN_QUADS + column, inside)], inside);
}

fn leave(row: u32, quad: u32, sum: vec4f) {
    if quad < HIDDEN_QUADS {
        let bias = layer[4u * INPUT_QUADS * HIDDEN_QUADS + quad];
        z1[row * HIDDEN_QUADS + quad] = activation(sum + bias, quad);
    }
}
