#import update

// v = momentum * v + g, p - learning rate * v.
// Oracle: reference::optimizer::Updates. Test: tests/optimizers.rs.

@group(0) @binding(4) var<storage, read_write> velocity: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    for (var i = id.x; i < arrayLength(&parameters); i += groups.x * LANES) {
        let v = update.first * velocity[i] + decayed_gradient(i);
        velocity[i] = v;
        subtract(i, v);
    }
}
