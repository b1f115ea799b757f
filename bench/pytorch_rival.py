#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same training step in PyTorch, as fast as one writes it there.

usage: pytorch_rival.py CASE.safetensors --threads N [--variant NAME] [--seconds S] [--repeats N] [--losses]

CASE is what `strata bench --export` wrote: initial weights, batch, losses of the first steps. Prints one JSON
line for each variant: seconds a step over repeats, and its own losses. Every repeat starts from the initial weights,
as Strata's do. Variants differ in what PyTorch offers for the step around the products: the optimizer's loop over
tensors or its `foreach` form, and eager or traced (TorchScript) forward.
"""
import argparse
import json
import statistics
import time

import numpy
import torch
import torch.nn.functional as functional

TRACE = 20
WARM = 3
TYPES = {"F32": numpy.float32, "F64": numpy.float64}
VARIANTS = {  # name: (traced forward, foreach optimizer)
    "eager_loop": (False, False),
    "eager_foreach": (False, True),
    "traced_loop": (True, False),
    "traced_foreach": (True, True),
}


def read_safetensors(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = values.astype(numpy.float32) if name != "loss" else values
    return metadata, tensors


class Mlp(torch.nn.Module):
    def __init__(self, tensors, depth):
        super().__init__()
        names = [(f"layer{l}.input" if l == 1 else f"layer{l}.layer{l - 1}", f"layer{l}.bias") for l in range(1, depth + 1)]
        names.append((f"readout{depth}", "output.bias"))
        self.layers = torch.nn.ModuleList()
        for weight, bias in names:
            layer = torch.nn.Linear(*tensors[weight].shape)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(tensors[weight].T.copy()))
                layer.bias.copy_(torch.from_numpy(tensors[bias]))
            self.layers.append(layer)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        return self.layers[-1](x)


class Chain(torch.nn.Module):
    """h_1 = A x, h_l = g_{l-1} B_l + x C_l, g = h^2 - 1, y = b + sum_l g_l o_l."""

    def __init__(self, tensors, depth):
        super().__init__()

        def weight(name):
            return torch.nn.Parameter(torch.from_numpy(tensors[name].copy()))

        self.inputs = torch.nn.ParameterList([weight(f"layer{l}.input") for l in range(1, depth + 1)])
        self.hidden = torch.nn.ParameterList([weight(f"layer{l}.layer{l - 1}") for l in range(2, depth + 1)])
        self.readouts = torch.nn.ParameterList([weight(f"readout{l}") for l in range(1, depth + 1)])
        self.bias = weight("output.bias")

    def forward(self, x):
        g = torch.square(x @ self.inputs[0]) - 1
        y = torch.addmm(self.bias, g, self.readouts[0])
        for below, own, readout in zip(self.hidden, self.inputs[1:], self.readouts[1:]):
            g = torch.square(torch.addmm(x @ own, g, below)) - 1
            y = torch.addmm(y, g, readout)
        return y


class Cnn(torch.nn.Module):
    """Convolutions of stride 2 (5 x 5, then 3 x 3) with ReLU, and one dense output."""

    def __init__(self, tensors, depth):
        super().__init__()
        self.shape = None
        self.convolutions = torch.nn.ModuleList()
        for l in range(1, depth + 1):
            weight = torch.from_numpy(tensors[f"layer{l}.weight"].copy())
            layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], stride=2, padding=weight.shape[2] // 2)
            with torch.no_grad():
                layer.weight.copy_(weight)
                layer.bias.copy_(torch.from_numpy(tensors[f"layer{l}.bias"]))
            self.convolutions.append(layer)
        self.head = torch.nn.Linear(*tensors["output.weight"].shape)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(tensors["output.weight"].T.copy()))
            self.head.bias.copy_(torch.from_numpy(tensors["output.bias"]))

    def forward(self, x):
        x = x.view(x.shape[0], *self.shape)
        for layer in self.convolutions:
            x = functional.relu(layer(x))
        return self.head(x.flatten(1))


class Resnet(torch.nn.Module):
    """He et al. 2016, section 4.2, with 1 x 1 convolutions where sizes change."""

    def __init__(self, tensors, depth):
        super().__init__()
        self.shape = None
        self.blocks = torch.nn.ModuleList()
        for number in range(1, (depth - 2) // 2 + 2):
            parts = {}
            for name in ("conv1", "conv2", "skip1"):
                if f"block{number}.{name}.weight" in tensors:
                    weight = torch.from_numpy(tensors[f"block{number}.{name}.weight"].copy())
                    parts[name] = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=weight.shape[2] // 2,
                                                  bias=False)
                    with torch.no_grad():
                        parts[name].weight.copy_(weight)
            for name in ("norm1", "norm2", "norm3"):
                if f"block{number}.{name}.scale" in tensors:
                    parts[name] = torch.nn.BatchNorm2d(tensors[f"block{number}.{name}.scale"].size)
            if "skip1" in parts:
                parts["conv1"].stride = parts["skip1"].stride = (2, 2)
            self.blocks.append(torch.nn.ModuleDict(parts))
        self.head = torch.nn.Linear(*tensors["head.weight"].shape)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(tensors["head.weight"].T.copy()))
            self.head.bias.copy_(torch.from_numpy(tensors["head.bias"]))

    def forward(self, x):
        x = x.view(x.shape[0], *self.shape)
        for block in self.blocks:
            h = functional.relu(block["norm1"](block["conv1"](x)))
            if "conv2" in block:
                h = block["norm2"](block["conv2"](h))
                h = functional.relu(h + (block["norm3"](block["skip1"](x)) if "skip1" in block else x))
            x = h
        return self.head(x.mean((2, 3)))


def make_step(metadata, tensors, traced, foreach):
    model = {"mlp": Mlp, "quadratic_chain": Chain, "resnet": Resnet, "cnn_small": Cnn}[metadata["kind"]](tensors, int(metadata["depth"]))
    model.shape = [int(metadata[name]) for name in ("channels", "side", "side")]
    x = torch.from_numpy(tensors["x"].copy())
    target = torch.from_numpy(tensors["target"].copy())
    if metadata["task"] == "multiclass":
        target, loss_of = target[:, 0].long(), functional.cross_entropy
    else:
        loss_of = functional.mse_loss
    rate = float(metadata["learning_rate"])
    kind, options = {"adam": (torch.optim.Adam, {}), "sgd": (torch.optim.SGD, {}),
                     "momentum": (torch.optim.SGD, {"momentum": 0.9})}[metadata["optimizer"]]
    optimizer = kind(model.parameters(), lr=rate, foreach=foreach, **options)
    forward = torch.jit.trace(model, x) if traced else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(forward(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def trace(metadata, tensors, variant):
    """Losses of the first steps."""
    step = make_step(metadata, tensors, *variant)
    return [step().item() for _ in range(TRACE)]


def run(metadata, tensors, variant, steps):
    """Seconds a step from the initial weights, after a few steps in which TorchScript specialises."""
    step = make_step(metadata, tensors, *variant)
    for _ in range(WARM):
        step()
    begin = time.perf_counter()
    for _ in range(steps):
        last = step()
    seconds = (time.perf_counter() - begin) / steps
    if not torch.isfinite(last):
        raise SystemExit(f"{metadata['case']}: diverged")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", choices=VARIANTS, action="append")
    parser.add_argument("--seconds", type=float, default=1.5, help="of all repeats together")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--losses", action="store_true", help="also those of the first 20 steps")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    metadata, tensors = read_safetensors(arguments.case)
    for name in arguments.variant or VARIANTS:
        losses = trace(metadata, tensors, VARIANTS[name]) if arguments.losses else []
        once = run(metadata, tensors, VARIANTS[name], 2)
        steps = max(2, int(arguments.seconds / arguments.repeats / once))
        times = [run(metadata, tensors, VARIANTS[name], steps) for _ in range(arguments.repeats)]
        print(json.dumps({"variant": name, "threads": arguments.threads, "steps": steps, "step_seconds": statistics.median(times),
                          "step_seconds_min": min(times), "step_seconds_max": max(times), "loss": losses,
                          "torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
