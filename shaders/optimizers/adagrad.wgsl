#import update

// s + g², p - learning rate * g / (√s + 1e-10).
// Oracle: reference::optimizer::Updates. Test: tests/optimizers.rs.

@group(0) @binding(4) var<storage, read_write> squares: array<vec4f>;

fn change(i: u32, g: vec4f) -> vec4f {
    let s = squares[i] + g * g;
    squares[i] = s;
    return g / (sqrt(s) + update.epsilon);
}
