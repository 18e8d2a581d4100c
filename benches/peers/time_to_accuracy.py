"""Times how long twolayer and its peers train until the test accuracy is 97, 98 and 98.4 %, by one recipe, in turns.

    python3 benches/peers/time_to_accuracy.py --data MNIST_FOLDER --hidden 512 --activation relu --weight-init he \\
        --optimizer adam --lr-schedule cosine --warmup 200 --batch-size 100 --epochs 10

Every contestant shuffles, trains all the epochs and evaluates after each one. Evaluations are not timed. --check times
nothing: it compares every contestant's losses with those of numpy in float64. See README.md beside this.
"""

import argparse
import array
import json
import math
import os
import random
import shlex
import signal
import statistics
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import compare
import job
import recipe
from compare import Failed, say

TARGETS = [0.97, 0.98, 0.984]
# The peers that know every recipe.
PEERS = [peer for peer in compare.PEERS if peer[2] in ("eager", "manual", "scan")]
# --check's recipes, so that each optimiser and each schedule is there: optimizer, lr_schedule, warmup, weight_decay,
# activation. The decays are strong, so that one parameter without it shows. The bound is on the relative difference of
# a loss, which float32's rounding moves by some 1e-7.
CHECKS = [
    ("sgd", "constant", 0, 0.0, "sigmoid"),
    ("sgd", "linear", 7, 0.01, "relu"),
    ("momentum", "cosine", 7, 0.1, "sigmoid"),
    ("adam", "step", 0, 0.0, "relu"),
    ("adam", "linear", 7, 0.01, "sigmoid"),
    ("adamw", "cosine", 7, 1.0, "relu"),
]
CHECK_STEPS, CHECK_BOUND = 60, 5e-6


def with_changes(chosen, **changes):
    return argparse.Namespace(**{**vars(chosen), **changes})


def for_trial(chosen):
    """The recipe without a schedule: too few steps have no room for the warmup, and a step takes as long without it."""
    return with_changes(chosen, lr_schedule="constant", warmup=0)


class Twolayer(compare.Twolayer):
    def command(self, chosen, _steps, _evaluate, threads):
        return [
            *(self.program, "train", "--device", self.device, "--data", chosen.data, *recipe.flags(chosen)),
            *("--seed", str(chosen.seed), "--threads", str(threads), "--quiet", "--json"),
        ]

    def train(self, chosen, threads, *flags):
        result = compare.execute([*self.command(chosen, None, None, threads), *flags])
        if result["end"] != "finished":
            raise Failed(f"the training ended early: {result['end']}")
        return result

    def run(self, chosen, steps, evaluate, threads):
        """It always evaluates, so that a trial takes longer, but its training seconds leave that out."""
        length = ("--epochs", str(chosen.epochs)) if evaluate else ("--iterations", str(steps))
        workload = chosen if evaluate else for_trial(chosen)
        result = self.train(workload, threads, *length, "--sampling", "shuffle", "--no-save")
        seconds, steps = result["train_seconds"], result["iterations"]
        done = [(each["iteration"] + 1, each["test_accuracy"]) for each in result["epochs"]]
        done.append((steps, result["final"]["test_accuracy"]))
        return {
            "version": result["version"],
            "device": result["device"]["name"],
            "train_seconds": seconds,
            "test_accuracy": done[-1][1],
            # One step takes as long as another.
            "history": [{"steps": n, "train_seconds": seconds * n / steps, "test_accuracy": a} for n, a in done],
        }

    def losses(self, chosen):
        with tempfile.TemporaryDirectory() as folder:
            flags = ("--sampling", "sequential", "--iterations", str(CHECK_STEPS), "--out", f"{folder}/run")
            self.train(chosen, self.threads, *flags)
            lines = Path(folder, "run", "history.csv").read_text(encoding="utf-8").split()
        return [float(line.split(",")[1]) for line in lines[1:]]


