//! exp, ln, sigmoid and tanh without branches, so that a loop of them becomes vector instructions.

use super::simd::multiply_add;

/// Below this, [`exp`] is 0: its value would be no normal f32.
const LEAST: f32 = -87.0;
/// Above this, [`exp`] stays where it is: the next power of two would be infinite.
const MOST: f32 = 88.0;
/// Added to a number under 2^22 in size and taken away again, it leaves the nearest integer; before it is taken away,
/// that integer stands in the sum's last bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts. The first has so few bits that its product with any exponent is exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// (exp(r) - 1 - r) / r² for |r| up to half of ln 2, the highest power first (the coefficients of Cephes' expf).
const POLYNOMIAL: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5];
/// 2 artanh(s) / s³ - 2 / s² for |s| up to 0.172, the highest power of s² first: 2/9, 2/7, 2/5, 2/3.
const ARTANH: [f32; 4] = [2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0];

/// e^x as power * (1 + rest), for x within the bounds: power is that of 2 by the integer nearest to x / ln 2, and rest is
/// e^r - 1 for what is left of x.
#[inline(always)]
fn power_and_rest<const FUSED: bool>(x: f32) -> (f32, f32) {
    let rounded = multiply_add::<FUSED>(x, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = multiply_add::<FUSED>(n, -LN_2[1], multiply_add::<FUSED>(n, -LN_2[0], x));
    let mut sum = POLYNOMIAL[0];
    for coefficient in &POLYNOMIAL[1..] {
        sum = multiply_add::<FUSED>(sum, r, *coefficient);
    }
    // By its exponent's bits.
    let power = f32::from_bits((rounded.to_bits() << (f32::MANTISSA_DIGITS - 1)).wrapping_add(1.0_f32.to_bits()));
    (power, multiply_add::<FUSED>(sum, r * r, r))
}

#[inline(always)]
fn within(x: f32) -> f32 {
    let x = if x > MOST { MOST } else { x };
    if x < LEAST { LEAST } else { x }
}

/// e^x within 2 units in the last place from -87 to 88, beyond which it is 0 or e^88. A NaN stays one.
#[inline(always)]
pub fn exp<const FUSED: bool>(x: f32) -> f32 {
    let (power, rest) = power_and_rest::<FUSED>(within(x));
    if x < LEAST { 0.0 } else { (rest + 1.0) * power }
}

/// e^x within 2 units in the last place and e^x - 1 within 3, from -87 to 88, beyond which they are those of e^-87 and e^88.
/// A NaN stays one.
#[inline(always)]
pub fn exps<const FUSED: bool>(x: f32) -> (f32, f32) {
    let (power, rest) = power_and_rest::<FUSED>(within(x));
    ((rest + 1.0) * power, multiply_add::<FUSED>(rest, power, power - 1.0))
}

/// ln(sum) within 5 units in the last place, where sum > 0; `change` is sum - 1, of which a small one has more digits. A NaN
/// stays one.
#[inline(always)]
pub fn ln_of<const FUSED: bool>(sum: f32, change: f32) -> f32 {
    // sum = 2^n (1 + f), where 1 + f is from sqrt(1/2) to sqrt(2). If n is 0, f is the change itself.
    let n =
        (sum.to_bits().wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits()) as i32) >> (f32::MANTISSA_DIGITS - 1);
    let f = f32::from_bits(sum.to_bits().wrapping_sub((n << (f32::MANTISSA_DIGITS - 1)) as u32)) - 1.0;
    let f = if n == 0 { change } else { f };
    // ln(1 + f) = 2 artanh(s) = 2 (s + s³/3 + s⁵/5 + ...)
    let s = f / (2.0 + f);
    let square = s * s;
    let mut series = ARTANH[0];
    for coefficient in &ARTANH[1..] {
        series = multiply_add::<FUSED>(series, square, *coefficient);
    }
    let log = multiply_add::<FUSED>(series * square, s, 2.0 * s);
    let n = n as f32;
    let log = multiply_add::<FUSED>(n, LN_2[0], multiply_add::<FUSED>(n, LN_2[1], log));
    if change.is_nan() { change } else { log }
}

/// 1 / (1 + e^-a). A NaN stays one.
#[inline(always)]
pub fn sigmoid<const FUSED: bool>(a: f32) -> f32 {
    1.0 / (1.0 + exp::<FUSED>(-a))
}

