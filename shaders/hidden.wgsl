// z1 = activation(x W1 + b1), the hidden layer.
//
// Each invocation computes a tile of 4 images x 4 hidden units, in registers.

// Four pixels a word, as bytes; an image's rows are rounded up to whole words with 0.
@group(0) @binding(1) var<storage, read> images: array<u32>;
// Which image each row of x is.
@group(0) @binding(2) var<storage, read> batch: array<u32>;
// W1, then b1.
@group(0) @binding(3) var<storage, read> layer: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> z1: array<vec4f>;

@compute @workgroup_size(GRID, GRID)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let quad = id.x;
    let row = 4u * id.y;
    if quad >= HIDDEN_QUADS || row >= step.batch_size {
        return;
    }
    // Rows past the end of the batch repeat its last image; nothing reads them.
    let rows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(step.batch_size - 1u));
    let x = INPUT_QUADS * vec4u(batch[rows.x], batch[rows.y], batch[rows.z], batch[rows.w]);

    let bias = layer[4u * INPUT_QUADS * HIDDEN_QUADS + quad];
    var a = array<vec4f, 4>(bias, bias, bias, bias);
    for (var i = 0u; i < INPUT_QUADS; i++) {
        let w = 4u * i * HIDDEN_QUADS + quad;
        let weights = mat4x4f(
            layer[w], layer[w + HIDDEN_QUADS], layer[w + 2u * HIDDEN_QUADS], layer[w + 3u * HIDDEN_QUADS],
        );
        a[0] += weights * unpack4x8unorm(images[x.x + i]);
        a[1] += weights * unpack4x8unorm(images[x.y + i]);
        a[2] += weights * unpack4x8unorm(images[x.z + i]);
        a[3] += weights * unpack4x8unorm(images[x.w + i]);
    }

    // The sigmoid of a padding unit would be 0.5, and would train.
    let is_unit = columns(quad) < vec4u(HIDDEN);
    let z = row * HIDDEN_QUADS + quad;
    z1[z] = select(vec4f(0.0), activation(a[0]), is_unit);
    z1[z + HIDDEN_QUADS] = select(vec4f(0.0), activation(a[1]), is_unit);
    z1[z + 2u * HIDDEN_QUADS] = select(vec4f(0.0), activation(a[2]), is_unit);
    z1[z + 3u * HIDDEN_QUADS] = select(vec4f(0.0), activation(a[3]), is_unit);
}
