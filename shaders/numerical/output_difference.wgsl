// The central differences of the loss by W2 and b2; applied to the layer at once, or kept.
//
// A workgroup has one row of the layer, a hidden unit's weights or the bias. Its invocations share the quads of the row and
// the images of the batch, and add up their sums in workgroup memory.

@group(0) @binding(3) var<storage, read> batch: array<u32>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read> z1: array<f32>;
@group(0) @binding(6) var<storage, read> y: array<vec4f>;
// W2, then b2; or the buffer that takes their gradient.
@group(0) @binding(7) var<storage, read_write> layer: array<vec4f>;

var<workgroup> sums: array<vec4f, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x;
    let is_bias = unit == HIDDEN;
    let functions = functions_up_to(moves.size);
    let slices = LANES / CLASS_QUADS;
    let k = lane % CLASS_QUADS;
    var sum = vec4f();
    if lane < slices * CLASS_QUADS {
        for (var n = lane / CLASS_QUADS; n < part.batch_size; n += slices) {
            var input = 1.0;
            if !is_bias {
                input = z1[n * 4u * HIDDEN_QUADS + unit];
            }
            sum += difference(functions, n, k, input);
        }
    }
    sums[lane] = sum;
    workgroupBarrier();
    if lane < CLASS_QUADS {
        var total = vec4f();
        for (var s = 0u; s < slices; s++) {
            total += sums[s * CLASS_QUADS + lane];
        }
        let row = select(unit, 4u * HIDDEN_QUADS, is_bias);
        let at = row * CLASS_QUADS + lane;
        layer[at] = updated(layer[at], moves.per_span * total);
    }
}

// The differences of image n's loss by the weights between a unit of this value and a quad of classes.
fn difference(functions: u32, n: u32, k: u32, input: f32) -> vec4f {
    let row = n * CLASS_QUADS;
    let label = labels[batch[n]];
    let sample = sample_of(label, y[row + label / 4u][label % 4u]);
    // The label's logit moves all others the other way, and they move alike.
    let is_label = columns(k) == vec4u(label);
    var weight = y[row + k];
    if k == label / 4u {
        weight = select(weight, vec4f(wrong(row, label)), is_label);
    }
    let e = exp_move(functions, vec4f(moves.size, -moves.size, 0.0, 0.0) * input);
    let above = select(vec4f(e.x), vec4f(e.y), is_label);
    let below = select(vec4f(e.y), vec4f(e.x), is_label);
    return loss_move(functions, weight * above, sample) - loss_move(functions, weight * below, sample);
}

// The sum of the outputs for all classes but the label: 1 - y_t, which would cancel.
fn wrong(row: u32, label: u32) -> f32 {
    var sum = 0.0;
    for (var k = 0u; k < CLASS_QUADS; k++) {
        sum += dot(select(y[row + k], vec4f(0.0), columns(k) == vec4u(label)), vec4f(1.0));
    }
    return sum;
}
