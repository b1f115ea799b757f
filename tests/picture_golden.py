#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Picture networks in PyTorch, float64: prints tests/picture_golden.h.

usage: picture_golden.py > tests/picture_golden.h

Weights, pictures and labels are closed formulas of their index, so that nothing but results need be stored: the loss and
logits of a batch in training mode, for every parameter the sum of its gradient times cos(0.7 k), and a logit in evaluation
mode after that batch has moved the running moments once. Parameter p, counted in order of names, has entries
cos(0.37 k^2 + p) / sqrt(fan-in), times sqrt(2) in convolutions; norms 1 + 0.1 cos(k + p) and 0.1 cos(k + p).
"""
import math

import torch
import torch.nn.functional as F

ROWS, CHANNELS, SIDE, CLASSES, BASE, WIDEN, GROWTH = 4, 2, 8, 3, 4, 2, 3


class Net:
    """Parameters come into being at their first use; names are those of the C side."""

    def __init__(self, family, n):
        self.family, self.n, self.parameters, self.moments, self.training = family, n, {}, {}, True

    def get(self, name, *shape):
        if name not in self.parameters:
            self.parameters[name] = torch.zeros(*shape, dtype=torch.float64)
        return self.parameters[name]

    def conv(self, block, name, x, channels, kernel=3, stride=1):
        weight = self.get(f"{block}.{name}.weight", channels, x.shape[1], kernel, kernel)
        return F.conv2d(x, weight, stride=stride, padding=kernel // 2)

    def norm(self, block, number, x):
        name, channels = f"{block}.norm{number}", x.shape[1]
        if name not in self.moments:
            self.moments[name] = (torch.zeros(channels, dtype=torch.float64), torch.ones(channels, dtype=torch.float64))
        mean, variance = self.moments[name]
        return F.batch_norm(x, mean, variance, self.get(f"{name}.scale", channels), self.get(f"{name}.shift", channels),
                            self.training, 0.1, 1e-5)

    def residual(self, block, x, channels, stride, skips=True):
        h = F.relu(self.norm(block, 1, self.conv(block, "conv1", x, channels, stride=stride)))
        h = self.norm(block, 2, self.conv(block, "conv2", h, channels))
        if skips and (x.shape[1] != channels or stride > 1):
            x = self.norm(block, 3, self.conv(block, "skip1", x, channels, 1, stride))
        return F.relu(x + h if skips else h)

    def preactivation(self, block, x, channels, stride):
        opened = F.relu(self.norm(block, 1, x))
        h = self.conv(block, "conv1", opened, channels, stride=stride)
        h = self.conv(block, "conv2", F.relu(self.norm(block, 2, h)), channels)
        if x.shape[1] != channels or stride > 1:
            x = self.conv(block, "skip1", opened, channels, 1, stride)
        return x + h

    def blocks(self):
        stages = [(BASE << s, 2 if s and i == 0 else 1) for s in range(3) for i in range(self.n)]
        convolve = lambda block, x, channels: F.relu(self.norm(block, 1, self.conv(block, "conv1", x, channels)))
        open_ = lambda block, x: F.relu(self.norm(block, 1, x))
        if self.family in ("resnet", "plain"):
            yield lambda b, x: convolve(b, x, BASE)
            for channels, stride in stages:
                yield lambda b, x, c=channels, s=stride: self.residual(b, x, c, s, self.family == "resnet")
        elif self.family in ("preresnet", "wide_resnet"):
            yield lambda b, x: convolve(b, x, BASE)
            for channels, stride in stages:
                yield lambda b, x, c=channels, s=stride: self.preactivation(b, x, c * (WIDEN if self.family[0] == "w" else 1), s)
            yield open_
        elif self.family == "vgg":
            for stage in range(3):
                for _ in range(self.n):
                    yield lambda b, x, c=BASE << stage: convolve(b, x, c)
                if stage < 2:
                    yield lambda b, x: F.max_pool2d(x, 2)
        else:
            channels = 2 * GROWTH
            yield lambda b, x, c=channels: convolve(b, x, c)
            for stage in range(3):
                for _ in range(self.n):
                    yield lambda b, x: torch.cat([x, self.conv(b, "conv1", F.relu(self.norm(b, 1, x)), GROWTH)], 1)
                channels = (channels + self.n * GROWTH) // 2
                if stage < 2:
                    yield lambda b, x, c=channels: F.avg_pool2d(self.conv(b, "conv1", F.relu(self.norm(b, 1, x)), c, 1), 2)
            yield open_

    def __call__(self, x):
        for number, block in enumerate(self.blocks(), 1):
            x = block(f"block{number}", x)
        x = x.mean((2, 3))
        return x @ self.get("head.weight", x.shape[1], CLASSES) + self.get("head.bias", CLASSES)

    def fill(self):
        for p, name in enumerate(sorted(self.parameters)):
            value = self.parameters[name]
            k = torch.arange(value.numel(), dtype=torch.float64)
            convolution = value.dim() == 4
            fan_in = value[0].numel() if convolution else value.shape[0]
            if name.endswith("weight"):
                new = (math.sqrt(2) if convolution else 1) * torch.cos(0.37 * k * k + p) / math.sqrt(fan_in)
            else:
                new = 0.1 * torch.cos(k + p) + (1 if name.endswith("scale") else 0)
            self.parameters[name] = new.reshape(value.shape).requires_grad_()


def main():
    i = torch.arange(ROWS * CHANNELS * SIDE * SIDE, dtype=torch.float64)
    x = torch.cos(0.11 * i * i).reshape(ROWS, CHANNELS, SIDE, SIDE)
    y = torch.arange(ROWS) % CLASSES
    print("/* SPDX-License-Identifier: MIT */\n/* Made by picture_golden.py with PyTorch; included once. */")
    for family, n in (("resnet", 1), ("plain", 1), ("preresnet", 1), ("wide_resnet", 1), ("vgg", 2), ("densenet", 2)):
        net = Net(family, n)
        net(x)  # makes the parameters
        net.fill()
        net.moments = {}
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        net.training = False
        after = net(x)[1, 2].item()
        print(f"static const struct golden_gradient golden_{family}[] = {{")
        for name in sorted(net.parameters):
            gradient = net.parameters[name].grad.flatten()
            k = torch.arange(gradient.numel(), dtype=torch.float64)
            print(f'    {{"{name}", {(gradient * torch.cos(0.7 * k)).sum().item():.12e}}},')
        print("    {NULL, 0},\n};")
        print(f"static const double golden_logits_{family}[] = {{" + ", ".join(f"{v:.12e}" for v in logits.flatten().tolist()) + "};")
        print(f"enum {{ golden_n_{family} = {n} }};\nstatic const double golden_loss_{family} = {loss.item():.12e}, "
              f"golden_after_{family} = {after:.12e};")


if __name__ == "__main__":
    main()
