#import activation
#import loss
#import network

// The output layer, forward and back, for 4 images by all invocations of a workgroup: a2 = z1 W2 + b2, the logits; y, the
// loss and dy; and da1 = (dy W2ᵀ) activation'(a1), elementwise, the mean loss's derivative by a1.
//
// The kernel that uses this says where the layers' values are, `hidden_value(image, v4)` and
// `output_weights(at)`, and binds `indices`, `labels`, `dy`, `da1` and `losses`.

// First the hidden layer's values, where they are kept there, then from LOGITS on the logits, then from SUMS on sums.
var<workgroup> scratch: array<vec4f, SCRATCH>;

// What an invocation needs first, loaded while the hidden layer is computed.
struct OutputLoads {
    label: u32,
    bias: vec4f,
    weights: mat4x4f,
}

// `row` is the first image's.
fn load_output(row: u32, lane: u32) -> OutputLoads {
    let k = lane % CLASS_VEC4S;
    let image = min(lane / CLASS_VEC4S, IMAGES - 1u);
    let j = min(lane / CLASS_VEC4S, HIDDEN_VEC4S - 1u);
    return OutputLoads(label_of(row + image), output_weights(4u * HIDDEN_VEC4S * CLASS_VEC4S + k), weights(j, k));
}

fn output_layer_of(row: u32, lane: u32, loads: OutputLoads) {
    // TEAM invocations share the sums of the logits. Each slice of them sums every so many hidden vec4s, for all classes.
    let slices = min(TEAM / CLASS_VEC4S, HIDDEN_VEC4S);
    let slice = lane / CLASS_VEC4S;
    let k = lane % CLASS_VEC4S;
    if slice < slices {
        var a = array<vec4f, IMAGES>();
        var w = loads.weights;
        for (var j = slice; j < HIDDEN_VEC4S; j += slices) {
            let next = weights(min(j + slices, HIDDEN_VEC4S - 1u), k);
            a[0] = add_product(a[0], w, hidden_value(0u, j));
            a[1] = add_product(a[1], w, hidden_value(1u, j));
            a[2] = add_product(a[2], w, hidden_value(2u, j));
            a[3] = add_product(a[3], w, hidden_value(3u, j));
            w = next;
        }
        let at = SUMS + slice * IMAGES * CLASS_VEC4S + k;
        scratch[at] = a[0];
        scratch[at + CLASS_VEC4S] = a[1];
        scratch[at + 2u * CLASS_VEC4S] = a[2];
        scratch[at + 3u * CLASS_VEC4S] = a[3];
    }
    workgroupBarrier();
    // The workgroup has an invocation for each vec4 of logits.
    let is_output = lane < IMAGES * CLASS_VEC4S;
    if is_output {
        scratch[LOGITS + lane] = loads.bias + slices_sum(SUMS + lane, IMAGES * CLASS_VEC4S, slices);
    }
    workgroupBarrier();
    // For the way back, while the softmax is computed.
    var w = weights(min(lane, HIDDEN_VEC4S - 1u), 0u);
    if is_output {
        let image = lane / CLASS_VEC4S;
        let s = output_sums(image);
        if k == 0u {
            losses[row + image] = loss(image, loads.label, s);
        }
        let y = pass_output(image, k, loads.label, s);
        dy[row * CLASS_VEC4S + lane] = y;
        scratch[SUMS + lane] = y;
    }
    if FORWARD_ONLY {
        return;
    }
    workgroupBarrier();
    for (var j = lane; j < HIDDEN_VEC4S; j += LANES) {
        var dz = array<vec4f, IMAGES>();
        for (var k = 0u; k < CLASS_VEC4S; k++) {
            let is_last = k + 1u == CLASS_VEC4S;
            let next = weights(select(j, min(j + LANES, HIDDEN_VEC4S - 1u), is_last), select(k + 1u, 0u, is_last));
            // A row vector times the matrix: its dot product with each of the four rows of W2.
            dz[0] += scratch[SUMS + k] * w;
            dz[1] += scratch[SUMS + CLASS_VEC4S + k] * w;
            dz[2] += scratch[SUMS + 2u * CLASS_VEC4S + k] * w;
            dz[3] += scratch[SUMS + 3u * CLASS_VEC4S + k] * w;
            w = next;
        }
        let z = row * HIDDEN_VEC4S + j;
        da1[z] = dz[0] * activation_gradient(hidden_value(0u, j));
        da1[z + HIDDEN_VEC4S] = dz[1] * activation_gradient(hidden_value(1u, j));
        da1[z + 2u * HIDDEN_VEC4S] = dz[2] * activation_gradient(hidden_value(2u, j));
        da1[z + 3u * HIDDEN_VEC4S] = dz[3] * activation_gradient(hidden_value(3u, j));
    }
}

// a + m x, by fused multiplications and additions: a product by itself ends in additions that nothing fuses.
fn add_product(a: vec4f, m: mat4x4f, x: vec4f) -> vec4f {
    return a + m[0] * x.x + m[1] * x.y + m[2] * x.z + m[3] * x.w;
}

// The sum of `count` vec4s, `stride` apart: four at a time, so that their loads wait together.
fn slices_sum(first: u32, stride: u32, count: u32) -> vec4f {
    var sum = vec4f();
    var s = 0u;
    for (; s + 4u <= count; s += 4u) {
        let at = first + s * stride;
        sum += (scratch[at] + scratch[at + stride]) + (scratch[at + 2u * stride] + scratch[at + 3u * stride]);
    }
    for (; s < count; s++) {
        sum += scratch[first + s * stride];
    }
    return sum;
}

// 4 rows of W2, a vec4 of each.
fn weights(j: u32, k: u32) -> mat4x4f {
    let at = 4u * j * CLASS_VEC4S + k;
    return mat4x4f(
        output_weights(at),
        output_weights(at + CLASS_VEC4S),
        output_weights(at + 2u * CLASS_VEC4S),
        output_weights(at + 3u * CLASS_VEC4S),
    );
}

fn logits(image: u32, v4: u32) -> vec4f {
    return scratch[LOGITS + image * CLASS_VEC4S + v4];
}

// Rows past the end of the batch repeat its last image; nothing reads what is left of them.
fn image_of(row: u32) -> u32 {
    return indices[min(row, dispatch.batch_size - 1u)];
}

fn label_of(row: u32) -> u32 {
    return labels[image_of(row)];
}
