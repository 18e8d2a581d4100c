// A tile of a layer's gradient, inputsᵀ d: 4 of its inputs x 16 of its units, in registers.
//
// All invocations of a workgroup share their units, so they read the same d at the same time, and that lies in a uniform
// buffer, as many images at a time as one holds. The kernel that uses this says what it sums: `inputs(n, row)`, 4 of the
// layer's inputs for an image.

// A window of d: images from part.first to part.end.
@group(0) @binding(2) var<uniform> d: array<vec4f, WINDOW>;
// The layer's weights, then its bias; or the buffer that takes their gradient.
@group(0) @binding(3) var<storage, read_write> layer: array<vec4f>;

// `row` in quads of inputs; the row after the last one is the bias.
fn gradient_tile(row: u32, input_quads: u32, quad: u32, unit_quads: u32) {
    if row > input_quads {
        return;
    }
    var g0 = mat4x4f();
    var g1 = mat4x4f();
    var g2 = mat4x4f();
    var g3 = mat4x4f();
    for (var n = part.first; n < part.end; n++) {
        let x = select(inputs(n, min(row, input_quads - 1u)), BIAS_INPUT, row == input_quads);
        let at = (n - part.first) * unit_quads + quad;
        let units = mat4x4f(d[at], d[at + 1u], d[at + 2u], d[at + 3u]);
        g0 += units * x.x;
        g1 += units * x.y;
        g2 += units * x.z;
        g3 += units * x.w;
    }
    let at = 4u * row * unit_quads;
    apply(at, quad, unit_quads, g0);
    if row < input_quads {
        apply(at + unit_quads, quad, unit_quads, g1);
        apply(at + 2u * unit_quads, quad, unit_quads, g2);
        apply(at + 3u * unit_quads, quad, unit_quads, g3);
    }
}

// The last tile of a row may reach past it; those columns belong to another tile.
fn apply(row: u32, quad: u32, unit_quads: u32, g: mat4x4f) {
    apply_quad(row, quad, unit_quads, g[0]);
    apply_quad(row, quad + 1u, unit_quads, g[1]);
    apply_quad(row, quad + 2u, unit_quads, g[2]);
    apply_quad(row, quad + 3u, unit_quads, g[3]);
}

fn apply_quad(row: u32, quad: u32, unit_quads: u32, gradient: vec4f) {
    if quad < unit_quads {
        layer[row + quad] = updated(layer[row + quad], gradient);
    }
}
