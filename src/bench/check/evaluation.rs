//! Whether a backend's evaluation is right: the loss and the confusion matrix of a whole set.

use ndarray::{Array2, ArrayRef2, ArrayView2};

use super::batch::{Batch, losses};
use super::compare::{Values, all, every, in_parts};
use super::wrong::{Errors, TOLERANCE, Wrong};
use crate::backend::Evaluation;
use crate::data::Dataset;
use crate::functions::argmax;
use crate::net::{Net, Params};
use crate::reference::{Tensors, TwoLayerNet};

/// Checks a backend's evaluation of the set with these parameters: of all its images, however large the network.
///
/// A logit may be off by [`TOLERANCE`] of the largest one there is. An image whose largest logits are no farther apart
/// than that may be counted to any of their classes; every other one must be where the reference has it.
///
/// # Errors
/// [`Wrong`] says whether the loss or the confusion matrix is wrong.
///
/// # Panics
/// If the parameters or the set are not such as `Backend` takes for a network of this shape.
pub fn check_evaluation(net: &Net, params: &Params, set: &Dataset, found: &Evaluation) -> Result<Errors, Wrong> {
    let (images, loss) = ([found.images as f32], [found.loss as f32]);
    let images = Values::new("the number of images", &images, &[])?;
    let loss = Values::new("the evaluation's loss", &loss, &[])?;
    let reference = TwoLayerNet::new(*net, params);
    let Tensors { w1, b1, w2, b2 } = &reference.params;
    let file_order: Vec<u32> = (0..set.len() as u32).collect();
    let batch = Batch { set, images: &file_order };
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
    let reach = 2.0 * TOLERANCE * logits.fold(0.0, |largest: f64, a| largest.max(a.abs()));
    let (mut least, mut most, mut images) = (vec![0; expected], vec![0; expected], vec![0; classes]);
    for (a2, &label) in logits.outer_iter().zip(labels) {
        images[label] += 1;
        let largest = a2[argmax(&a2)];
        let within: Vec<usize> = (0..classes).filter(|&k| a2[k] >= largest - reach).collect();
        for &predicted in &within {
            most[label * classes + predicted] += 1;
        }
        if let [predicted] = within[..] {
            least[label * classes + predicted] += 1;
        }
    }
    for (label, (row, &expected)) in found.confusion.chunks(classes).zip(&images).enumerate() {
        for (predicted, &found) in row.iter().enumerate() {
            let (least, most) = (least[label * classes + predicted], most[label * classes + predicted]);
            if !(least..=most).contains(&found) {
                return Err(Wrong::Confusion { label, predicted, found, least, most });
            }
        }
        let found = row.iter().sum();
        if found != expected {
            return Err(Wrong::Count { label, found, expected });
        }
    }
    Ok(())
}
