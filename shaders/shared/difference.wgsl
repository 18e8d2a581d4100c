#import exps

// The central difference of the loss by a parameter, (L(w + h) - L(w - h)) / 2h, where nothing cancels: only what moving it
// changes is computed, as a change. src/cpu/difference.rs and functions.rs have the same by the same names; the first explains
// it, the second has the coefficients' origin.
//
// No built-in log: its error may be 2^-21 whatever the result, and these results are far smaller.

struct Perturbation {
    // h.
    size: f32,
    // 1 / (2 h N): from the sum of a batch's differences to the gradient.
    per_span: f32,
}

@group(0) @binding(2) var<uniform> perturbation: Perturbation;

// What the book adds to y before it takes the logarithm.
override EPSILON: f32;

// How e^v - 1 and ln(1 + s) are computed, by the largest |v|. The first term that the short ones leave out is less than f32
// rounds.
const SHORTEST = 0u;
const SHORT = 1u;
const FULL = 2u;
override SHORTEST_UP_TO: f32;
override SHORT_UP_TO: f32;

fn series_up_to(v: f32) -> u32 {
    // A NaN is up to nothing.
    return select(select(FULL, SHORT, v <= SHORT_UP_TO), SHORTEST, v <= SHORTEST_UP_TO);
}

// (e^v - 1) / v by one of the short ones.
fn expm1_over_x(series: u32, v: vec4f) -> vec4f {
    if series == SHORTEST {
        return 1.0 + 0.5 * v;
    }
    return 1.0 + v * (0.5 + v * (1.0 / 6.0 + v * (1.0 / 24.0)));
}

// e^v - 1.
fn exp_move(series: u32, v: vec4f) -> vec4f {
    if series == FULL {
        return exps(v).change;
    }
    return v * expm1_over_x(series, v);
}

struct Sample {
    label: u32,
    // y_t / (y_t + 1e-7).
    q: f32,
    // 1e-7 / (y_t + 1e-7).
    r: f32,
}

fn sample_of(label: u32, right: f32) -> Sample {
    return Sample(label, right / (right + EPSILON), EPSILON / (right + EPSILON));
}

// How far the loss moves.
fn loss_move(series: u32, s: vec4f, sample: Sample) -> vec4f {
    let p = sample.q * s / (1.0 + sample.r * s);
    if series == SHORTEST {
        return p * (1.0 + p * (-0.5 + p * (1.0 / 3.0)));
    }
    if series == SHORT {
        return p * (1.0 + p * (-0.5 + p * (1.0 / 3.0 + p * (-0.25 + p * 0.2))));
    }
    return ln_of(1.0 + p, p);
}

// The same by the full functions, for moves of any size: `whole` is 1 + s, summed up by itself.
fn loss_move_of_whole(s: vec4f, whole: vec4f, sample: Sample) -> vec4f {
    let p = sample.q * s / (1.0 + sample.r * s);
    // Near s = -1 these two sums would cancel. What they come to is this ratio, of which nothing is negative.
    let ratio = whole / (sample.q + sample.r * whole);
    let is_far = s < vec4f(-0.5);
    return ln_of(select(1.0 + p, ratio, is_far), select(p, ratio - 1.0, is_far));
}

// ln(sum), where sum > 0; change is sum - 1, of which a small one has more digits.
fn ln_of(sum: vec4f, change: vec4f) -> vec4f {
    // sum = 2^n (1 + f), where 1 + f is from sqrt(1/2) to sqrt(2). If n is 0, f is the change itself.
    let bits = bitcast<vec4i>(sum);
    let n = (bits - vec4i(SQRT_HALF)) >> MANTISSA_BITS;
    let f = select(bitcast<vec4f>(bits - (n << MANTISSA_BITS)) - 1.0, change, n == vec4i(0));
    // ln(1 + f) = 2 artanh(s) = 2 (s + s³/3 + s⁵/5 + ...)
    let s = f / (2.0 + f);
    let square = s * s;
    let series = square * (2.0 / 3.0 + square * (0.4 + square * (2.0 / 7.0 + square * (2.0 / 9.0))));
    let log = 2.0 * s + s * series;
    return vec4f(n) * LN_2.x + (log + vec4f(n) * LN_2.y);
}

// The bits of sqrt(1/2).
const SQRT_HALF = 0x3f3504f3;
