#import network

// The mean of each batch's losses: one workgroup a batch, so that a chunk of steps gives one number a dispatch.
// Oracle: common::mean_loss. Test: tests/stages.rs.

// One row of losses a batch.
@group(0) @binding(1) var<storage, read> all_losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> means: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var n = lane; n < dispatch.batch_size; n += LANES) {
        sum += all_losses[group.x * dispatch.row_words + n];
    }
    partial[lane] = sum;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            partial[lane] += partial[lane + half];
        }
    }
    if lane == 0u {
        means[group.x] = partial[0] / f32(dispatch.batch_size);
    }
}
