#import activation
#import blocks
#import network

// z1 = activation(x W1 + b1), the hidden layer, in blocks of 64 images x 64 hidden units (or 32).
//
// Where the blocks are too few to fill a GPU, the pixels are split between SPLITS times as many, and each leaves its own part of
// the sum, for hidden_sum.wgsl to add up.
// Oracle: reference::Pass::z1. Test: tests/stages.rs.

override SPLITS: u32;

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
// W1, then b1.
@group(0) @binding(3) var<storage, read> layer: array<vec4f>;
// Or SPLITS parts of a1.
@group(0) @binding(4) var<storage, read_write> z1: array<vec4f>;

var<private> split: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    // What this invocation loads for a: a word of 4 images. Rows past the end of the batch repeat its last image; nothing
    // reads what is left of them.
    let row_vec4 = lane / 4u;
    let word = lane % 4u;
    let row = 4u * (group.y * BLOCK_VEC4S + row_vec4);
    let rows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(dispatch.batch_size - 1u));
    let images = INPUT_VEC4S * vec4u(indices[rows.x], indices[rows.y], indices[rows.z], indices[rows.w]);
    // And for b: vec4s of the weights of two pixels. Columns past the last one repeat it, and nothing stores their sums.
    let pixel = term_of(lane);
    let column = block_columns(group.x) + lane % SIDE;

    // Its pixels, in words. A loop with barriers may not depend on `split`, which could differ between invocations.
    split = group.z;
    let share = share_of(4u * INPUT_VEC4S, SPLITS) / 4u;
    let start = group.z * share;
    let end = min(start + share, INPUT_VEC4S);
    var sums = Sums();
    var loads = load(images, start + word, 4u * start + pixel, column);
    for (var i = start; i < end; i += STEP / 4u) {
        let four = transpose(mat4x4f(
            unpack4x8unorm(loads.words.x),
            unpack4x8unorm(loads.words.y),
            unpack4x8unorm(loads.words.z),
            unpack4x8unorm(loads.words.w),
        ));
        a[4u * word][row_vec4] = four[0];
        a[4u * word + 1u][row_vec4] = four[1];
        a[4u * word + 2u][row_vec4] = four[2];
        a[4u * word + 3u][row_vec4] = four[3];
        lay_b(loads, lane);
        workgroupBarrier();
        let next = i + STEP / 4u;
        if next < end {
            loads = load(images, next + word, 4u * next + pixel, column);
        }
        add_step(&sums, lane);
        workgroupBarrier();
    }
    leave_block(sums, group.y, group.x, lane);
}

// Words and pixels past the last one are loaded as 0 and as its weights.
fn load(images: vec4u, word: u32, pixel: u32, column: u32) -> Loads {
    let at = images + min(word, INPUT_VEC4S - 1u);
    let words = vec4u(pixels[at.x], pixels[at.y], pixels[at.z], pixels[at.w]);
    var loads = Loads();
    loads.words = select(vec4u(0u), words, word < INPUT_VEC4S);
    loads.left = array(weights(pixel, column), weights(pixel + LATER, column));
    if HALVES == 2u {
        loads.right = array(weights(pixel, column + SIDE), weights(pixel + LATER, column + SIDE));
    }
    return loads;
}

fn weights(pixel: u32, column: u32) -> vec4f {
    return layer[min(pixel, 4u * INPUT_VEC4S - 1u) * HIDDEN_VEC4S + min(column, HIDDEN_VEC4S - 1u)];
}

fn store(row: u32, v4: u32, sum: vec4f) {
    if v4 >= HIDDEN_VEC4S {
        return;
    }
    let at = row * HIDDEN_VEC4S + v4;
    if SPLITS == 1u {
        let bias = layer[4u * INPUT_VEC4S * HIDDEN_VEC4S + v4];
        z1[at] = activation(sum + bias, v4);
    } else if row < dispatch.batch_size {
        z1[split * dispatch.batch_size * HIDDEN_VEC4S + at] = sum;
    }
}
