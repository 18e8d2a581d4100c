#!/usr/bin/env python3
"""model.py KERNEL.sass LOOPS [NAME=NUMBER...]: cycles of a multiprocessor of an NVIDIA GPU, by a model that nothing has measured.

LOOPS: for each loop, as loops.py numbers them, FIRST-LAST:TRIPS:WARPS, with commas between; WARPS is how many warps of a workgroup
go in. Loops that are left out run once. NAMES: warps (of a workgroup, 8), workgroups (at once on the multiprocessor, 1), load
(cycles of a load from the second cache, 270).

The model: four schedulers, each issues an instruction a cycle of a warp whose operands are ready; a warp goes in order. Loads share a
path of 64 bytes a cycle, shared memory one of 128; special functions have a quarter of the rate. A barrier waits for its workgroup."""
import re
import sys

from loops import SASS

LATENCY = {"LDS": 30, "MUFU": 24, "I2F": 18, "I2FP": 6, "S2R": 25, "S2UR": 25, "LDC": 30, "ULDC": 8, "BAR": 12, "R2UR": 10, "F2I": 18}
NO_RESULT = {"STG", "ST", "STS", "BRA", "BAR", "EXIT", "BSSY", "BSYNC", "NOP", "WARPSYNC", "RET", "CALL", "MEMBAR"}


def instructions(path):
    """(operation, what it writes, what it reads, words it moves) of each."""
    code = []
    for line in open(path):
        found = re.match(SASS, line)
        if not found:
            continue
        guard, full, rest = found.groups()
        operation = full.split(".")[0]
        operands = [operand.strip() for operand in rest.split(",")]
        words = 4 if ".128" in full else 2 if ".64" in full or "WIDE" in full else 1

        def registers(text, count=1):
            numbered = re.findall(r"\b(U?R)(\d+)", text)
            return {f"{kind}{int(n) + i}" for kind, n in numbered for i in range(count)} | set(re.findall(r"\bU?P\d", text))

        if operation in NO_RESULT:
            writes, reads = set(), registers(operands[0]) | (registers(operands[-1], words) if len(operands) > 1 else set())
        else:
            writes, reads = registers(operands[0], words), set()
            for operand in operands[1:]:
                wide = ("[" in operand and ".64" in operand) or ("WIDE" in full and operand is operands[-1])
                reads |= registers(operand, 2 if wide else 1)
        code.append((operation, writes, reads | registers(guard or ""), words))
    return code


def path_of(code, loops, warp):
    """The numbers of the instructions that a warp runs."""
    ends = [i for i, (operation, *_) in enumerate(code) if operation == "EXIT"]

    def part(first, last, within):
        at = first
        while at <= last:
            inner = [loop for loop in loops if loop[0] == at and loop[1] <= last and loop[:2] != within]
            if not inner:
                yield at
                at += 1
                continue
            start, end, trips, warps = max(inner, key=lambda loop: loop[1])
            for _ in range(trips if warp < warps else 0):
                yield from part(start, end, (start, end))
            at = end + 1

    return list(part(0, ends[-1] if ends else len(code) - 1, None))


def cycles(code, loops, warps, workgroups, load):
    count = warps * workgroups
    paths = [path_of(code, loops, warp % warps) for warp in range(count)]
    place, free, ready, waits = [0] * count, [0] * count, [{} for _ in range(count)], [False] * count
    memory = shared = 0.0
    special = [0.0] * 4
    now, barriers = 0, []
    while any(place[w] < len(paths[w]) for w in range(count)):
        issued = False
        for scheduler in range(4):
            for w in range(scheduler, count, 4):
                if place[w] >= len(paths[w]) or waits[w] or free[w] > now:
                    continue
                operation, writes, reads, words = code[paths[w][place[w]]]
                if any(ready[w].get(register, 0) > now for register in reads | writes):
                    continue
                latency = LATENCY.get(operation, 5)
                if operation in ("LDG", "LD"):
                    start = max(now, memory)
                    memory = start + (8 if words == 4 else 2)
                    latency = start - now + load
                elif operation == "LDS":
                    start = max(now, shared)
                    shared = start + (2 if words == 4 else 1)
                    latency += start - now
                elif operation in ("STG", "ST", "STS"):
                    memory = max(now, memory) + words
                elif operation in ("MUFU", "I2F", "I2FP"):
                    start = max(now, special[scheduler])
                    special[scheduler] = start + (8 if operation == "MUFU" else 2)
                    latency += start - now
                ready[w].update((register, now + latency) for register in writes)
                place[w] += 1
                free[w] = now + (6 if operation in ("BRA", "BSYNC", "EXIT") else 1)
                waits[w] = operation == "BAR"
                issued = True
                break
        for group in range(workgroups):
            members = range(group * warps, (group + 1) * warps)
            if any(waits[w] for w in members) and all(waits[w] or place[w] >= len(paths[w]) for w in members):
                if group == 0:
                    barriers.append(now)
                for w in members:
                    if waits[w]:
                        waits[w], free[w] = False, now + LATENCY["BAR"]
        if issued:
            now += 1
            continue
        later = []
        for w in range(count):
            if place[w] < len(paths[w]) and not waits[w]:
                _, writes, reads, _ = code[paths[w][place[w]]]
                later.append(max([free[w], *(ready[w].get(register, 0) for register in reads | writes)]))
        now = max(now + 1, int(min(later, default=0)))
    return now, sum(map(len, paths)), barriers


def main(path, loops, *numbers):
    options = {"warps": 8, "workgroups": 1, "load": 270} | {name: int(n) for name, n in (option.split("=") for option in numbers)}
    read = [re.match(r"(\d+)-(\d+):(\d+):(\d+)", loop) for loop in filter(None, loops.split(","))]
    total, issued, barriers = cycles(instructions(path), [tuple(map(int, loop.groups())) for loop in read], **options)
    print(f"{path}: {total} cycles, {issued} instructions, {issued / total:.2f} of 4 a cycle; barriers at {barriers}")


main(*sys.argv[1:])
