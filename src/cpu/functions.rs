//! exp and sigmoid without branches, so that a loop of them becomes vector instructions.

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

/// e^x within 2 units in the last place from -87 to 88, beyond which it is 0 or e^88. A NaN stays one.
#[inline(always)]
pub fn exp<const FUSED: bool>(x: f32) -> f32 {
    let within = if x > MOST { MOST } else { x };
    let within = if within < LEAST { LEAST } else { within };
    // e^x = 2^n e^r, where n is the integer nearest to x / ln 2.
    let rounded = multiply_add::<FUSED>(within, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = multiply_add::<FUSED>(n, -LN_2[1], multiply_add::<FUSED>(n, -LN_2[0], within));
    let mut sum = POLYNOMIAL[0];
    for coefficient in &POLYNOMIAL[1..] {
        sum = multiply_add::<FUSED>(sum, r, *coefficient);
    }
    let e_to_r = multiply_add::<FUSED>(sum, r * r, r) + 1.0;
    // 2^n, by its exponent's bits.
    let power = f32::from_bits((rounded.to_bits() << (f32::MANTISSA_DIGITS - 1)).wrapping_add(1.0_f32.to_bits()));
    if x < LEAST { 0.0 } else { e_to_r * power }
}

/// 1 / (1 + e^-a). A NaN stays one.
#[inline(always)]
pub fn sigmoid<const FUSED: bool>(a: f32) -> f32 {
    1.0 / (1.0 + exp::<FUSED>(-a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::{Instructions, kernel};

    kernel! {
        fn exps(values: &mut [f32]) {
            for x in values {
                *x = exp::<FUSED>(*x);
            }
        }
    }

    kernel! {
        fn sigmoids(values: &mut [f32]) {
            for x in values {
                *x = sigmoid::<FUSED>(*x);
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
            let last_place = f64::from((right as f32).next_up() - right as f32);
            (f64::from(*y) - right).abs() / last_place
        };
        x.iter().zip(&y).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for instructions in Instructions::all() {
            for (least, most) in [(LEAST, MOST), (-1.0, 1.0), (-1e-3, 1e-3)] {
                let error = largest_error(least, most, |x| exps(instructions, x), f64::exp);
                assert!(error < 2.0, "{instructions:?}, {least} to {most}: {error}");
            }
        }
    }

    #[test]
    fn sigmoid_is_within_four_units_in_the_last_place() {
        for instructions in Instructions::all() {
            for (least, most) in [(-86.0, 88.0), (-1.0, 1.0)] {
                let right = |a: f64| 1.0 / (1.0 + (-a).exp());
                let error = largest_error(least, most, |x| sigmoids(instructions, x), right);
                assert!(error < 4.0, "{instructions:?}, {least} to {most}: {error}");
            }
        }
    }

    #[test]
    fn the_ends_are_finite_and_nan_stays() {
        for instructions in Instructions::all() {
            let mut ends = [f32::NEG_INFINITY, -1e30, -87.01, 0.0, 88.01, 1e30, f32::INFINITY, f32::NAN];
            let mut sigmoid_ends = ends;
            exps(instructions, &mut ends);
            assert_eq!(ends[..4], [0.0, 0.0, 0.0, 1.0], "{instructions:?}");
            assert!(ends[4..7] == [ends[4]; 3] && ends[4] > 1e38 && ends[4].is_finite(), "{ends:?}");
            assert!(ends[7].is_nan());
            sigmoids(instructions, &mut sigmoid_ends);
            assert!(sigmoid_ends[..3].iter().all(|z| (0.0..1e-37).contains(z)), "{sigmoid_ends:?}");
            assert_eq!(sigmoid_ends[3..7], [0.5, 1.0, 1.0, 1.0]);
            assert!(sigmoid_ends[7].is_nan());
        }
    }
}
