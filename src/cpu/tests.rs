//! Tests of the backend's inside: every kind of instructions, and the choice between sparse and dense.

use pollster::block_on;
use rand::RngExt;

use super::images::{Images, Set};
use super::pixels::Nonzero;
use super::simd::Instructions;
use super::strips::{Blocks, Strips};
use super::team::Team;
use super::{Network, beyond};
use crate::backend::{Network as _, Resident};
use crate::data::Dataset;
use crate::net::method::Method;
use crate::net::optimizer::{Optimizer, Rule, Update};
use crate::net::{Activation, Net, Output, Params, Shape};
use crate::random::{Stream, stream};
use crate::reference::{self, Tensors, TwoLayerNet};

/// Images of random pixels of which this share is not 0, and labels.
fn set(images: usize, shape: Shape, share: f64) -> Dataset {
    let mut rng = stream(7, &Stream::Weights);
    let pixels =
        (0..images * shape.input).map(|_| if rng.random_bool(share) { rng.random_range(1..=255) } else { 0 }).collect();
    let labels = (0..images).map(|_| rng.random_range(0..shape.classes) as u8).collect();
    Dataset::new(pixels, labels, 1, shape.input).unwrap()
}

/// What so many steps are computed with.
fn updates(optimizer: Optimizer, learning_rate: f32, steps: usize) -> Vec<Update> {
    (1..=steps as u64).map(|step| optimizer.update(learning_rate, step)).collect()
}

fn sgd(learning_rate: f32, steps: usize) -> Vec<Update> {
    updates(Optimizer::default(), learning_rate, steps)
}

/// The book's SGD, and each rule with a weight decay.
fn optimizers() -> Vec<Optimizer> {
    let decayed = Rule::ALL.map(|rule| Optimizer { weight_decay: 0.05, ..rule.into() });
    std::iter::once(Optimizer::default()).chain(decayed).collect()
}

fn largest_error(found: &Params, expected: &Tensors) -> f64 {
    let error = |found: &[f32], expected: &mut dyn Iterator<Item = &f64>| {
        let (mut difference, mut norm) = (0.0, 0.0);
        for (found, expected) in found.iter().zip(expected) {
            difference += (f64::from(*found) - expected).powi(2);
            norm += expected.powi(2);
        }
        (difference / norm).sqrt()
    };
    let Tensors { w1, b1, w2, b2 } = expected;
    let errors = [
        error(&found.w1, &mut w1.iter()),
        error(&found.b1, &mut b1.iter()),
        error(&found.w2, &mut w2.iter()),
        error(&found.b2, &mut b2.iter()),
    ];
    errors.into_iter().fold(0.0, f64::max)
}

#[test]
fn every_kind_of_instructions_trains_as_the_reference_does() {
    // One tile and several, one block of W1 and several, and both where dense blocks are computed with one at a time.
    for (input, hidden, classes, batch_size, rule) in [
        (784, 50, 10, 100, Rule::Sgd),
        (7, 65, 17, 13, Rule::Momentum),
        (225, 129, 20, 301, Rule::Sgd),
        (225, 33, 7, 200, Rule::Sgd),
        (36, 24, 3, 129, Rule::Momentum),
    ] {
        let optimizer = Optimizer::from(rule);
        let shape = Shape { input, hidden, classes };
        for (activation, output) in [
            (Activation::Sigmoid, Output::Softmax),
            (Activation::Relu, Output::Identity),
            (Activation::Tanh, Output::Softmax),
        ] {
            let net = Net { shape, activation, output };
            let params = Params::init(shape, 0.1, 3);
            for share in [0.15, 0.9] {
                let set = set(2 * batch_size, shape, share);
                let mut reference = TwoLayerNet::new(net, &params);
                let mut change = reference::Updates::new(optimizer, &reference.params);
                let all: Vec<u32> = (0..set.len() as u32).collect();
                let (first, second) = all.split_at(batch_size);
                let every_other: Vec<u32> = all.iter().copied().step_by(2).collect();
                let indices = [first, second, &every_other].concat();
                for batch in indices.chunks(batch_size) {
                    let (x, t) = set.batch(batch);
                    let gradient = reference.gradient(&x, &t);
                    change.step(&mut reference.params, &gradient, 0.1);
                }
                let expected = reference.predict(&set.batch(&all).0);
                for kind in Instructions::all() {
                    let mut network = Network::new(net, batch_size, &params, 2).unwrap();
                    network.kind = kind;
                    network.set_optimizer(optimizer).unwrap();
                    let resident = network.upload((&set).into()).unwrap();
                    block_on(network.train(resident, &indices, &updates(optimizer, 0.1, 3))).unwrap();
                    let error = largest_error(&block_on(network.params()).unwrap(), &reference.params);
                    assert!(error < 5e-6, "{kind:?}, {shape}, {share} of the pixels: {error:.1e}");
                    let y = block_on(network.predict(set.images())).unwrap();
                    let error = y.iter().zip(&expected).map(|(y, e)| (f64::from(*y) - e).abs()).fold(0.0, f64::max);
                    assert!(error < 1e-5, "{kind:?}, {shape}, {share} of the pixels: y is off by {error:.1e}");
                }
            }
        }
    }
}

