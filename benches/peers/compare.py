"""Times twolayer and the same job in other libraries, in turns, and prints how many times faster twolayer is.

    python3 benches/peers/compare.py --data MNIST_FOLDER

Every peer that can run here takes part: one round is a run of each, one after the other, so that whatever else the
machine does falls on all alike. --check times nothing: it compares what the peers compute. See README.md beside this.
"""

import argparse
import json
import os
import platform
import shlex
import signal
import statistics
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import job

HERE = Path(__file__).resolve().parent
# Name, script, variant, device: in the order of a round.
PEERS = [
    ("numpy-book", "numpy_net.py", "book", "cpu"),
    ("numpy-tuned", "numpy_net.py", "tuned", "cpu"),
    ("torch-eager", "torch_net.py", "eager", "cpu"),
    ("torch-manual", "torch_net.py", "manual", "cpu"),
    ("jax-scan", "jax_net.py", "scan", "cpu"),
    ("torch-cuda-eager", "torch_net.py", "eager", "cuda"),
    ("torch-cuda-manual", "torch_net.py", "manual", "cuda"),
    ("torch-cuda-graph", "torch_net.py", "graph", "cuda"),
    ("torch-cuda-graph-chunk", "torch_net.py", "graph-chunk", "cuda"),
    ("jax-cuda-scan", "jax_net.py", "scan", "cuda"),
]
# What a peer's Python must be able to do: by library and device. Prints nothing, or fails with the reason last.
PROBES = {
    ("numpy", "cpu"): "import numpy",
    ("torch", "cpu"): "import numpy, torch",
    ("torch", "cuda"): "import numpy, torch; assert torch.cuda.is_available(), 'this PyTorch finds no CUDA GPU'",
    ("jax", "cpu"): "import numpy, jax",
    # JAX explains a missing GPU at length, so its words are left out.
    ("jax", "cuda"): """
import numpy, jax
try:
    found = any(device.platform == "gpu" for device in jax.devices())
except RuntimeError:
    found = False
assert found, "this JAX finds no CUDA GPU"
""",
}
# A machine is busy from this many waiting or running processes a core.
BUSY = 0.5
# Of the job's steps in a trial of a number of threads: one part in so many. A trial is as many runs of each number.
TRIAL_PART, TRIAL_RUNS = 10, 2
# --check's steps: a first one, two graphs of 100, and a rest. Its bound is on the relative difference of the test loss,
# which float32's rounding alone moves by some 1e-7 in so many steps.
CHECK_STEPS, CHECK_BOUND = 250, 1e-5


class Failed(Exception):
    """A run that gave no result; in one line, why."""


class Contestant:
    """twolayer on a device, or a peer: how to run it, and what its runs gave."""

    def __init__(self, name, threads):
        self.name = name
        self.threads = threads
        self.runs = []

    def median(self, key):
        values = [run[key] for run in self.runs if run[key] is not None]
        return statistics.median(values) if values else None

    def run(self, workload, steps, evaluate, threads):
        return execute(self.command(workload, steps, evaluate, threads))


class Twolayer(Contestant):
    def __init__(self, program, device, threads, name="twolayer"):
        super().__init__(f"{name} {device}", threads)
        self.program, self.device, self.on_cpu = program, device, device == "cpu"

    def command(self, workload, steps, _evaluate, threads):
        return [
            *(self.program, "--device", self.device, "--data", workload.data or "synthetic"),
            *("--hidden", str(workload.hidden), "--batch-size", str(workload.batch_size), "--iterations", str(steps)),
            *("--learning-rate", str(job.LEARNING_RATE), "--weight-init-std", str(job.WEIGHT_INIT_STD)),
            *("--threads", str(threads), "--no-save", "--quiet", "--json"),
        ]

    def run(self, workload, steps, evaluate, threads):
        result = super().run(workload, steps, evaluate, threads)
        if result["end"] != "finished":
            raise Failed(f"the training ended early: {result['end']}")
        return {
            "version": result["version"],
            "device": result["device"]["name"],
            "train_seconds": result["train_seconds"],
            # It always evaluates; a figure that no peer has says nothing.
            "eval_seconds": result["eval_seconds"] if evaluate else None,
            "test_accuracy": result["final"]["test_accuracy"] if evaluate else None,
        }


