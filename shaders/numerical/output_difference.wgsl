#import axpby
#import difference
#import network

// The central differences of the loss by W2 and b2; applied to the layer at once, or kept.
//
// A workgroup has one row of the layer, a hidden unit's weights or the bias. It goes through the batch by as many images as
// it has invocations: first each looks at one image, then they share the vec4s of the row and the images. Last they add up
// their sums.
// Oracle: reference::TwoLayerNet::numerical_gradient, reference::TwoLayerNet::exact_gradient. Test: tests/numerical.rs.

@group(0) @binding(3) var<storage, read> indices: array<u32>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read> z1: array<f32>;
@group(0) @binding(6) var<storage, read> y: array<vec4f>;
// W2, then b2; or the buffer that takes their gradient.
@group(0) @binding(7) var<storage, read_write> layer: array<vec4f>;

struct Image {
    sample: Sample,
    // The sum of the outputs for all classes but the label.
    wrong: f32,
    // What the row's weights are multiplied by.
    input: f32,
}

var<workgroup> held: array<Image, LANES>;
var<workgroup> sums: array<vec4f, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let unit = group.x;
    let series = series_up_to(perturbation.size);
    let slices = LANES / CLASS_VEC4S;
    let slice = lane / CLASS_VEC4S;
    let k = lane % CLASS_VEC4S;
    var sum = vec4f();
    for (var first = dispatch.first; first < dispatch.end; first += LANES) {
        workgroupBarrier();
        if first + lane < dispatch.end {
            held[lane] = image_at(first + lane, unit);
        }
        workgroupBarrier();
        if slice < slices {
            let count = min(LANES, dispatch.end - first);
            // Summed up by themselves: one chain through the whole batch would round too often.
            var next = vec4f();
            for (var i = slice; i < count; i += slices) {
                next += difference(series, held[i], k, y[(first + i) * CLASS_VEC4S + k]);
            }
            sum += next;
        }
    }
    sums[lane] = sum;
    workgroupBarrier();
    if lane < CLASS_VEC4S {
        var total = vec4f();
        for (var s = 0u; s < slices; s++) {
            total += sums[s * CLASS_VEC4S + lane];
        }
        let row = select(unit, 4u * HIDDEN_VEC4S, unit == HIDDEN);
        let at = row * CLASS_VEC4S + lane;
        layer[at] = axpby(layer[at], perturbation.per_span * total);
    }
}

fn image_at(n: u32, unit: u32) -> Image {
    let row = n * CLASS_VEC4S;
    let label = labels[indices[n]];
    // The bias has an input that is always 1.
    var input = 1.0;
    if unit < HIDDEN {
        input = z1[n * 4u * HIDDEN_VEC4S + unit];
    }
    return Image(sample_of(label, y[row + label / 4u][label % 4u]), wrong(row, label), input);
}

// The differences of an image's loss by the weights between the unit and a vec4 of classes.
fn difference(series: u32, image: Image, k: u32, outputs: vec4f) -> vec4f {
    // The label's logit moves all others the other way, and they move alike.
    let is_label = columns(k) == vec4u(image.sample.label);
    let weight = select(outputs, vec4f(image.wrong), is_label);
    let e = exp_move(series, vec4f(perturbation.size, -perturbation.size, 0.0, 0.0) * image.input);
    let above = select(vec4f(e.x), vec4f(e.y), is_label);
    let below = select(vec4f(e.y), vec4f(e.x), is_label);
    return loss_move(series, weight * above, image.sample) - loss_move(series, weight * below, image.sample);
}

// For all classes but the label: 1 - y_t, which would cancel.
fn wrong(row: u32, label: u32) -> f32 {
    var sum = 0.0;
    for (var k = 0u; k < CLASS_VEC4S; k++) {
        sum += dot(select(y[row + k], vec4f(0.0), columns(k) == vec4u(label)), vec4f(1.0));
    }
    return sum;
}
