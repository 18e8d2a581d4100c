//! The reference against numpy's numbers (tests/numpy/golden.py made them), and its backprop against its own numerical
//! gradient.

use ndarray::{Array1, Array2};
use serde::Deserialize;
use twolayer::data::batches::{Batches, Sampling};
use twolayer::functions::{
    Target, cross_entropy_error, one_hot, relu, sigmoid, sigmoid_grad, softmax, sum_squared_error, tanh, tanh_grad,
};
use twolayer::net::optimizer::{Optimizer, Rule};
use twolayer::net::{Activation, Net, Output, Params, Shape};
use twolayer::reference::{Tensors, TwoLayerNet, Updates};

type Rows = Vec<Vec<f64>>;

#[derive(Deserialize)]
struct Golden {
    learning_rate: f64,
    step_size: f64,
    pixels: Rows,
    labels: Vec<usize>,
    params: Four,
    cases: Vec<GoldenCase>,
    optimizer_rate: f64,
    optimizers: Vec<GoldenOptimizer>,
    functions: Functions,
}

#[derive(Deserialize)]
struct Four {
    #[serde(rename = "W1")]
    w1: Rows,
    b1: Vec<f64>,
    #[serde(rename = "W2")]
    w2: Rows,
    b2: Vec<f64>,
}

#[derive(Deserialize)]
struct GoldenCase {
    activation: String,
    output: String,
    steps: Vec<GoldenStep>,
}

#[derive(Deserialize)]
struct GoldenOptimizer {
    rule: Rule,
    weight_decay: f32,
    updated: Vec<Four>,
}

#[derive(Deserialize)]
struct GoldenStep {
    pass: GoldenPass,
    loss: f64,
    accuracy: f64,
    gradient: Four,
    numerical_gradient: Option<Four>,
    updated: Four,
}

#[derive(Deserialize)]
struct GoldenPass {
    a1: Rows,
    z1: Rows,
    a2: Rows,
    y: Rows,
    dy: Rows,
    dz1: Rows,
    da1: Rows,
}

#[derive(Deserialize)]
struct Functions {
    pointwise: Pointwise,
    softmax: Vec<Softmax>,
    losses: Vec<Losses>,
}

#[derive(Deserialize)]
struct Pointwise {
    x: Vec<f64>,
    sigmoid: Vec<f64>,
    sigmoid_grad: Vec<f64>,
    tanh: Vec<f64>,
    tanh_grad: Vec<f64>,
    relu: Vec<f64>,
}

#[derive(Deserialize)]
struct Softmax {
    x: Rows,
    y: Rows,
}

#[derive(Deserialize)]
struct Losses {
    y: Rows,
    labels: Vec<usize>,
    one_hot: Rows,
    sum_squared_error: f64,
    cross_entropy_error: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("numpy/golden.json")).expect("golden.json")
}

fn matrix(rows: &Rows) -> Array2<f64> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("equal rows")
}

fn tensors(four: &Four) -> Tensors {
    Tensors {
        w1: matrix(&four.w1),
        b1: Array1::from_vec(four.b1.clone()),
        w2: matrix(&four.w2),
        b2: Array1::from_vec(four.b2.clone()),
    }
}

/// Equal but for the order of a few additions.
fn assert_same<'a>(
    what: &str,
    found: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) {
    let (found, expected): (Vec<_>, Vec<_>) = (found.into_iter().collect(), expected.into_iter().collect());
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!((*found - *expected).abs() <= tolerance, "{what}[{place}]: {found}, numpy has {expected}");
    }
}

fn assert_same_tensors(what: &str, found: &Tensors, expected: &Tensors, tolerance: f64) {
    assert_same(&format!("{what} W1"), &found.w1, &expected.w1, tolerance);
    assert_same(&format!("{what} b1"), &found.b1, &expected.b1, tolerance);
    assert_same(&format!("{what} W2"), &found.w2, &expected.w2, tolerance);
    assert_same(&format!("{what} b2"), &found.b2, &expected.b2, tolerance);
}

const SAME: f64 = 1e-14;

#[test]
fn passes_gradients_and_updates_are_numpys() {
    let golden = golden();
    let x = matrix(&golden.pixels) / 255.0;
    let t = &golden.labels;
    assert_eq!(golden.cases.len(), Activation::ALL.len() * Output::ALL.len());
    for case in &golden.cases {
        let start = tensors(&golden.params);
        let shape = Shape { input: start.w1.nrows(), hidden: start.w1.ncols(), classes: start.w2.ncols() };
        let net = Net {
            shape,
            activation: case.activation.parse().expect("an activation"),
            output: case.output.parse().expect("an output"),
        };
        let mut network = TwoLayerNet { net, params: start };
        for step in &case.steps {
            let what = |name: &str| format!("{} {} {name}", case.activation, case.output);
            let pass = network.pass(&x, t);
            for (name, found, expected) in [
                ("a1", &pass.a1, &step.pass.a1),
                ("z1", &pass.z1, &step.pass.z1),
                ("a2", &pass.a2, &step.pass.a2),
                ("y", &pass.y, &step.pass.y),
                ("dy", &pass.dy, &step.pass.dy),
                ("dz1", &pass.dz1, &step.pass.dz1),
                ("da1", &pass.da1, &step.pass.da1),
            ] {
                assert_same(&what(name), found, &matrix(expected), SAME);
            }
            assert_same(&what("predict"), &network.predict(&x), &matrix(&step.pass.y), SAME);
            assert_same(&what("loss"), [&network.loss(&x, t)], [&step.loss], SAME);
            assert_same(&what("accuracy"), [&network.accuracy(&x, t)], [&step.accuracy], SAME);
            assert_same_tensors(&what("gradient"), &network.gradient(&x, t), &tensors(&step.gradient), SAME);
            if let Some(expected) = &step.numerical_gradient {
                let found = network.numerical_gradient(&x, t, golden.step_size);
                assert_same_tensors(&what("numerical gradient"), &found, &tensors(expected), 1e-11);
            }
            let loss = network.train_step(&x, t, golden.learning_rate);
            assert_same(&what("loss before the update"), [&loss], [&step.loss], SAME);
            assert_same_tensors(&what("updated"), &network.params, &tensors(&step.updated), SAME);
        }
    }
}

