// a2 = z1 W2 + b2, the logits.
//
// Each invocation computes a tile of 4 images x 4 classes, in registers.

@group(0) @binding(1) var<storage, read> z1: array<vec4f>;
// W2, then b2.
@group(0) @binding(2) var<storage, read> layer: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> a2: array<vec4f>;

@compute @workgroup_size(GRID, GRID)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let quad = id.x;
    let row = 4u * id.y;
    if quad >= CLASS_QUADS || row >= step.batch_size {
        return;
    }
    let z = row * HIDDEN_QUADS;

    let bias = layer[4u * HIDDEN_QUADS * CLASS_QUADS + quad];
    var a = array<vec4f, 4>(bias, bias, bias, bias);
    for (var j = 0u; j < HIDDEN_QUADS; j++) {
        let w = 4u * j * CLASS_QUADS + quad;
        let weights = mat4x4f(
            layer[w], layer[w + CLASS_QUADS], layer[w + 2u * CLASS_QUADS], layer[w + 3u * CLASS_QUADS],
        );
        a[0] += weights * z1[z + j];
        a[1] += weights * z1[z + HIDDEN_QUADS + j];
        a[2] += weights * z1[z + 2u * HIDDEN_QUADS + j];
        a[3] += weights * z1[z + 3u * HIDDEN_QUADS + j];
    }

    let out = row * CLASS_QUADS + quad;
    a2[out] = a[0];
    a2[out + CLASS_QUADS] = a[1];
    a2[out + 2u * CLASS_QUADS] = a[2];
    a2[out + 3u * CLASS_QUADS] = a[3];
}
