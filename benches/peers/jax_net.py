"""The job in JAX, on the CPU or on an NVIDIA GPU, in float32 without TF32.

variants:
  scan  all steps between two evaluations are one compiled lax.scan, the gradient by jax.value_and_grad
"""

import os
from functools import partial

import job
import recipe

options = job.options(__doc__, ["scan"], ["cpu", "cuda"])
# Both are read when JAX starts. It has no setting for the number of threads: it takes one a core that it may run on.
os.environ["JAX_PLATFORMS"] = options.device
if options.device == "cpu" and options.threads < job.cores():
    if not hasattr(os, "sched_setaffinity"):
        job.fail("on this system JAX always uses every core; leave --threads out")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402


def logits(params, x):
    w1, b1, w2, b2 = params
    activate = jax.nn.relu if options.activation == "relu" else jax.nn.sigmoid
    return activate(x @ w1 + b1) @ w2 + b2


def loss(params, x, t):
    log_y = jax.nn.log_softmax(logits(params, x))
    return -jnp.mean(jnp.sum(log_y * jax.nn.one_hot(t, job.CLASSES), axis=1))


# A slot is what the optimiser remembers of a parameter.
SLOTS = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}[options.optimizer]


def step_numbers(rates):
    """Of each step: the learning rate, and Adam's two numbers."""
    return np.array([(rate, *recipe.adams_numbers(rate, step)) for step, rate in enumerate(rates)], np.float32)


def update(p, slots, g, numbers):
    """A parameter and its slots after a step of gradient `g`."""
    rate, size, epsilon = numbers
    if options.optimizer == "adamw":
        p = p - rate * options.weight_decay * p
    elif options.weight_decay:
        g = g + options.weight_decay * p
    if options.optimizer == "sgd":
        return p - rate * g, ()
    if options.optimizer == "momentum":
        v = options.momentum * slots[0] + g
        return p - rate * v, (v,)
    m, v = (beta * old + (1 - beta) * new for beta, old, new in zip(recipe.BETAS, slots, (g, g * g)))
    return p - size * m / (jnp.sqrt(v) + epsilon), (m, v)


@partial(jax.jit, static_argnames="count", donate_argnames="state")
def steps(state, start, count, numbers, picks, images, labels):
    """`count` steps from `start` on: the parameters and their slots after them, and the losses."""

    def step(state, now):
        (params, slots), (numbers, pick) = state, now
        # The image numbers are all there, so nothing has to check them.
        x = images.at[pick].get(mode="promise_in_bounds")
        t = labels.at[pick].get(mode="promise_in_bounds")
        value, gradient = jax.value_and_grad(loss)(params, x, t)
        updated = [update(p, s, g, numbers) for p, s, g in zip(params, slots, gradient)]
        return tuple(map(list, zip(*updated))), value

    return jax.lax.scan(step, state, [jax.lax.dynamic_slice_in_dim(each, start, count) for each in (numbers, picks)])


@jax.jit
def right(params, x, t):
    return jnp.sum(logits(params, x).argmax(axis=1) == t)


class Scan:
    version = jax.__version__
    prepares_each_length = True

    def __init__(self, work):
        self.device = f"cuda ({jax.devices()[0].device_kind})" if options.device == "cuda" else "cpu"
        self.numbers = jnp.asarray(step_numbers(work.rates))
        self.picks = jnp.asarray(work.picks, jnp.int32)
        self.sets = [(jnp.asarray(p.images), jnp.asarray(p.labels, jnp.int32)) for p in (work.train, work.test)]
        self.set_params(work.initial)

    def set_params(self, params):
        params = [jnp.array(p) for p in params]
        self.now = jax.block_until_ready((params, [tuple(jnp.zeros_like(p) for _ in range(SLOTS)) for p in params]))

    def params(self):
        return [np.asarray(p) for p in self.now[0]]

    def train(self, start, stop):
        self.now, losses = jax.block_until_ready(
            steps(self.now, start, stop - start, self.numbers, self.picks, *self.sets[0])
        )
        return losses

    def accuracies(self):
        return [int(right(self.now[0], x, t)) / len(t) for x, t in self.sets]


try:
    jax.devices()
except (RuntimeError, AssertionError):
    job.fail(f"--device {options.device}: this JAX finds no such device")
# On a GPU the default is TF32.
jax.config.update("jax_default_matmul_precision", "highest")
work = job.Job(options)
job.run("jax", Scan(work), work)