#[test]
fn optimizers_are_numpys() {
    let golden = golden();
    let x = matrix(&golden.pixels) / 255.0;
    assert_eq!(golden.optimizers.len(), 2 * Rule::ALL.len());
    for GoldenOptimizer { rule, weight_decay, updated } in &golden.optimizers {
        let start = tensors(&golden.params);
        let shape = Shape { input: start.w1.nrows(), hidden: start.w1.ncols(), classes: start.w2.ncols() };
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let optimizer = Optimizer { weight_decay: *weight_decay, ..Optimizer::from(*rule) };
        let (mut updates, mut network) = (Updates::new(optimizer, &start), TwoLayerNet { net, params: start });
        for (step, expected) in updated.iter().enumerate() {
            let gradient = network.gradient(&x, &golden.labels);
            updates.step(&mut network.params, &gradient, golden.optimizer_rate);
            // A momentum of 0.9 is an f32.
            let tolerance = if *rule == Rule::Momentum { 1e-7 } else { 1e-13 };
            assert_same_tensors(&format!("{rule}, step {step}"), &network.params, &tensors(expected), tolerance);
        }
    }
}

#[test]
fn functions_are_numpys() {
    let Functions { pointwise, softmax: softmaxes, losses } = golden().functions;
    let x = Array1::from_vec(pointwise.x);
    assert_same("sigmoid", &sigmoid(&x), &pointwise.sigmoid, 1e-16);
    assert_same("sigmoid_grad", &sigmoid_grad(&x), &pointwise.sigmoid_grad, 1e-16);
    assert_same("tanh", &tanh(&x), &pointwise.tanh, 1e-15);
    assert_same("tanh_grad", &tanh_grad(&x), &pointwise.tanh_grad, 1e-15);
    assert_same("relu", &relu(&x), &pointwise.relu, 0.0);
    for case in &softmaxes {
        assert_same("softmax", &softmax(&matrix(&case.x)), &matrix(&case.y), 1e-15);
    }
    for case in &losses {
        let (y, rows) = (matrix(&case.y), matrix(&case.one_hot));
        assert_eq!(rows, one_hot(&case.labels, y.ncols()));
        assert_same("squared", [&sum_squared_error(&y, &rows)], [&case.sum_squared_error], SAME);
        for target in [Target::Labels(&case.labels), Target::OneHots(&rows)] {
            assert_same("cross-entropy", [&cross_entropy_error(&y, target)], [&case.cross_entropy_error], SAME);
        }
        if let [label] = case.labels[..] {
            for target in [Target::Label(label), Target::OneHot(&rows.row(0))] {
                assert_same("one sample", [&cross_entropy_error(&y.row(0), target)], [&case.cross_entropy_error], SAME);
            }
        }
    }
}

#[test]
fn backprop_is_the_numerical_gradient() {
    let shape = Shape { input: 13, hidden: 7, classes: 5 };
    let batch = Batches::new(1, Sampling::Replacement, 13 * 9, 256).indices(0, 1);
    let x = Array2::from_shape_fn((9, 13), |(n, i)| f64::from(batch[n * 13 + i]) / 255.0);
    let t: Vec<usize> = (0..9).map(|n| n * 3 % 5).collect();
    for activation in Activation::ALL {
        for output in [Output::Softmax, Output::Identity] {
            let net = Net { shape, activation, output };
            let network = TwoLayerNet::new(net, &Params::init(shape, 0.5, 3));
            let numerical = network.numerical_gradient(&x, &t, 1e-4);
            // The book's dy leaves out the loss's 1e-7, which is worth some 1e-7 / y.
            let book = if output == Output::Softmax { 1e-5 } else { 1e-8 };
            for (backprop, tolerance) in [(network.gradient(&x, &t), book), (network.exact_gradient(&x, &t), 1e-8)] {
                let error = |a: &dyn Fn(&Tensors) -> Vec<f64>| {
                    let (a, b) = (a(&backprop), a(&numerical));
                    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
                    norm(&mut a.iter().zip(&b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
                };
                let errors = [
                    error(&|t| t.w1.iter().copied().collect()),
                    error(&|t| t.b1.to_vec()),
                    error(&|t| t.w2.iter().copied().collect()),
                    error(&|t| t.b2.to_vec()),
                ];
                assert!(errors.iter().all(|e| *e < tolerance), "{activation} {output}: {errors:?}");
            }
        }
    }
}
