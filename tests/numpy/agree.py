"""Shows that the `twolayer` command agrees with numpy from the same starting weights and the same batches.

    python tests/numpy/agree.py target/release/twolayer --data DIR [--device cpu --device 1 ...] [--steps 1 100 1000]

DIR holds MNIST's IDX files, raw or .gz. It needs only numpy. The table gives each tensor's error relative to numpy in
float64, by norm, and the largest relative error of a step's loss; a row of numpy in float32 shows what rounding alone
does. A run agrees if each of its errors is within --tolerance, or within ten times numpy float32's own largest: over many
relu steps rounding alone can pass a fixed bound. The exit code is 1 if a run does not agree.
"""

import argparse
import csv
import gzip
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TENSORS = ("W1", "b1", "W2", "b2")
LEARNING_RATE = 0.1
WEIGHT_INIT_STD = 0.01
ROW = "{:10}{:>6}  {:14}" + "{:>9}" * 6 + "  {}"


def read_idx(folder, name, header):
    raw = folder / name
    data = raw.read_bytes() if raw.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=header)


def read_train_set(folder):
    """Images [n, pixels] as bytes, labels [n]."""
    labels = read_idx(folder, "train-labels-idx1-ubyte", header=8)
    return read_idx(folder, "train-images-idx3-ubyte", header=16).reshape(len(labels), -1), labels


def write_model(path, params, metadata):
    """Safetensors: the length of a JSON header, the header, the numbers."""
    header, end = {"__metadata__": metadata}, 0
    for name, p in params.items():
        start, end = end, end + p.nbytes
        header[name] = {"dtype": "F32", "shape": p.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(p.astype("<f4").tobytes() for p in params.values()))


def read_model(path, names=TENSORS):
    data = path.read_bytes()
    start = 8 + struct.unpack_from("<Q", data)[0]
    header, numbers = json.loads(data[8:start]), data[start:]
    return {
        name: np.frombuffer(numbers[slice(*header[name]["data_offsets"])], "<f4").reshape(header[name]["shape"])
        for name in names
    }


def read_history(path):
    with path.open(newline="", encoding="utf-8") as file:
        return np.array([float(row["loss"]) for row in csv.DictReader(file)])


def initial_params(inputs, hidden, classes):
    draw = np.random.default_rng(0).standard_normal
    weights = [(WEIGHT_INIT_STD * draw(shape)).astype(np.float32) for shape in ((inputs, hidden), (hidden, classes))]
    biases = [np.zeros(n, np.float32) for n in (hidden, classes)]
    return {"W1": weights[0], "b1": biases[0], "W2": weights[1], "b2": biases[1]}


# The function, and its derivative from the function's value.
ACTIVATIONS = {
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda z: z * (1 - z)),
    "relu": (lambda a: np.maximum(a, 0), lambda z: z > 0),
    "tanh": (np.tanh, lambda z: (1 - z) * (1 + z)),
}


def train_numpy(dtype, images, labels, params, activation, steps, batch_size):
    """The parameters after `steps` steps of SGD, and each step's loss before its update; every operation in `dtype`."""
    p = {name: value.astype(dtype) for name, value in params.items()}
    function, gradient_of = ACTIVATIONS[activation]
    losses = []
    for i in range(steps):
        batch = np.arange(i * batch_size, (i + 1) * batch_size) % len(images)
        x, t = images[batch].astype(dtype) / dtype(255), labels[batch]
        rows = np.arange(batch_size)

        a1 = x @ p["W1"] + p["b1"]
        z1 = function(a1)
        a2 = z1 @ p["W2"] + p["b2"]
        shifted = a2 - a2.max(axis=1, keepdims=True)
        log_y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        losses.append(-log_y[rows, t].mean())

        dy = np.exp(log_y)
        dy[rows, t] -= 1
        dy /= dtype(batch_size)
        da1 = (dy @ p["W2"].T) * gradient_of(z1)
        gradient = {"W1": x.T @ da1, "b1": da1.sum(axis=0), "W2": z1.T @ dy, "b2": dy.sum(axis=0)}
        for name in TENSORS:
            p[name] -= dtype(LEARNING_RATE) * gradient[name]
    return p, np.array(losses)


def train_command(args, device, init, steps, run):
    """The same from the command, and the name of the device that it ran on."""
    done = subprocess.run(
        [args.command, "train", "--device", device, "--data", args.data, "--init", init, "--sampling", "sequential"]
        + ["--iterations", str(steps), "--learning-rate", str(LEARNING_RATE), "--batch-size", str(args.batch_size)]
        + ["--out", run, "--overwrite", "--quiet", "--json"],
        stdout=subprocess.PIPE,
    )
    if done.returncode != 0:
        sys.exit(f"agree.py: {args.command} train --device {device} ended with exit code {done.returncode}")
    return (
        read_model(run / "model.safetensors"),
        read_history(run / "history.csv"),
        json.loads(done.stdout)["device"]["name"],
    )


def errors(result, exact):
    """The relative error of each tensor, by norm, then the largest relative error of the losses."""
    (params, losses), (exact_params, exact_losses) = result, exact
    if len(losses) != len(exact_losses):
        sys.exit(f"agree.py: history.csv holds {len(losses)} losses after {len(exact_losses)} steps")
    found = [np.linalg.norm(params[name] - exact_params[name]) / np.linalg.norm(exact_params[name]) for name in TENSORS]
    return found + [np.max(np.abs(losses - exact_losses) / exact_losses)]


def row(activation, steps, device, numbers, note):
    print(ROW.format(activation, steps, device, *(f"{n:.1e}" for n in numbers), note), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Compare the twolayer command with numpy.")
    parser.add_argument("command", type=Path, help="the twolayer command")
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's IDX files, raw or .gz")
    parser.add_argument("--device", action="append", help="as for the command; may be given several times (default: cpu)")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--hidden", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--tolerance", type=float, default=2e-5)
    args = parser.parse_args()
    args.command = str(args.command.resolve())  # a bare name would be looked for on PATH

    images, labels = read_train_set(args.data)
    params = initial_params(images.shape[1], args.hidden, 1 + int(labels.max()))
    agreed = True
    print(ROW.format("activation", "steps", "device", *TENSORS, "loss", "bound", ""))
    with tempfile.TemporaryDirectory() as folder:
        init, run = Path(folder, "init.safetensors"), Path(folder, "run")
        for activation in ACTIVATIONS:
            write_model(init, params, {"activation": activation, "output": "softmax"})
            for steps in args.steps:
                exact, single = (
                    train_numpy(dtype, images, labels, params, activation, steps, args.batch_size)
                    for dtype in (np.float64, np.float32)
                )
                rounding = errors(single, exact)
                bound = max(args.tolerance, 10 * max(rounding))
                row(activation, steps, "numpy float32", [*rounding, bound], "")
                for device in args.device or ["cpu"]:
                    *result, name = train_command(args, device, init, steps, run)
                    found = errors(result, exact)
                    agrees = all(error <= bound for error in found)  # false for NaN too
                    row(activation, steps, device, [*found, bound], f"{'ok' if agrees else 'TOO FAR'}  {name}")
                    agreed &= agrees
    sys.exit(0 if agreed else 1)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"agree.py: {error}")
