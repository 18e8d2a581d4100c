//! How far a tensor is from what the reference has in its place.

use ndarray::{Array1, Array2, ArrayRef2};

use super::wrong::{Stage, TOLERANCE, Wrong};
use crate::threads;

/// Rows that are computed at once: enough for a fast matrix product, few beside the whole in f64.
const ROWS_AT_ONCE: usize = 64;

/// A tensor that a backend answered, as the rows of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    stage: &'static str,
    elements: &'a [f32],
    width: usize,
    /// How many coordinates name an element: 2, a vector's 1, or a number's 0.
    coordinates: usize,
}

impl<'a> Values<'a> {
    /// Row-major values of these dimensions: `[rows, columns]`, `[length]` as one row, or none for a single number.
    pub fn new(stage: &'static str, elements: &'a [f32], dims: &[usize]) -> Result<Self, Wrong> {
        let (found, expected) = (elements.len(), dims.iter().product());
        if found != expected {
            return Err(Wrong::Length { stage, found, expected });
        }
        Ok(Self { stage, elements, width: dims.last().copied().unwrap_or(1), coordinates: dims.len() })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.elements.len() / self.width
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Some of the rows, in f64, `[rows, width]`.
    pub fn select_rows(&self, rows: &[usize]) -> Array2<f64> {
        Array2::from_shape_fn((rows.len(), self.width), |(n, j)| self.at(rows[n], j))
    }

    /// Some of the columns, in f64, `[rows, columns]`.
    pub fn select_columns(&self, columns: &[usize]) -> Array2<f64> {
        Array2::from_shape_fn((self.rows(), columns.len()), |(n, j)| self.at(n, columns[j]))
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        f64::from(self.elements[row * self.width + column])
    }

    /// Compares the elements in these rows and columns with what `expected` says of some of the rows at a time,
    /// `[rows, columns]`. The error is that by norm over all of them, or that of the worst element beside the largest
    /// one expected, whichever is larger: the norm of a large tensor would hide a single wrong element.
    pub fn compare(
        &self,
        rows: &[usize],
        columns: &[usize],
        expected: impl Fn(&[usize]) -> Array2<f64> + Sync,
    ) -> Stage {
        let parts = in_parts(rows, |rows| Distance::of(self, rows, columns, &expected(rows)));
        let distance = parts.into_iter().fold(Distance::default(), Distance::and);
        let error = distance.relative();
        if error <= TOLERANCE {
            return Ok((self.stage, error));
        }
        let place = distance.place[2 - self.coordinates..].to_vec();
        let (found, expected) = (distance.found, distance.expected);
        Err(Wrong::Values { stage: self.stage, error, place, found, expected })
    }
}

/// What `part` makes of some of the items at a time, in order; on all cores.
pub(super) fn in_parts<T: Send>(items: &[usize], part: impl Fn(&[usize]) -> T + Sync) -> Vec<T> {
    threads::map(items.chunks(ROWS_AT_ONCE), part)
}

/// How far some elements are from the expected ones.
#[derive(Default)]
struct Distance {
    /// Sum of the squared differences.
    difference: f64,
    /// Sum of the squares of the expected elements.
    norm: f64,
    /// The largest magnitude that is expected.
    largest: f64,
    /// The largest difference, and the element that has it.
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
                // What is not a number is as far off as can be.
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

    fn and(self, other: Self) -> Self {
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

/// Checks every element.
pub(super) fn every(found: Values, expected: impl Fn(&[usize]) -> Array2<f64> + Sync) -> Stage {
    found.compare(&all(found.rows()), &all(found.width()), expected)
}

pub(super) fn all(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// The sum of what `part` makes of some of `0..count` at a time.
pub(super) fn total(count: usize, part: impl Fn(&[usize]) -> Array1<f64> + Sync) -> Array1<f64> {
    in_parts(&all(count), part).into_iter().reduce(|sum, part| sum + part).unwrap_or_default()
}
