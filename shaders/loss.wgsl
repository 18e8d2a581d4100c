// From the logits of an image: its output y, its loss, and dy = (y - t) / N, the mean loss's derivative by the logits.
//
// One invocation an image. Softmax with the cross-entropy error, by way of log-softmax: the loss is
// log(sum exp(a2 - max)) - (a2[t] - max), where nothing overflows and no logarithm of 0 is taken. Or the identity with
// half the squared error.

override OUTPUT: u32;
const SOFTMAX = 0u;
// False leaves out the target and the mean, and so shows y in place of dy: for predictions and for tests.
override DERIVATIVE: bool;

@group(0) @binding(1) var<storage, read> a2: array<vec4f>;
@group(0) @binding(2) var<storage, read> batch: array<u32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> dy: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(LIST)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let n = id.x;
    if n >= step.batch_size {
        return;
    }
    let row = n * CLASS_QUADS;
    let label = labels[batch[n]];

    var largest = a2[row].x;
    var sum = 0.0;
    if OUTPUT == SOFTMAX {
        for (var quad = 0u; quad < CLASS_QUADS; quad++) {
            let a = select(vec4f(largest), a2[row + quad], columns(quad) < vec4u(CLASSES));
            largest = max(largest, max(max(a.x, a.y), max(a.z, a.w)));
        }
        for (var quad = 0u; quad < CLASS_QUADS; quad++) {
            sum += dot(exponentials(row, quad, largest), vec4f(1.0));
        }
        losses[n] = log(sum) - (a2[row + label / 4u][label % 4u] - largest);
    }

    var squares = 0.0;
    for (var quad = 0u; quad < CLASS_QUADS; quad++) {
        var y = a2[row + quad];
        if OUTPUT == SOFTMAX {
            y = exponentials(row, quad, largest) / sum;
        }
        let error = y - select(vec4f(0.0), vec4f(1.0), columns(quad) == vec4u(label));
        squares += dot(error, error);
        dy[row + quad] = select(y, error / f32(step.batch_size), DERIVATIVE);
    }
    if OUTPUT != SOFTMAX {
        losses[n] = squares / 2.0;
    }
}

// exp(a2 - largest), and 0 in the columns past the classes.
fn exponentials(row: u32, quad: u32, largest: f32) -> vec4f {
    return select(vec4f(0.0), exp(a2[row + quad] - largest), columns(quad) < vec4u(CLASSES));
}
