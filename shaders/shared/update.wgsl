// How a gradient ends: value * keep + gradient * scale. With keep 1 and scale -learning_rate it is the SGD update of
// the parameters, with keep 0 and scale 1 the gradient itself.

struct Rate {
    keep: f32,
    scale: f32,
}

@group(0) @binding(1) var<uniform> rate: Rate;

fn updated(value: vec4f, gradient: vec4f) -> vec4f {
    // What an earlier part of the batch has left is kept in any case.
    let keep = select(rate.keep, 1.0, part.first > 0u);
    // Not keep * value where keep is 0: an old NaN would stay.
    return select(keep * value, vec4f(0.0), keep == 0.0) + rate.scale * gradient;
}
