//! The book's functions, on `ndarray` arrays of f64.
//!
//! Softmax is the output function of *classification*: its rows are probabilities. Identity is that of *regression*. Some
//! texts on the book exchange the two.

use ndarray::{Array, Array2, ArrayRef, Axis, Dimension, Ix1, Ix2, RemoveAxis, Zip};

/// [`cross_entropy_error`] adds this to a probability, because the logarithm of 0 is infinite.
pub const EPSILON: f64 = 1e-7;

/// The logistic function 1 / (1 + exp(-x)), elementwise.
///
/// It computes only exponentials of negative numbers, so it does not overflow.
pub fn sigmoid<D: Dimension>(x: &ArrayRef<f64, D>) -> Array<f64, D> {
    x.mapv(|x| {
        let e = (-x.abs()).exp();
        if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
    })
}

/// The derivative of [`sigmoid`] at x: sigmoid(x) (1 - sigmoid(x)), elementwise.
pub fn sigmoid_grad<D: Dimension>(x: &ArrayRef<f64, D>) -> Array<f64, D> {
    sigmoid(x).mapv_into(|z| z * (1.0 - z))
}

/// The rectifier max(0, x), elementwise.
pub fn relu<D: Dimension>(x: &ArrayRef<f64, D>) -> Array<f64, D> {
    x.mapv(|x| x.max(0.0))
}

/// The derivative of [`relu`] at x: 1 where x > 0, else 0 (at the kink, 0 by convention).
pub fn relu_grad<D: Dimension>(x: &ArrayRef<f64, D>) -> Array<f64, D> {
    x.mapv(|x| if x > 0.0 { 1.0 } else { 0.0 })
}

/// The hyperbolic tangent (exp(x) - exp(-x)) / (exp(x) + exp(-x)), elementwise.
pub fn tanh<D: Dimension>(x: &ArrayRef<f64, D>) -> Array<f64, D> {
    x.mapv(f64::tanh)
}

/// The derivative of [`tanh`] at x: 1 - tanh(x)², elementwise.
pub fn tanh_grad<D: Dimension>(x: &ArrayRef<f64, D>) -> Array<f64, D> {
    // As a product it keeps its digits where tanh(x) is near 1.
    tanh(x).mapv_into(|z| (1.0 - z) * (1.0 + z))
}

/// x itself: the output function of regression.
pub fn identity<D: Dimension>(x: &ArrayRef<f64, D>) -> Array<f64, D> {
    x.to_owned()
}

/// exp(x_k) / sum over j of exp(x_j), for one sample `[classes]` or for each row of a batch `[N, classes]`: the output
/// function of classification.
///
/// The row's maximum is subtracted first. The quotient stays the same, and exp does not overflow.
pub fn softmax<D: RemoveAxis>(x: &ArrayRef<f64, D>) -> Array<f64, D> {
    let mut y = x.to_owned();
    for mut row in y.lanes_mut(Axis(x.ndim() - 1)) {
        let max = row.fold(f64::NEG_INFINITY, |max, &v| max.max(v));
        row.mapv_inplace(|v| (v - max).exp());
        let sum = row.sum();
        row /= sum;
    }
    y
}

/// Half the sum of squares, 1/2 sum (y - t)^2, over all elements of y and t.
///
/// # Panics
/// If y and t differ in shape.
pub fn sum_squared_error<D: Dimension>(y: &ArrayRef<f64, D>, t: &ArrayRef<f64, D>) -> f64 {
    let mut sum = 0.0;
    Zip::from(y).and(t).for_each(|y, t| sum += (y - t).powi(2));
    sum / 2.0
}

