//! A picture at another size.

use super::grey::Grey;

/// The picture with `rows` rows and `cols` columns. A smaller picture has the means of the areas; a larger one is interpolated
/// linearly.
pub fn resample(grey: &Grey, rows: usize, cols: usize) -> Grey {
    let across: Vec<f32> = grey.values.chunks_exact(grey.cols).flat_map(|row| line(row, cols)).collect();
    let mut values = vec![0.0; rows * cols];
    for col in 0..cols {
        let column: Vec<f32> = across.iter().skip(col).step_by(cols).copied().collect();
        for (row, value) in line(&column, rows).into_iter().enumerate() {
            values[row * cols + col] = value;
        }
    }
    Grey { rows, cols, values }
}

/// A line of values with another length.
fn line(from: &[f32], count: usize) -> Vec<f32> {
    let step = from.len() as f64 / count as f64;
    let at = |place: f64| f64::from(from[(place.max(0.0) as usize).min(from.len() - 1)]);
    let value = |to: usize| {
        if step <= 1.0 {
            let place = (to as f64 + 0.5) * step - 0.5;
            let share = place - place.floor();
            return at(place.floor()) * (1.0 - share) + at(place.floor() + 1.0) * share;
        }
        let (begin, end) = (to as f64 * step, (to + 1) as f64 * step);
        let covered = |from: usize| (end.min((from + 1) as f64) - begin.max(from as f64)).max(0.0);
        (begin as usize..(end.ceil() as usize).min(from.len())).map(|from| at(from as f64) * covered(from)).sum::<f64>()
            / step
    };
    (0..count).map(|to| value(to) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_picture_has_means_and_a_larger_one_lines() {
        assert_eq!(line(&[0.0, 1.0, 0.5, 0.5], 2), [0.5, 0.5]);
        assert_eq!(line(&[1.0, 0.0, 0.0], 2), [2.0 / 3.0, 0.0], "a pixel that lies on the border is shared");
        assert_eq!(line(&[0.0, 1.0], 4), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(line(&[0.5], 3), [0.5; 3]);
    }

    #[test]
    fn rows_and_columns_are_not_mixed_up() {
        let grey = Grey::new(2, 3, vec![0.0, 0.0, 0.5, 0.25, 0.25, 1.0]).unwrap();
        assert_eq!(resample(&grey, 2, 3), grey);
        assert_eq!(resample(&grey, 1, 3).values, [0.125, 0.125, 0.75]);
        assert_eq!(resample(&grey, 4, 1).rows, 4);
    }
}
