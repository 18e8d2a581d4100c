//! A chart of the accuracy by epoch in plain text.

use std::ops::RangeInclusive;

use super::axis::{AccuracyAxis, EpochAxis};
use crate::train::EpochAccuracy;

/// The smallest and the largest width, in columns.
const WIDTHS: RangeInclusive<usize> = 30..=120;
/// Columns of the accuracy axis, as in "0.950 |".
const MARGIN: usize = 7;
/// Columns for each label of the epoch axis.
const LABEL: usize = 8;
/// The approximate number of rows of the accuracy axis. Each labelled step has a whole number of rows.
const ROWS: usize = 12;

/// Draws train (`+`) and test (`x`) accuracy by epoch in about 12 rows of ASCII, `width` columns wide (30 to 120).
///
/// A mark is one epoch, or the mean of the epochs in its column. The accuracy axis covers all marks except the first: the first
/// epoch improves so much that the later ones would look flat. `v` and `^` are accuracies below and above the axis.
#[must_use]
pub fn chart(history: &[EpochAccuracy], width: usize) -> String {
    let columns = width.clamp(*WIDTHS.start(), *WIDTHS.end()) - MARGIN;
    let epochs = EpochAxis::new(history);
    let column = |epoch| (epochs.position(epoch) * (columns - 1) as f64).round() as usize;

    let shared = history.chunk_by(|a, b| column(a.epoch) == column(b.epoch));
    let marks: Vec<EpochAccuracy> = shared.map(mean).collect();
    let start = usize::from(marks.len() > 2);
    let scale = Scale(AccuracyAxis::new(marks.iter().skip(start).flat_map(|mark| [mark.train, mark.test])));

    let mut cells = vec![vec![' '; columns]; scale.rows()];
    for EpochAccuracy { epoch, train, test, .. } in marks {
        for (accuracy, mark) in [(train, '+'), (test, 'x')] {
            if let Some((row, mark)) = scale.place(accuracy, mark) {
                let cell = &mut cells[row][column(epoch)];
                let both = (*cell, mark) == ('+', 'x');
                *cell = if both { '*' } else { mark };
            }
        }
    }

    let mut axis = vec!['-'; columns];
    let mut labels = String::new();
    for epoch in epochs.ticks(columns / LABEL) {
        let label = epoch.to_string();
        let start = (MARGIN + column(epoch)).saturating_sub(label.len() / 2);
        let start = start.min(MARGIN + columns - label.len());
        if start > labels.len() {
            labels = format!("{labels:start$}{label}");
            axis[column(epoch)] = '+';
        }
    }

    let has = |mark| cells.iter().flatten().any(|&cell| cell == mark);
    let rows = cells.iter().enumerate();
    let lines = [format!("{:MARGIN$}accuracy by epoch", "")]
        .into_iter()
        .chain(rows.map(|(row, marks)| format!("{:5} |{}", scale.label(row), String::from_iter(marks))))
        .chain([format!("{:5} +{}", "", String::from_iter(axis)), labels])
        .chain([format!("{:MARGIN$}+ train  x test  * both", "")])
        .chain(has('v').then(|| format!("{:MARGIN$}v below the scale", "")))
        .chain(has('^').then(|| format!("{:MARGIN$}^ above the scale", "")));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The mean of the finite accuracies of some epochs, or NaN. Its epoch is the first of them.
fn mean(points: &[EpochAccuracy]) -> EpochAccuracy {
    let mean = |accuracy: fn(&EpochAccuracy) -> f64| {
        let finite = points.iter().map(accuracy).filter(|accuracy| accuracy.is_finite());
        finite.clone().sum::<f64>() / finite.count() as f64
    };
    EpochAccuracy {
        epoch: points.first().map_or(0, |point| point.epoch),
        iteration: points.first().map_or(0, |point| point.iteration),
        train: mean(|point| point.train),
        test: mean(|point| point.test),
        validation: None,
    }
}

/// The accuracy axis, in rows.
struct Scale(AccuracyAxis);

impl Scale {
    fn rows_in_step(&self) -> usize {
        ROWS / self.0.steps()
    }

    fn rows(&self) -> usize {
        self.0.steps() * self.rows_in_step() + 1
    }

    /// The row of an accuracy, counted from the top, and its mark. `None` for NaN.
    fn place(&self, accuracy: f64, mark: char) -> Option<(usize, char)> {
        let row = ((self.0.top - accuracy * self.0.steps_in_one) * self.rows_in_step() as f64).round();
        let last = self.rows() - 1;
        match row {
            _ if row.is_nan() => None,
            _ if row < 0.0 => Some((0, '^')),
            _ if row > last as f64 => Some((last, 'v')),
            _ => Some((row as usize, mark)),
        }
    }

    /// The label of a row. Only the rows at the end of a step have one.
    fn label(&self, row: usize) -> String {
        let accuracy = self.0.accuracy(self.0.steps() - row / self.rows_in_step());
        if row.is_multiple_of(self.rows_in_step()) { format!("{accuracy:.3}") } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(accuracies: &[(f64, f64)]) -> Vec<EpochAccuracy> {
        let point = |(epoch, &(train, test))| EpochAccuracy { epoch, iteration: 0, train, test, validation: None };
        accuracies.iter().enumerate().map(point).collect()
    }

    #[test]
    fn a_short_history_is_drawn_in_full() {
        let history = history(&[(0.1, 0.098), (0.9, 0.905), (0.92, 0.92), (0.93, 0.928), (0.94, 0.934)]);
        let expected = "
       accuracy by epoch
0.940 |                                +
      |
      |                                x
0.930 |                        +
      |                        x
      |
0.920 |                *
      |
      |
0.910 |
      |
      |        x
0.900 |v       +
      ++-------+-------+-------+-------+
       0       1       2       3       4
       + train  x test  * both
       v below the scale
";
        assert_eq!(chart(&history, 40), expected[1..]);
    }

    #[test]
    fn one_point_is_in_the_middle() {
        let expected = "
       accuracy by epoch
0.106 |
      |
      |
      |
      |
      |           +
0.104 |
      |
      |
      |
      |           x
      |
0.102 |
      +-----------+-----------
                  0
       + train  x test  * both
";
        assert_eq!(chart(&history(&[(0.1042, 0.1028)]), 0), expected[1..]);
    }

    #[test]
    fn epochs_that_share_a_column_are_averaged() {
        let many: Vec<_> = (0..3000).map(|epoch| (0.5 + 0.2 * f64::from(epoch % 2), 0.4)).collect();
        let drawn = chart(&history(&many), 80);
        let row = |label: &str| drawn.lines().find(|line| line.starts_with(label)).unwrap();
        assert_eq!(row("0.600").matches('+').count(), 73, "{drawn}");
        assert_eq!(row("0.400").matches('x').count(), 73, "{drawn}");
    }

    #[test]
    fn no_history_panics_or_makes_a_line_too_long() {
        let odd = [f64::NAN, f64::INFINITY, -3.0, 0.0, 1.0, 7.0];
        let mut histories: Vec<_> = [0, 1, 2, 17, 3000].map(|n| history(&vec![(0.9, 0.8); n])).into();
        histories.extend(odd.map(|accuracy| history(&[(accuracy, 0.5), (0.5, accuracy), (accuracy, accuracy)])));
        let far = |epoch| EpochAccuracy { epoch, iteration: 0, train: 0.9, test: 0.9, validation: None };
        histories.push([usize::MAX, 0, usize::MAX / 2, usize::MAX].map(far).into());
        for history in histories {
            for width in [0, 30, 31, 80, 120, usize::MAX] {
                let drawn = chart(&history, width);
                let widest = drawn.lines().map(str::len).max().unwrap();
                assert!(drawn.is_ascii() && widest <= width.clamp(30, 120), "{width}\n{drawn}");
                assert!((11 + 4..=13 + 6).contains(&drawn.lines().count()), "{drawn}");
            }
        }
    }
}
