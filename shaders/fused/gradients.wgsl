#import axpby
#import network

// The gradients of both layers, xᵀ da1 and z1ᵀ dy, and of their biases; applied to the parameters at once, or kept.
//
// A workgroup computes TILES tiles of 4 inputs x 4 units: for each tile, LANES / TILES invocations sum every so many images in
// registers, and their sums are added up in workgroup memory. Tiles are numbered by rows, W1's and b1's first.
// Oracle: reference::TwoLayerNet::gradient_of. Test: tests/stages.rs.

// Tiles before this one are left out: none, or the whole first layer.
override FIRST_TILE: u32;

@group(0) @binding(2) var<storage, read> pixels: array<u32>;
@group(0) @binding(3) var<storage, read> indices: array<u32>;
@group(0) @binding(4) var<storage, read> z1: array<vec4f>;
@group(0) @binding(5) var<storage, read> dy: array<vec4f>;
@group(0) @binding(6) var<storage, read> da1: array<vec4f>;
// W1, b1, W2, b2; or the buffer that takes their gradient.
@group(0) @binding(7) var<storage, read_write> parameters: array<vec4f>;

var<workgroup> sums: array<vec4f, 4u * LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let hidden_tiles = (INPUT_VEC4S + 1u) * HIDDEN_VEC4S;
    let slices = LANES / TILES;
    let tile = FIRST_TILE + group.x * TILES + lane % TILES;
    var g = array<vec4f, 4>();
    if tile < hidden_tiles {
        let row = tile / HIDDEN_VEC4S;
        let v4 = tile % HIDDEN_VEC4S;
        let word = min(row, INPUT_VEC4S - 1u);
        for (var n = lane / TILES; n < dispatch.batch_size; n += 4u * slices) {
            // All loads before the arithmetic, so that they wait together.
            let rows = rows_of(n, slices);
            let at = INPUT_VEC4S * vec4u(indices[rows.x], indices[rows.y], indices[rows.z], indices[rows.w]) + word;
            let words = vec4u(pixels[at.x], pixels[at.y], pixels[at.z], pixels[at.w]);
            let at_d = rows * HIDDEN_VEC4S + v4;
            let d = array(da1[at_d.x], da1[at_d.y], da1[at_d.z], da1[at_d.w]);
            let inputs = array(
                unpack4x8unorm(words.x),
                unpack4x8unorm(words.y),
                unpack4x8unorm(words.z),
                unpack4x8unorm(words.w),
            );
            add(&g, n, slices, row == INPUT_VEC4S, inputs, d);
        }
    } else {
        let row = (tile - hidden_tiles) / CLASS_VEC4S;
        let v4 = (tile - hidden_tiles) % CLASS_VEC4S;
        let hidden = min(row, HIDDEN_VEC4S - 1u);
        for (var n = lane / TILES; n < dispatch.batch_size; n += 4u * slices) {
            let rows = rows_of(n, slices);
            let at = rows * HIDDEN_VEC4S + hidden;
            let inputs = array(z1[at.x], z1[at.y], z1[at.z], z1[at.w]);
            let at_d = rows * CLASS_VEC4S + v4;
            let d = array(dy[at_d.x], dy[at_d.y], dy[at_d.z], dy[at_d.w]);
            add(&g, n, slices, row == HIDDEN_VEC4S, inputs, d);
        }
    }
    sums[lane] = g[0];
    sums[LANES + lane] = g[1];
    sums[2u * LANES + lane] = g[2];
    sums[3u * LANES + lane] = g[3];
    workgroupBarrier();
    for (var i = lane; i < 4u * TILES; i += LANES) {
        let first = i / TILES * LANES + i % TILES;
        var sum = vec4f();
        // Their number is a multiple of 4.
        for (var s = 0u; s < slices; s += 4u) {
            let at = first + s * TILES;
            sum += (sums[at] + sums[at + TILES]) + (sums[at + 2u * TILES] + sums[at + 3u * TILES]);
        }
        apply(FIRST_TILE + group.x * TILES + i % TILES, i / TILES, sum);
    }
}

// Four images. Those past the end of the batch repeat its last one.
fn rows_of(n: u32, slices: u32) -> vec4u {
    return min(n + slices * vec4u(0u, 1u, 2u, 3u), vec4u(dispatch.batch_size - 1u));
}

// Their terms, of which those past the end count for nothing.
fn add(
    g: ptr<function, array<vec4f, 4>>,
    n: u32,
    slices: u32,
    is_bias: bool,
    inputs: array<vec4f, 4>,
    d: array<vec4f, 4>,
) {
    let counts = n + slices * vec4u(0u, 1u, 2u, 3u) < vec4u(dispatch.batch_size);
    // A column an image, then a column an input.
    let x = transpose(mat4x4f(
        input(inputs[0], is_bias, counts.x),
        input(inputs[1], is_bias, counts.y),
        input(inputs[2], is_bias, counts.z),
        input(inputs[3], is_bias, counts.w),
    ));
    // Each sum begins with another image, so no compiler delays the loads of one until the others are added.
    (*g)[0] += x[0].x * d[0];
    (*g)[1] += x[1].y * d[1];
    (*g)[2] += x[2].z * d[2];
    (*g)[3] += x[3].w * d[3];

    (*g)[0] += x[0].y * d[1];
    (*g)[1] += x[1].z * d[2];
    (*g)[2] += x[2].w * d[3];
    (*g)[3] += x[3].x * d[0];

    (*g)[0] += x[0].z * d[2];
    (*g)[1] += x[1].w * d[3];
    (*g)[2] += x[2].x * d[0];
    (*g)[3] += x[3].y * d[1];

    (*g)[0] += x[0].w * d[3];
    (*g)[1] += x[1].x * d[0];
    (*g)[2] += x[2].y * d[1];
    (*g)[3] += x[3].z * d[2];
}

fn input(x: vec4f, is_bias: bool, counts: bool) -> vec4f {
    return select(vec4f(), select(x, BIAS_INPUT, is_bias), counts);
}

// `input` is the row within the tile.
fn apply(tile: u32, input: u32, gradient: vec4f) {
    let hidden_tiles = (INPUT_VEC4S + 1u) * HIDDEN_VEC4S;
    let in_output_layer = tile >= hidden_tiles;
    let input_vec4s = select(INPUT_VEC4S, HIDDEN_VEC4S, in_output_layer);
    let unit_vec4s = select(HIDDEN_VEC4S, CLASS_VEC4S, in_output_layer);
    let start = select(0u, OUTPUT_LAYER, in_output_layer);
    let place = tile - select(0u, hidden_tiles, in_output_layer);
    let row = 4u * (place / unit_vec4s) + input;
    // The bias is one row of the last tiles, and the last workgroup may have tiles to spare.
    if row <= 4u * input_vec4s {
        let at = start + row * unit_vec4s + place % unit_vec4s;
        parameters[at] = axpby(parameters[at], gradient);
    }
}
