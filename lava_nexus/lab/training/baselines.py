"""Handwritten digits by networks that lava-dl trains, other ways to a spiking network than gates.

`bootstrap_digits`: 64 pixels -> input neurons -> `hidden` neurons -> 10 sums, all CUBA LIF but the sums; every layer
sees `steps` time steps of a constant picture, and the class is the largest mean sum. `lava.lib.dl.bootstrap` samples
how a layer's spike rate follows its input, fits a piecewise linear activation to it, and trains the weights through
that. Source: lava-dl 0.6, bootstrap README and its MNIST tutorial, whose neuron parameters these are.

`surrogate_digits`: 64 pixels -> `hidden` CUBA LIF neurons -> 10 CUBA LIF neurons, trained through a surrogate gradient
of the spike; a constant picture is the current of every one of `steps` time steps, and the class is the neuron with
most spikes. Source: lava-dl 0.6, slayer; Shrestha and Orchard, 2018, arXiv 1810.08646.
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.lab.training.train_digits import reproducible
from lava_nexus.models.digits import DigitsSplit, load_split
from lava_nexus.progress import track

PIXELS, CLASSES = 64, 10


def lava_dl() -> tuple[ModuleType, ModuleType]:
    """lava-dl's bootstrap and slayer, without what they print when imported.

    Raises:
        NexusError: lava-dl is not installed.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lava.lib.dl import bootstrap, slayer
    except ImportError as error:
        raise NexusError(f"a baseline needs lava-dl, which cannot be imported: {error}") from error
    return bootstrap, slayer


@contextlib.contextmanager
def training(seed: int) -> Iterator[None]:
    """PyTorch's generator and NumPy's global one, from which lava-dl draws, seeded and put back; no warnings."""
    state = np.random.get_state()
    with reproducible(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(state)


def descend(optimiser: torch.optim.Optimizer, logits: Tensor, labels: Tensor) -> float:
    """One step down the cross-entropy of logits [n, classes]; returns the loss before it."""
    loss = nn.functional.cross_entropy(logits, labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.item())


def accuracy_of(rates: Tensor, labels: NDArray[np.int64]) -> float:
    """Share (0..1) of rows [n, classes] whose largest entry is the label's."""
    return float((rates.argmax(1).numpy() == labels).mean())


_NEURON = {"threshold": 1.25, "current_decay": 1, "voltage_decay": 0.03, "tau_grad": 1, "scale_grad": 1}


@dataclass(frozen=True)
class TrainedNetwork:
    """What a training gave, on the test images; shares are 0..1.

    Attributes:
        accuracy: share of images that the spiking network names rightly.
        accuracy_ann: the same for the ANN that stood in for it in training, if one did.
        neurons: input and hidden neurons, and the sums.
        synapses: all of both layers.
        spikes, synops: mean an image; a spike, or a pixel's graded current, reaches every synapse of its source.
        seconds: of training.
        losses: of every update, where they are told.
    """

    accuracy: float
    neurons: int
    synapses: int
    spikes: float
    synops: float
    seconds: float
    accuracy_ann: float | None = None
    losses: tuple[float, ...] = ()


def bootstrap_digits(hidden: int, steps: int, epochs: int, seed: int, images: int | None = None) -> TrainedNetwork:
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
    return TrainedNetwork(
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
    for epoch in track(range(epochs), "bootstrap", "epochs"):
        for i, chosen in enumerate(np.array_split(rng.permutation(len(images)), len(images) // 48)):
            rates, _ = network(images[chosen], scheduler.mode(epoch, i, True))
            descend(optimiser, rates, labels[chosen])


_SURROGATE_NEURON = {"threshold": 1.0, "current_decay": 0.25, "voltage_decay": 0.1, "tau_grad": 0.3, "scale_grad": 1.0}
_SHARPNESS = 10.0  # of spike rates 0..1 as logits


def surrogate_digits(hidden: int, steps: int, updates: int, batch: int, seed: int) -> TrainedNetwork:
    """Trains with Adam for `updates` updates, on images drawn by (seed, update), and runs the 360 test images.

    Raises:
        NexusError: lava-dl is not installed.
    """
    _, slayer = lava_dl()
    split = load_split()
    began = time.perf_counter()
    with training(seed):
        network = _SurrogateNetwork(slayer, hidden, steps)
        losses = tuple(_updates(network, split.train_images, split.train_labels, updates, batch, seed))
        seconds = time.perf_counter() - began
        network.eval()
        with torch.no_grad():
            rates, spikes = network(torch.from_numpy(split.test_images))
    images, sent = len(split.test_labels), float(spikes.sum())
    drawn = float((split.test_images > 0).sum() * steps * hidden)
    return TrainedNetwork(
        accuracy=accuracy_of(rates, split.test_labels),
        neurons=hidden + CLASSES,
        synapses=PIXELS * hidden + hidden * CLASSES,
        spikes=sent / images,
        synops=(drawn + sent * CLASSES) / images,
        seconds=seconds,
        losses=losses,
    )


class _SurrogateNetwork(nn.Module):
    def __init__(self, slayer: Any, hidden: int, steps: int) -> None:
        super().__init__()
        dense = slayer.block.cuba.Dense
        self.hidden = dense(_SURROGATE_NEURON, PIXELS, hidden, weight_norm=True, weight_scale=2)
        self.output = dense(_SURROGATE_NEURON, hidden, CLASSES, weight_norm=True)
        self.steps = steps

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [n, 8, 8] to spike rates [n, 10] and the hidden spikes [n, hidden, steps]."""
        current = images.reshape(len(images), PIXELS, 1).expand(-1, -1, self.steps)
        spikes = self.hidden(current)
        return self.output(spikes).mean(-1), spikes


def _updates(
    network: _SurrogateNetwork,
    images: np.ndarray[Any, Any],
    labels: np.ndarray[Any, Any],
    updates: int,
    batch: int,
    seed: int,
) -> Iterator[float]:
    optimiser = torch.optim.Adam(network.parameters(), lr=0.005)
    network.train()
    for update in track(range(updates), "surrogate gradients", "steps"):
        chosen = np.random.default_rng([seed, update]).choice(len(images), batch, replace=False)
        rates, _ = network(torch.from_numpy(images[chosen]))
        yield descend(optimiser, _SHARPNESS * rates, torch.from_numpy(labels[chosen]))
