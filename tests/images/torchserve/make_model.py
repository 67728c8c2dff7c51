"""Writes a small convolutional classifier with random weights (about 4 MiB) as TorchScript."""

import sys

import torch
from torch import nn

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 32, 3, stride=2, padding=1),
    nn.ReLU(),
    nn.Conv2d(32, 64, 3, stride=2, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(64 * 8 * 8, 256),
    nn.ReLU(),
    nn.Linear(256, 10),
    nn.Softmax(1),
)
torch.jit.script(network.eval()).save(sys.argv[1])
