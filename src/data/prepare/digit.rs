//! A picture of a digit as MNIST's images are: the digit's larger side is 20 pixels, and its centre of mass is the centre of
//! 28 x 28 pixels (LeCun, Cortes and Burges, yann.lecun.com/exdb/mnist).

use super::grey::Grey;
use super::ink::{STROKE, ink};
use super::resample::resample;

/// Rows and columns of MNIST's images.
pub const SIDE: usize = 28;
/// The larger side of the digit in them.
const BOX: usize = 20;

/// Most rows or columns that are looked at: a larger picture is made smaller first. A digit that fills an eighth of it still has
/// [`BOX`] pixels.
const MOST: usize = 160;
/// Where MNIST's centres of mass are, on average 14.49 and 14.51 pixels from the edges: at the centre of pixel 14.
const CENTRE: f32 = 14.5;

/// An image as MNIST has them, bright ink on black, `[SIDE, SIDE]`; none where nothing is drawn. The ink may be dark or bright, and
/// light may fall unevenly on the paper.
#[must_use]
pub fn digit(picture: &Grey) -> Option<Vec<u8>> {
    let larger = picture.rows.max(picture.cols);
    let side = |side: usize| (side * MOST).div_ceil(larger);
    let small = (larger > MOST).then(|| resample(picture, side(picture.rows), side(picture.cols)));
    let drawn = cropped(&ink(small.as_ref().unwrap_or(picture))?);
    let larger = drawn.rows.max(drawn.cols);
    let side = |side: usize| ((side * BOX + larger / 2) / larger).max(1);
    Some(centred(&resample(&drawn, side(drawn.rows), side(drawn.cols))))
}

/// The part of a picture that has strokes.
fn cropped(ink: &Grey) -> Grey {
    let has_stroke = |row: usize, col: usize| ink.values[row * ink.cols + col] > STROKE;
    let rows: Vec<usize> = (0..ink.rows).filter(|&row| (0..ink.cols).any(|col| has_stroke(row, col))).collect();
    let cols: Vec<usize> = (0..ink.cols).filter(|&col| rows.iter().any(|&row| has_stroke(row, col))).collect();
    let range = |places: &[usize]| places[0]..places[places.len() - 1] + 1;
    let (rows, cols) = (range(&rows), range(&cols));
    let values = rows.clone().flat_map(|row| &ink.values[row * ink.cols..][cols.clone()]).copied().collect();
    Grey { rows: rows.len(), cols: cols.len(), values }
}

/// The digit on black, its centre of mass in the middle as far as it fits.
fn centred(digit: &Grey) -> Vec<u8> {
    let total: f32 = digit.values.iter().sum();
    let centre = |place: fn(usize, usize) -> usize| {
        let place = |n| place(n, digit.cols) as f32 + 0.5;
        digit.values.iter().enumerate().map(|(n, value)| value * place(n)).sum::<f32>() / total
    };
    let begin = |centre: f32, side: usize| (CENTRE - centre).round().clamp(0.0, (SIDE - side) as f32) as usize;
    let top = begin(centre(|n, cols| n / cols), digit.rows);
    let left = begin(centre(|n, cols| n % cols), digit.cols);
    let brightest = digit.values.iter().copied().fold(0.0, f32::max);
    let mut image = vec![0; SIDE * SIDE];
    for (row, values) in digit.values.chunks_exact(digit.cols).enumerate() {
        for (pixel, value) in image[(top + row) * SIDE + left..].iter_mut().zip(values) {
            *pixel = (value / brightest * 255.0).round() as u8;
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;

    /// A digit enlarged into a picture with a margin, as a pen on paper would be.
    fn drawn(image: &[u8], [rows, cols]: [usize; 2], margin: usize, paper: f32, pen: f32) -> Grey {
        let image = Grey::new(SIDE, SIDE, image.iter().map(|&pixel| f32::from(pixel) / 255.0).collect()).unwrap();
        let large = resample(&image, rows, cols);
        let mut values = vec![paper; (rows + 2 * margin) * (cols + 2 * margin)];
        for (row, line) in large.values.chunks_exact(cols).enumerate() {
            for (col, ink) in line.iter().enumerate() {
                values[(margin + row) * (cols + 2 * margin) + margin + col] = paper + (pen - paper) * ink;
            }
        }
        Grey::new(rows + 2 * margin, cols + 2 * margin, values).unwrap()
    }

    fn difference(one: &[u8], other: &[u8]) -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(one.abs_diff(*other))).sum::<f64>() / one.len() as f64
    }

    #[test]
    fn paper_size_and_margins_do_not_matter() {
        let (images, _) = digits::draw(20, 3);
        let images: Vec<&[u8]> = images.chunks_exact(SIDE * SIDE).collect();
        let plain: Vec<_> =
            images.iter().map(|image| digit(&drawn(image, [SIDE, SIDE], 0, 0.0, 1.0)).unwrap()).collect();
        for (n, image) in images.iter().enumerate() {
            for (side, margin, paper, pen) in [(133, 70, 1.0, 0.0), (56, 3, 0.3, 0.9), (420, 200, 0.8, 0.2)] {
                let other = digit(&drawn(image, [side, side], margin, paper, pen)).unwrap();
                let distances: Vec<f64> = plain.iter().map(|plain| difference(plain, &other)).collect();
                let nearest = (0..plain.len()).min_by(|&a, &b| distances[a].total_cmp(&distances[b]));
                assert_eq!(nearest, Some(n), "side {side}, margin {margin}, paper {paper}, pen {pen}: {distances:?}");
                assert!(distances[n] < 30.0, "a shift by a pixel comes to about 25: {}", distances[n]);
            }
        }
    }

    #[test]
    fn the_digit_fills_its_box_and_lies_in_the_middle() {
        let bar = |rows: usize, cols: usize| {
            let mut values = vec![1.0; 90 * 70];
            for row in 5..5 + rows {
                values[row * 70 + 40..][..cols].fill(0.0);
            }
            digit(&Grey::new(90, 70, values).unwrap()).unwrap()
        };
        let (upright, lying) = (bar(60, 6), bar(4, 24));
        let rows = |image: &[u8]| image.chunks(SIDE).filter(|row| row.iter().any(|&pixel| pixel > 100)).count();
        assert_eq!((rows(&upright), rows(&lying)), (BOX, 3));
        for image in [upright, lying] {
            let total: f64 = image.iter().copied().map(f64::from).sum();
            let sum = |place: fn(usize) -> usize| -> f64 {
                image.iter().enumerate().map(|(n, &pixel)| (place(n) as f64 + 0.5) * f64::from(pixel)).sum()
            };
            for centre in [sum(|n| n / SIDE) / total, sum(|n| n % SIDE) / total] {
                assert!((centre - f64::from(CENTRE)).abs() <= 0.5, "{centre}");
            }
        }
    }

    #[test]
    fn any_picture_is_answered() {
        let blank = Grey::new(50, 50, vec![0.5; 2500]).unwrap();
        assert_eq!(digit(&blank), None);
        let dot = Grey::new(3, 2000, (0..6000).map(|n| if n == 3000 { 0.0 } else { 1.0 }).collect()).unwrap();
        let _ = digit(&dot);
        let checks = Grey::new(64, 64, (0..4096).map(|n| ((n + n / 64) % 2) as f32).collect()).unwrap();
        let _ = digit(&checks);
    }
}
