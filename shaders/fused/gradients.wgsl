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
        for (var n = lane / TILES; n < dispatch.batch_size; n += slices) {
            let inputs = unpack4x8unorm(pixels[indices[n] * INPUT_VEC4S + min(row, INPUT_VEC4S - 1u)]);
            let x = select(inputs, BIAS_INPUT, row == INPUT_VEC4S);
            let d = da1[n * HIDDEN_VEC4S + v4];
            g[0] += x.x * d;
            g[1] += x.y * d;
            g[2] += x.z * d;
            g[3] += x.w * d;
        }
    } else {
        let row = (tile - hidden_tiles) / CLASS_VEC4S;
        let v4 = (tile - hidden_tiles) % CLASS_VEC4S;
        for (var n = lane / TILES; n < dispatch.batch_size; n += slices) {
            let x = select(z1[n * HIDDEN_VEC4S + min(row, HIDDEN_VEC4S - 1u)], BIAS_INPUT, row == HIDDEN_VEC4S);
            let d = dy[n * CLASS_VEC4S + v4];
            g[0] += x.x * d;
            g[1] += x.y * d;
            g[2] += x.z * d;
            g[3] += x.w * d;
        }
    }
    sums[lane] = g[0];
    sums[LANES + lane] = g[1];
    sums[2u * LANES + lane] = g[2];
    sums[3u * LANES + lane] = g[3];
    workgroupBarrier();
    for (var i = lane; i < 4u * TILES; i += LANES) {
        var sum = vec4f();
        for (var s = 0u; s < slices; s++) {
            sum += sums[i / TILES * LANES + s * TILES + i % TILES];
        }
        apply(FIRST_TILE + group.x * TILES + i % TILES, i / TILES, sum);
    }
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
