//! What is drawn on a picture's paper.

use super::grey::Grey;
use super::paper::{Difference, difference};

/// A pixel with more than this is part of a stroke.
pub const STROKE: f32 = 0.4;
/// Times the paper's noise under which there is no ink.
const ABOVE_NOISE: f32 = 3.0;
/// The least difference from the paper that is ink.
const LEAST_CONTRAST: f32 = 0.04;
/// A blot with less than this share of the largest stroke's ink is a speck.
const SPECK: f32 = 0.04;
/// A pixel with more than this belongs to its neighbours' stroke.
const JOINED: f32 = 0.25;

/// How much ink each pixel has, 0 to 1, `[rows, cols]`; none where nothing is drawn. The ink may be darker or brighter than the
/// paper. Specks are left out.
pub fn ink(grey: &Grey) -> Option<Grey> {
    let Difference { values, noise } = difference(grey);
    let [bright, dark] = [1.0, -1.0].map(|side| values.iter().map(|value| (side * value).max(0.0)).collect::<Vec<_>>());
    let values = if strongest(&bright) > strongest(&dark) { bright } else { dark };
    let threshold = (4.0 * noise).max(LEAST_CONTRAST);
    let mut strong: Vec<f32> = values.iter().copied().filter(|&value| value > threshold).collect();
    if strong.is_empty() {
        return None;
    }
    // The inside of a stroke: its edges are softer, and a few pixels may be stronger.
    let place = strong.len() * 4 / 5;
    let contrast = *strong.select_nth_unstable_by(place, f32::total_cmp).1;
    let least = (ABOVE_NOISE * noise).max(0.06 * contrast).min(0.3 * contrast);
    let full = 0.95 * contrast;
    let values = values.into_iter().map(|value| ((value - least) / (full - least)).clamp(0.0, 1.0)).collect();
    let mut ink = Grey { values, ..*grey };
    remove_specks(&mut ink);
    ink.values.iter().any(|&value| value > STROKE).then_some(ink)
}

/// The mean of the strongest two hundredth.
fn strongest(values: &[f32]) -> f32 {
    let count = (values.len() / 200).max(1);
    let mut values = values.to_vec();
    let place = values.len() - count;
    values.select_nth_unstable_by(place, f32::total_cmp);
    values[place..].iter().sum::<f32>() / count as f32
}

/// Takes away blots that are far smaller than the largest one, and all ink that is not next to what stays.
fn remove_specks(ink: &mut Grey) {
    let blots = blots(ink);
    let mass = |blot: &Vec<usize>| blot.iter().map(|&pixel| ink.values[pixel]).sum::<f32>();
    let largest = blots.iter().map(mass).fold(0.0, f32::max);
    let mut kept = vec![false; ink.values.len()];
    for blot in blots.iter().filter(|blot| mass(blot) >= SPECK * largest) {
        for &pixel in blot {
            kept[pixel] = true;
        }
    }
    // The soft edge of a stroke, two pixels wide.
    for _ in 0..2 {
        let pixels: Vec<usize> = (0..kept.len()).filter(|&pixel| kept[pixel]).collect();
        for pixel in pixels {
            for neighbour in neighbours(ink, pixel) {
                kept[neighbour] = true;
            }
        }
    }
    for (value, kept) in ink.values.iter_mut().zip(kept) {
        if !kept {
            *value = 0.0;
        }
    }
}

/// Pixels with ink that touch each other, also at their corners, blot by blot.
fn blots(ink: &Grey) -> Vec<Vec<usize>> {
    let mut free: Vec<bool> = ink.values.iter().map(|&value| value > JOINED).collect();
    let mut blots = Vec::new();
    for pixel in 0..free.len() {
        if !std::mem::take(&mut free[pixel]) {
            continue;
        }
        let mut blot = vec![pixel];
        let mut next = 0;
        while let Some(&pixel) = blot.get(next) {
            next += 1;
            blot.extend(neighbours(ink, pixel).filter(|&neighbour| std::mem::take(&mut free[neighbour])));
        }
        blots.push(blot);
    }
    blots
}

/// The pixel and those around it.
fn neighbours(grey: &Grey, pixel: usize) -> impl Iterator<Item = usize> + use<> {
    let (rows, cols) = (grey.rows, grey.cols);
    let (row, col) = (pixel / cols, pixel % cols);
    let around = |at: usize, count: usize| at.saturating_sub(1)..(at + 2).min(count);
    around(row, rows).flat_map(move |row| around(col, cols).map(move |col| row * cols + col))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(paper: f32, pen: f32, drawn: impl Fn(usize, usize) -> bool) -> Grey {
        let values = (0..40 * 50).map(|n| if drawn(n / 50, n % 50) { pen } else { paper }).collect();
        Grey::new(40, 50, values).unwrap()
    }

    #[test]
    fn ink_may_be_darker_or_brighter_than_the_paper() {
        let is_drawn = |row, col| (10..30).contains(&row) && (20..24).contains(&col);
        for (paper, pen) in [(1.0, 0.0), (0.0, 1.0), (0.5, 0.3), (0.4, 0.6)] {
            let ink = ink(&picture(paper, pen, is_drawn)).unwrap();
            for (n, &value) in ink.values.iter().enumerate() {
                assert_eq!(value > STROKE, is_drawn(n / 50, n % 50), "{paper} {pen} pixel {n}: {value}");
            }
        }
        assert!(ink(&picture(0.7, 0.7, is_drawn)).is_none(), "nothing drawn");
        assert!(ink(&picture(0.7, 0.69, is_drawn)).is_none(), "as little as grain");
    }

    #[test]
    fn specks_go_and_second_strokes_stay() {
        let drawn = |row: usize, col: usize| {
            let (stroke, bar) =
                ((10..30).contains(&row) && (20..24).contains(&col), row == 33 && (20..30).contains(&col));
            stroke || bar || (row, col) == (2, 45)
        };
        let ink = ink(&picture(1.0, 0.0, drawn)).unwrap();
        assert!(ink.values[2 * 50 + 45].abs() < f32::EPSILON, "a speck");
        assert!(ink.values[33 * 50 + 25] > STROKE && ink.values[20 * 50 + 21] > STROKE);
    }
}
