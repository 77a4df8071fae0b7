"""Handwritten digits by lava-dl's bootstrap: a network of current-based LIF neurons, rate coded, trained as an ANN.

64 pixels -> input neurons -> `hidden` neurons -> 10 sums, all CUBA LIF but the sums; every layer sees `steps` time
steps of a constant picture, and the class is the largest mean sum. `lava.lib.dl.bootstrap` samples how a layer's spike
rate follows its input, fits a piecewise linear activation to it, and trains the weights through that.
Source: lava-dl 0.6, bootstrap README and its MNIST tutorial, whose neuron parameters these are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from lava_nexus.baselines.lava_dl import CLASSES, PIXELS, accuracy_of, descend, lava_dl, training
from lava_nexus.models.digits.data import DigitsSplit, load_split

_NEURON = {"threshold": 1.25, "current_decay": 1, "voltage_decay": 0.03, "tau_grad": 1, "scale_grad": 1}


@dataclass(frozen=True)
class BootstrapDigits:
    """What a training gave, on the test images.

    Attributes:
        steps: time steps of an inference.
        accuracy: share (0..1) of images that the spiking network names rightly.
        accuracy_ann: the same for the ANN that stood in for it in training.
        neurons: input and hidden neurons, and the sums.
        synapses: all of both layers.
        spikes, synops: mean an inference; a spike reaches every synapse of its neuron.
        seconds: of training.
    """

    steps: int
    accuracy: float
    accuracy_ann: float
    neurons: int
    synapses: int
    spikes: float
    synops: float
    seconds: float


def bootstrap_digits(hidden: int, steps: int, epochs: int, seed: int, images: int | None = None) -> BootstrapDigits:
    """Trains on the 1,437 training images, with Adam, and runs the first `images` of the 360 test images.

    Raises:
        NexusError: lava-dl is not installed.
    """
    bootstrap, slayer = lava_dl()
    split = load_split()
    began = time.perf_counter()
    with training(seed):
        network = _Network(bootstrap, slayer, hidden, steps)
        _train(network, bootstrap, split, epochs, seed)
        seconds = time.perf_counter() - began
        network.eval()
        pictures, labels = split.test_images[:images], split.test_labels[:images]
        modes = {name: bootstrap.routine.LayerMode(0, bootstrap.Mode[name]) for name in ("SNN", "ANN")}
        with torch.no_grad():
            rates, spikes = network(torch.from_numpy(pictures), modes["SNN"])
            ann, _ = network(torch.from_numpy(pictures), modes["ANN"])
    fan_out = (hidden, CLASSES)
    sent = [float((layer > 0).sum()) / len(labels) for layer in spikes]
    return BootstrapDigits(
        steps=steps,
        accuracy=accuracy_of(rates, labels),
        accuracy_ann=accuracy_of(ann, labels),
        neurons=PIXELS + hidden + CLASSES,
        synapses=PIXELS * hidden + hidden * CLASSES,
        spikes=sum(sent),
        synops=sum(count * reached for count, reached in zip(sent, fan_out, strict=True)),
        seconds=seconds,
    )


class _Network(nn.Module):
    def __init__(self, bootstrap: Any, slayer: Any, hidden: int, steps: int) -> None:
        super().__init__()
        cuba = bootstrap.block.cuba
        normed = {**_NEURON, "norm": slayer.neuron.norm.MeanOnlyBatchNorm}
        self.blocks = nn.ModuleList(
            [
                cuba.Input(_NEURON, weight=1, bias=0),
                cuba.Dense(normed, PIXELS, hidden, weight_norm=True, weight_scale=2),
                cuba.Affine(_NEURON, hidden, CLASSES, weight_norm=True, weight_scale=2),
            ]
        )
        self.steps, self.replicate, self.ann = steps, slayer.utils.time.replicate, bootstrap.Mode.ANN

    def forward(self, images: Tensor, mode: Any) -> tuple[Tensor, list[Tensor]]:
        """Images [n, 8, 8] to mean sums [n, 10] and the spikes [n, neurons, steps] of both populations."""
        x = images.reshape(len(images), PIXELS)
        x = x[..., None] if mode.base_mode == self.ann else self.replicate(x, self.steps)
        outputs = []
        for block, each in zip(self.blocks, mode, strict=False):  # a mode goes on for ever
            x = block(x, mode=each)
            outputs.append(x)
        return x.mean(-1), outputs[:-1]


def _train(network: _Network, bootstrap: Any, split: DigitsSplit, epochs: int, seed: int) -> None:
    images, labels = torch.from_numpy(split.train_images), torch.from_numpy(split.train_labels)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.003)
    scheduler = bootstrap.routine.Scheduler(num_sample_iter=10, sample_period=10)
    rng = np.random.default_rng(seed)
    network.train()
    for epoch in tqdm(range(epochs), desc="bootstrap", unit=" epochs", mininterval=0.5, leave=False):
        for i, chosen in enumerate(np.array_split(rng.permutation(len(images)), len(images) // 48)):
            rates, _ = network(images[chosen], scheduler.mode(epoch, i, True))
            descend(optimiser, rates, labels[chosen])
