#import update

// Adam and AdamW: m = 0.9 m + 0.1 g, v = 0.999 v + 0.001 g², p - learning rate * m / (√v + 1e-8), with the corrections for their
// start at 0 in the rate and the root's factor.
// Oracle: reference::optimizer::Updates. Test: tests/optimizers.rs.

@group(0) @binding(4) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> mean_square: array<vec4f>;

fn change(i: u32, g: vec4f) -> vec4f {
    let m = update.first * mean[i] + update.first_share * g;
    let v = update.second * mean_square[i] + update.second_share * g * g;
    mean[i] = m;
    mean_square[i] = v;
    return m / (sqrt(v) * update.root + update.epsilon);
}