class Peer(compare.Peer):
    def command(self, chosen, _steps, _evaluate, threads):
        return [
            *(*self.start, "--data", chosen.data, *recipe.flags(chosen)),
            *("--seed", str(chosen.seed), "--threads", str(threads)),
        ]

    def run(self, chosen, steps, evaluate, threads):
        length = ("--epochs", str(chosen.epochs)) if evaluate else ("--steps", str(steps), "--no-evaluation")
        workload = chosen if evaluate else for_trial(chosen)
        command = self.command(workload, steps, evaluate, threads)
        return compare.execute([*command, *length, "--sampling", "shuffle"])

    def losses(self, chosen):
        flags = ("--sampling", "sequential", "--steps", str(CHECK_STEPS), "--no-evaluation", "--losses")
        return compare.execute([*self.command(chosen, None, None, self.threads), *flags])["losses"]


class Race(compare.Race):
    """A round is a run of each contestant with each seed."""

    def rounds(self):
        chosen = self.chosen
        for number in range(1, chosen.runs + 1):
            for seed in chosen.seeds:
                # The contestants take it from here.
                chosen.seed = seed
                for contestant in self.racing():
                    run = self.attempt(contestant, chosen.steps, True, contestant.threads)
                    if run:
                        contestant.runs.append(run)
                        when = f"round {number} of {chosen.runs}, seed {seed}"
                        say(f"{when}: {contestant.name} {run['train_seconds']:.3f} s, {run['test_accuracy']:.4f}")


def arrival(run, target):
    """(training seconds, epoch) of the first evaluation in which a run has the target; None if it never has."""
    for epoch, at in enumerate(run["history"]):
        # The first one is after a single step.
        if at["test_accuracy"] >= target:
            return at["train_seconds"], epoch
    return None


def arrivals(runs, target):
    """When the runs have the target. One that never has it is later than any: where most never have it, so does the
    median, and it is None."""
    found = [arrival(run, target) for run in runs]
    there = [each for each in found if each is not None]
    seconds, epochs = (median([each[i] if each else math.inf for each in found]) for i in (0, 1))
    return {
        "target": target,
        "reached": len(there),
        "seconds": [each and each[0] for each in found],
        "seconds_median": seconds,
        "epochs": [each and each[1] for each in found],
        "epochs_median": epochs,
    }


def median(values):
    middle = statistics.median(values)
    return middle if math.isfinite(middle) else None


def report(race, skipped, load, date):
    """Everything that was found, as one object."""
    chosen = race.chosen
    rows = []
    for contestant in [c for c in race.contestants if c.runs]:
        runs = contestant.runs
        rows.append(
            {
                "name": contestant.name,
                "version": runs[0]["version"],
                "device": runs[0]["device"],
                "threads": contestant.threads if contestant.on_cpu else None,
                "train_seconds": [run["train_seconds"] for run in runs],
                "train_seconds_median": contestant.median("train_seconds"),
                "test_accuracy": [run["test_accuracy"] for run in runs],
                "test_accuracy_mean": statistics.mean(run["test_accuracy"] for run in runs),
                "targets": [arrivals(runs, target) for target in chosen.target],
                "history": [run["history"] for run in runs],
            }
        )
    # The ratios are to the first of twolayer's devices and builds.
    name = race.contestants[0].name
    base = next((row for row in rows if row["name"] == name), None)
    for row in rows:
        row["ratio"] = base and row["train_seconds_median"] / base["train_seconds_median"]
        for i, at in enumerate(row["targets"]):
            seconds, ours = at["seconds_median"], base and base["targets"][i]["seconds_median"]
            at["ratio"] = seconds / ours if seconds and ours else None
    return {
        "date": date,
        "command": shlex.join(["python3", *sys.argv]),
        "machine": compare.machine(),
        "python": compare.output(chosen.python, "-c", "import platform; print(platform.python_version())"),
        "load_average": load,
        "busy": compare.is_busy(load),
        "recipe": " ".join(recipe.flags(chosen)),
        "data": chosen.data,
        "epochs": chosen.epochs,
        "seeds": chosen.seeds,
        "rounds": chosen.runs,
        "base": name,
        "results": rows,
        "skipped": [{"name": name, "why": why} for name, why in skipped],
        "failures": [{"name": name, "why": why} for name, why in race.failures],
    }


