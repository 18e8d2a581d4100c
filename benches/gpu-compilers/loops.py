#!/usr/bin/env python3
"""loops.py FILE...: what is in each loop of a kernel's code: instructions, multiply-adds, and how many of the first to one of the
second. FILE is what gpu-compilers (*Assembly.txt, *NAKassembly.txt) or nvidia.py (*.sass) left.

A loop's own line counts the loops within it too, once."""
import re
import sys
from collections import Counter


# An instruction of NVIDIA's assembler: guard, operation, operands.
SASS = r"\s*/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+\s+)?([A-Z0-9_.]+)(.*?);"


def listing(text, label, instruction):
    """The instructions, each (operation, the rest of its line), and the number of the one after each label."""
    code, labels = [], {}
    for line in text.splitlines():
        if found := re.match(label, line):
            labels[found[1]] = len(code)
        elif found := re.match(instruction, line):
            code.append(found.groups()[-2:])
    return code, labels


def jumps_back(code, labels, jump, target):
    """The loops: first and last instruction, where an operation like `jump` names an earlier label like `target`."""
    targets = ((i, re.search(target, rest)) for i, (operation, rest) in enumerate(code) if re.match(jump, operation))
    return [(labels[to[1]], i) for i, to in targets if to and labels.get(to[1], i + 1) <= i]


def kinds_of(operations, kinds):
    """What each operation is, by its beginning."""
    return [next((kind for start, kind in kinds.items() if re.match(start, operation)), "other") for operation in operations]


def sass(text):
    code, labels = listing(text, r"\s*(\.L_[\w$]+):", SASS)
    # A jump to itself ends a program.
    loops = [(first, last) for first, last in jumps_back(code, labels, "BRA", r"(\.L_[\w$]+)") if first < last]
    kinds = {"FFMA": "multiply-add", "LDS": "shared load", r"STS\b": "shared store", "LDG": "load", "STG": "store", r"BAR\b": "barrier"}
    return kinds_of((operation for operation, _ in code), kinds), loops


def radv(text):
    code, labels = listing(text, r"(BB\d+):", r"\t([a-z0-9_]+)\s*(.*?)\s*;")
    kinds = {r"v_(dual_)?(pk_)?fma": "multiply-add", r"ds_(load|read)": "shared load", r"ds_(store|write)": "shared store",
             r"(buffer|global)_load": "load", r"(buffer|global)_store": "store", r"s_barrier": "barrier"}
    return kinds_of((operation for operation, _ in code), kinds), jumps_back(code, labels, r"s_c?branch", r"(BB\d+)")


def gen(text):
    code, labels = listing(text, r"(L\d+):", r"(?:\([^)]*\))?\s+([a-z][a-z0-9_.]*) (\(\d+.*)")
    kinds = {r"mad\b": "multiply-add", r"send\.slm": "shared access", r"send\.ugm": "memory access"}
    return kinds_of((operation for operation, _ in code), kinds), jumps_back(code, labels, "while", r"\b(L\d+)\b")


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
    kinds = {"ffma": "multiply-add", r"ld\.shared": "shared load", r"st\.shared": "shared store", r"ld\.global": "load",
             r"st\.global": "store", "bar": "barrier"}
    return kinds_of(code, kinds), loops


def main(paths):
    for path in paths:
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


if __name__ == "__main__":
    main(sys.argv[1:])
