"""What all peers share: the job, its data, its batches, its clock and its result.

The job is twolayer's: 784-H-10 with softmax and cross-entropy error, trained by a recipe (recipe.py), and the accuracy
on all train and test images after iteration i where i is a multiple of the epoch, and at the end. Without flags the
recipe is the book's: sigmoid, SGD at learning rate 0.1 on batches drawn uniformly with replacement.

A peer is an object with

    version, device                what computes, in words
    prepares_each_length           whether `train` has something to compile or load for each number of steps
    set_params((W1, b1, W2, b2))   starts from copies of these float32 arrays, [784, H], [H], [H, 10] and [10], and with
                                   nothing that an optimiser remembers
    params()                       the four as they are now, as numpy arrays of those shapes
    train(start, stop)             does the steps start..stop on the batches `picks[start:stop]`, waits until they are
                                   done and answers their losses, as an array of its library's; step i is by
                                   the learning rate `rates[i]`
    accuracies()                   (on the train images, on the test images)

with the data already on its device. Only the standard library is imported with this module: numpy must not load before
`options` has said how many threads it may use.
"""

import argparse
import gzip
import json
import os
import sys
import time
import zlib
from pathlib import Path

import recipe
from recipe import LEARNING_RATE, WEIGHT_INIT_STD, positive  # noqa: F401  the peers and compare.py take them from here

CLASSES = 10
# Of the random images that stand in for MNIST: its sizes, and its share of pixels that are not 0.
TRAIN_IMAGES, TEST_IMAGES, PIXELS, INK = 60_000, 10_000, 784, 0.19
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# Every BLAS that a numpy may be built with reads one of these when it loads.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def cores():
    """The cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def add_workload(parser):
    """The flags that say what the job is, the same for every peer and for compare.py."""
    parser.add_argument("--hidden", type=positive, default=50, metavar="N", help="hidden units [50]")
    parser.add_argument("--batch-size", type=positive, default=100, metavar="N", help="images in a batch [100]")
    parser.add_argument("--steps", type=positive, default=10_000, metavar="N", help="steps of the optimiser [10000]")
    add_data(parser)
    parser.add_argument("--no-evaluation", action="store_true", help="train only")


def add_data(parser):
    parser.add_argument(
        "--data",
        default=os.environ.get("MNIST_DIR") or None,
        metavar="DIR",
        help="folder of MNIST's four IDX files, raw or .gz [$MNIST_DIR, else random images]",
    )


def options(about, variants, devices=("cpu",), book_only=()):
    """The command line of a peer. Call it before numpy or anything above numpy is imported.

    The variants `book_only` know no recipe but the book's."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=variants, default=variants[0], help=f"[{variants[0]}]")
    parser.add_argument("--device", choices=devices, default=devices[0], help=f"[{devices[0]}]")
    add_workload(parser)
    recipe.add_flags(parser)
    parser.add_argument("--threads", type=positive, default=cores(), metavar="N", help="CPU threads [one a core]")
    parser.add_argument(
        "--test-loss", action="store_true", help="also the loss on the test images, computed here in float64"
    )
    parser.add_argument("--losses", action="store_true", help="also the loss of every step")
    chosen = parser.parse_args()
    recipe.complete(chosen)
    if chosen.variant in book_only and not recipe.is_books(chosen):
        parser.error(f"--variant {chosen.variant} trains by the book's recipe alone")
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(chosen.threads)))
    return chosen


def fail(message):
    """Ends the process with one line on stderr."""
    sys.exit(f"{Path(sys.argv[0]).name}: {message}")


def find(folder, name):
    """The file `name` or `name`.gz in the folder."""
    for path in (Path(folder, name), Path(folder, name + ".gz")):
        if path.is_file():
            return path
    return fail(f"{folder} holds neither {name} nor {name}.gz; --data or $MNIST_DIR names the folder of MNIST's files")


def read_idx(folder, name):
    """The array in an IDX file: two zeros, 8 for bytes, the number of axes, their lengths, then the bytes."""
    import numpy as np

    path = find(folder, name)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read()
        if content[:3] != b"\0\0\x08":
            raise ValueError("its first bytes are not those of IDX")
        axes = content[3]
        shape = np.frombuffer(content, ">u4", axes, offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, zlib.error, IndexError, ValueError) as error:
        return fail(f"{path} can't be read: {error}")


class Set:
    """Images [n, 784] as float32 from 0 to 1, and labels [n] as int64."""

    def __init__(self, pixels, labels):
        import numpy as np

        self.images = pixels.reshape(len(pixels), -1).astype(np.float32)
        self.images /= 255
        self.labels = labels.astype(np.int64)


def read_params(path):
    """(W1, b1, W2, b2) of a safetensors file: a header's length, the header with the tensors' places, the tensors."""
    import numpy as np

    try:
        content = Path(path).read_bytes()
        start = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:start])
        tensors = []
        for name in ("W1", "b1", "W2", "b2"):
            begin, end = header[name]["data_offsets"]
            tensors.append(np.frombuffer(content[start + begin : start + end], "<f4").reshape(header[name]["shape"]))
        return tuple(tensors)
    except (OSError, KeyError, ValueError) as error:
        return fail(f"{path} can't be read: {error}")


