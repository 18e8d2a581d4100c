// The central differences of the loss by W1 and b1; applied to the layer at once, or kept.
//
// A workgroup has a word of pixels, four of the layer's inputs, and a hidden unit for each invocation. It goes through the
// batch image by image: where all four pixels are 0, moving their weights changes nothing. The last row of workgroups has
// the bias, as if an image had one more word, of one pixel that is always 1.

// y, `[N, classes]`: images from part.first to part.end.
@group(0) @binding(3) var<uniform> y: array<vec4f, WINDOW>;
@group(0) @binding(4) var<storage, read> images: array<u32>;
@group(0) @binding(5) var<storage, read> batch: array<u32>;
@group(0) @binding(6) var<storage, read> labels: array<u32>;
@group(0) @binding(7) var<storage, read> z1: array<f32>;
// W2; only read, but a part of the buffer that `layer` may be a part of, and a buffer is read only or not.
@group(0) @binding(8) var<storage, read_write> output_layer: array<vec4f>;
// W1, then b1; or the buffer that takes their gradient.
@group(0) @binding(9) var<storage, read_write> layer: array<f32>;

const BIAS_WORD = 0x000000ffu;

// A word and a label for each of the next images.
var<workgroup> words: array<u32, LANES>;
var<workgroup> targets: array<u32, LANES>;
// The units' rows of W2, where they have room: quad by quad, all units of each together.
var<workgroup> weights: array<vec4f, HELD_QUADS * LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let word = group.x;
    let unit = group.y * LANES + lane;
    // Those past the last unit do as it does, and leave nothing.
    let j = min(unit, HIDDEN - 1u);
    let functions = functions_up_to(moves.size / 4.0 * hold_weights(j, lane));
    var sum = vec4f();
    for (var first = part.first; first < part.end; first += LANES) {
        workgroupBarrier();
        if first + lane < part.end {
            let image = batch[first + lane];
            words[lane] = BIAS_WORD;
            if word < INPUT_QUADS {
                words[lane] = images[image * INPUT_QUADS + word];
            }
            targets[lane] = labels[image];
        }
        workgroupBarrier();
        let count = min(LANES, part.end - first);
        for (var i = 0u; i < count; i++) {
            if words[i] != 0u {
                sum += difference(functions, first + i, words[i], targets[i], j, lane);
            }
        }
    }
    if unit < HIDDEN {
        leave(4u * word, unit, sum);
    }
}

// The differences of image n's loss by the weights between four pixels and unit j.
fn difference(functions: u32, n: u32, word: u32, label: u32, j: u32, lane: u32) -> vec4f {
    let row = (n - part.first) * CLASS_QUADS;
    let sample = sample_of(label, y[row + label / 4u][label % 4u]);
    let right = weight(j, label / 4u, lane)[label % 4u];
    let z = z1[n * 4u * HIDDEN_QUADS + j];
    let move_of_a = moves.size * unpack4x8unorm(word);
    let functions_of_a = functions_up_to(moves.size);
    let above = move_of_z(z, exp_move(functions_of_a, move_of_a));
    let below = move_of_z(z, exp_move(functions_of_a, -move_of_a));
    var s_above = vec4f();
    var s_below = vec4f();
    for (var k = 0u; k < CLASS_QUADS; k++) {
        let v = weight(j, k, lane) - right;
        let s = y[row + k] * select(v, vec4f(1.0), functions == FULL);
        s_above += s.x * growth(functions, above * v.x);
        s_below += s.x * growth(functions, below * v.x);
        s_above += s.y * growth(functions, above * v.y);
        s_below += s.y * growth(functions, below * v.y);
        s_above += s.z * growth(functions, above * v.z);
        s_below += s.z * growth(functions, below * v.z);
        s_above += s.w * growth(functions, above * v.w);
        s_below += s.w * growth(functions, below * v.w);
    }
    if functions != FULL {
        s_above *= above;
        s_below *= below;
    }
    return loss_move(functions, s_above, sample) - loss_move(functions, s_below, sample);
}

// How far z1 moves: sigmoid(a + h x) - sigmoid(a), where e = e^(h x) - 1.
fn move_of_z(z: f32, e: vec4f) -> vec4f {
    return z * (1.0 - z) * e / (1.0 + z * e);
}

// Takes unit j's row of W2 to where `weight` finds it. Returns how far apart two of its weights lie at the most.
fn hold_weights(j: u32, lane: u32) -> f32 {
    var least = output_layer[j * CLASS_QUADS].x;
    var most = least;
    for (var k = 0u; k < CLASS_QUADS; k++) {
        let w = output_layer[j * CLASS_QUADS + k];
        if CLASS_QUADS <= HELD_QUADS {
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

// A quad of unit j's row of W2. Each invocation reads only what it wrote.
fn weight(j: u32, k: u32, lane: u32) -> vec4f {
    if CLASS_QUADS <= HELD_QUADS {
        return weights[k * LANES + lane];
    }
    return output_layer[j * CLASS_QUADS + k];
}

// Four rows of the layer from `row` on, or the bias alone.
fn leave(row: u32, unit: u32, sum: vec4f) {
    let width = 4u * HIDDEN_QUADS;
    let at = row * width + unit;
    let gradient = moves.per_span * sum;
    if row == 4u * INPUT_QUADS {
        layer[at] = updated(vec4f(layer[at]), gradient).x;
        return;
    }
    let values = vec4f(layer[at], layer[at + width], layer[at + 2u * width], layer[at + 3u * width]);
    let next = updated(values, gradient);
    layer[at] = next.x;
    layer[at + width] = next.y;
    layer[at + 2u * width] = next.z;
    layer[at + 3u * width] = next.w;
}
