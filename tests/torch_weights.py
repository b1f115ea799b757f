#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Weights of PyTorch networks as safetensors, and what the networks say, for tests/test_api_import.c.

usage: torch_weights.py FOLDER > tests/torch_weights.h

Writes FOLDER/torch_mlp.safetensors and FOLDER/torch_cnn.safetensors as safetensors.torch.save_file does: tensors by
name, so that "10.weight" stands before "2.weight", and the header padded to a multiple of 8. Numbers are the float32 of
a seeded generator. The header has logits, and the gradient of logit 1, in float64, of rows x[i] = cos(0.37 i), seen as
(x - mean) / sd per channel. Made with PyTorch 1.13.
"""
import json
import struct
import sys

import torch
from torch import nn


def save(network, path):
    header, data = {}, b""
    for name, tensor in sorted(network.state_dict().items()):
        numbers = tensor.to(torch.float32).numpy().astype("<f4").tobytes()
        offsets = [len(data), len(data) + len(numbers)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += numbers
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def show(name, network, shape, mean, sd):
    network.double()
    count = 2 * int(torch.tensor(shape).prod())
    x = torch.cos(0.37 * torch.arange(count, dtype=torch.float64)).float().double().reshape(2, *shape).requires_grad_()
    side = (1, -1) + (1,) * (len(shape) - 1)
    mean, sd = (torch.tensor(values, dtype=torch.float64).reshape(side) for values in (mean, sd))
    out = network((x - mean) / sd)
    out[:, 1].sum().backward()
    for what, values in (("logits", out), ("gradient", x.grad)):
        numbers = values.detach().flatten().tolist()
        print("static const double %s_%s[%d] = {" % (name, what, len(numbers)))
        for i in range(0, len(numbers), 5):
            print("    " + " ".join("%.12e," % number for number in numbers[i:i + 5]))
        print("};")


torch.manual_seed(1)
layers = [nn.Linear(3, 4), nn.ReLU()]
for _ in range(5):
    layers += [nn.Linear(4, 4), nn.ReLU()]
mlp = nn.Sequential(*layers, nn.Linear(4, 3))  # names 0, 2, ..., 12
cnn = nn.Sequential()
for i, (a, b, kernel) in enumerate(((2, 2, 5), (2, 4, 3), (4, 8, 3))):
    cnn.add_module("features%d" % i, nn.Conv2d(a, b, kernel, 2, kernel // 2))
    cnn.add_module("relu%d" % i, nn.ReLU())
cnn.add_module("flatten", nn.Flatten())
cnn.add_module("classifier", nn.Linear(8 * 2, 3))  # by name before the convolutions
for parameter in [*mlp.parameters(), *cnn.parameters()]:
    parameter.data *= 1.5  # keeps the signal over seven layers
save(mlp, sys.argv[1] + "/torch_mlp.safetensors")
save(cnn, sys.argv[1] + "/torch_cnn.safetensors")
print("/* SPDX-License-Identifier: MIT */")
print("/* Made by torch_weights.py with PyTorch; included once. */")
print("/* clang-format off */")
show("mlp", mlp, (3,), [0, 0, 0], [1, 1, 1])
show("cnn", cnn, (2, 6, 9), [0.25, -0.5], [0.5, 2])
