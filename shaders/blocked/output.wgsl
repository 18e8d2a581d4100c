#import network
#import output_team

// The output layer, forward and back, by a workgroup for 4 images: see shared/output_team.wgsl.
// Oracle: reference::Pass::dy, reference::Pass::da1. Test: tests/stages.rs.

@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
// W2, then b2.
@group(0) @binding(3) var<storage, read> layer: array<vec4f>;
@group(0) @binding(4) var<storage, read> z1: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dy: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> da1: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> losses: array<f32>;

var<private> row: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    row = IMAGES * group.x;
    output_layer_of(row, lane, load_output(row, lane));
}

fn hidden_value(image: u32, v4: u32) -> vec4f {
    return z1[(row + image) * HIDDEN_VEC4S + v4];
}

fn output_weights(at: u32) -> vec4f {
    return layer[at];
}
