#import axpby
#import blocks
#import network

// The gradient of W1, xᵀ da1, and of b1, the sum of da1 over the batch, in blocks of 64 pixels x 64 hidden units, and the
// last row of blocks the bias; applied to the layer at once, or kept.
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
    split = group.z;
    let share = (dispatch.batch_size + SPLITS - 1u) / SPLITS;
    let end = min((split + 1u) * share, dispatch.batch_size);
    let word = group.y * BLOCK_VEC4S;
    let v4 = group.x * BLOCK_VEC4S;
    var sums = Sums();
    for (var n = split * share; n < end; n += STEP) {
        lay(n, end, word, v4, lane);
        lay(n, end, word, v4, lane + LANES);
        lay(n, end, word, v4, lane + 2u * LANES);
        lay(n, end, word, v4, lane + 3u * LANES);
        workgroupBarrier();
        add_step(&sums, lane);
        workgroupBarrier();
    }
    leave_block(sums, group.y, group.x, lane);
}

// A word of one image, and a vec4 of its da1.
fn lay(image: u32, end: u32, word: u32, v4: u32, place: u32) {
    let n = image + place / BLOCK_VEC4S;
    let i = word + place % BLOCK_VEC4S;
    let j = v4 + place % BLOCK_VEC4S;
    var x = vec4f();
    var d = vec4f();
    if n < end {
        if i < INPUT_VEC4S {
            x = unpack4x8unorm(pixels[indices[n] * INPUT_VEC4S + i]);
        } else if i == INPUT_VEC4S {
            x = BIAS_INPUT;
        }
        if j < HIDDEN_VEC4S {
            d = da1[n * HIDDEN_VEC4S + j];
        }
    }
    a[place] = x;
    b[place] = d;
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
