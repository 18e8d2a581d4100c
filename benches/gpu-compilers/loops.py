#!/usr/bin/env python3
"""loops.py FILE...: what is in each loop of a kernel's code: instructions, multiply-adds, and how many of the first to one of the
second. FILE is what gpu-compilers (*Assembly.txt, *NAKassembly.txt) or nvidia.py (*.sass) left.

A loop's own line counts the loops within it too, once."""
import re
import sys
from collections import Counter


def sass(text):
    code, labels = [], {}
    for line in text.splitlines():
        if label := re.match(r"\s*(\.L_[\w$]+):", line):
            labels[label[1]] = len(code)
        elif found := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z0-9_.]+)(.*?);", line):
            code.append((found[1], found[2]))
    back = ((i, re.search(r"(\.L_[\w$]+)", rest)) for i, (op, rest) in enumerate(code) if op.startswith("BRA"))
    loops = [(labels[to[1]], i) for i, to in back if to and labels.get(to[1], i) < i]
    kinds = {"FFMA": "multiply-add", "LDS": "shared load", "STS": "shared store", "LDG": "load", "STG": "store", "BAR": "barrier"}
    return [kinds.get(op.split(".")[0], "other") for op, _ in code], loops


def radv(text):
    code, labels = [], {}
    for line in text.splitlines():
        if label := re.match(r"(BB\d+):", line):
            labels[label[1]] = len(code)
        elif found := re.match(r"\t([a-z0-9_]+)\s*(.*?)\s*;", line):
            code.append((found[1], found[2]))
    back = ((i, re.search(r"(BB\d+)", rest)) for i, (op, rest) in enumerate(code) if re.match(r"s_c?branch", op))
    loops = [(labels[to[1]], i) for i, to in back if to and labels.get(to[1], i + 1) <= i]
    kinds = [(r"v_(dual_)?(pk_)?fma", "multiply-add"), (r"ds_(load|read)", "shared load"), (r"ds_(store|write)", "shared store"),
             (r"(buffer|global)_load", "load"), (r"(buffer|global)_store", "store"), (r"s_barrier", "barrier")]
    return [next((kind for start, kind in kinds if re.match(start, op)), "other") for op, _ in code], loops


def nak(text):
    code, starts, loops, block = [], {}, [], 0
    for line in text.splitlines():
        if found := re.match(r"block(?:\.u)? (\d+) ", line):
            block = int(found[1])
            starts[block] = len(code)
        elif found := re.match(r"\} -> \[(.*)\]", line):
            loops += [(starts[int(to)], len(code) - 1) for to in found[1].split(", ") if to and int(to) <= block]
        elif found := re.match(r"\s+(?:@!?\S+ )?(?:[a-z0-9. ]+= )?\s*([a-z][a-z0-9_.]*)", line):
            code.append(found[1])
    kinds = [("ffma", "multiply-add"), ("ld.shared", "shared load"), ("st.shared", "shared store"), ("ld.global", "load"),
             ("st.global", "store"), ("bar", "barrier")]
    return [next((kind for start, kind in kinds if op.startswith(start)), "other") for op in code], loops


def gen(text):
    code, labels, loops = [], {}, []
    for line in text.splitlines():
        if label := re.match(r"(L\d+):", line):
            labels[label[1]] = len(code)
        elif found := re.match(r"(?:\([^)]*\))?\s+([a-z][a-z0-9_.]*) \(\d+", line):
            code.append(found[1])
            if found[1] == "while":
                loops.append((labels[re.search(r"\b(L\d+)\b", line)[1]], len(code) - 1))
    kinds = {"mad": "multiply-add", "send.slm": "shared access", "send.ugm": "memory access"}
    return [kinds.get(op, "other") for op in code], loops


for path in sys.argv[1:]:
    text = open(path, errors="replace").read()
    read = sass if path.endswith(".sass") else nak if "NAK" in path else gen if "GEN" in path else radv
    kinds, loops = read(text)
    print(f"{path}: {len(kinds)} instructions")
    ends = {}
    for first, last in loops:
        ends[first] = max(last, ends.get(first, 0))
    for first, last in sorted(ends.items()):
        count = Counter(kinds[first:last + 1])
        terms = count["multiply-add"]
        ratio = f", {(last + 1 - first) / terms:.2f} a multiply-add" if terms else ""
        print(f"  {first}-{last}: {last + 1 - first} instructions{ratio};", ", ".join(f"{n} {kind}" for kind, n in count.most_common()))