class Peer(Contestant):
    def __init__(self, python, name, script, variant, device, threads):
        super().__init__(name, threads)
        self.start = [python, str(HERE / script), "--variant", variant, "--device", device]
        self.on_cpu = device == "cpu"

    def command(self, workload, steps, evaluate, threads):
        return [
            *(*self.start, "--hidden", str(workload.hidden), "--batch-size", str(workload.batch_size)),
            *("--steps", str(steps), "--threads", str(threads)),
            *(("--data", workload.data) if workload.data else ()),
            *(() if evaluate else ("--no-evaluation",)),
        ]

    def check(self, workload):
        """The test loss after a few steps from the weights and on the batches that all peers start from."""
        return execute([*self.command(workload, CHECK_STEPS, False, self.threads), "--test-loss"])["test_loss"]


def execute(command):
    """The JSON that a command prints, or `Failed` with the line of its stderr that says why."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment())
    except OSError as error:
        raise Failed(f"{command[0]} can't be run: {error.strerror}") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        # twolayer's wrong usage ends with a hint; Python's errors are the last line.
        raise Failed(next((line for line in lines if line.startswith("error: ")), lines[-1]))
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failed("its stdout is not the JSON of a result") from None


def environment():
    """Without $MNIST_DIR, which compare.py has already made into --data."""
    return {name: value for name, value in os.environ.items() if name != "MNIST_DIR"}


def add_contestants(parser, usual):
    """The flags that say who takes part; `usual` is who does without --peer."""
    add = parser.add_argument
    add("--twolayer", action="append", metavar="FILE", help="a build; may be repeated [target/release/twolayer]")
    add("--device", action="append", metavar="DEVICE", help="a device of twolayer's; may be repeated [cpu]")
    add("--peer", action="append", metavar="NAME", help=f"a peer, or what some begin with; may be repeated [{usual}]")
    add("--python", default=sys.executable, metavar="FILE", help="the Python that has the libraries [this one]")
    add(
        "--threads",
        type=job.positive,
        action="append",
        metavar="N",
        help="CPU threads; may be repeated: a short trial then finds each contestant's best [1 and one a core]",
    )
    add("--json", action="store_true", help="the results as one JSON object on stdout")


def complete(chosen, parser, peers, usual):
    """Fills in who takes part, of these peers or without --peer of the usual ones, and checks that the data is there."""
    default = HERE.parents[1] / "target" / "release" / "twolayer"
    chosen.device = list(dict.fromkeys(chosen.device or ["cpu"]))
    chosen.twolayer = list(dict.fromkeys(chosen.twolayer or [str(default)]))
    chosen.threads = sorted(set(chosen.threads or [1, job.cores()]))
    for prefix in chosen.peer or []:
        if not any(name.startswith(prefix) for name, *_ in peers):
            parser.error(f"no peer's name begins with {prefix!r}; there are {', '.join(name for name, *_ in peers)}")
    chosen.peer = [peer for peer in peers if peer[0].startswith(tuple(chosen.peer))] if chosen.peer else usual
    if chosen.data is not None:
        for names in job.FILES.values():
            for name in names:
                job.find(chosen.data, name)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add_contestants(parser, "all")
    add("--runs", type=job.positive, default=5, metavar="N", help="rounds [5]")
    job.add_workload(parser)
    add("--check", action="store_true", help="don't time: compare the peers' test loss after a few steps")
    chosen = parser.parse_args()
    complete(chosen, parser, PEERS, PEERS)
    return chosen


def say(text):
    print(text, file=sys.stderr, flush=True)


def peers_here(chosen, kind=Peer):
    """The chosen peers that can run, as contestants of a kind, and why the others can't."""
    answers, able, skipped = {}, [], {}
    for name, script, variant, device in chosen.peer:
        needs = (script.split("_")[0], device)
        if needs not in answers:
            answers[needs] = probe(chosen.python, PROBES[needs])
        if answers[needs] is None:
            able.append(kind(chosen.python, name, script, variant, device, chosen.threads[-1]))
        else:
            skipped.setdefault(answers[needs], []).append(name)
    return able, [(", ".join(names), why) for why, names in skipped.items()]


