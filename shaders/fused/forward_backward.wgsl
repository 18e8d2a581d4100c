#import activation
#import network
#import output_team

// From 4 images to da1, the whole network forward and back, by one workgroup: for nets so small that waiting between
// kernels would take longer than computing.
//
// z1 = activation(x W1 + b1): each invocation sums every so many words of pixels into a tile of 4 images x 4 hidden
// units, and the workgroup adds those sums up. The output layer is shared/output_team.wgsl's.
// Oracle: reference::TwoLayerNet::pass. Test: tests/stages.rs.

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
// W1, b1, W2, b2.
@group(0) @binding(4) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> z1: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dy: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> da1: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = IMAGES * group.x;
    let slices = LANES / HIDDEN_VEC4S;
    let slice = lane / HIDDEN_VEC4S;
    if slice < slices {
        let v4 = lane % HIDDEN_VEC4S;
        let x = INPUT_VEC4S * vec4u(image_of(row), image_of(row + 1u), image_of(row + 2u), image_of(row + 3u));
        var a = array<vec4f, IMAGES>();
        for (var i = slice; i < INPUT_VEC4S; i += slices) {
            let w = 4u * i * HIDDEN_VEC4S + v4;
            let weights = mat4x4f(
                parameters[w],
                parameters[w + HIDDEN_VEC4S],
                parameters[w + 2u * HIDDEN_VEC4S],
                parameters[w + 3u * HIDDEN_VEC4S],
            );
            a[0] += weights * unpack4x8unorm(pixels[x.x + i]);
            a[1] += weights * unpack4x8unorm(pixels[x.y + i]);
            a[2] += weights * unpack4x8unorm(pixels[x.z + i]);
            a[3] += weights * unpack4x8unorm(pixels[x.w + i]);
        }
        let at = slice * IMAGES * HIDDEN_VEC4S + v4;
        scratch[at] = a[0];
        scratch[at + HIDDEN_VEC4S] = a[1];
        scratch[at + 2u * HIDDEN_VEC4S] = a[2];
        scratch[at + 3u * HIDDEN_VEC4S] = a[3];
    }
    workgroupBarrier();
    for (var i = lane; i < IMAGES * HIDDEN_VEC4S; i += LANES) {
        let v4 = i % HIDDEN_VEC4S;
        var sum = parameters[4u * INPUT_VEC4S * HIDDEN_VEC4S + v4];
        for (var s = 0u; s < slices; s++) {
            sum += scratch[s * IMAGES * HIDDEN_VEC4S + i];
        }
        let z = activation(sum, v4);
        // In place of the first slice's sum, which no other invocation reads.
        scratch[i] = z;
        z1[row * HIDDEN_VEC4S + i] = z;
    }
    workgroupBarrier();
    output_layer_of(row, lane);
}

fn hidden_value(image: u32, v4: u32) -> vec4f {
    return scratch[image * HIDDEN_VEC4S + v4];
}

fn output_weights(at: u32) -> vec4f {
    return parameters[OUTPUT_LAYER + at];
}
