#import axpby
#import blocks
#import network

// The gradient of W1, xᵀ da1, and of b1, the sum of da1 over the batch, in blocks of 64 pixels x 64 hidden units
// (or 32), and the last row of blocks the bias; applied to the layer at once, or kept.
//
// Where the blocks are too few to fill a GPU, the batch is split between SPLITS times as many, and each leaves its own
// part of the sum, for sgd.wgsl to add up.
// Oracle: reference::TwoLayerNet::gradient_of. Test: tests/stages.rs.

override SPLITS: u32;

@group(0) @binding(2) var<storage, read> pixels: array<u32>;
@group(0) @binding(3) var<storage, read> indices: array<u32>;
@group(0) @binding(4) var<storage, read> da1: array<vec4f>;
// W1, then b1; or the buffer that takes their gradient; or SPLITS parts of it.
@group(0) @binding(5) var<storage, read_write> layer: array<vec4f>;

var<private> split: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    // A loop with barriers may not depend on `split`, which could differ between invocations.
    split = group.z;
    let share = share_of(dispatch.batch_size, SPLITS);
    let start = group.z * share;
    let end = min(start + share, dispatch.batch_size);
    // What this invocation loads for a: a word of 4 images. Past the bias it repeats that, and nothing stores its sums.
    let image = lane / BLOCK_VEC4S;
    let word = min(group.y * BLOCK_VEC4S + lane % BLOCK_VEC4S, INPUT_VEC4S);
    // And for b: vec4s of da1 of two images. Columns past the last one repeat it, and nothing stores their sums.
    let column = block_columns(group.x) + lane % SIDE;
    var sums = Sums();
    var loads = load(start, end, images_of(start, end, lane), lane, word, column);
    var next = images_of(start + STEP, end, lane);
    for (var n = start; n < end; n += STEP) {
        a[image][lane % BLOCK_VEC4S] = unpack4x8unorm(loads.words.x);
        a[image + 4u][lane % BLOCK_VEC4S] = unpack4x8unorm(loads.words.y);
        a[image + 8u][lane % BLOCK_VEC4S] = unpack4x8unorm(loads.words.z);
        a[image + 12u][lane % BLOCK_VEC4S] = unpack4x8unorm(loads.words.w);
        lay_b(loads, lane);
        workgroupBarrier();
        if n + STEP < end {
            loads = load(n + STEP, end, next, lane, word, column);
            // Where their pixels are must be known before those are loaded.
            next = images_of(n + 2u * STEP, end, lane);
        }
        add_step(&sums, lane);
        workgroupBarrier();
    }
    leave_block(sums, group.y, group.x, lane);
}

// A pixel of 255 is an input of 1: the bias's.
const BIAS_WORD = 255u;

// The rows of the batch whose words this invocation loads in a step.
fn rows_of(first: u32, lane: u32) -> vec4u {
    return first + lane / BLOCK_VEC4S + vec4u(0u, 4u, 8u, 12u);
}

// And which images these are; past the end, its last one.
fn images_of(first: u32, end: u32, lane: u32) -> vec4u {
    let rows = min(rows_of(first, lane), vec4u(end - 1u));
    return vec4u(indices[rows.x], indices[rows.y], indices[rows.z], indices[rows.w]);
}

// Of images past the end, 0 in the place of their pixels.
fn load(first: u32, end: u32, images: vec4u, lane: u32, word: u32, column: u32) -> Loads {
    let n = rows_of(first, lane);
    let at = INPUT_VEC4S * images + min(word, INPUT_VEC4S - 1u);
    let words = vec4u(pixels[at.x], pixels[at.y], pixels[at.z], pixels[at.w]);
    var loads = Loads();
    loads.words = select(vec4u(0u), select(words, vec4u(BIAS_WORD), word == INPUT_VEC4S), n < vec4u(end));
    let row = min(first + term_of(lane), end - 1u);
    let later = min(first + term_of(lane) + LATER, end - 1u);
    loads.left = array(da1_of(row, column), da1_of(later, column));
    if HALVES == 2u {
        loads.right = array(da1_of(row, column + SIDE), da1_of(later, column + SIDE));
    }
    return loads;
}

fn da1_of(row: u32, column: u32) -> vec4f {
    return da1[row * HIDDEN_VEC4S + min(column, HIDDEN_VEC4S - 1u)];
}

fn store(row: u32, v4: u32, gradient: vec4f) {
    if row > 4u * INPUT_VEC4S || v4 >= HIDDEN_VEC4S {
        return;
    }
    let at = row * HIDDEN_VEC4S + v4;
    if SPLITS == 1u {
        layer[at] = axpby(layer[at], gradient);
    } else {
        layer[split * (4u * INPUT_VEC4S + 1u) * HIDDEN_VEC4S + at] = gradient;
    }
}
