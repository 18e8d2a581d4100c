#import update

// SGD with weight decay: p - learning rate * (g + decay * p).
// Oracle: reference::optimizer::Updates. Test: tests/optimizers.rs.

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    for (var i = id.x; i < arrayLength(&parameters); i += groups.x * LANES) {
        subtract(i, decayed_gradient(i));
    }
}
