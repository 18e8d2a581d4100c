#import update

// Adam and AdamW: m = 0.9 m + 0.1 g, v = 0.999 v + 0.001 g², p - learning rate * m / (√v + 1e-8), with the corrections for their
// start at 0 in the rate and the root's factor.
// Oracle: reference::optimizer::Updates. Test: tests/optimizers.rs.

@group(0) @binding(4) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> mean_square: array<vec4f>;

const EPSILON = 1e-8;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    for (var i = id.x; i < arrayLength(&parameters); i += groups.x * LANES) {
        let g = decayed_gradient(i);
        let m = update.first * mean[i] + update.first_share * g;
        let v = update.second * mean_square[i] + update.second_share * g * g;
        mean[i] = m;
        mean_square[i] = v;
        subtract(i, m / (sqrt(v) * update.root + EPSILON));
    }
}