/// (e^2a - 1) / (e^2a + 1) within 4 units in the last place. A NaN stays one.
#[inline(always)]
pub fn tanh<const FUSED: bool>(a: f32) -> f32 {
    // Of |a|, so that e^2a - 1 has its error where the quotient takes least of it, and both signs have the same bits.
    let (_, change) = exps::<FUSED>(2.0 * a.abs());
    (change / (change + 2.0)).copysign(a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::{Instructions, kernel};

    kernel! {
        fn exp_values(values: &mut [f32]) {
            for x in values {
                *x = exp::<FUSED>(*x);
            }
        }
    }

    kernel! {
        fn sigmoid_values(values: &mut [f32]) {
            for x in values {
                *x = sigmoid::<FUSED>(*x);
            }
        }
    }

    kernel! {
        fn tanh_values(values: &mut [f32]) {
            for x in values {
                *x = tanh::<FUSED>(*x);
            }
        }
    }

    kernel! {
        fn expm1_values(values: &mut [f32]) {
            for x in values {
                *x = exps::<FUSED>(*x).1;
            }
        }
    }

    kernel! {
        fn log1p_values(values: &mut [f32]) {
            for x in values {
                *x = ln_of::<FUSED>(1.0 + *x, *x);
            }
        }
    }

    /// The largest error over values from `least` to `most`, in units in the last place of the right result.
    fn largest_error(least: f32, most: f32, found: impl Fn(&mut [f32]), right: impl Fn(f64) -> f64) -> f64 {
        const COUNT: usize = 1 << 20;
        let x: Vec<f32> = (0..COUNT).map(|i| least + (most - least) * (i as f32 / COUNT as f32)).collect();
        let mut y = x.clone();
        found(&mut y);
        let error = |(x, y): (&f32, &f32)| {
            let right = right(f64::from(*x));
            let size = right.abs() as f32;
            let last_place = f64::from(size.next_up() - size);
            (f64::from(*y) - right).abs() / last_place
        };
        x.iter().zip(&y).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for instructions in Instructions::all() {
            for (least, most) in [(LEAST, MOST), (-1.0, 1.0), (-1e-3, 1e-3)] {
                let error = largest_error(least, most, |x| exp_values(instructions, x), f64::exp);
                assert!(error < 2.0, "{instructions:?}, {least} to {most}: {error}");
            }
        }
    }

    #[test]
    fn expm1_is_within_three_units_in_the_last_place() {
        for instructions in Instructions::all() {
            for (least, most) in [(LEAST, MOST), (-1.0, 1.0), (-1e-3, 1e-3), (-1e-30, 1e-30)] {
                let error = largest_error(least, most, |x| expm1_values(instructions, x), f64::exp_m1);
                assert!(error < 3.0, "{instructions:?}, {least} to {most}: {error}");
            }
        }
    }

    #[test]
    fn log1p_is_within_five_units_in_the_last_place() {
        for instructions in Instructions::all() {
            for (least, most) in
                [(-0.999_999, 1.0), (-1e-3, 1e-3), (-1e-30, 1e-30), (0.3, 0.5), (1.0, 1e3), (1e3, 1e38)]
            {
                let error = largest_error(least, most, |x| log1p_values(instructions, x), f64::ln_1p);
                assert!(error < 5.0, "{instructions:?}, {least} to {most}: {error}");
            }
        }
    }

    #[test]
    fn ln_is_within_five_units_in_the_last_place() {
        kernel! {
            fn ln_values(values: &mut [f32]) {
                for x in values {
                    *x = ln_of::<FUSED>(*x, *x - 1.0);
                }
            }
        }
        for instructions in Instructions::all() {
            for (least, most) in [(1e-37, 1e-30), (1e-6, 0.1), (0.1, 0.999), (1.0, 1e38)] {
                let error = largest_error(least, most, |x| ln_values(instructions, x), f64::ln);
                assert!(error < 5.0, "{instructions:?}, {least} to {most}: {error}");
            }
        }
    }

    #[test]
    fn sigmoid_is_within_four_units_in_the_last_place() {
        for instructions in Instructions::all() {
            for (least, most) in [(-86.0, 88.0), (-1.0, 1.0)] {
                let right = |a: f64| 1.0 / (1.0 + (-a).exp());
                let error = largest_error(least, most, |x| sigmoid_values(instructions, x), right);
                assert!(error < 4.0, "{instructions:?}, {least} to {most}: {error}");
            }
        }
    }

    #[test]
    fn tanh_is_within_four_units_in_the_last_place() {
        for instructions in Instructions::all() {
            for (least, most) in [(-100.0, 100.0), (-10.0, 10.0), (-1.0, 1.0), (-1e-3, 1e-3), (-1e-30, 1e-30)] {
                let error = largest_error(least, most, |x| tanh_values(instructions, x), f64::tanh);
                assert!(error < 4.0, "{instructions:?}, {least} to {most}: {error}");
            }
            let mut ends = [f32::NEG_INFINITY, -1e30, -44.1, -0.0, 1e-45, 44.1, 1e30, f32::INFINITY, f32::NAN];
            tanh_values(instructions, &mut ends);
            assert_eq!(ends[..8], [-1.0, -1.0, -1.0, -0.0, 1e-45, 1.0, 1.0, 1.0], "{instructions:?}");
            assert!(ends[3].is_sign_negative() && ends[8].is_nan());
        }
    }

    #[test]
    fn the_ends_are_finite_and_nan_stays() {
        for instructions in Instructions::all() {
            let mut ends = [f32::NEG_INFINITY, -1e30, -87.01, 0.0, 88.01, 1e30, f32::INFINITY, f32::NAN];
            let (mut sigmoid_ends, mut expm1_ends) = (ends, ends);
            exp_values(instructions, &mut ends);
            assert_eq!(ends[..4], [0.0, 0.0, 0.0, 1.0], "{instructions:?}");
            assert!(ends[4..7] == [ends[4]; 3] && ends[4] > 1e38 && ends[4].is_finite(), "{ends:?}");
            assert!(ends[7].is_nan());
            expm1_values(instructions, &mut expm1_ends);
            assert_eq!(expm1_ends[..4], [-1.0, -1.0, -1.0, 0.0], "{instructions:?}");
            assert_eq!(expm1_ends[4..7], ends[4..7]);
            assert!(expm1_ends[7].is_nan());
            let mut log1p_ends = [0.0, f32::NAN];
            log1p_values(instructions, &mut log1p_ends);
            assert!(log1p_ends[0] == 0.0 && log1p_ends[1].is_nan(), "{log1p_ends:?}");
            sigmoid_values(instructions, &mut sigmoid_ends);
            assert!(sigmoid_ends[..3].iter().all(|z| (0.0..1e-37).contains(z)), "{sigmoid_ends:?}");
            assert_eq!(sigmoid_ends[3..7], [0.5, 1.0, 1.0, 1.0]);
            assert!(sigmoid_ends[7].is_nan());
        }
    }
}