#[test]
fn every_kind_of_instructions_takes_differences_as_the_reference_does() {
    for (input, hidden, classes, batch_size) in [(7, 33, 17, 13), (12, 5, 2, 301)] {
        let shape = Shape { input, hidden, classes };
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let params = Params::init(shape, 0.5, 3);
        for share in [0.15, 0.9] {
            let set = set(batch_size, shape, share);
            let reference = TwoLayerNet::new(net, &params);
            let batch: Vec<u32> = (0..batch_size as u32).collect();
            let (x, t) = set.batch(&batch);
            // One for each way to compute e^v - 1.
            for step_size in [1e-4, 1e-2, 0.5] {
                let expected = reference.numerical_gradient(&x, &t, step_size);
                for kind in Instructions::all() {
                    let mut network = Network::new(net, batch_size, &params, 2).unwrap();
                    network.kind = kind;
                    network.set_method(Method::Numerical { step_size }).unwrap();
                    let resident = network.upload((&set).into()).unwrap();
                    let error = largest_error(&block_on(network.gradient(resident, &batch)).unwrap().1, &expected);
                    assert!(error < 3e-6, "{kind:?}, {shape}, {share} of the pixels, h = {step_size}: {error:.1e}");
                }
            }
        }
    }
}

/// Trains by each of the optimisers.
fn threads_give_the_same_bits(
    (input, hidden, classes, batch_size): (usize, usize, usize, usize),
    method: Method,
    optimizers: &[Optimizer],
) {
    let shape = Shape { input, hidden, classes };
    let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
    let params = Params::init(shape, 0.1, 3);
    for share in [0.15, 0.9] {
        let set = set(500, shape, share);
        let indices: Vec<u32> = (0..500).cycle().step_by(7).take(5 * batch_size).collect();
        for optimizer in optimizers {
            let run = |threads| {
                let mut network = Network::new(net, batch_size, &params, threads).unwrap();
                network.set_method(method).unwrap();
                network.set_optimizer(*optimizer).unwrap();
                let resident = network.upload((&set).into()).unwrap();
                let gradient = block_on(network.gradient(resident, &indices[..batch_size])).unwrap();
                let losses = block_on(network.train(resident, &indices, &updates(*optimizer, 0.1, 5))).unwrap();
                let state = [block_on(network.slots()).unwrap(), vec![block_on(network.params()).unwrap()]];
                (gradient, losses, state, block_on(network.evaluate(resident)).unwrap())
            };
            let one = run(1);
            for threads in [2, 3, 5] {
                assert!(
                    run(threads) == one,
                    "{shape}, {share} of the pixels, {method:?}, {optimizer:?}: {threads} threads give other bits than one"
                );
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    // So much work that several threads are used.
    for sizes in [(784, 50, 10, 100), (129, 65, 2, 100), (65, 1090, 20, 300), (784, 200, 255, 33)] {
        threads_give_the_same_bits(sizes, Method::Backprop, &optimizers());
    }
}

#[test]
fn any_number_of_threads_takes_the_same_differences() {
    // So much work that several threads are used.
    for sizes in [(784, 50, 10, 100), (129, 65, 2, 100), (9, 1090, 3, 65), (65, 100, 255, 7)] {
        let optimizers = [Optimizer::default(), Rule::Adam.into()];
        threads_give_the_same_bits(sizes, Method::Numerical { step_size: 1e-4 }, &optimizers);
    }
}

#[test]
fn all_that_fuse_multiply_adds_give_the_same_bits() {
    let fused: Vec<Instructions> = Instructions::all().into_iter().filter(|kind| kind.is_fused()).collect();
    for (input, hidden, classes, batch_size) in [(784, 50, 10, 100), (65, 100, 20, 300)] {
        let shape = Shape { input, hidden, classes };
        for (activation, output) in [(Activation::Sigmoid, Output::Softmax), (Activation::Tanh, Output::Identity)] {
            let net = Net { shape, activation, output };
            let params = Params::init(shape, 0.1, 3);
            for share in [0.15, 0.9] {
                let set = set(500, shape, share);
                let indices: Vec<u32> = (0..500).cycle().step_by(7).take(5 * batch_size).collect();
                let run = |kind, method, optimizer| {
                    let mut network = Network::new(net, batch_size, &params, 2).unwrap();
                    network.kind = kind;
                    network.set_method(method).unwrap();
                    network.set_optimizer(optimizer).unwrap();
                    let resident = network.upload((&set).into()).unwrap();
                    let losses = block_on(network.train(resident, &indices, &updates(optimizer, 0.1, 5))).unwrap();
                    let y = block_on(network.predict(set.images())).unwrap();
                    let evaluation = block_on(network.evaluate(resident)).unwrap();
                    (losses, block_on(network.params()).unwrap(), y, evaluation)
                };
                let is_numerical = activation == Activation::Sigmoid;
                let numerical = is_numerical.then_some((Method::Numerical { step_size: 1e-2 }, Optimizer::default()));
                let backprop = optimizers().into_iter().map(|optimizer| (Method::Backprop, optimizer));
                for (method, optimizer) in backprop.chain(numerical) {
                    let first = run(fused[0], method, optimizer);
                    for kind in &fused[1..] {
                        let same = run(*kind, method, optimizer) == first;
                        assert!(same, "{kind:?}, {shape}, {share} of the pixels, {method:?}, {optimizer:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_infinite_value_stays_away_from_pixels_that_are_0() {
    // Two images of four quads each: pixel 0 is 0 in the first, beside a neighbour that is not.
    let shape = Shape { input: 16, hidden: 20, classes: 3 };
    let net = Net { shape, activation: Activation::Relu, output: Output::Identity };
    let mut pixels = vec![0; 32];
    (pixels[1], pixels[16], pixels[17]) = (255, 255, 255);
    let set = Dataset::new(pixels, vec![0, 1], 4, 4).unwrap();
    let mut params = Params::init(shape, 0.1, 3);
    params.w1[..shape.hidden].fill(f32::INFINITY);
    for kind in Instructions::all() {
        let mut network = Network::new(net, 2, &params, 1).unwrap();
        network.kind = kind;
        let resident = network.upload((&set).into()).unwrap();
        assert!(matches!(network.sets[0].images, Images::Sparse(_)));
        let a1 = block_on(network.intermediates(resident, &[0, 1])).unwrap().a1;
        let (first, second) = a1.split_at(shape.hidden);
        assert!(first.iter().all(|a| a.is_finite()), "{kind:?}: {first:?}");
        assert!(second.iter().all(|a| *a == f32::INFINITY), "{kind:?}: {second:?}");
        // da1 of the second image is not finite, that of the first is.
        let (_, gradient) = block_on(network.gradient(resident, &[0, 1])).unwrap();
        assert!(gradient.w1[..2 * shape.hidden].iter().any(|w| !w.is_finite()), "{kind:?}");
        assert!(gradient.w1[2 * shape.hidden..].iter().all(|w| *w == 0.0), "{kind:?}: {:?}", gradient.w1);
    }
}

#[test]
fn the_number_of_threads_may_change_between_steps() {
    let shape = Shape { input: 784, hidden: 130, classes: 10 };
    let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
    let (set, params) = (set(300, shape, 0.3), Params::init(shape, 0.1, 3));
    let indices: Vec<u32> = (0..300).cycle().step_by(7).take(6 * 100).collect();
    let run = |threads: &[usize]| {
        let mut network = Network::new(net, 100, &params, 1).unwrap();
        let resident = network.upload((&set).into()).unwrap();
        let pieces = indices.chunks(indices.len() / threads.len());
        let mut losses = Vec::new();
        for (threads, piece) in threads.iter().zip(pieces) {
            network.team = Team::new(*threads, 9).unwrap();
            losses.extend(block_on(network.train(resident, piece, &sgd(0.1, piece.len() / 100))).unwrap());
        }
        (losses, block_on(network.params()).unwrap())
    };
    assert!(run(&[3, 1, 2, 9, 1, 3]) == run(&[1]));
}

#[test]
fn few_pixels_are_computed_apart_from_many() {
    let shape = Shape { input: 50, hidden: 1, classes: 2 };
    let team = Team::new(1, 1).unwrap();
    let is_sparse = |share| {
        let set = set(200, shape, share);
        matches!(Images::new(Instructions::widest(), &team, &(&set).into()).unwrap(), Images::Sparse(_))
    };
    assert!(is_sparse(0.19), "as many as in MNIST");
    assert!(is_sparse(0.0), "black images");
    assert!(!is_sparse(0.6));
    assert!(!is_sparse(1.0), "no black pixel");
}

#[test]
fn every_image_keeps_its_pixels() {
    // One part of a set and several, whose last is whole and not; pixels in squares and not.
    for count in [1, 511, 512, 513, 1100] {
        for input in [784, 50] {
            for share in [0.15, 0.9] {
                let set = set(count, Shape { input, hidden: 1, classes: 2 }, share);
                for kind in Instructions::all() {
                    let images = Images::new(kind, &Team::new(2, 2).unwrap(), &(&set).into()).unwrap();
                    assert_eq!(matches!(images, Images::Dense(_)), share > 0.5);
                    let blocks = Blocks::new(input);
                    let (mut pixels, mut ends) = (Vec::new(), Vec::new());
                    for image in 0..count {
                        let mut expected = vec![Vec::new(); blocks.count];
                        for (pixel, &value) in
                            set.image(image).unwrap().iter().enumerate().filter(|(_, value)| **value != 0)
                        {
                            let (block, index) = blocks.place(pixel);
                            expected[block].push(Nonzero { index: index as u8, value });
                        }
                        for block in &mut expected {
                            block.sort_by_key(|nonzero| nonzero.index);
                        }
                        images.nonzeros(image as u32, &mut pixels, &mut ends);
                        let mut rest = &pixels[..];
                        for (end, expected) in ends.iter().zip(&expected) {
                            let block;
                            (block, rest) = rest.split_at(end + rest.len() - pixels.len());
                            assert_eq!(block, expected, "image {image} of {count}, {kind:?}");
                        }
                        assert_eq!((ends.len(), rest), (blocks.count, &[][..]));
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_is_left_of_parameters_that_were_not_finite() {
    let shape = Shape { input: 49, hidden: 18, classes: 11 };
    let params = Params::init(shape, 0.1, 3);
    for (output, share) in [(Output::Softmax, 0.15), (Output::Softmax, 0.9), (Output::Identity, 0.15)] {
        let net = Net { shape, activation: Activation::Sigmoid, output };
        let set = set(20, shape, share);
        let batches: Vec<u32> = (0..40).map(|image| image % 20).collect();
        let trained = |diverges: bool| {
            let mut network = Network::new(net, 20, &params, 1).unwrap();
            let resident = network.upload((&set).into()).unwrap();
            if diverges {
                network.steps(resident, &batches, &sgd(f32::INFINITY, 2)).unwrap();
                assert!(block_on(network.params()).unwrap().w2.iter().any(|weight| weight.is_nan()));
                network.set_params(&params).unwrap();
            }
            network.steps(resident, &batches, &sgd(0.5, 2)).unwrap();
            block_on(network.params()).unwrap()
        };
        assert_eq!(trained(true), trained(false), "{output}, {share}");
    }
}

#[test]
fn parameters_come_out_as_they_went_in() {
    for (input, hidden, classes) in [(1, 1, 2), (784, 50, 10), (4096, 17, 255), (209, 16, 16), (7, 129, 33)] {
        let shape = Shape { input, hidden, classes };
        for output in [Output::Softmax, Output::Identity] {
            let mut params = Params::init(shape, 1.0, 1);
            params.b1 = (0..hidden).map(|unit| unit as f32 + 0.5).collect();
            params.b2 = (0..classes).map(|class| -(class as f32)).collect();
            let net = Net { shape, activation: Activation::Relu, output };
            assert_eq!(Strips::new(&params, beyond(&net)).unwrap().params(shape), params);
        }
    }
}

#[test]
fn lanes_beyond_the_layers_stay_out_of_it() {
    let shape = Shape { input: 20, hidden: 17, classes: 3 };
    let outputs = [(Output::Softmax, 0.5), (Output::Identity, 1.0)];
    for (optimizer, (output, share)) in optimizers().into_iter().flat_map(|one| outputs.map(|other| (one, other))) {
        let net = Net { shape, activation: Activation::Sigmoid, output };
        let params = Params::init(shape, 0.5, 1);
        let mut network = Network::new(net, 40, &params, 1).unwrap();
        network.set_optimizer(optimizer).unwrap();
        let Resident(number) = network.upload((&set(40, shape, share)).into()).unwrap();
        let batches = (0..40).collect::<Vec<u32>>().repeat(20);
        block_on(network.train(Resident(number), &batches, &updates(optimizer, 0.1, 20))).unwrap();
        for values in std::iter::once(&network.parameters).chain(&network.slots) {
            let last = &values.strip_params[1];
            assert_eq!(last.units, 1);
            let weights = values.w1.iter().flat_map(|block| &block[1]).chain([&last.b1]).chain(&last.w2);
            for row in weights {
                assert!(row.0[1..].iter().all(|lane| *lane == 0.0), "{output}, {optimizer:?}: {row:?}");
            }
        }
        let beyond = if output == Output::Softmax { f32::NEG_INFINITY } else { 0.0 };
        assert!(network.parameters.b2[0].0[3..] == [beyond; 13], "{output}, {optimizer:?}");
        assert!(network.slots.iter().all(|slot| slot.b2[0].0[3..] == [0.0; 13]), "{output}, {optimizer:?}");
    }
}

#[test]
fn a_set_of_one_image_and_one_of_none_that_is_not_black() {
    let shape = Shape { input: 9, hidden: 3, classes: 2 };
    let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
    let mut network = Network::new(net, 2, &Params::init(shape, 0.1, 0), 2).unwrap();
    for pixels in [vec![0; 9], vec![255; 9]] {
        let resident = network.upload((&Dataset::new(pixels, vec![1], 3, 3).unwrap()).into()).unwrap();
        let losses = block_on(network.train(resident, &[0, 0, 0, 0], &sgd(0.5, 2))).unwrap();
        assert!(losses[0] > losses[1] && losses[1] > 0.0, "{losses:?}");
        assert_eq!(block_on(network.evaluate(resident)).unwrap().images, 1);
    }
    let Set { labels, .. } = &network.sets[1];
    assert_eq!(labels, &[1]);
}

/// The slots decay to 0, and so do parameters by weight decay: subnormal numbers would stay for good, and take a hundred times as long.
#[test]
fn no_optimiser_leaves_subnormal_numbers() {
    let shape = Shape { input: 20, hidden: 18, classes: 3 };
    let net = Net { shape, activation: Activation::Relu, output: Output::Softmax };
    let set = set(10, shape, 0.3);
    let indices: Vec<u32> = (0..10).collect();
    for kind in Instructions::all() {
        for optimizer in optimizers().into_iter().filter(|optimizer| !optimizer.is_plain()) {
            for tiny in [1e-39, 3e-38, 1e-42] {
                let all = |value: f32| {
                    let mut params = Params::zeros(shape);
                    let Params { w1, b1, w2, b2, .. } = &mut params;
                    for values in [w1, b1, w2, b2] {
                        values.fill(value);
                    }
                    params
                };
                // Hidden units that are all off: no gradient reaches W1.
                let mut network = Network::new(net, 10, &all(-tiny), 1).unwrap();
                network.kind = kind;
                network.set_optimizer(optimizer).unwrap();
                network.set_slots(&vec![all(tiny); optimizer.slots()]).unwrap();
                let resident = network.upload((&set).into()).unwrap();
                block_on(network.train(resident, &indices, &updates(optimizer, 1e-4, 1))).unwrap();
                let params = block_on(network.params()).unwrap();
                for values in block_on(network.slots()).unwrap().iter().chain([&params]) {
                    let mut all = values.tensors().into_iter().flat_map(|tensor| tensor.values.iter());
                    assert!(!all.any(|value| value.is_subnormal()), "{kind:?}, {optimizer:?}, {tiny}");
                }
            }
        }
    }
}
