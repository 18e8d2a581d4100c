//! The distance between a backend's tensor and the reference's.

use ndarray::{Array1, Array2, ArrayRef2};

use super::wrong::{Stage, TOLERANCE, Wrong};
use crate::threads;

/// Rows that are computed together. More would need more memory, fewer would slow the matrix products.
const ROWS_AT_ONCE: usize = 64;

/// A tensor from a backend, as a matrix.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    stage: &'static str,
    elements: &'a [f32],
    width: usize,
    /// The number of dimensions: 2 for a matrix, 1 for a vector, 0 for a single number.
    dims: usize,
}

impl<'a> Values<'a> {
    /// Row-major values of these dimensions: `[rows, columns]`, `[length]` for a single row, `[]` for a single number.
    pub fn new(stage: &'static str, elements: &'a [f32], dims: &[usize]) -> Result<Self, Wrong> {
        let (found, expected) = (elements.len(), dims.iter().product());
        if found != expected {
            return Err(Wrong::Length { stage, found, expected });
        }
        Ok(Self { stage, elements, width: dims.last().copied().unwrap_or(1), dims: dims.len() })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.elements.len() / self.width
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// These rows in f64, `[rows, width]`.
    pub fn select_rows(&self, rows: &[usize]) -> Array2<f64> {
        Array2::from_shape_fn((rows.len(), self.width), |(n, j)| self.at(rows[n], j))
    }

    /// These columns in f64, `[rows, columns]`.
    pub fn select_columns(&self, columns: &[usize]) -> Array2<f64> {
        Array2::from_shape_fn((self.rows(), columns.len()), |(n, j)| self.at(n, columns[j]))
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        f64::from(self.elements[row * self.width + column])
    }

    /// Compares the elements in these rows and columns with the expected ones. `expected` returns those of a part of the
    /// rows, `[rows, columns]`. The error is the larger of two numbers: the relative error by norm, and the largest
    /// difference divided by the largest expected magnitude. The norm of a large tensor would hide a single wrong element.
    pub fn compare(
        &self,
        rows: &[usize],
        columns: &[usize],
        expected: impl Fn(&[usize]) -> Array2<f64> + Sync,
    ) -> Stage {
        let parts = in_parts(rows, |rows| Distance::of(self, rows, columns, &expected(rows)));
        let distance = parts.into_iter().fold(Distance::default(), Distance::combine);
        let error = distance.relative();
        if error <= TOLERANCE {
            return Ok((self.stage, error));
        }
        let place = distance.place[2 - self.dims..].to_vec();
        let (found, expected) = (distance.found, distance.expected);
        Err(Wrong::Values { stage: self.stage, error, place, found, expected })
    }
}

/// Applies `part` to chunks of the items on all cores. The results are in order.
pub(super) fn in_parts<T: Send>(items: &[usize], part: impl Fn(&[usize]) -> T + Sync) -> Vec<T> {
    threads::map(items.chunks(ROWS_AT_ONCE), part)
}

/// The distance between some elements and the expected ones.
#[derive(Default)]
struct Distance {
    /// Sum of the squared differences.
    difference: f64,
    /// Sum of the squares of the expected elements.
    norm: f64,
    /// The largest expected magnitude.
    largest: f64,
    /// The largest difference. The next three fields are its element.
    worst: f64,
    place: [usize; 2],
    found: f32,
    expected: f32,
}

impl Distance {
    fn of(found: &Values, rows: &[usize], columns: &[usize], expected: &ArrayRef2<f64>) -> Self {
        let mut distance = Self::default();
        for (&row, expected) in rows.iter().zip(expected.outer_iter()) {
            for (&column, &expected) in columns.iter().zip(expected) {
                let found = found.at(row, column);
                let difference = (found - expected).abs();
                // NaN counts as an infinite difference.
                let difference = if difference.is_nan() { f64::INFINITY } else { difference };
                distance.difference += difference * difference;
                distance.norm += expected * expected;
                distance.largest = distance.largest.max(expected.abs());
                if difference > distance.worst {
                    distance.worst = difference;
                    distance.place = [row, column];
                    (distance.found, distance.expected) = (found as f32, expected as f32);
                }
            }
        }
        distance
    }

    fn combine(self, other: Self) -> Self {
        let (difference, norm) = (self.difference + other.difference, self.norm + other.norm);
        let largest = self.largest.max(other.largest);
        let worst = if other.worst > self.worst { other } else { self };
        Self { difference, norm, largest, ..worst }
    }

    fn relative(&self) -> f64 {
        if self.worst == 0.0 {
            return 0.0;
        }
        let relative = (self.difference / self.norm).sqrt().max(self.worst / self.largest);
        if relative.is_nan() { f64::INFINITY } else { relative }
    }
}

/// Compares every element.
pub(super) fn every(found: Values, expected: impl Fn(&[usize]) -> Array2<f64> + Sync) -> Stage {
    found.compare(&all(found.rows()), &all(found.width()), expected)
}

pub(super) fn all(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// The sum of the results of `part` for chunks of `0..count`.
pub(super) fn total(count: usize, part: impl Fn(&[usize]) -> Array1<f64> + Sync) -> Array1<f64> {
    in_parts(&all(count), part).into_iter().reduce(|sum, part| sum + part).unwrap_or_default()
}
