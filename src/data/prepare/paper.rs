//! The paper under a drawing: its brightness, even where light falls on it unevenly.

use super::grey::Grey;

/// Terms of the surface: 1, x, y, xy, x², y², with x and y from -1 to 1.
const TERMS: usize = 6;
/// Rounds of the fit; a photograph's takes 4 to 8.
const MOST_ROUNDS: usize = 12;
/// The least noise that is assumed: of bytes a step, in parts of 1.
const LEAST_NOISE: f64 = 1.0 / 255.0;
/// Times the noise beyond which a pixel is no paper.
const REACH: f64 = 3.0;

/// How a picture differs from its paper.
pub struct Difference {
    /// Brighter than the paper above 0, `[rows, cols]`.
    pub values: Vec<f32>,
    /// The standard deviation of the paper's own grain.
    pub noise: f32,
}

/// Takes the paper out of a picture. The paper is what most of the picture is: a surface of second degree, fitted by iteratively
/// reweighted least squares with Tukey's biweight, so that ink does not count (Beaton and Tukey 1974).
pub fn difference(grey: &Grey) -> Difference {
    let mut values: Vec<f64> = grey.values.iter().copied().map(f64::from).collect();
    let middle = median(values.clone());
    for value in &mut values {
        *value -= middle;
    }
    // Where most of the picture is one grey there is nothing to fit.
    if spread(&values) > 0.0 {
        for _ in 0..MOST_ROUNDS {
            let noise = spread(&values).max(2.0 * LEAST_NOISE);
            let Some(surface) = fit(grey, &values, REACH * noise) else { break };
            let mut largest: f64 = 0.0;
            for (value, terms) in values.iter_mut().zip(all_terms(grey)) {
                let height: f64 = terms.iter().zip(surface).map(|(term, height)| term * height).sum();
                *value -= height;
                largest = largest.max(height.abs());
            }
            if largest < 0.1 * LEAST_NOISE {
                break;
            }
        }
    }
    let noise = spread(&values).max(LEAST_NOISE) as f32;
    Difference { values: values.into_iter().map(|value| value as f32).collect(), noise }
}

/// The terms of every pixel, row by row.
fn all_terms(grey: &Grey) -> impl Iterator<Item = [f64; TERMS]> {
    let place = |at: usize, count: usize| 2.0 * at as f64 / (count.max(2) - 1) as f64 - 1.0;
    let (rows, cols) = (grey.rows, grey.cols);
    (0..rows).flat_map(move |row| {
        (0..cols).map(move |col| {
            let (y, x) = (place(row, rows), place(col, cols));
            [1.0, x, y, x * y, x * x, y * y]
        })
    })
}

/// The surface nearest to those values that are within `reach` of 0; none where they do not determine one.
fn fit(grey: &Grey, values: &[f64], reach: f64) -> Option<[f64; TERMS]> {
    // The normal equations, with their right side as one more column.
    let mut equations = [[0.0; TERMS + 1]; TERMS];
    for (value, terms) in values.iter().zip(all_terms(grey)) {
        let weight = (1.0 - (value / reach).powi(2)).max(0.0).powi(2);
        if weight > 0.0 {
            for (equation, term) in equations.iter_mut().zip(terms) {
                for (sum, other) in equation.iter_mut().zip(terms.iter().chain([value])) {
                    *sum += weight * term * other;
                }
            }
        }
    }
    // A little for the plane's flatness, so that a narrow picture has a solution too.
    let flatness = 1e-6 * equations[0][0];
    for (term, equation) in equations.iter_mut().enumerate() {
        equation[term] += flatness;
    }
    solve(equations)
}

/// Gauss's elimination, by the largest pivot.
fn solve(mut equations: [[f64; TERMS + 1]; TERMS]) -> Option<[f64; TERMS]> {
    for term in 0..TERMS {
        let pivot = (term..TERMS).max_by(|&a, &b| equations[a][term].abs().total_cmp(&equations[b][term].abs()))?;
        equations.swap(term, pivot);
        let row = equations[term];
        if row[term].abs() < f64::MIN_POSITIVE {
            return None;
        }
        for (other, equation) in equations.iter_mut().enumerate() {
            if other != term {
                let factor = equation[term] / row[term];
                for (value, pivot) in equation.iter_mut().zip(row) {
                    *value -= factor * pivot;
                }
            }
        }
    }
    Some(std::array::from_fn(|term| equations[term][TERMS] / equations[term][term]))
}

/// The standard deviation of a normal distribution whose median distance from 0 is that of the values.
fn spread(values: &[f64]) -> f64 {
    const DEVIATIONS: f64 = 1.4826;
    DEVIATIONS * median(values.iter().map(|value| value.abs()).collect())
}

/// Of at least one value.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rows: usize, cols: usize, value: impl Fn(f32, f32) -> f32) -> Grey {
        let place = |at: usize, count: usize| at as f32 / count as f32;
        let values = (0..rows * cols).map(|n| value(place(n / cols, rows), place(n % cols, cols))).collect();
        Grey::new(rows, cols, values).unwrap()
    }

    #[test]
    fn uneven_light_is_no_ink() {
        let light = |y: f32, x: f32| 0.7 - 0.3 * y + 0.2 * x - 0.25 * (x - 0.4).powi(2);
        let is_ink = |y: f32, x: f32| (0.4..0.6).contains(&y) && (0.2..0.7).contains(&x);
        let grey = picture(60, 80, |y, x| light(y, x) - if is_ink(y, x) { 0.3 } else { 0.0 });
        let Difference { values, noise } = difference(&grey);
        assert!(noise < 0.01, "{noise}");
        for (n, value) in values.iter().enumerate() {
            let ink = if is_ink((n / 80) as f32 / 60.0, (n % 80) as f32 / 80.0) { -0.3 } else { 0.0 };
            assert!((value - ink).abs() < 0.01, "pixel {n}: {value}, where the ink is {ink}");
        }
    }

    #[test]
    fn flat_paper_and_a_single_pixel_have_no_difference() {
        for grey in [picture(9, 7, |_, _| 0.8), picture(1, 1, |_, _| 0.3), picture(1, 5, |_, x| x)] {
            assert!(difference(&grey).values.iter().all(|value| value.abs() < 0.02));
        }
    }
}
