//! How a picture becomes an image for one network.

use std::fmt;

use super::digit::{SIDE, digit};
use super::grey::Grey;
use super::resample::resample;
use crate::data::description::{Description, Paper, Preparation};

/// How pictures become a network's images.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// As MNIST's digits: see [`digit()`].
    Digit,
    /// As the pictures of the network's own set, at their size.
    Own(Preparation),
    /// Made as large as the network's square images, bright ink on black; nothing is cropped.
    Square {
        /// Rows and columns.
        side: usize,
    },
    /// Not at all: a picture has the network's number of pixels.
    Raw {
        /// Pixels of an image.
        pixels: usize,
    },
}

/// A picture that no image can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing is drawn on it.
    #[error("nothing is drawn on it; give a picture with more contrast, or --raw")]
    Blank,
    /// Not one pixel for each input of the network.
    #[error("{rows} x {cols} pixels for a network of images with {expected}; leave out --raw, or scale the picture")]
    Pixels {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Pixels of an image.
        expected: usize,
    },
}

impl Way {
    /// The way for a network with `pixels` inputs. It is that of its own set, if the description has one. Otherwise images of
    /// MNIST's size are digits, unless a class has a name of several characters, as clothes have; other square images are
    /// squares; and the rest are raw.
    #[must_use]
    pub fn of(description: &Description, pixels: usize) -> Self {
        let side = pixels.isqrt();
        let are_characters = || description.names.iter().flatten().all(|name| name.chars().count() <= 1);
        match &description.preparation {
            Some(preparation) => Self::Own(preparation.clone()),
            None if pixels == SIDE * SIDE && are_characters() => Self::Digit,
            None if side * side == pixels => Self::Square { side },
            None => Self::Raw { pixels },
        }
    }

    /// The value of white for a picture whose format has `full` for it.
    #[must_use]
    pub fn full(&self, full: u16) -> u16 {
        match self {
            Self::Own(Preparation { max: Some(max), .. }) => *max,
            _ => full,
        }
    }

    /// The bytes of the image, one a pixel, row by row. `alpha` is 1 where the picture is opaque, `[rows, cols]`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn image(&self, picture: Grey, alpha: Option<&[f32]>) -> Result<Vec<u8>, Problem> {
        let paper = match self {
            Self::Own(preparation) => preparation.paper,
            _ => None,
        };
        let picture = match (alpha, paper) {
            (Some(alpha), None) => picture.on_paper(alpha),
            (Some(alpha), Some(Paper::Black)) => picture.on(alpha, 0.0),
            (Some(alpha), Some(Paper::White)) => picture.on(alpha, 1.0),
            (None, _) => picture,
        };
        match self {
            Self::Digit => digit(&picture).ok_or(Problem::Blank),
            Self::Own(Preparation { rows, cols, inverted, .. }) => {
                let image = fitted(&picture, *rows, *cols);
                Ok(if *inverted { image.inverted() } else { image }.to_bytes())
            }
            Self::Square { side } => {
                let image = fitted(&picture, *side, *side);
                Ok(if border(&image) > 0.5 { image.inverted() } else { image }.to_bytes())
            }
            &Self::Raw { pixels: expected } => {
                let Grey { rows, cols, .. } = picture;
                if rows * cols == expected {
                    Ok(picture.to_bytes())
                } else {
                    Err(Problem::Pixels { rows, cols, expected })
                }
            }
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digit => f.write_str("cropped to the ink, scaled and centred as MNIST's digits are"),
            Self::Own(preparation) => write!(f, "as the network's own pictures: {preparation}"),
            Self::Square { side } => write!(f, "scaled to {side}x{side}, bright on dark"),
            Self::Raw { .. } => f.write_str("taken as they are"),
        }
    }
}

