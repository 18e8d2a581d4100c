#import axpby
#import network

// A tile of a layer's gradient, inputsᵀ d: 4 of its inputs x 16 of its units, in registers.
//
// All invocations of a workgroup share their units, so they read the same d at the same time, and that lies in a uniform
// buffer, as many images at a time as one holds. The kernel that uses this says what it sums: `inputs(n, row)`, 4 of the
// layer's inputs for an image.

// A window of d: images from dispatch.first to dispatch.end.
@group(0) @binding(2) var<uniform> d: array<vec4f, WINDOW>;
// The layer's weights, then its bias; or the buffer that takes their gradient.
@group(0) @binding(3) var<storage, read_write> layer: array<vec4f>;

// `row` in vec4s of inputs; the row after the last one is the bias.
fn gradient_tile(row: u32, input_vec4s: u32, v4: u32, unit_vec4s: u32) {
    if row > input_vec4s {
        return;
    }
    var g0 = mat4x4f();
    var g1 = mat4x4f();
    var g2 = mat4x4f();
    var g3 = mat4x4f();
    for (var n = dispatch.first; n < dispatch.end; n++) {
        let x = select(inputs(n, min(row, input_vec4s - 1u)), BIAS_INPUT, row == input_vec4s);
        let at = (n - dispatch.first) * unit_vec4s + v4;
        let units = mat4x4f(d[at], d[at + 1u], d[at + 2u], d[at + 3u]);
        g0 += units * x.x;
        g1 += units * x.y;
        g2 += units * x.z;
        g3 += units * x.w;
    }
    let at = 4u * row * unit_vec4s;
    apply(at, v4, unit_vec4s, g0);
    if row < input_vec4s {
        apply(at + unit_vec4s, v4, unit_vec4s, g1);
        apply(at + 2u * unit_vec4s, v4, unit_vec4s, g2);
        apply(at + 3u * unit_vec4s, v4, unit_vec4s, g3);
    }
}

// The last tile of a row may reach past it; those columns belong to another tile.
fn apply(row: u32, v4: u32, unit_vec4s: u32, g: mat4x4f) {
    apply_vec4(row, v4, unit_vec4s, g[0]);
    apply_vec4(row, v4 + 1u, unit_vec4s, g[1]);
    apply_vec4(row, v4 + 2u, unit_vec4s, g[2]);
    apply_vec4(row, v4 + 3u, unit_vec4s, g[3]);
}

fn apply_vec4(row: u32, v4: u32, unit_vec4s: u32, gradient: vec4f) {
    if v4 < unit_vec4s {
        layer[row + v4] = axpby(layer[row + v4], gradient);
    }
}
