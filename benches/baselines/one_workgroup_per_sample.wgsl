// A step in two kernels: one workgroup takes one image of the batch through the network and back, and then one
// invocation a parameter sums its gradient over the batch and updates it.

// Where the parameters end.
override END: u32 = B2 + CLASSES;
// Invocations of a workgroup.
override LANES: u32;

var<workgroup> pixels: array<vec4f, INPUT / 4u>;
var<workgroup> hidden: array<f32, HIDDEN>;
var<workgroup> logits: array<f32, CLASSES>;
var<workgroup> errors: array<f32, CLASSES>;

@compute @workgroup_size(LANES)
fn sample(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let n = group.x;
    let image = batches[step * BATCH + n];
    for (var word = lane; word < INPUT / 4u; word += LANES) {
        pixels[word] = unpack4x8unorm(images[image * (INPUT / 4u) + word]);
    }
    workgroupBarrier();
    if lane < HIDDEN {
        var a = parameters[B1 + lane];
        for (var word = 0u; word < INPUT / 4u; word++) {
            let x = pixels[word];
            let w = 4u * word * HIDDEN + lane;
            a += x.x * parameters[w];
            a += x.y * parameters[w + HIDDEN];
            a += x.z * parameters[w + 2u * HIDDEN];
            a += x.w * parameters[w + 3u * HIDDEN];
        }
        let z = 1.0 / (1.0 + exp(-a));
        hidden[lane] = z;
        new_z1[n * HIDDEN + lane] = z;
    }
    workgroupBarrier();
    if lane < CLASSES {
        var a = parameters[B2 + lane];
        for (var j = 0u; j < HIDDEN; j++) {
            a += hidden[j] * parameters[W2 + j * CLASSES + lane];
        }
        logits[lane] = a;
    }
    workgroupBarrier();
    if lane < CLASSES {
        var largest = logits[0];
        for (var k = 1u; k < CLASSES; k++) {
            largest = max(largest, logits[k]);
        }
        var sum = 0.0;
        for (var k = 0u; k < CLASSES; k++) {
            sum += exp(logits[k] - largest);
        }
        let is_label = lane == labels[image];
        let error = (exp(logits[lane] - largest) / sum - select(0.0, 1.0, is_label)) / f32(BATCH);
        errors[lane] = error;
        new_dy[n * CLASSES + lane] = error;
        if is_label {
            losses[step * BATCH + n] = log(sum) - (logits[lane] - largest);
        }
    }
    workgroupBarrier();
    if lane < HIDDEN {
        var dz = 0.0;
        for (var k = 0u; k < CLASSES; k++) {
            dz += errors[k] * parameters[W2 + lane * CLASSES + k];
        }
        new_da1[n * HIDDEN + lane] = dz * hidden[lane] * (1.0 - hidden[lane]);
    }
}

@compute @workgroup_size(LANES)
fn update(@builtin(global_invocation_id) id: vec3u) {
    let p = id.x;
    if p >= END {
        return;
    }
    var gradient = 0.0;
    if p < B1 {
        let i = p / HIDDEN;
        let j = p % HIDDEN;
        for (var n = 0u; n < BATCH; n++) {
            let word = images[batches[step * BATCH + n] * (INPUT / 4u) + i / 4u];
            let pixel = f32((word >> (8u * (i % 4u))) & 0xffu) / 255.0;
            gradient += pixel * da1[n * HIDDEN + j];
        }
    } else if p < W2 {
        for (var n = 0u; n < BATCH; n++) {
            gradient += da1[n * HIDDEN + p - B1];
        }
    } else if p < B2 {
        let j = (p - W2) / CLASSES;
        let k = (p - W2) % CLASSES;
        for (var n = 0u; n < BATCH; n++) {
            gradient += z1[n * HIDDEN + j] * dy[n * CLASSES + k];
        }
    } else {
        for (var n = 0u; n < BATCH; n++) {
            gradient += dy[n * CLASSES + p - B2];
        }
    }
    updated[p] -= learning_rate * gradient;
}
