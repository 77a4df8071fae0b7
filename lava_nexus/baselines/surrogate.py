"""Handwritten digits by lava-dl's slayer: current-based LIF neurons trained through a surrogate gradient of the spike.

64 pixels -> `hidden` CUBA LIF neurons -> 10 CUBA LIF neurons; a constant picture is the current of every one of `steps`
time steps, and the class is the neuron with most spikes.
Source: lava-dl 0.6, slayer; Shrestha and Orchard, 2018, arXiv 1810.08646.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from lava_nexus.baselines.lava_dl import CLASSES, PIXELS, accuracy_of, descend, lava_dl, training
from lava_nexus.models.digits.data import load_split

_NEURON = {"threshold": 1.0, "current_decay": 0.25, "voltage_decay": 0.1, "tau_grad": 0.3, "scale_grad": 1.0}
_SHARPNESS = 10.0  # of spike rates 0..1 as logits


@dataclass(frozen=True)
class SurrogateDigits:
    """What a training gave, on the test images.

    Attributes:
        losses: of every update.
        accuracy: share (0..1) of images named rightly.
        synops: mean an inference; a spike, or the graded current of a pixel, reaches every synapse of its source.
        seconds: of training.
    """

    losses: tuple[float, ...]
    accuracy: float
    synops: float
    seconds: float


def surrogate_digits(hidden: int, steps: int, updates: int, batch: int, seed: int) -> SurrogateDigits:
    """Trains with Adam for `updates` updates, on images drawn by (seed, update), and runs the 360 test images.

    Raises:
        NexusError: lava-dl is not installed.
    """
    _, slayer = lava_dl()
    split = load_split()
    began = time.perf_counter()
    with training(seed):
        network = _Network(slayer, hidden, steps)
        losses = tuple(_updates(network, split.train_images, split.train_labels, updates, batch, seed))
        seconds = time.perf_counter() - began
        network.eval()
        with torch.no_grad():
            rates, spikes = network(torch.from_numpy(split.test_images))
    drawn = (split.test_images > 0).sum() * steps * hidden
    synops = (float(drawn) + float(spikes.sum()) * CLASSES) / len(split.test_labels)
    return SurrogateDigits(losses, accuracy_of(rates, split.test_labels), synops, seconds)


class _Network(nn.Module):
    def __init__(self, slayer: Any, hidden: int, steps: int) -> None:
        super().__init__()
        dense = slayer.block.cuba.Dense
        self.hidden = dense(_NEURON, PIXELS, hidden, weight_norm=True, weight_scale=2)
        self.output = dense(_NEURON, hidden, CLASSES, weight_norm=True)
        self.steps = steps

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [n, 8, 8] to spike rates [n, 10] and the hidden spikes [n, hidden, steps]."""
        current = images.reshape(len(images), PIXELS, 1).expand(-1, -1, self.steps)
        spikes = self.hidden(current)
        return self.output(spikes).mean(-1), spikes


def _updates(
    network: _Network, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], updates: int, batch: int, seed: int
) -> Iterator[float]:
    optimiser = torch.optim.Adam(network.parameters(), lr=0.005)
    network.train()
    for update in tqdm(range(updates), desc="surrogate gradients", unit="step", leave=False, disable=None):
        chosen = np.random.default_rng([seed, update]).choice(len(images), batch, replace=False)
        rates, _ = network(torch.from_numpy(images[chosen]))
        yield descend(optimiser, _SHARPNESS * rates, torch.from_numpy(labels[chosen]))
