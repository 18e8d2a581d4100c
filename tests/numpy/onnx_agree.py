"""Shows that exported files give numpy's probabilities: .onnx by onnxruntime, for both --input, .c by the C compiler, .safetensors.

    python tests/numpy/onnx_agree.py target/release/twolayer RUN... --data DIR

A RUN is a run's folder of a network with softmax, trained on MNIST; DIR holds MNIST's IDX files, raw or .gz. It needs numpy, onnx,
onnxruntime and cc. The table gives the largest difference from numpy in float64 on the first 1,000 test images and on all, and the
number of images of another class. The exit code is 1 if a difference on the first 1,000 is above --tolerance, or a class differs.
"""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from agree import ACTIVATIONS, read_idx, read_model

FIRST = 1000
NAMES = {"fc1.weight": "W1", "fc1.bias": "b1", "fc2.weight": "W2", "fc2.bias": "b2"}
# Images from stdin, probabilities and classes to stdout.
MAIN = """
#include <stdio.h>
#include "net.c"

int main(void)
{
    uint8_t image[PIXELS];
    float y[CLASSES];

    while (fread(image, sizeof image, 1, stdin) == 1) {
        int best = predict(image, y);

        fwrite(y, sizeof y, 1, stdout);
        fwrite(&best, sizeof best, 1, stdout);
    }
    return 0;
}
"""


def metadata(path):
    data = path.read_bytes()
    return json.loads(data[8 : 8 + struct.unpack_from("<Q", data)[0]])["__metadata__"]


def numpy_probabilities(p, activation, x):
    """In float64."""
    p = {name: value.astype(np.float64) for name, value in p.items()}
    logits = ACTIVATIONS[activation][0](x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    y = np.exp(logits - logits.max(axis=1, keepdims=True))
    return y / y.sum(axis=1, keepdims=True)


def export(args, run, out, *flags):
    done = subprocess.run([args.command, "export", run, out, *flags], stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"onnx_agree.py: {args.command} export ended with exit code {done.returncode}")
    return out


def by_onnx(args, run, folder, kind, images):
    path = export(args, run, folder / f"{kind}.onnx", "--input", kind)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = images if kind == "u8" else images.astype(np.float32) / np.float32(255)
    (y,) = session.run(["probabilities"], {"image": x})
    return y, y.argmax(axis=1)


def by_c(args, run, folder, images):
    export(args, run, folder / "net.c")
    (folder / "main.c").write_text(MAIN)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2"]
    subprocess.run(["cc", *flags, "main.c", "-o", "main", "-lm"], cwd=folder, check=True)
    out = subprocess.run([folder / "main"], input=images.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    row = np.dtype([("y", "<f4", 10), ("class", "<i4")])
    found = np.frombuffer(out, row)
    return found["y"], found["class"]


def by_pytorch(args, run, folder, activation, images):
    """As torch.nn.Linear computes: x @ weight.T + bias, in float32."""
    p = read_model(export(args, run, folder / "net.safetensors"), NAMES)
    x = images.astype(np.float32) / np.float32(255)
    p = {NAMES[name]: value.T for name, value in p.items()}
    y = numpy_probabilities(p, activation, x)
    return y, y.argmax(axis=1)


def main():
    parser = argparse.ArgumentParser(description="Compare exported networks with numpy.")
    parser.add_argument("command", type=Path, help="the twolayer command")
    parser.add_argument("run", type=Path, nargs="+", help="folder of a run")
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's IDX files, raw or .gz")
    parser.add_argument("--tolerance", type=float, default=1e-6)
    args = parser.parse_args()
    args.command = str(args.command.resolve())
    images = read_idx(args.data, "t10k-images-idx3-ubyte", header=16).reshape(-1, 784)
    agreed = True
    print(f"{'activation':10}  {'export':12}{'first 1,000':>12}{'all':>9}  other classes")
    for run in args.run:
        model = run / "model.safetensors"
        activation = metadata(model)["activation"]
        expected = numpy_probabilities(read_model(model), activation, images / 255)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            for name, (y, classes) in {
                "onnx f32": by_onnx(args, run, folder, "f32", images),
                "onnx u8": by_onnx(args, run, folder, "u8", images),
                "c": by_c(args, run, folder, images),
                "safetensors": by_pytorch(args, run, folder, activation, images),
            }.items():
                differences = np.abs(y - expected).max(axis=1)
                others = np.count_nonzero(classes != expected.argmax(axis=1))
                print(f"{activation:10}  {name:12}{differences[:FIRST].max():>12.1e}{differences.max():>9.1e}  {others}")
                agreed &= bool(differences[:FIRST].max() <= args.tolerance) and others == 0
    sys.exit(0 if agreed else 1)


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"onnx_agree.py: {error}")
