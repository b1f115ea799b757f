#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PGD, l-infinity, 40 steps on 1,000 pictures of Fashion-MNIST with the network cnn_small, against plain PyTorch.

usage: pgd_rival.py STRATA [--rounds N]

The radius is so small that hardly a row breaks: all go through all steps on both sides, ours in blocks of 64 rows on two
threads, PyTorch's in batches of 64, 250 and 1,000 on two threads, of which the best counts. Needs Fashion-MNIST for ours.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import torch

ROWS, STEPS, RADIUS = 1000, 40, 1e-4


def network():
    relu, conv = torch.nn.ReLU, torch.nn.Conv2d
    return torch.nn.Sequential(conv(1, 16, 5, 2, 2), relu(), conv(16, 32, 3, 2, 1), relu(), conv(32, 64, 3, 2, 1), relu(),
                               torch.nn.Flatten(), torch.nn.Linear(64 * 16, 10)).eval()


def attack(model, x, y):
    best, delta = x.clone(), torch.zeros_like(x)
    for _ in range(STEPS):
        moved = (x + delta).requires_grad_(True)
        loss = torch.nn.functional.cross_entropy(model(moved), y, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, moved)
        delta = (delta + RADIUS / 4 * gradient.sign()).clamp(-RADIUS, RADIUS)
        delta = (x + delta).clamp(0, 1) - x
    with torch.no_grad():
        wrong = model(x + delta).argmax(1) != y
    best[wrong] = (x + delta)[wrong]
    return best


def rival(batch):
    torch.set_num_threads(2)
    torch.manual_seed(1)
    model, x, y = network(), torch.rand(ROWS, 1, 28, 28), torch.randint(10, (ROWS,))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    begun = time.monotonic()
    for first in range(0, ROWS, batch):
        attack(model, x[first:first + batch], y[first:first + batch])
    return time.monotonic() - begun


def ours(strata, model, folder):
    out = pathlib.Path(folder) / f"out{time.monotonic_ns()}"
    subprocess.run([strata, "attack", "--model", model, "--data", "fashion-mnist", "--rows", str(ROWS), "--eps", str(RADIUS),
                    "--attacks", "pgd", "--steps", str(STEPS), "--restarts", "1", "--threads", "2", "--quiet", "--out", out],
                   check=True)
    entry = json.loads((out / "result.json").read_text())["radii"][0]["attacks"][0]
    return entry["seconds"] * ROWS / entry["given"]  # rows that are wrong as they stand are not attacked


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strata")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    mine, theirs = [], {64: [], 250: [], 1000: []}
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/model"
        subprocess.run([arguments.strata, "fit", "--data", "fashion-mnist", "--rows", "2000", "--set", "cnn.steps=60", "--set",
                        "train.batch_size=128", "--quiet", "--out", model], check=True)
        for _ in range(arguments.rounds):
            mine.append(ours(arguments.strata, model, folder))
            for batch, times in theirs.items():
                times.append(rival(batch))
    best = min(theirs, key=lambda batch: statistics.median(theirs[batch]))
    ratios = [b / a for a, b in zip(mine, theirs[best])]
    for name, values in (("Strata, s", mine), (f"PyTorch, batches of {best}, s", theirs[best]), ("ratio", ratios)):
        print(f"{name:30} {statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]")


if __name__ == "__main__":
    main()