/// The picture at this size, with its proportions; what it does not cover is as bright as its border.
fn fitted(picture: &Grey, rows: usize, cols: usize) -> Grey {
    let (rows_fit, cols_fit) = if picture.rows * cols >= picture.cols * rows {
        (rows, (picture.cols * rows).div_ceil(picture.rows).min(cols))
    } else {
        ((picture.rows * cols).div_ceil(picture.cols).min(rows), cols)
    };
    let small = resample(picture, rows_fit, cols_fit);
    let mut values = vec![border(picture); rows * cols];
    let (top, left) = ((rows - rows_fit) / 2, (cols - cols_fit) / 2);
    for (row, line) in small.values.chunks_exact(cols_fit).enumerate() {
        values[(top + row) * cols + left..][..cols_fit].copy_from_slice(line);
    }
    Grey { rows, cols, values }
}

/// The median of the values at the edges.
fn border(picture: &Grey) -> f32 {
    let Grey { rows, cols, values } = picture;
    let is_end = |at: usize, count: usize| at == 0 || at == count - 1;
    let is_edge = |n: usize| is_end(n / cols, *rows) || is_end(n % cols, *cols);
    let mut edge: Vec<f32> = (0..values.len()).filter(|&n| is_edge(n)).map(|n| values[n]).collect();
    let middle = edge.len() / 2;
    *edge.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(rows: usize, cols: usize, values: &[f32]) -> Grey {
        Grey::new(rows, cols, values.to_vec()).unwrap()
    }

    #[test]
    fn the_way_is_the_sets_own_or_that_of_its_size() {
        let plain = Description::default();
        assert_eq!(Way::of(&plain, 784), Way::Digit);
        assert_eq!(Way::of(&plain, 64), Way::Square { side: 8 });
        assert_eq!(Way::of(&plain, 6), Way::Raw { pixels: 6 });
        let named = |name: &str| Description { names: Some(vec![name.to_owned(); 2]), preparation: None };
        assert_eq!(Way::of(&named("A"), 784), Way::Digit);
        assert_eq!(Way::of(&named("coat"), 784), Way::Square { side: 28 });
        let own = Preparation { rows: 2, cols: 2, inverted: true, max: Some(16), paper: Some(Paper::White) };
        let way = Way::of(&Description { names: None, preparation: Some(own.clone()) }, 4);
        assert_eq!((&way, way.full(255)), (&Way::Own(own), 16));
    }

    #[test]
    fn own_pictures_are_prepared_as_the_set_was() {
        let own = |inverted, paper| Way::Own(Preparation { rows: 2, cols: 2, inverted, max: None, paper });
        let picture = || grey(2, 2, &[0.0, 0.2, 0.4, 1.0]);
        assert_eq!(own(false, None).image(picture(), None).unwrap(), [0, 51, 102, 255]);
        assert_eq!(own(true, None).image(picture(), None).unwrap(), [255, 204, 153, 0]);
        let alpha = [0.0, 1.0, 1.0, 0.0];
        assert_eq!(own(false, Some(Paper::White)).image(picture(), Some(&alpha)).unwrap(), [255, 51, 102, 255]);
        assert_eq!(own(false, Some(Paper::Black)).image(picture(), Some(&alpha)).unwrap(), [0, 51, 102, 0]);
        // A wide picture keeps its proportions; above and below it is as at its edge.
        let wide = grey(1, 2, &[0.2, 1.0]);
        let image =
            Way::Own(Preparation { rows: 3, cols: 2, inverted: false, max: None, paper: None }).image(wide, None);
        assert_eq!(image.unwrap(), [255, 255, 51, 255, 255, 255]);
    }

    #[test]
    fn a_square_is_bright_on_dark_and_raw_needs_the_right_size() {
        let ring = [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let image = Way::Square { side: 3 }.image(grey(3, 3, &ring), None).unwrap();
        assert_eq!(image, [0, 0, 0, 0, 255, 0, 0, 0, 0]);
        assert_eq!(Way::Raw { pixels: 9 }.image(grey(3, 3, &ring), None).unwrap()[4], 0);
        let error = Way::Raw { pixels: 8 }.image(grey(3, 3, &ring), None).unwrap_err();
        assert_eq!(error, Problem::Pixels { rows: 3, cols: 3, expected: 8 });
        assert_eq!(Way::Digit.image(grey(3, 3, &[0.5; 9]), None), Err(Problem::Blank));
    }
}