def show(found):
    host = found["machine"]
    print(f"- {found['date']}, `{found['command']}`")
    busy = ": BUSY, so the ratios will be wrong" if found["busy"] else ""
    load = compare.number(found["load_average"], ".2f")
    print(f"- {host['cpu']}, {host['cores']} cores; GPU: {host['gpu'] or 'no nvidia-smi'}; {host['system']}")
    print(f"- 784-N-10, {found['epochs']} epochs by `{found['recipe']}`")
    seeds = ", ".join(map(str, found["seeds"]))
    print(f"- seeds {seeds}; rounds: {found['rounds']}; the load at the start was {load}{busy}")
    for title in ("skipped", "failures"):
        for each in found[title]:
            print(f"- {title}: {each['name']}: {each['why']}")
    print()
    rows = found["results"]
    if not rows:
        print("no run has finished")
        return
    targets = [at["target"] for at in rows[0]["targets"]]
    head = ["", "threads"]
    for target in targets:
        head += [f"s to {100 * target:g} % [min..max]", "epochs", "ratio"]
    head += ["s an epoch", "ratio", "accuracy at the end"]
    print_row(head)
    print_row(["---"] * len(head))
    for row in rows:
        cells = [f"{row['name']} {row['version']}", compare.number(row["threads"], "d")]
        for at in row["targets"]:
            cells += [span(at), compare.number(at["epochs_median"], "g"), times(at["ratio"])]
        an_epoch = row["train_seconds_median"] / found["epochs"]
        print_row([*cells, f"{an_epoch:.3f}", times(row["ratio"]), f"{row['test_accuracy_mean']:.2%}"])
    print("\nSeconds of training, without evaluations, and epochs are medians, the accuracy at the end is a mean.")
    print(f"A ratio is a contestant's seconds by those of {found['base']}.")


def print_row(cells):
    print(f"| {' | '.join(cells)} |")


def span(at):
    """The median of the seconds, and from where to where they go; how many runs came there, if not all did."""
    there = [seconds for seconds in at["seconds"] if seconds is not None]
    if not there:
        return "never"
    middle = "never" if at["seconds_median"] is None else f"{at['seconds_median']:.2f}"
    some = "" if len(there) == len(at["seconds"]) else f" ({len(there)} of {len(at['seconds'])})"
    return f"{middle} [{min(there):.2f}..{max(there):.2f}]{some}"


def times(ratio):
    return "-" if ratio is None else f"{ratio:.2f}x"


def check(chosen, contestants, skipped):
    """Whether all losses are numpy's in float64. True if so.

    All start from the same weights and take the images in the order of the file: twolayer's shuffling is its own."""
    judge = Peer(chosen.python, "numpy, float64", "numpy_net.py", "float64", "cpu", chosen.threads[-1])
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        for optimizer, schedule, warmup, decay, activation in CHECKS:
            case = with_changes(
                chosen,
                optimizer=optimizer,
                lr_schedule=schedule,
                warmup=warmup,
                weight_decay=decay,
                activation=activation,
                learning_rate=recipe.USUAL_RATES[optimizer],
                init=f"{folder}/{activation}.safetensors",
                seed=0,
            )
            write_weights(case.init, case.hidden)
            print(f"{optimizer}, {schedule}, warmup {warmup}, weight decay {decay}, {activation}", flush=True)
            right = judge.losses(case)
            for contestant in contestants:
                try:
                    losses = contestant.losses(case)
                    if len(losses) != len(right):
                        raise Failed(f"{len(losses)} losses of {len(right)} steps")
                    error = max(abs(loss / exact - 1) for loss, exact in zip(losses, right))
                    agrees = error <= CHECK_BOUND
                    print(f"  {contestant.name:24}{error:.1e}{'' if agrees else '  DOES NOT AGREE'}", flush=True)
                except Failed as failure:
                    agrees = False
                    print(f"  {contestant.name:24}FAILED: {failure}", flush=True)
                fine = fine and agrees
    for name, why in skipped:
        print(f"skipped: {name}: {why}")
    verdict = "all agree" if fine else "NOT ALL AGREE"
    bound = f"the bound is {CHECK_BOUND:.0e}"
    print(f"{verdict}: each of {CHECK_STEPS} losses beside numpy's in float64, relative difference; {bound}")
    return fine