def probe(python, code):
    """None if the code runs, else why not."""
    try:
        done = subprocess.run([python, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        return f"{python} can't be run: {error.strerror}"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return lines[-1].split("Error: ", 1)[-1]


class Race:
    """All runs, and what went wrong. It can be interrupted: what is there is shown."""

    def __init__(self, chosen, contestants):
        self.chosen, self.contestants = chosen, contestants
        self.failures = []

    def attempt(self, contestant, steps, evaluate, threads):
        """What a run gives; None, and the contestant is out, if it fails."""
        try:
            return contestant.run(self.chosen, steps, evaluate, threads)
        except Failed as failure:
            self.failures.append((contestant.name, str(failure)))
            say(f"{contestant.name} failed: {failure}")
            return None

    def racing(self):
        out = {name for name, _ in self.failures}
        return [contestant for contestant in self.contestants if contestant.name not in out]

    def find_threads(self):
        """Gives each contestant on the CPU the number of threads with which it is fastest."""
        chosen = self.chosen
        if len(chosen.threads) == 1:
            return
        steps = max(chosen.steps // TRIAL_PART, 1)
        for contestant in [c for c in self.contestants if c.on_cpu]:
            seconds = dict.fromkeys(chosen.threads, float("inf"))
            for threads in chosen.threads * TRIAL_RUNS:
                run = self.attempt(contestant, steps, False, threads)
                if run is None:
                    break
                seconds[threads] = min(seconds[threads], run["train_seconds"])
            else:
                contestant.threads = min(seconds, key=seconds.get)
                tried = ", ".join(f"{s:.3f} s with {n}" for n, s in seconds.items())
                say(f"threads of {contestant.name}: {contestant.threads} (trial of {steps} steps: {tried})")

    def rounds(self):
        chosen = self.chosen
        for number in range(1, chosen.runs + 1):
            for contestant in self.racing():
                run = self.attempt(contestant, chosen.steps, not chosen.no_evaluation, contestant.threads)
                if run:
                    contestant.runs.append(run)
                    say(f"round {number} of {chosen.runs}: {contestant.name} {run['train_seconds']:.3f} s")


def machine():
    """What ran this, as far as the system tells."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        model = output("sysctl", "-n", "machdep.cpu.brand_string") or model
    gpu = output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    return {"system": platform.platform(), "cpu": model, "cores": job.cores(), "gpu": gpu and gpu.replace("\n", "; ")}


def output(*command):
    """What a command prints; None where there is no such command or it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


def report(race, skipped, load, date):
    """Everything that was found, as one object."""
    chosen = race.chosen
    ours = [c for c in race.contestants if isinstance(c, Twolayer)]
    rows = []
    for contestant in race.contestants:
        if not contestant.runs:
            continue
        seconds = contestant.median("train_seconds")
        rows.append(
            {
                "name": contestant.name,
                "version": contestant.runs[0]["version"],
                "device": contestant.runs[0]["device"],
                "threads": contestant.threads if contestant.on_cpu else None,
                "train_seconds": [run["train_seconds"] for run in contestant.runs],
                "train_seconds_median": seconds,
                "eval_seconds_median": contestant.median("eval_seconds"),
                "steps_per_second": chosen.steps / seconds,
                "images_per_second": chosen.steps * chosen.batch_size / seconds,
                "test_accuracy": contestant.median("test_accuracy"),
                "ratios": {c.name: seconds / c.median("train_seconds") for c in ours if c.runs and c is not contestant},
            }
        )
    return {
        "date": date,
        "command": shlex.join(["python3", *sys.argv]),
        "machine": machine(),
        "python": output(chosen.python, "-c", "import platform; print(platform.python_version())"),
        "load_average": load,
        "busy": is_busy(load),
        "workload": {
            "data": chosen.data or "twolayer: its built-in digits; peers: random images",
            "hidden": chosen.hidden,
            "batch_size": chosen.batch_size,
            "steps": chosen.steps,
            "evaluation": not chosen.no_evaluation,
            "runs": chosen.runs,
        },
        "results": rows,
        "skipped": [{"name": name, "why": why} for name, why in skipped],
        "failures": [{"name": name, "why": why} for name, why in race.failures],
    }


def is_busy(load):
    return load is not None and load > BUSY * job.cores()


def warn_of_load(load):
    if is_busy(load):
        say(
            f"WARNING: THE MACHINE IS BUSY: load average {load:.2f} on {job.cores()} cores. The ratios will be wrong:\n"
            "threads that wait for each other suffer most. Run this again when nothing else runs."
        )


def show(found):
    work, host = found["workload"], found["machine"]
    print(f"date      {found['date']}")
    print(f"command   {found['command']}")
    print(f"machine   {host['cpu']}, {host['cores']} cores; GPU: {host['gpu'] or 'no nvidia-smi'}; {host['system']}")
    print(f"load      {number(found['load_average'], '.2f')} at the start")
    print(f"python    {found['python'] or '-'}")
    print(f"data      {work['data']}")
    evaluations = "with evaluations" if work["evaluation"] else "no evaluation"
    print(f"job       784-{work['hidden']}-10, batch {work['batch_size']}, {work['steps']} steps, {evaluations}")
    print()
    if found["results"]:
        show_results(found["results"])
    else:
        print("no run has finished")
    if not work["evaluation"]:
        print("twolayer evaluates all the same; its training seconds leave that out.")
    for title in ("skipped", "failures"):
        for each in found[title]:
            print(f"{title}: {each['name']}: {each['why']}")


def show_results(results):
    ratios = {name for row in results for name in row["ratios"]}
    ours = [row["name"] for row in results if row["name"] in ratios]
    head = ["", "threads", "runs", "training s (min to max)", "evaluation s", "steps/s", "test accuracy"]
    table = [[*head, *(f"{name} is" for name in ours), "version"]]
    for row in results:
        seconds = row["train_seconds"]
        table.append(
            [
                row["name"],
                number(row["threads"], "d"),
                str(len(seconds)),
                f"{row['train_seconds_median']:.3f} ({min(seconds):.3f} to {max(seconds):.3f})",
                number(row["eval_seconds_median"], ".3f"),
                number(row["steps_per_second"], ".1f"),
                number(row["test_accuracy"], ".4f"),
                *(speed(row["ratios"].get(name)) for name in ours),
                row["version"],
            ]
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    print("\nTraining and evaluation seconds are medians; the ratio is of the training medians.")


def number(value, form):
    return "-" if value is None else format(value, form)


def speed(ratio):
    """The peer's time by twolayer's, in words."""
    if ratio is None:
        return "-"
    factor = f"{max(ratio, 1 / ratio):.2f}x"
    return "as fast" if factor == "1.00x" else f"{factor} {'faster' if ratio > 1 else 'slower'}"


def check(chosen, peers, skipped):
    """Whether all peers' test losses agree. True if so."""
    losses, failed = {}, False
    for peer in peers:
        try:
            losses[peer.name] = peer.check(chosen)
            print(f"{peer.name:24}{losses[peer.name]:.9f}", flush=True)
        except Failed as failure:
            failed = True
            print(f"{peer.name:24}FAILED: {failure}", flush=True)
    for name, why in skipped:
        print(f"skipped: {name}: {why}")
    if len(losses) < 2:
        print("fewer than two peers: nothing to compare")
        return False
    spread = (max(losses.values()) - min(losses.values())) / min(losses.values())
    agree = spread <= CHECK_BOUND
    verdict = "they agree" if agree else "THEY DON'T AGREE"
    print(f"{verdict}: the test loss after {CHECK_STEPS} steps differs by {spread:.1e}, the bound is {CHECK_BOUND:.0e}")
    return agree and not failed


def main():
    chosen = arguments()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    date = datetime.now().astimezone().isoformat(timespec="seconds")
    peers, skipped = peers_here(chosen)
    if chosen.check:
        return 0 if check(chosen, peers, skipped) else 1

    warn_of_load(load)
    if chosen.data is None:
        say(
            "NO MNIST: no --data and no $MNIST_DIR. twolayer trains on its built-in digits and the peers on random\n"
            "images: the times can be compared, the accuracies mean nothing."
        )
    for name, why in skipped:
        say(f"skipped: {name}: {why}")
    names = chosen.twolayer if len(chosen.twolayer) > 1 else ["twolayer"]
    builds = list(zip(chosen.twolayer, names))
    ours = [Twolayer(build, device, chosen.threads[-1], name) for build, name in builds for device in chosen.device]
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
        print()
        show(found)
    warn_of_load(load)
    return 130 if interrupted else 1 if race.failures else 0


if __name__ == "__main__":
    # Being told to end is an interruption too: the run that is under way must not go on alone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
