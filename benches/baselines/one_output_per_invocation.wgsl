// A training step as its formulas say it: a kernel for each matrix, and an invocation for each value of it, which multiplies
// a row by a column; nothing is kept or shared. It is where to begin reading: shaders/ does the same, faster.
//
// A kernel is dispatched in workgroups of SIDE x SIDE invocations, as many as cover its matrix. id.x is an invocation's
// column and id.y its row; those past the edge return. n counts the images of the batch, i the pixels, j the hidden units
// and k the classes.
//
// shared.wgsl is put before this file. It declares the buffers with their bindings, and INPUT, HIDDEN, CLASSES and BATCH,
// which benches/baselines.rs sets, as it does SIDE, when it compiles a kernel. Matrices lie by rows: z1 of image n and unit j
// is z1[n * HIDDEN + j]. Pixels are bytes, four to a word, and unpack4x8unorm makes four numbers from 0 to 1 of them.

// Invocations along each side of a workgroup; neighbours in x are neighbours in memory.
override SIDE: u32;

// z1 = sigmoid(x W1 + b1): image n's pixels times unit j's weights. W1 is the first thing in `parameters`.
@compute @workgroup_size(SIDE, SIDE)
fn hidden(@builtin(global_invocation_id) id: vec3u) {
    let n = id.y;
    let j = id.x;
    if n >= BATCH || j >= HIDDEN {
        return;
    }
    let image = batches[step * BATCH + n] * (INPUT / 4u);
    var a = parameters[B1 + j];
    for (var word = 0u; word < INPUT / 4u; word++) {
        let x = unpack4x8unorm(images[image + word]);
        let w = 4u * word * HIDDEN + j;
        a += x.x * parameters[w];
        a += x.y * parameters[w + HIDDEN];
        a += x.z * parameters[w + 2u * HIDDEN];
        a += x.w * parameters[w + 3u * HIDDEN];
    }
    new_z1[n * HIDDEN + j] = 1.0 / (1.0 + exp(-a));
}

// The logits z1 W2 + b2, in the place of dy.
@compute @workgroup_size(SIDE, SIDE)
fn output(@builtin(global_invocation_id) id: vec3u) {
    let n = id.y;
    let k = id.x;
    if n >= BATCH || k >= CLASSES {
        return;
    }
    var a = parameters[B2 + k];
    for (var j = 0u; j < HIDDEN; j++) {
        a += z1[n * HIDDEN + j] * parameters[W2 + j * CLASSES + k];
    }
    new_dy[n * CLASSES + k] = a;
}

// The loss and dy = (softmax(logits) - t) / N, one image an invocation.
@compute @workgroup_size(SIDE * SIDE)
fn loss(@builtin(global_invocation_id) id: vec3u) {
    let n = id.x;
    if n >= BATCH {
        return;
    }
    let row = n * CLASSES;
    let label = labels[batches[step * BATCH + n]];
    var largest = new_dy[row];
    for (var k = 1u; k < CLASSES; k++) {
        largest = max(largest, new_dy[row + k]);
    }
    var sum = 0.0;
    for (var k = 0u; k < CLASSES; k++) {
        sum += exp(new_dy[row + k] - largest);
    }
    losses[step * BATCH + n] = log(sum) - (new_dy[row + label] - largest);
    for (var k = 0u; k < CLASSES; k++) {
        let y = exp(new_dy[row + k] - largest) / sum;
        new_dy[row + k] = (y - select(0.0, 1.0, k == label)) / f32(BATCH);
    }
}

// da1 = (dy W2ᵀ) z1 (1 - z1), elementwise but for the product.
@compute @workgroup_size(SIDE, SIDE)
fn delta(@builtin(global_invocation_id) id: vec3u) {
    let n = id.y;
    let j = id.x;
    if n >= BATCH || j >= HIDDEN {
        return;
    }
    var dz = 0.0;
    for (var k = 0u; k < CLASSES; k++) {
        dz += dy[n * CLASSES + k] * parameters[W2 + j * CLASSES + k];
    }
    let z = z1[n * HIDDEN + j];
    new_da1[n * HIDDEN + j] = dz * z * (1.0 - z);
}

// W2 and b2, whose row is the one after W2's last: minus the learning rate times z1ᵀ dy.
@compute @workgroup_size(SIDE, SIDE)
fn output_gradient(@builtin(global_invocation_id) id: vec3u) {
    let j = id.y;
    let k = id.x;
    if j > HIDDEN || k >= CLASSES {
        return;
    }
    var gradient = 0.0;
    if j < HIDDEN {
        for (var n = 0u; n < BATCH; n++) {
            gradient += z1[n * HIDDEN + j] * dy[n * CLASSES + k];
        }
    } else {
        for (var n = 0u; n < BATCH; n++) {
            gradient += dy[n * CLASSES + k];
        }
    }
    updated[W2 + j * CLASSES + k] -= learning_rate * gradient;
}

// W1 and b1, whose row is the one after W1's last: minus the learning rate times xᵀ da1.
@compute @workgroup_size(SIDE, SIDE)
fn hidden_gradient(@builtin(global_invocation_id) id: vec3u) {
    let i = id.y;
    let j = id.x;
    if i > INPUT || j >= HIDDEN {
        return;
    }
    var gradient = 0.0;
    if i < INPUT {
        for (var n = 0u; n < BATCH; n++) {
            let word = images[batches[step * BATCH + n] * (INPUT / 4u) + i / 4u];
            let pixel = f32((word >> (8u * (i % 4u))) & 0xffu) / 255.0;
            gradient += pixel * da1[n * HIDDEN + j];
        }
    } else {
        for (var n = 0u; n < BATCH; n++) {
            gradient += da1[n * HIDDEN + j];
        }
    }
    updated[i * HIDDEN + j] -= learning_rate * gradient;
}
