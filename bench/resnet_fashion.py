#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ResNet-20 on all of Fashion-MNIST by Strata and by PyTorch: the same settings, the accuracies beside one another.

usage: resnet_fashion.py STRATA [--folder DIR] [--steps N] [--seed N] [--threads N]

Momentum 0.9, batch 128, rate 0.1 up over 100 steps and then down along a cosine, no decay, no augmentation, pixels in
[0, 1], weights after He et al. 2015. Prints test accuracy with its 95 % Wilson interval and seconds for each; status 1
when the two intervals do not meet.
"""
import argparse
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

BATCH, WARMUP, RATE = 128, 100, 0.1


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.skip = None
        if stride > 1:
            self.skip = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        h = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(h + (self.skip(x) if self.skip else x))


def resnet_20():
    layers, inputs = [nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for outputs in (16, 32, 64):
        for number in range(3):
            layers.append(Block(inputs, outputs, 2 if outputs > 16 and number == 0 else 1))
            inputs = outputs
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return network


def read(folder, part):
    with gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz") as file:
        x = numpy.frombuffer(file.read(), numpy.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(f"{folder}/{part}-labels-idx1-ubyte.gz") as file:
        y = numpy.frombuffer(file.read(), numpy.uint8, offset=8)
    return torch.from_numpy(x.astype(numpy.float32) / 255), torch.from_numpy(y.astype(numpy.int64))


def factor(step, steps):
    return (step + 1) / WARMUP if step < WARMUP else 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (steps - WARMUP)))


def by_torch(options):
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    x, y = read(options.folder, "train")
    network = resnet_20()
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9)
    begin, order = time.time(), None
    for step in range(options.steps):
        place = step % (len(x) // BATCH)
        order = torch.randperm(len(x)) if place == 0 else order
        rows = order[place * BATCH:(place + 1) * BATCH]
        optimizer.param_groups[0]["lr"] = RATE * factor(step, options.steps)
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(network(x[rows]), y[rows]).backward()
        optimizer.step()
    seconds = time.time() - begin
    network.eval()
    x, y = read(options.folder, "t10k")
    with torch.no_grad():
        right = sum((network(x[i:i + 500]).argmax(1) == y[i:i + 500]).sum().item() for i in range(0, len(x), 500))
    return right / len(x), len(x), seconds


def by_strata(options):
    settings = {"picture.depth": 20, "picture.channels": 16, "picture.steps": options.steps, "picture.learning_rate": RATE,
                "train.optimizer": "momentum", "train.batch_size": BATCH, "train.warmup": WARMUP, "train.schedule": "cosine",
                "train.clip_norm": 0, "train.weight_decay": 0, "train.shards": options.threads}
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.safetensors")
        begin = time.time()
        subprocess.run([options.strata, "fit", "--data", "fashion-mnist", "--learner", "picture", "--seed", str(options.seed),
                        "--out", model, "--quiet", *words], check=True)
        seconds = time.time() - begin
        result = json.loads(subprocess.run([options.strata, "evaluate", "--model", model, "--data", "fashion-mnist", "--json"],
                                           check=True, capture_output=True, text=True).stdout)
    return result["accuracy"], result["rows"], seconds


def wilson(share, count, z=1.96):
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return middle - half, middle + half


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strata")
    parser.add_argument("--folder", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--steps", type=int, default=1404)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    intervals = []
    for name, side in (("Strata", by_strata), ("PyTorch", by_torch)):
        accuracy, count, seconds = side(options)
        intervals.append(wilson(accuracy, count))
        print(f"{name}: accuracy {accuracy:.4f} [{intervals[-1][0]:.4f}, {intervals[-1][1]:.4f}] after {options.steps} steps, "
              f"{seconds:.0f} s", flush=True)
    return max(low for low, _ in intervals) > min(high for _, high in intervals)


if __name__ == "__main__":
    sys.exit(main())
