// A layer's SGD update by a gradient that is given: v - learning_rate * g. (Training itself updates where the gradient
// is computed, in output_gradient.wgsl and hidden_gradient.wgsl.)

@group(0) @binding(1) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> layer: array<vec4f>;

@compute @workgroup_size(LIST)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    for (var i = id.x; i < arrayLength(&layer); i += groups.x * LIST) {
        layer[i] = updated(layer[i], gradient[i]);
    }
}
