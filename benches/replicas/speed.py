"""Images a second of one device and of several that train together, in turns, by the steps between two means.

    speed.py TWOLAYER                          threads of one process, one CPU thread each
    speed.py TWOLAYER --mpirun "mpirun"        ranks of MPI instead; TWOLAYER is built with --features mpi
    speed.py TWOLAYER --mpirun "mpirun --hostfile hosts --map-by node --bind-to none" --flags "--device gpu"

Prints a table: the median of some rounds, its ratio to one device, and the time of a mean, which follows from the steps with a
mean after each and those of as many runs apart. That row is the control: as many processes at the same time that know nothing of each
other, the most that this machine gives. With --mpirun on several machines the control runs on this one alone, so look at the first
ratio there. Devices that wait for each other go at the speed of the slower one, at every moment: where other programs take turns on
the cores, or on the other hyperthreads of a virtual machine's cores, the ratio of the fastest rounds says what equal cores give. The
last lines say what waiting alone costs: loops of Python, which know nothing of twolayer, as long as the steps between two means.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import time


def images_per_second(command, environment, at_once):
    """Of so many processes together."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(at_once)]
    total = 0
    for process in processes:
        out, error = process.communicate()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}\n{error}")
        total += json.loads(out)["images_per_second"]
    return total


def loop_times(count, length):
    """Seconds of so many loops of this length, one after another."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        for _ in range(length):
            pass
        times.append(time.perf_counter() - start)
    return times


def share_left_by_waiting(workers, seconds):
    """What loops of `seconds` do in all where each waits for the slowest of so many, as a share of what they do apart."""
    trial = 100_000
    length = max(1, round(trial * seconds / statistics.median(loop_times(20, trial))))
    with multiprocessing.Pool(workers) as pool:
        times = pool.starmap(loop_times, [(max(10, round(4 / seconds)), length)] * workers, chunksize=1)
    slowest = [max(at_once) for at_once in zip(*times)]
    return statistics.mean(map(statistics.mean, times)) / statistics.mean(slowest)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("twolayer")
    parser.add_argument("--mpirun", help="the launcher with its flags; -n N is added")
    parser.add_argument("--replicas", type=int, nargs="+", default=[2])
    parser.add_argument("--every", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--batch", type=int, default=100, help="images of a batch on each device")
    parser.add_argument("--whole-batch", type=int, help="images of a batch of all devices together, instead")
    parser.add_argument("--iterations", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flags", default="--device cpu --threads 1", help="flags of every run")
    arguments = parser.parse_args()
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def batch(replicas):
        return arguments.whole_batch // replicas if arguments.whole_batch else arguments.batch

    def command(replicas, every):
        images = batch(replicas) * (replicas if every else 1)
        flags = f"{arguments.flags} --batch-size {images} --iterations {arguments.iterations} --no-save --json --quiet"
        words = [arguments.twolayer, *flags.split()]
        if not every:
            return words
        words += ["--average-every", str(every)]
        if arguments.mpirun:
            return [*arguments.mpirun.split(), "-n", str(replicas), *words]
        return words + ["--device", "cpu"] * (replicas - 1)

    # None: apart.
    rows = [(1, None)] + [(replicas, every) for replicas in arguments.replicas for every in [None, *arguments.every]]
    speeds = {row: [] for row in rows}
    for _ in range(arguments.rounds):
        for replicas, every in rows:
            at_once = 1 if every else replicas
            speeds[replicas, every].append(images_per_second(command(replicas, every), environment, at_once))
    medians = {row: statistics.median(values) for row, values in speeds.items()}
    fastest = {row: max(values) for row, values in speeds.items()}
    one = medians[1, None]
    print(
        f"{'devices':>7} {'a mean every':>12} {'images/s':>12} {'to one':>7} {'fastest':>12} {'to one':>7} "
        f"{'to apart':>8} {'a mean, us':>10}"
    )
    for (replicas, every), median in medians.items():
        apart, images = medians[replicas, None], batch(replicas) * replicas
        mean = f"{(images / median - images / apart) * 1e6:.0f}" if every == 1 else ""
        how = every or ("-" if replicas == 1 else "apart")
        best = fastest[replicas, every]
        print(
            f"{replicas:7} {how:>12} {median:12,.0f} {median / one:6.2f}x {best:12,.0f} {best / fastest[1, None]:6.2f}x "
            f"{median / apart:7.2f}x {mean:>10}"
        )
    for replicas, every in medians:
        if every:
            seconds = every * batch(replicas) / one
            share = share_left_by_waiting(replicas, seconds)
            print(f"loops of {seconds * 1000:.2f} ms that wait for the slowest of {replicas}: {share:.2f}x to apart")


if __name__ == "__main__":
    main()