def read_sets(folder):
    sets = {}
    for name, (images, labels) in FILES.items():
        images, labels = read_idx(folder, images), read_idx(folder, labels)
        if len(images) != len(labels) or labels.max(initial=0) >= CLASSES:
            fail(f"{folder}: the {name} images and labels don't belong together")
        sets[name] = Set(images, labels)
    return sets


def random_sets(rng):
    import numpy as np

    sets = {}
    for name, count in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES)):
        pixels = rng.integers(1, 256, (count, PIXELS), np.uint8)
        pixels *= rng.random(pixels.shape, np.float32) < INK
        sets[name] = Set(pixels, rng.integers(0, CLASSES, count))
    return sets


class Job:
    """The data, the first parameters and every step's batch: the same for all peers, and all made before the clock."""

    def __init__(self, chosen):
        import numpy as np

        rng = np.random.default_rng(chosen.seed)
        self.options, self.hidden, self.batch_size = chosen, chosen.hidden, chosen.batch_size
        if chosen.data is None:
            print("no --data and no $MNIST_DIR: random images. Timings only; accuracy means nothing", file=sys.stderr)
        sets = random_sets(rng) if chosen.data is None else read_sets(chosen.data)
        self.train, self.test = sets["train"], sets["test"]
        self.inputs, count = self.train.images.shape[1], len(self.train.labels)
        epoch = max(count // self.batch_size, 1)
        self.steps = chosen.epochs * epoch if chosen.epochs else chosen.steps
        self.rates = recipe.rates(chosen, self.steps)

        def weights(inputs, outputs):
            values = rng.standard_normal((inputs, outputs))
            return (recipe.weight_init_std(chosen, inputs) * values).astype(np.float32)

        self.initial = (
            weights(self.inputs, self.hidden),
            np.zeros(self.hidden, np.float32),
            weights(self.hidden, CLASSES),
            np.zeros(CLASSES, np.float32),
        )
        if chosen.init:
            self.initial = read_params(chosen.init)
        # Image numbers [steps, batch size].
        self.picks = self.draw(rng, count)
        # Steps from one evaluation to the next, as (start, stop): the first is of one step, the others of an epoch.
        ends = [*range(1, self.steps, epoch), self.steps]
        self.stretches = list(zip([0, *ends], ends))

    def draw(self, rng, count):
        """Every step's images, as twolayer's `--sampling` says it: a shuffled batch may begin in one permutation of the
        images and end in the next."""
        import numpy as np

        shape = self.steps, self.batch_size
        if self.options.sampling == "replacement":
            return rng.integers(0, count, shape)
        total = self.steps * self.batch_size
        if self.options.sampling == "sequential":
            return (np.arange(total) % count).reshape(shape)
        permutations = [rng.permutation(count) for _ in range(-(-total // count))]
        return np.concatenate(permutations)[:total].reshape(shape)

    def lengths(self):
        """How many steps a stretch can have, each length once."""
        return sorted({stop - start for start, stop in self.stretches})

    def test_loss(self, params):
        """The mean cross-entropy error on the test images, in float64 whatever the peer computes in."""
        import numpy as np

        w1, b1, w2, b2 = (np.asarray(p, np.float64) for p in params)
        z1 = self.test.images @ w1 + b1
        z1 = np.maximum(z1, 0) if self.options.activation == "relu" else 1 / (1 + np.exp(-z1))
        logits = z1 @ w2 + b2
        logits -= logits.max(axis=1, keepdims=True)
        labelled = logits[np.arange(len(logits)), self.test.labels]
        return float((np.log(np.exp(logits).sum(axis=1)) - labelled).mean())


def run(name, peer, job):
    """Warms the peer up, times the job, and prints the result as one line of JSON."""
    chosen = job.options
    lengths = job.lengths()
    for length in lengths if peer.prepares_each_length else lengths[:1]:
        peer.train(0, length)
    if not chosen.no_evaluation:
        peer.accuracies()
    peer.set_params(job.initial)

    train_seconds = eval_seconds = 0.0
    losses, accuracies, history = [], (None, None), []
    for start, stop in job.stretches:
        began = time.perf_counter()
        losses.append(peer.train(start, stop))
        trained = time.perf_counter()
        train_seconds += trained - began
        if not chosen.no_evaluation:
            accuracies = peer.accuracies()
            eval_seconds += time.perf_counter() - trained
            history.append({"steps": stop, "train_seconds": train_seconds, "test_accuracy": accuracies[1]})

    result = {
        "peer": name,
        "version": peer.version,
        "variant": chosen.variant,
        "device": peer.device,
        "threads": chosen.threads,
        "data": chosen.data or "random images",
        "hidden": job.hidden,
        "batch_size": job.batch_size,
        "steps": job.steps,
        "train_seconds": train_seconds,
        "eval_seconds": None if chosen.no_evaluation else eval_seconds,
        "steps_per_second": job.steps / train_seconds,
        "images_per_second": job.steps * job.batch_size / train_seconds,
        "last_loss": float(losses[-1][-1]),
        "test_accuracy": accuracies[1],
        "history": history,
    }
    if chosen.losses:
        result["losses"] = [float(loss) for stretch in losses for loss in stretch]
    if chosen.test_loss:
        result["test_loss"] = job.test_loss(peer.params())
    print(json.dumps(result))
