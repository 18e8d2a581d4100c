"""The largest relative difference of a tensor, by norm, between the networks of two runs.

differences.py RUN RUN
"""

import array
import json
import math
import pathlib
import struct
import sys


def tensors(run):
    data = (pathlib.Path(run) / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    values = data[8 + length :]
    return {name: array.array("f", values[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def norm(values):
    return math.sqrt(sum(value * value for value in values))


one, other = map(tensors, sys.argv[1:])
assert one.keys() == other.keys()
print(max(norm(a - b for a, b in zip(one[name], other[name])) / norm(one[name]) for name in one))
