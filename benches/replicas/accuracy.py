"""The test accuracy of several devices, by the steps between two means: mean and range over some seeds.

    accuracy.py TWOLAYER --data MNIST
"""

import argparse
import json
import statistics
import subprocess


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("twolayer")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--every", type=int, nargs="+", default=[1, 10, 100, 600])
    parser.add_argument("--learning-rate", nargs="+", default=["0.1", "1"])
    parser.add_argument("--batch", type=int, default=100, help="images of a batch on each device")
    parser.add_argument("--iterations", type=int, default=6000)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'rate':>5} {'devices':>7} {'a mean every':>12} {'test accuracy':>13}")
    for rate in arguments.learning_rate:
        for replicas in arguments.replicas:
            for every in arguments.every if replicas > 1 else [None]:
                found = []
                for seed in range(arguments.seeds):
                    command = [arguments.twolayer, "--data", arguments.data, "--no-save", "--json", "--quiet"]
                    command += ["--device", "cpu"] * replicas + ["--threads", "1", "--seed", str(seed)]
                    command += ["--learning-rate", rate, "--iterations", str(arguments.iterations)]
                    command += ["--batch-size", str(arguments.batch * replicas)]
                    command += ["--average-every", str(every)] if every else []
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                    found.append(json.loads(done.stdout)["final"]["test_accuracy"])
                mean = statistics.mean(found)
                print(f"{rate:>5} {replicas:7} {every or '-':>12} {mean:13.4f}  {min(found):.4f} to {max(found):.4f}", flush=True)


main()
