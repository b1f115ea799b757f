#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The theory part of study `purify`, one clean and one adversarial training, against PyTorch.

usage: purify_rival.py BENCH_THRESHOLD_FIT [--rounds N]

In turn: our program, both trainings after each other in one thread and side by side in two, then the same as a PyTorch user
writes it, on one thread and on two; the better of each side's counts. Both draw fresh rows in every step. Prints medians with the least and the greatest, and the accuracies, which
have to agree: clean ones to 0.01, under FGM to 0.06.
"""
import argparse
import statistics
import subprocess
import time

import torch

D, K, MARGIN, NOISE, WIDTH, STEPS, BATCH, RADIUS, RATE, DECAY, TEST = 100, 3, 2, 0.3, 400, 1500, 256, 0.25, 2.0, 3e-4, 1000


def draw(rows, atoms, signs):
    """Codes until enough have their margin; as many are drawn at once as are wanted."""
    kept, total = [], 0
    while total < rows:
        z = (torch.rand(2 * rows, D) < K / D).float() * (2 * torch.randint(2, (2 * rows, D)) - 1) / K**0.5
        z = z[(z @ signs).abs() >= (MARGIN - 0.5) / K**0.5]
        kept.append(z)
        total += len(z)
    z = torch.cat(kept)[:rows]
    return z @ atoms + NOISE / D**0.5 * torch.randn(rows, D), torch.sign(z @ signs)


def network(weight, threshold, x):
    u = x @ weight.T
    return (torch.relu(u - threshold) - torch.relu(-u - threshold)).sum(1)


def moved(weight, threshold, x, y):
    x = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(weight, threshold, x).sum(), x)
    return x.detach() - RADIUS * y[:, None] * gradient / gradient.norm(dim=1, keepdim=True).clamp_min(1e-12)


def train(adversarial, atoms, signs):
    weight = (0.02 * torch.randn(WIDTH, D)).requires_grad_(True)
    for step in range(STEPS):
        threshold = (0.1 + 0.1 * step / (STEPS - 1)) * weight.detach().norm(dim=1)
        x, y = draw(BATCH, atoms, signs)
        if adversarial:
            x = moved(weight.detach(), threshold, x, y)
        loss = torch.nn.functional.softplus(-y * network(weight, threshold, x)).mean()
        (gradient,) = torch.autograd.grad(loss, weight)
        with torch.no_grad():
            weight -= RATE * (gradient + DECAY * weight)
    return weight.detach()


def accuracies(weight, atoms, signs):
    threshold = 0.2 * weight.norm(dim=1)
    x, y = draw(TEST, atoms, signs)
    right = [(torch.sign(network(weight, threshold, rows)) == y).float().mean().item()
             for rows in (x, moved(weight, threshold, x, y))]
    return right


def rival(threads):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    atoms, signs = torch.linalg.qr(torch.randn(D, D))[0], (2 * torch.randint(2, (D,)) - 1).float()
    begun = time.monotonic()
    weights = [train(adversarial, atoms, signs) for adversarial in (False, True)]
    seconds = time.monotonic() - begun
    return seconds, [accuracies(weight, atoms, signs) for weight in weights]


def ours(program, threads):
    lines = subprocess.run([program, str(threads)], check=True, capture_output=True, text=True).stdout.split("\n")
    rows = [[float(word) for word in line.split()[1:]] for line in lines if line]
    return rows[2][0], [row[1:] for row in rows[:2]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    mine, theirs = {1: [], 2: []}, {1: [], 2: []}
    for _ in range(arguments.rounds):
        for threads in mine:
            seconds, right = ours(arguments.program, threads)
            mine[threads].append(seconds)
        for threads in theirs:
            other, found = rival(threads)
            theirs[threads].append(other)
            for a, b in zip(right, found):
                assert abs(a[0] - b[0]) <= 0.01 and abs(a[1] - b[1]) <= 0.06, (right, found)
    best = min(theirs, key=lambda threads: statistics.median(theirs[threads]))
    table = [(f"Strata on {threads}, s", mine[threads]) for threads in mine]
    table += [(f"PyTorch on {threads}, s", theirs[threads]) for threads in theirs]
    table += [(f"ratio, ours on {threads}", [b / a for a, b in zip(mine[threads], theirs[best])]) for threads in mine]
    for name, values in table:
        print(f"{name:28} {statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]")
    print("accuracy, clean and under FGM, of clean and adversarial training:", right, "PyTorch:", found)


if __name__ == "__main__":
    main()
