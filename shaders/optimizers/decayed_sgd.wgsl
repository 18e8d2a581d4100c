#import update

// SGD with weight decay: p - learning rate * (g + decay * p).
// Oracle: reference::optimizer::Updates. Test: tests/optimizers.rs.

fn change(i: u32, g: vec4f) -> vec4f {
    return g;
}