def write_weights(path, hidden):
    """First weights as a safetensors file: a header's length, the header with the tensors' places, the tensors."""
    numbers, inputs = random.Random(0), job.PIXELS
    shapes = {"W1": [inputs, hidden], "b1": [hidden], "W2": [hidden, job.CLASSES], "b2": [job.CLASSES]}
    header, values = {}, array.array("f")
    for name, shape in shapes.items():
        begin = 4 * len(values)
        # Biases too, so that their decay shows.
        std = math.sqrt(1 / shape[0])
        values.extend(numbers.gauss(0, std) for _ in range(math.prod(shape)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, 4 * len(values)]}
    if sys.byteorder == "big":
        values.byteswap()
    text = json.dumps(header).encode()
    # The tensors begin at a multiple of 8.
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + values.tobytes())


def share(text):
    """An accuracy above 0, at most 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an accuracy above 0, at most 1")
    return value


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    compare.add_contestants(parser, "on the CPU")
    add("--hidden", type=job.positive, default=50, metavar="N", help="hidden units [50]")
    add("--batch-size", type=job.positive, default=100, metavar="N", help="images in a batch [100]")
    add("--epochs", type=job.positive, default=10, metavar="N", help="passes through the training images [10]")
    recipe.add_training(parser)
    add("--seed", type=recipe.whole, action="append", metavar="N", help="may be repeated, in place of --seeds")
    add("--seeds", type=job.positive, default=3, metavar="N", help="the seeds 0 to N - 1 [3]")
    add("--target", type=share, nargs="+", default=TARGETS, metavar="X", help="test accuracies [0.97 0.98 0.984]")
    add("--runs", type=job.positive, default=1, metavar="N", help="rounds: runs of each contestant with each seed [1]")
    job.add_data(parser)
    add("--check", action="store_true", help="don't time: compare the losses of a few steps with numpy's in float64")
    chosen = parser.parse_args()
    recipe.complete(chosen)
    chosen.init = None
    chosen.seeds = list(dict.fromkeys(chosen.seed)) if chosen.seed else list(range(chosen.seeds))
    chosen.seed = chosen.seeds[0]
    # A trial is a part of these. How many the runs have is for the data to say.
    chosen.steps = chosen.epochs * max(job.TRAIN_IMAGES // chosen.batch_size, 1)
    if chosen.data is None:
        parser.error("the accuracies need MNIST: --data or $MNIST_DIR names the folder of its files")
    compare.complete(chosen, parser, PEERS, [peer for peer in PEERS if peer[3] == "cpu"])
    return chosen


def main():
    chosen = arguments()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    date = datetime.now().astimezone().isoformat(timespec="seconds")
    peers, skipped = compare.peers_here(chosen, Peer)
    names = chosen.twolayer if len(chosen.twolayer) > 1 else ["twolayer"]
    builds = list(zip(chosen.twolayer, names))
    ours = [Twolayer(build, device, chosen.threads[-1], name) for build, name in builds for device in chosen.device]
    if chosen.check:
        return 0 if check(chosen, [*ours, *peers], skipped) else 1

    compare.warn_of_load(load)
    for name, why in skipped:
        say(f"skipped: {name}: {why}")
    race = Race(chosen, [*ours, *peers])
    interrupted = False
    try:
        race.find_threads()
        race.rounds()
    except KeyboardInterrupt:
        interrupted = True
        say("\ninterrupted: this is what there is")
    found = report(race, skipped, load, date)
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    return 130 if interrupted else 1 if race.failures else 0


if __name__ == "__main__":
    # Being told to end is an interruption too: the run that is under way must not go on alone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
