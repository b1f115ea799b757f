#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Full-batch gradient descent on a fully-connected network in float64 against PyTorch, from equal weights.

usage: wide_rival.py BENCH_WIDE_STEP [--width 1024] [--layers 2] [--samples 24] [--rounds 3]

Ours runs in one thread; PyTorch's best of one and two counts. A difference of the first ten losses above 1e-9 is an error.
"""
import argparse
import statistics
import subprocess
import tempfile
import time

import numpy
import torch

INPUTS, RATE, STEPS = 16, 1e-3, 100


def rival(path, width, layers, n, threads):
    torch.set_num_threads(threads)
    numbers = torch.tensor(numpy.fromfile(path))
    sizes = [width * INPUTS, layers * width * width, width, n * INPUTS, n]
    a, w, b, x, y = torch.split(numbers, sizes)
    a, b, x = a.reshape(width, INPUTS), b, x.reshape(n, INPUTS)
    weights = [part.clone().requires_grad_(True) for part in w.reshape(layers, width, width)]
    first = torch.relu(x @ a.T)

    def step():
        h = first
        for weight in weights:
            h = torch.relu(h @ weight.T)
        loss = ((h @ b - y) ** 2).sum() / 2
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            torch._foreach_add_(weights, gradients, alpha=-RATE)
        return loss.item()

    losses = [step() for _ in range(10)]
    begun = time.monotonic()
    for _ in range(STEPS):
        step()
    return losses, (time.monotonic() - begun) / STEPS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sizes = (arguments.width, arguments.layers, arguments.samples)
    mine, theirs = [], {1: [], 2: []}
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(arguments.rounds):
            words = [arguments.program, file.name, *map(str, sizes), str(STEPS)]
            lines = [float(line) for line in subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()]
            mine.append(lines[-1])
            for threads in theirs:
                losses, seconds = rival(file.name, *sizes, threads)
                theirs[threads].append(seconds)
                assert max(abs(a / b - 1) for a, b in zip(lines, losses)) < 1e-9, (lines[:10], losses)
    best = min(theirs, key=lambda threads: statistics.median(theirs[threads]))
    ratios = [b / a for a, b in zip(mine, theirs[best])]
    for name, values in (("Strata, ms", [1e3 * v for v in mine]), (f"PyTorch on {best}, ms", [1e3 * v for v in theirs[best]]),
                         ("ratio", ratios)):
        print(f"{name:20} {statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]")


if __name__ == "__main__":
    main()
