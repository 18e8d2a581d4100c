#import network

// How a gradient ends: alpha * gradient + beta * value, BLAS's axpby. With alpha -learning_rate and beta 1 it is the SGD update
// of the parameters, with alpha 1 and beta 0 the gradient itself.

struct Axpby {
    alpha: f32,
    beta: f32,
}

@group(0) @binding(1) var<uniform> scalars: Axpby;

fn axpby(value: vec4f, gradient: vec4f) -> vec4f {
    // Where the batch is summed in several dispatches, those after the first add to what is there.
    let beta = select(scalars.beta, 1.0, dispatch.first > 0u);
    // Not beta * value where beta is 0: an old NaN would stay.
    return select(beta * value, vec4f(0.0), beta == 0.0) + scalars.alpha * gradient;
}
