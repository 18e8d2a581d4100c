#import update

// s + g², p - learning rate * g / (√s + 1e-10).
// Oracle: reference::optimizer::Updates. Test: tests/optimizers.rs.

@group(0) @binding(4) var<storage, read_write> squares: array<vec4f>;

const EPSILON = 1e-10;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    for (var i = id.x; i < arrayLength(&parameters); i += groups.x * LANES) {
        let g = decayed_gradient(i);
        let s = squares[i] + g * g;
        squares[i] = s;
        subtract(i, g / (sqrt(s) + EPSILON));
    }
}