/// The target of one sample or of a batch: class numbers or one-hot rows.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// One sample's class.
    Label(usize),
    /// A batch's classes, one for each row of y.
    Labels(&'a [usize]),
    /// One sample's one-hot row, `[classes]`.
    OneHot(&'a ArrayRef<f64, Ix1>),
    /// A batch's one-hot rows, `[N, classes]`.
    OneHots(&'a ArrayRef<f64, Ix2>),
}

/// The mean of -log(y_t + 1e-7) over one sample's probabilities y `[classes]`, or over a batch's `[N, classes]`.
///
/// # Panics
/// If the target and y differ in the number of samples, or a class is not below `classes`.
pub fn cross_entropy_error<D: Dimension>(y: &ArrayRef<f64, D>, t: Target) -> f64 {
    let classes = y.shape().last().copied().unwrap_or(1);
    let labels = match t {
        Target::Label(label) => vec![label],
        Target::Labels(labels) => labels.to_vec(),
        Target::OneHot(row) => vec![argmax(row)],
        Target::OneHots(rows) => rows.outer_iter().map(|row| argmax(&row)).collect(),
    };
    assert_eq!(labels.len() * classes, y.len(), "one target a sample");
    let y: Vec<f64> = y.iter().copied().collect();
    let sum: f64 = labels.iter().enumerate().map(|(n, t)| -(y[n * classes + t] + EPSILON).ln()).sum();
    sum / labels.len() as f64
}

/// The index of the largest element, the first of equal ones, as in `numpy.argmax`.
#[must_use]
pub fn argmax<T: PartialOrd>(row: &ArrayRef<T, Ix1>) -> usize {
    let mut best = 0;
    for (k, v) in row.iter().enumerate() {
        if *v > row[best] {
            best = k;
        }
    }
    best
}

/// The one-hot rows `[N, classes]` of the labels.
///
/// # Panics
/// If a label is not below `classes`.
#[must_use]
pub fn one_hot(labels: &[usize], classes: usize) -> Array2<f64> {
    let mut rows = Array2::zeros((labels.len(), classes));
    for (n, &label) in labels.iter().enumerate() {
        rows[(n, label)] = 1.0;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, array};

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn sigmoid_holds_at_the_extremes() {
        let y = sigmoid(&array![-1e4, -1.0, 0.0, 1.0, 1e4]);
        assert_eq!((y[0], y[2], y[4]), (0.0, 0.5, 1.0));
        assert!(close(y[1], 0.268_941_421_369_995_1) && close(y[3], 0.731_058_578_630_004_9));
        assert_eq!(sigmoid_grad(&array![0.0, -1e4, 1e4]), array![0.25, 0.0, 0.0]);
    }

    #[test]
    fn gradients_are_the_slopes() {
        let h = 1e-6;
        let x = array![-2.0, -0.3, 0.4, 3.0];
        let slope = |f: fn(&ArrayRef<f64, Ix1>) -> Array1<f64>| (f(&(&x + h)) - f(&(&x - h))) / (2.0 * h);
        let functions =
            [(sigmoid_grad(&x), slope(sigmoid)), (relu_grad(&x), slope(relu)), (tanh_grad(&x), slope(tanh))];
        for (exact, numeric) in functions {
            assert!((exact - numeric).iter().all(|d| d.abs() < 1e-9));
        }
        assert_eq!(relu(&array![-3.0, 0.0, 2.0]), array![0.0, 0.0, 2.0]);
        assert_eq!(relu_grad(&array![0.0]), array![0.0]);
        assert_eq!(tanh(&array![-1e4, 0.0, 1e4]), array![-1.0, 0.0, 1.0]);
        assert_eq!(tanh_grad(&array![-1e4, 0.0, 1e4]), array![0.0, 1.0, 0.0]);
        assert_eq!(identity(&array![[1.5], [-2.0]]), array![[1.5], [-2.0]]);
    }

    #[test]
    fn softmax_of_a_row_and_of_a_batch() {
        let row = softmax(&array![0.3, 2.9, 4.0]);
        for (y, expected) in
            row.iter().zip([0.018_211_273_295_547_534, 0.245_191_812_935_073_92, 0.736_596_913_769_378_5])
        {
            assert!(close(*y, expected));
        }
        let batch = softmax(&array![[0.3, 2.9, 4.0], [1010.0, 1000.0, 990.0], [-1e4, -1e4, -1e4]]);
        assert_eq!(batch.row(0), row);
        assert!(close(batch[(1, 0)], 0.999_954_600_070_331_6));
        assert!(batch.row(2).iter().all(|&y| close(y, 1.0 / 3.0)));
    }

    #[test]
    fn the_books_errors() {
        let t = array![0., 0., 1., 0., 0., 0., 0., 0., 0., 0.];
        let right = array![0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0];
        let wrong = array![0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0];
        assert!(close(sum_squared_error(&right, &t), 0.097_5));
        assert!(close(sum_squared_error(&wrong, &t), 0.597_5));
        assert!(close(cross_entropy_error(&right, Target::OneHot(&t)), 0.510_825_457_099_338));
        assert!(close(cross_entropy_error(&right, Target::Label(2)), 0.510_825_457_099_338));
        let batch = ndarray::stack![Axis(0), right, wrong];
        let mean = f64::midpoint(0.510_825_457_099_338, 2.302_584_092_994_546);
        assert!(close(cross_entropy_error(&batch, Target::Labels(&[2, 2])), mean));
        assert!(close(cross_entropy_error(&batch, Target::OneHots(&one_hot(&[2, 2], 10))), mean));
        assert!(close(cross_entropy_error(&array![1.0, 0.0], Target::Label(1)), 16.118_095_650_958_32));
    }
}
