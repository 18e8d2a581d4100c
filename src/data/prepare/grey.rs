//! A picture's grey values.

/// Most rows or columns of a picture.
pub const MAX_SIDE: usize = 30_000;

/// A picture's grey values.
#[derive(Clone, Debug, PartialEq)]
pub struct Grey {
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// `[rows, cols]`, row-major; 0 is black, 1 white.
    pub(super) values: Vec<f32>,
}

/// Why values are no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rows} x {cols} pixels (rows x columns){}; give 1 to {MAX_SIDE} rows and columns", if *values == rows.saturating_mul(*cols) {
    String::new()
} else { format!(" of {values} values") })]
pub struct SizeError {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// The number of values that was given.
    pub values: usize,
}

impl Grey {
    /// Takes grey values, `[rows, cols]` row-major, from 0 (black) to 1 (white). Values outside are clamped; NaN is black.
    ///
    /// # Errors
    /// Another number of values, no pixel, or more than [`MAX_SIDE`] rows or columns.
    pub fn new(rows: usize, cols: usize, mut values: Vec<f32>) -> Result<Self, SizeError> {
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&rows) || !sides.contains(&cols) || values.len() != rows * cols {
            return Err(SizeError { rows, cols, values: values.len() });
        }
        for value in &mut values {
            *value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        }
        Ok(Self { rows, cols, values })
    }

    /// Takes pixels of red, green, blue and alpha, `[rows, cols, 4]`, as a canvas gives them. Colours become grey by ITU-R BT.601.
    /// Transparent pixels become white if what is drawn is dark, and black if it is light, so that the drawing shows.
    ///
    /// # Errors
    /// As [`Grey::new`].
    pub fn from_rgba(rows: usize, cols: usize, rgba: &[u8]) -> Result<Self, SizeError> {
        let pixels = rgba.as_chunks::<4>().0;
        let grey = pixels.iter().map(|&[red, green, blue, _]| {
            (0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)) / 255.0
        });
        let alpha: Vec<f32> = pixels.iter().map(|&[.., alpha]| f32::from(alpha) / 255.0).collect();
        Self::new(rows, cols, grey.collect()).map(|grey| grey.on_paper(&alpha))
    }

    /// The picture on paper that shows its drawing. `alpha` is 1 where a pixel is opaque, `[rows, cols]`.
    #[must_use]
    pub fn on_paper(self, alpha: &[f32]) -> Self {
        let drawn: f32 = self.values.iter().zip(alpha).map(|(value, alpha)| value * alpha).sum();
        let paper = if drawn < 0.5 * alpha.iter().sum::<f32>() { 1.0 } else { 0.0 };
        self.on(alpha, paper)
    }

    /// The picture on paper of this brightness.
    pub(super) fn on(mut self, alpha: &[f32], paper: f32) -> Self {
        for (value, alpha) in self.values.iter_mut().zip(alpha) {
            *value = *value * alpha + paper * (1.0 - alpha);
        }
        self
    }

    /// The negative.
    pub(super) fn inverted(mut self) -> Self {
        for value in &mut self.values {
            *value = 1.0 - *value;
        }
        self
    }

    /// The values as bytes, 255 for white, `[rows, cols]`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.values.iter().map(|value| (value * 255.0).round() as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_one_a_pixel_and_from_0_to_1() {
        assert_eq!(Grey::new(1, 3, vec![-1.0, f32::NAN, 7.0]).unwrap().to_bytes(), [0, 0, 255]);
        for (rows, cols, values) in [(0, 3, 0), (2, 2, 3), (1, MAX_SIDE + 1, MAX_SIDE + 1)] {
            let error = Grey::new(rows, cols, vec![0.0; values]).unwrap_err();
            assert_eq!(error, SizeError { rows, cols, values });
        }
        assert!(Grey::from_rgba(1, 1, &[0; 3]).is_err());
    }

    #[test]
    fn a_transparent_drawing_lies_on_paper_that_shows_it() {
        // A black and a white pen on nothing; the colour under full transparency does not count.
        assert_eq!(Grey::from_rgba(1, 2, &[0, 0, 0, 255, 9, 9, 9, 0]).unwrap().to_bytes(), [0, 255]);
        assert_eq!(Grey::from_rgba(1, 2, &[255, 255, 255, 255, 9, 9, 9, 0]).unwrap().to_bytes(), [255, 0]);
        assert_eq!(Grey::from_rgba(1, 1, &[255, 0, 0, 255]).unwrap().to_bytes(), [76], "0.299 of red");
    }
}
