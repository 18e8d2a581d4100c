#import network

// Counts, for each image, one at [its label, its predicted class]: the largest logit, the first of equals.
// Oracle: reference::TwoLayerNet::predict, functions::argmax. Test: tests/training.rs.

@group(0) @binding(1) var<storage, read> a2: array<vec4f>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
// [classes, classes]; integers, so the order of the additions does not show.
@group(0) @binding(4) var<storage, read_write> confusion: array<atomic<u32>>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let n = id.x;
    if n >= dispatch.batch_size {
        return;
    }
    let row = n * CLASS_VEC4S;
    var predicted = 0u;
    var largest = a2[row].x;
    for (var k = 1u; k < CLASSES; k++) {
        let logit = a2[row + k / 4u][k % 4u];
        if logit > largest {
            largest = logit;
            predicted = k;
        }
    }
    atomicAdd(&confusion[labels[indices[n]] * CLASSES + predicted], 1u);
}
