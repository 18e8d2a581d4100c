#import activation
#import network
#import output_team

// From 4 images to da1, the whole network forward and back, by one workgroup: for nets so small that waiting between
// kernels would take longer than computing.
//
// z1 = activation(x W1 + b1): each invocation sums every so many words of pixels into a tile of 4 images x 4 hidden
// units, and the workgroup adds those sums up; it has an invocation for each of their vec4s. The output layer is
// shared/output_team.wgsl's.
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
    let output_loads = load_output(row, lane);
    let bias = parameters[4u * INPUT_VEC4S * HIDDEN_VEC4S + lane % HIDDEN_VEC4S];
    let slices = LANES / HIDDEN_VEC4S;
    let slice = lane / HIDDEN_VEC4S;
    if slice < slices {
        let v4 = lane % HIDDEN_VEC4S;
        let images = INPUT_VEC4S * vec4u(image_of(row), image_of(row + 1u), image_of(row + 2u), image_of(row + 3u));
        var a = array<vec4f, IMAGES>();
        for (var i = slice; i < INPUT_VEC4S; i += 2u * slices) {
            let one = load(images, i, v4);
            let two = load(images, i + slices, v4);
            // In turns, so that no compiler delays the loads of one until the other is added: they shall wait together.
            a[0] = add_products(a[0], one.weights, one.words.x, two.weights, two.words.x);
            a[1] = add_products(a[1], two.weights, two.words.y, one.weights, one.words.y);
            a[2] = add_products(a[2], one.weights, one.words.z, two.weights, two.words.z);
            a[3] = add_products(a[3], two.weights, two.words.w, one.weights, one.words.w);
        }
        let at = slice * IMAGES * HIDDEN_VEC4S + v4;
        scratch[at] = a[0];
        scratch[at + HIDDEN_VEC4S] = a[1];
        scratch[at + 2u * HIDDEN_VEC4S] = a[2];
        scratch[at + 3u * HIDDEN_VEC4S] = a[3];
    }
    workgroupBarrier();
    if lane < IMAGES * HIDDEN_VEC4S {
        let z = activation(bias + slices_sum(lane, IMAGES * HIDDEN_VEC4S, slices), lane % HIDDEN_VEC4S);
        // In place of the first slice's sum, which no other invocation reads.
        scratch[lane] = z;
        z1[row * HIDDEN_VEC4S + lane] = z;
    }
    workgroupBarrier();
    output_layer_of(row, lane, output_loads);
}

// A word of each image, and its pixels' weights.
struct Term {
    words: vec4u,
    weights: mat4x4f,
}

// Words past the last one are 0.
fn load(images: vec4u, i: u32, v4: u32) -> Term {
    let word = min(i, INPUT_VEC4S - 1u);
    let at = images + word;
    let w = 4u * word * HIDDEN_VEC4S + v4;
    let weights = mat4x4f(
        parameters[w],
        parameters[w + HIDDEN_VEC4S],
        parameters[w + 2u * HIDDEN_VEC4S],
        parameters[w + 3u * HIDDEN_VEC4S],
    );
    let words = vec4u(pixels[at.x], pixels[at.y], pixels[at.z], pixels[at.w]);
    return Term(select(vec4u(0u), words, i < INPUT_VEC4S), weights);
}

fn add_products(a: vec4f, m: mat4x4f, word: u32, n: mat4x4f, other_word: u32) -> vec4f {
    return add_product(add_product(a, m, unpack4x8unorm(word)), n, unpack4x8unorm(other_word));
}

fn hidden_value(image: u32, v4: u32) -> vec4f {
    return scratch[image * HIDDEN_VEC4S + v4];
}

fn output_weights(at: u32) -> vec4f {
    return parameters[OUTPUT_LAYER + at];
}
