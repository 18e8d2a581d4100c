//! The host's side of `shaders/optimizers/`: what changes the parameters by a gradient that is stored, one value after another.

use super::lists::{LANES, list};
use super::{Dispatch, Kernel, Source, Work};
use crate::gpu::device::Device;
use crate::gpu::layer::Layers;
use crate::gpu::layout::{Slice, VEC4, bytes};
use crate::net::Net;
use crate::net::optimizer::Rule;

const fn source(name: &'static str, text: &'static str) -> Source {
    Source { name, text, lanes: LANES }
}

pub const DECAYED_SGD: Source = source("decayed_sgd", include_str!("../../../shaders/optimizers/decayed_sgd.wgsl"));
pub const MOMENTUM: Source = source("momentum", include_str!("../../../shaders/optimizers/momentum.wgsl"));
pub const ADAGRAD: Source = source("adagrad", include_str!("../../../shaders/optimizers/adagrad.wgsl"));
pub const ADAM: Source = source("adam", include_str!("../../../shaders/optimizers/adam.wgsl"));

/// The kernel of a rule, bound to the gradient, the parameters and its slots. `updates` has a row for each step;
/// `params` is the dispatch's uniform.
pub fn bind(
    device: &Device,
    net: &Net,
    rule: Rule,
    [params, updates]: [Slice; 2],
    gradient: &Layers,
    parameters: &Layers,
    slots: &[Layers],
) -> Dispatch {
    let words = parameters.vec4s() * VEC4;
    // Each value of the gradient, the parameters and the slots is read, and all but the gradient's are written.
    let work = Work { flops: 0.0, bytes: bytes(words * (3 + 2 * slots.len())) as f64 };
    let common =
        [("dispatch", params), ("update", updates), ("gradient", gradient.all()), ("parameters", parameters.all())];
    let [dispatch, update, gradient, layers] = common;
    let kernel = |source| Kernel::compile(device, source, net, "", &[]);
    let groups = list(parameters.vec4s());
    match (rule, slots) {
        (Rule::Momentum, [velocity]) => {
            let buffers = [dispatch, update, gradient, layers, ("velocity", velocity.all())];
            kernel(&MOMENTUM).bind(device, buffers, groups, work)
        }
        (Rule::Adagrad, [squares]) => {
            let buffers = [dispatch, update, gradient, layers, ("squares", squares.all())];
            kernel(&ADAGRAD).bind(device, buffers, groups, work)
        }
        (Rule::Adam | Rule::AdamW, [mean, square]) => {
            let slots = [("mean", mean.all()), ("mean_square", square.all())];
            let buffers = [dispatch, update, gradient, layers, slots[0], slots[1]];
            kernel(&ADAM).bind(device, buffers, groups, work)
        }
        _ => kernel(&DECAYED_SGD).bind(device, [dispatch, update, gradient, layers], groups, work),
    }
}
