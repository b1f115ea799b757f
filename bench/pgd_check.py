#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Robust accuracy by Strata and by an independent PGD in PyTorch, on the same saved model and the same pictures.

usage: pgd_check.py STRATA MODEL FOLDER [--rows N] [--eps E...]

MODEL is a cnn_small of `strata fit --data fashion-mnist`, FOLDER has t10k-images-idx3-ubyte.gz and its labels. Prints both
accuracies at each radius with Strata's 95 % interval, and ends with status 1 when one lies outside of it.
"""
import argparse
import gzip
import json
import subprocess
import sys

import numpy
import torch


def tensors(path):
    data = open(path, "rb").read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    read = {}
    for name, entry in header.items():
        if name.startswith("parameter."):
            begin, end = entry["data_offsets"]
            read[name[10:]] = torch.tensor(numpy.frombuffer(data[8 + length + begin:8 + length + end], "<f8").copy()).float()
    return read


def network(weights):
    channels = len(weights["layer1.bias"])
    kernels = [weights[f"layer{l}.weight"].reshape(channels << (l - 1), -1, side, side) for l, side in ((1, 5), (2, 3), (3, 3))]
    dense = weights["output.weight"].reshape(-1, 10)

    def apply(x):
        for l, kernel in enumerate(kernels, 1):
            x = torch.relu(torch.nn.functional.conv2d(x, kernel, weights[f"layer{l}.bias"], 2, kernel.shape[-1] // 2))
        return x.flatten(1) @ dense + weights["output.bias"]

    return apply


def robust(model, x, y, radius, steps=40, restarts=5):
    right = model(x).argmax(1) == y
    for restart in range(restarts):
        delta = torch.zeros_like(x) if restart == 0 else radius * (2 * torch.rand_like(x) - 1)
        for _ in range(steps):
            moved = (x + delta).clamp(0, 1).requires_grad_(True)
            loss = torch.nn.functional.cross_entropy(model(moved), y, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, moved)
            delta = (moved.detach() + radius / 4 * gradient.sign() - x).clamp(-radius, radius)
            right &= model((x + delta).clamp(0, 1)).argmax(1) == y
    return right.float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strata")
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--eps", type=float, nargs="+", default=[0.01, 0.03, 0.1])
    arguments = parser.parse_args()
    with gzip.open(f"{arguments.folder}/t10k-images-idx3-ubyte.gz") as file:
        pixels = numpy.frombuffer(file.read(), numpy.uint8, offset=16)[:784 * arguments.rows]
    with gzip.open(f"{arguments.folder}/t10k-labels-idx1-ubyte.gz") as file:
        labels = numpy.frombuffer(file.read(), numpy.uint8, offset=8)[:arguments.rows]
    x, y = torch.tensor(pixels / 255).float().reshape(-1, 1, 28, 28), torch.tensor(labels.astype("int64"))
    words = [arguments.strata, "attack", "--model", arguments.model, "--data", "fashion-mnist", "--rows", str(arguments.rows),
             "--eps", ",".join(str(radius) for radius in arguments.eps), "--attacks", "pgd", "--json", "--quiet"]
    ours = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)["radii"]
    torch.manual_seed(1)
    model, fine = network(tensors(arguments.model)), True
    for row in ours:
        theirs = robust(model, x, y, row["epsilon"])
        fine &= row["low"] <= theirs <= row["high"]
        print(f"radius {row['epsilon']:<6} Strata {row['robust_accuracy']:.4f} [{row['low']:.4f}, {row['high']:.4f}]   "
              f"PyTorch {theirs:.4f}")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
