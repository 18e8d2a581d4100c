#import axpby
#import difference
#import network

// The central differences of the loss by W1 and b1; applied to the layer at once, or kept.
//
// A workgroup has a word of pixels, four of the layer's inputs, and a hidden unit for each invocation. It goes through the
// batch image by image: where all four pixels are 0, moving their weights changes nothing. The last row of workgroups has
// the bias, as if an image had one more word, of one pixel that is always 1.
// Oracle: reference::TwoLayerNet::numerical_gradient, reference::TwoLayerNet::exact_gradient. Test: tests/numerical.rs.

// y, `[N, classes]`: images from dispatch.first to dispatch.end.
@group(0) @binding(3) var<uniform> y: array<vec4f, WINDOW>;
@group(0) @binding(4) var<storage, read> pixels: array<u32>;
@group(0) @binding(5) var<storage, read> indices: array<u32>;
@group(0) @binding(6) var<storage, read> labels: array<u32>;
@group(0) @binding(7) var<storage, read> a1: array<f32>;
// W2; only read, but a part of the buffer that `layer` may be a part of, and a buffer is read only or not.
@group(0) @binding(8) var<storage, read_write> output_layer: array<vec4f>;
// W1, then b1; or the buffer that takes their gradient.
@group(0) @binding(9) var<storage, read_write> layer: array<f32>;

const BIAS_WORD = 0x000000ffu;

// A word and a label for each of the next images.
var<workgroup> words: array<u32, LANES>;
var<workgroup> targets: array<u32, LANES>;
// The units' rows of W2, where they have room: vec4 by vec4, all units of each together.
var<workgroup> weights: array<vec4f, HELD_VEC4S * LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let word = group.x;
    let unit = group.y * LANES + lane;
    // Those past the last unit do as it does, and leave nothing.
    let j = min(unit, HIDDEN - 1u);
    let series = series_up_to(perturbation.size / 4.0 * hold_weights(j, lane));
    var sum = vec4f();
    for (var first = dispatch.first; first < dispatch.end; first += LANES) {
        workgroupBarrier();
        if first + lane < dispatch.end {
            let image = indices[first + lane];
            words[lane] = BIAS_WORD;
            if word < INPUT_VEC4S {
                words[lane] = pixels[image * INPUT_VEC4S + word];
            }
            targets[lane] = labels[image];
        }
        workgroupBarrier();
        let count = min(LANES, dispatch.end - first);
        // Summed up by themselves: one chain through the whole batch would round too often.
        var next = vec4f();
        for (var i = 0u; i < count; i++) {
            if words[i] != 0u {
                next += difference(series, first + i, words[i], targets[i], j, lane);
            }
        }
        sum += next;
    }
    if unit < HIDDEN {
        store(4u * word, unit, sum);
    }
}

// The differences of image n's loss by the weights between four pixels and unit j.
fn difference(series: u32, n: u32, word: u32, label: u32, j: u32, lane: u32) -> vec4f {
    let row = (n - dispatch.first) * CLASS_VEC4S;
    let sample = sample_of(label, y[row + label / 4u][label % 4u]);
    let right = weight(j, label / 4u, lane)[label % 4u];
    let hidden = hidden_at(a1[n * 4u * HIDDEN_VEC4S + j]);
    let move_of_a = perturbation.size * unpack4x8unorm(word);
    let series_of_a = series_up_to(perturbation.size);
    let above = move_of_z(hidden, exp_move(series_of_a, move_of_a));
    let below = move_of_z(hidden, exp_move(series_of_a, -move_of_a));
    var up = Change();
    var down = Change();
    for (var k = 0u; k < CLASS_VEC4S; k++) {
        let v = weight(j, k, lane) - right;
        let y = y[row + k];
        up = with_class(series, up, y.x, v.x, above);
        down = with_class(series, down, y.x, v.x, below);
        up = with_class(series, up, y.y, v.y, above);
        down = with_class(series, down, y.y, v.y, below);
        up = with_class(series, up, y.z, v.z, above);
        down = with_class(series, down, y.z, v.z, below);
        up = with_class(series, up, y.w, v.w, above);
        down = with_class(series, down, y.w, v.w, below);
    }
    if series == FULL {
        return loss_move_of_whole(up.s, up.whole, sample) - loss_move_of_whole(down.s, down.whole, sample);
    }
    return loss_move(series, up.s * above, sample) - loss_move(series, down.s * below, sample);
}

// What the classes' outputs come to when a unit moves, for each of four pixels.
struct Change {
    // The sum of y_k (e^v_k - 1); divided by the unit's move, where that is computed by a short function.
    s: vec4f,
    // The sum of y_k e^v_k, where it is needed.
    whole: vec4f,
}

// One class more, whose logit moves by v times the unit's move.
fn with_class(series: u32, sum: Change, y: f32, v: f32, unit_move: vec4f) -> Change {
    if series == FULL {
        let e = exps(unit_move * v);
        return Change(sum.s + y * e.change, sum.whole + y * e.whole);
    }
    return Change(sum.s + y * v * expm1_over_x(series, unit_move * v), sum.whole);
}

struct Hidden {
    z: f32,
    // sigmoid'(a) = sigmoid(a) sigmoid(-a): from z alone it would be z (1 - z), where z is near 1 of few digits.
    slope: f32,
}

fn hidden_at(a: f32) -> Hidden {
    let e = exp(-abs(a));
    return Hidden(select(e, 1.0, a >= 0.0) / (1.0 + e), e / ((1.0 + e) * (1.0 + e)));
}

// How far z1 moves: sigmoid(a + h x) - sigmoid(a), where e = e^(h x) - 1.
fn move_of_z(hidden: Hidden, e: vec4f) -> vec4f {
    return hidden.slope * e / (1.0 + hidden.z * e);
}

// Takes unit j's row of W2 to where `weight` finds it. Returns how far apart two of its weights lie at the most.
fn hold_weights(j: u32, lane: u32) -> f32 {
    var least = output_layer[j * CLASS_VEC4S].x;
    var most = least;
    for (var k = 0u; k < CLASS_VEC4S; k++) {
        let w = output_layer[j * CLASS_VEC4S + k];
        if CLASS_VEC4S <= HELD_VEC4S {
            weights[k * LANES + lane] = w;
        }
        let is_class = columns(k) < vec4u(CLASSES);
        let low = select(vec4f(least), w, is_class);
        let high = select(vec4f(most), w, is_class);
        least = min(min(least, min(low.x, low.y)), min(low.z, low.w));
        most = max(max(most, max(high.x, high.y)), max(high.z, high.w));
    }
    return most - least;
}

// A vec4 of unit j's row of W2. Each invocation reads only what it wrote.
fn weight(j: u32, k: u32, lane: u32) -> vec4f {
    if CLASS_VEC4S <= HELD_VEC4S {
        return weights[k * LANES + lane];
    }
    return output_layer[j * CLASS_VEC4S + k];
}

// Four rows of the layer from `row` on, or the bias alone.
fn store(row: u32, unit: u32, sum: vec4f) {
    let width = 4u * HIDDEN_VEC4S;
    let at = row * width + unit;
    let gradient = perturbation.per_span * sum;
    if row == 4u * INPUT_VEC4S {
        layer[at] = axpby(vec4f(layer[at]), gradient).x;
        return;
    }
    let values = vec4f(layer[at], layer[at + width], layer[at + 2u * width], layer[at + 3u * width]);
    let next = axpby(values, gradient);
    layer[at] = next.x;
    layer[at + width] = next.y;
    layer[at + 2u * width] = next.z;
    layer[at + 3u * width] = next.w;
}
