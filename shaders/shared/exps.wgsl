// e^v and e^v - 1, the second to its last digits near 0, where the first one's would cancel. src/cpu/functions.rs has the same
// function, with a wider range, and the coefficients' origin.

const LOG2_E = 1.442695041;
// ln 2 in two parts. The first has so few bits that its product with any exponent is exact.
const LN_2 = vec2f(0.693359375, -2.12194440e-4);
const MANTISSA_BITS = vec4u(23u);

struct Exps {
    // e^v.
    whole: vec4f,
    // e^v - 1.
    change: vec4f,
}

// Right from -80 to 88 and there held: so a sum of outputs times these is neither 0 nor infinite.
fn exps(v: vec4f) -> Exps {
    let x = clamp(v, vec4f(-80.0), vec4f(88.0));
    // e^x = 2^n e^r, where n is the integer nearest to x / ln 2.
    let n = round(x * LOG2_E);
    let r = (x - n * LN_2.x) - n * LN_2.y;
    let series = 0.5 + r * (1.6666665e-1 + r * (4.1665795e-2 + r * (8.3334519e-3 + r * (1.3981999e-3 + r * 1.9875691e-4))));
    let power = bitcast<vec4f>((vec4i(n) + vec4i(127)) << MANTISSA_BITS);
    let rest = power * (r + r * r * series);
    return Exps(rest + power, rest + (power - 1.0));
}
