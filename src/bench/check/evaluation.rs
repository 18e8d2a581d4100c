//! Checks a backend's evaluation: the loss and the confusion matrix of a whole set.

use ndarray::{Array2, ArrayRef2, ArrayView2};

use super::batch::{Batch, losses};
use super::compare::{Values, all, every, in_parts};
use super::wrong::{Errors, TOLERANCE, Wrong};
use crate::backend::Evaluation;
use crate::data::Dataset;
use crate::functions::argmax;
use crate::net::{Net, Params};
use crate::reference::{Tensors, TwoLayerNet};

/// Checks a backend's evaluation of the set with these parameters. All images are checked, for a network of any size.
///
/// Each logit may differ by [`TOLERANCE`] times the largest logit of the set. If the largest logits of an image are closer
/// than twice that, each of their classes is a valid prediction. Every other image must have the reference's prediction.
///
/// # Errors
/// [`Wrong`] names the wrong result: the loss or the confusion matrix.
///
/// # Panics
/// If the parameters or the set do not fit a network of this shape, as `Backend` requires.
pub fn check_evaluation(net: &Net, params: &Params, set: &Dataset, found: &Evaluation) -> Result<Errors, Wrong> {
    let (images, loss) = ([found.images as f32], [found.loss as f32]);
    let images = Values::new("the number of images", &images, &[])?;
    let loss = Values::new("the evaluation's loss", &loss, &[])?;
    let reference = TwoLayerNet::new(*net, params);
    let Tensors { w1, b1, w2, b2 } = &reference.params;
    let indices: Vec<u32> = (0..set.len() as u32).collect();
    let batch = Batch { set, indices: &indices };
    let (every_row, labels) = (all(set.len()), batch.labels(&all(set.len())));
    let logits: Vec<f64> = in_parts(&every_row, |rows| {
        let z1 = net.activation.function(&(batch.rows(rows).dot(w1) + b1));
        (z1.dot(w2) + b2).into_iter().collect::<Vec<f64>>()
    })
    .concat();
    let logits = ArrayView2::from_shape((set.len(), net.shape.classes), &logits).expect("a row an image");
    let mean_loss = losses(net, &logits, &labels).iter().sum::<f64>() / set.len() as f64;
    let number = |value: f64| move |_: &[usize]| Array2::from_elem((1, 1), value);
    let stages = vec![every(images, number(set.len() as f64))?, every(loss, number(mean_loss))?];
    check_confusion(&logits, &labels, found)?;
    Ok(Errors { stages })
}

fn check_confusion(logits: &ArrayRef2<f64>, labels: &[usize], found: &Evaluation) -> Result<(), Wrong> {
    let classes = logits.ncols();
    let expected = classes * classes;
    if found.confusion.len() != expected {
        return Err(Wrong::Length { stage: "the confusion matrix", found: found.confusion.len(), expected });
    }
    let margin = 2.0 * TOLERANCE * logits.fold(0.0, |largest: f64, a| largest.max(a.abs()));
    let (mut min, mut max, mut images) = (vec![0; expected], vec![0; expected], vec![0; classes]);
    for (a2, &label) in logits.outer_iter().zip(labels) {
        images[label] += 1;
        let largest = a2[argmax(&a2)];
        let valid: Vec<usize> = (0..classes).filter(|&k| a2[k] >= largest - margin).collect();
        for &predicted in &valid {
            max[label * classes + predicted] += 1;
        }
        if let [predicted] = valid[..] {
            min[label * classes + predicted] += 1;
        }
    }
    for (label, (row, &expected)) in found.confusion.chunks(classes).zip(&images).enumerate() {
        for (predicted, &found) in row.iter().enumerate() {
            let (min, max) = (min[label * classes + predicted], max[label * classes + predicted]);
            if !(min..=max).contains(&found) {
                return Err(Wrong::Confusion { label, predicted, found, min, max });
            }
        }
        let found = row.iter().sum();
        if found != expected {
            return Err(Wrong::Count { label, found, expected });
        }
    }
    Ok(())
}
