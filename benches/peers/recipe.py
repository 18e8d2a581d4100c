"""How a network is trained: the flags that say it, named as twolayer's, and what follows from them.

The optimisers are PyTorch's definitions. Only the standard library is imported here; see job.py for why.
"""

import argparse
import math

LEARNING_RATE = 0.1
WEIGHT_INIT_STD = 0.01
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw")
# The learning rate where none is given: the book's for its SGD, and twolayer's for the others.
USUAL_RATES = {"sgd": LEARNING_RATE, "momentum": 0.01, "adam": 0.001, "adamw": 0.001}
SCHEDULES = ("constant", "cosine", "step", "linear")
# Adam's factors of the old means, and what keeps it from dividing by 0.
BETAS, EPSILON = (0.9, 0.999), 1e-8
# What makes a recipe the book's, the number of steps aside.
BOOK = {
    "activation": "sigmoid",
    "optimizer": "sgd",
    "weight_decay": 0,
    "lr_schedule": "constant",
    "warmup": 0,
    "learning_rate": LEARNING_RATE,
}


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def whole(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def add_training(parser):
    """The flags that are a recipe, but for the sizes."""
    add = parser.add_argument
    add("--activation", choices=("sigmoid", "relu"), default="sigmoid", help="of the hidden layer [sigmoid]")
    add(
        "--weight-init",
        choices=("normal", "xavier", "he"),
        default="normal",
        help=f"standard deviation of the first weights: {WEIGHT_INIT_STD}, sqrt(1/n) or sqrt(2/n) [normal]",
    )
    add("--optimizer", choices=OPTIMIZERS, default="sgd", help="[sgd]")
    add("--momentum", type=float, default=0.9, metavar="X", help="for --optimizer momentum [0.9]")
    add("--learning-rate", type=float, metavar="X", help="[0.1; 0.01 for momentum, 0.001 for adam and adamw]")
    add("--weight-decay", type=float, metavar="X", help="of all parameters [0; 0.01 for adamw]")
    add("--lr-schedule", choices=SCHEDULES, default="constant", help="course of the learning rate [constant]")
    add("--warmup", type=whole, default=0, metavar="STEPS", help="first steps, in which the learning rate grows [0]")


def add_flags(parser):
    """The flags of a peer."""
    add_training(parser)
    add = parser.add_argument
    add("--sampling", choices=("replacement", "shuffle", "sequential"), default="replacement", help="[replacement]")
    add("--seed", type=whole, default=0, metavar="N", help="of the first weights and the batches [0]")
    add("--epochs", type=positive, metavar="N", help="passes through the training images, in place of --steps")
    add("--init", metavar="FILE", help="first weights: W1, b1, W2 and b2 in a safetensors file")


def complete(chosen):
    """Puts in what depends on other flags."""
    if chosen.learning_rate is None:
        chosen.learning_rate = USUAL_RATES[chosen.optimizer]
    if chosen.weight_decay is None:
        chosen.weight_decay = 0.01 if chosen.optimizer == "adamw" else 0.0


def is_books(chosen):
    return all(getattr(chosen, name) == value for name, value in BOOK.items())


def flags(chosen):
    """The flags that give this recipe to a peer or to twolayer. Those without effect are left out: twolayer refuses
    some of them, and a build from before it had schedules can be timed without one."""
    given = {
        "--hidden": chosen.hidden,
        "--activation": chosen.activation,
        "--batch-size": chosen.batch_size,
        "--optimizer": chosen.optimizer,
        "--learning-rate": chosen.learning_rate,
        "--weight-decay": chosen.weight_decay,
    }
    if chosen.init:
        given["--init"] = chosen.init
    else:
        given["--weight-init"] = chosen.weight_init
    if chosen.optimizer == "momentum":
        given["--momentum"] = chosen.momentum
    if chosen.lr_schedule != "constant":
        given["--lr-schedule"] = chosen.lr_schedule
    if chosen.warmup:
        given["--warmup"] = chosen.warmup
    return [str(part) for pair in given.items() for part in pair]


def weight_init_std(chosen, inputs):
    """The standard deviation of the first weights of a layer with so many inputs."""
    kinds = {"normal": WEIGHT_INIT_STD, "xavier": math.sqrt(1 / inputs), "he": math.sqrt(2 / inputs)}
    return kinds[chosen.weight_init]


def rates(chosen, steps):
    """The learning rate of each step."""
    return [chosen.learning_rate * share(chosen.lr_schedule, chosen.warmup, step, steps) for step in range(steps)]


def share(schedule, warmup, step, steps):
    """What part of the learning rate a step has."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / (steps - warmup)
    return {
        "constant": 1.0,
        "cosine": (1 + math.cos(math.pi * progress)) / 2,
        "step": 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01,
        "linear": 1 - progress,
    }[schedule]


def adams_numbers(rate, step):
    """Of Adam's step, from 0, so that p -= size m / (sqrt(v) + epsilon) with m and v as they are: size and epsilon.

    PyTorch's p -= rate m / c1 / (sqrt(v / c2) + EPSILON), c1 and c2 correcting for the start at 0, comes to the same.
    """
    first, second = (1 - beta ** (step + 1) for beta in BETAS)
    return rate * math.sqrt(second) / first, EPSILON * math.sqrt(second)
