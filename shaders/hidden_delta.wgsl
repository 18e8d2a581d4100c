// da1 = (dy W2ᵀ) activation'(a1), elementwise: the loss's derivative by a1, carried back through the output layer.
//
// Each invocation computes a tile of 4 images x 4 hidden units, in registers.

@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
// W2, then b2.
@group(0) @binding(2) var<storage, read> layer: array<vec4f>;
@group(0) @binding(3) var<storage, read> z1: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> da1: array<vec4f>;

@compute @workgroup_size(GRID, GRID)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let quad = id.x;
    let row = 4u * id.y;
    if quad >= HIDDEN_QUADS || row >= step.batch_size {
        return;
    }
    let y = row * CLASS_QUADS;
    let w = 4u * quad * CLASS_QUADS;

    var dz = array<vec4f, 4>();
    for (var k = 0u; k < CLASS_QUADS; k++) {
        let weights = mat4x4f(
            layer[w + k], layer[w + CLASS_QUADS + k], layer[w + 2u * CLASS_QUADS + k], layer[w + 3u * CLASS_QUADS + k],
        );
        // A row vector times the matrix: its dot product with each of the four rows of W2.
        dz[0] += dy[y + k] * weights;
        dz[1] += dy[y + CLASS_QUADS + k] * weights;
        dz[2] += dy[y + 2u * CLASS_QUADS + k] * weights;
        dz[3] += dy[y + 3u * CLASS_QUADS + k] * weights;
    }

    let z = row * HIDDEN_QUADS + quad;
    da1[z] = dz[0] * activation_gradient(z1[z]);
    da1[z + HIDDEN_QUADS] = dz[1] * activation_gradient(z1[z + HIDDEN_QUADS]);
    da1[z + 2u * HIDDEN_QUADS] = dz[2] * activation_gradient(z1[z + 2u * HIDDEN_QUADS]);
    da1[z + 3u * HIDDEN_QUADS] = dz[3] * activation_gradient(z1[z + 3u * HIDDEN_QUADS]);
}
