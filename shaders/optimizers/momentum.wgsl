#import update

// v = momentum * v + g, p - learning rate * v.
// Oracle: reference::optimizer::Updates. Test: tests/optimizers.rs.

@group(0) @binding(4) var<storage, read_write> velocity: array<vec4f>;

fn change(i: u32, g: vec4f) -> vec4f {
    let v = update.first * velocity[i] + g;
    velocity[i] = v;
    return v;
}
