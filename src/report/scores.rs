//! Precision, recall and F1 of each class, from the confusion matrix.

use serde::Serialize;

/// The scores of a class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// The class, from 0.
    pub class: usize,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Images with this label.
    pub images: u64,
    /// The share of the images predicted as this class that have its label. None if no image is predicted so.
    pub precision: Option<f64>,
    /// The share of the images with this label that are predicted so. None if there is no such image.
    pub recall: Option<f64>,
    /// The harmonic mean of both, 2 TP / (2 TP + FP + FN). None if the class has no image and no prediction.
    pub f1: Option<f64>,
}

/// The scores of every class. `counts[label][predicted]` is square.
#[must_use]
pub fn scores(counts: &[Vec<u32>], names: Option<&[String]>) -> Vec<Score> {
    let mut predicted = vec![0_u64; counts.len()];
    for row in counts {
        for (sum, &count) in predicted.iter_mut().zip(row) {
            *sum += u64::from(count);
        }
    }
    let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
    let score = |(class, (row, predicted)): (usize, (&Vec<u32>, u64))| {
        let images = row.iter().copied().map(u64::from).sum();
        let right = u64::from(row[class]);
        Score {
            class,
            name: names.and_then(|names| names.get(class)).cloned(),
            images,
            precision: share(right, predicted),
            recall: share(right, images),
            f1: share(2 * right, images + predicted),
        }
    };
    counts.iter().zip(predicted).enumerate().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_nothing_is_none() {
        let counts = [vec![3, 0, 1, 0], vec![2, 0, 0, 0], vec![0, 0, 0, 0], vec![0, 0, 0, 0]];
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        let found: Vec<_> =
            scores(&counts, Some(&names)).into_iter().map(|s| (s.images, s.precision, s.recall, s.f1)).collect();
        let expected = [
            (4, Some(0.6), Some(0.75), Some(6.0 / 9.0)),
            (2, None, Some(0.0), Some(0.0)),
            (0, Some(0.0), None, Some(0.0)),
            (0, None, None, None),
        ];
        assert_eq!(found, expected);
        let json = serde_json::to_value(&scores(&counts, Some(&names))[1]).unwrap();
        let expected =
            serde_json::json!({"class": 1, "name": "b", "images": 2, "precision": null, "recall": 0.0, "f1": 0.0});
        assert_eq!(json, expected);
    }
}
