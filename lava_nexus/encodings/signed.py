"""Signed numbers up to a largest magnitude, by two neurons a number: one for what is positive, one for negative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.encodings.code import SpikeCode
from lava_nexus.errors import NexusError


@dataclass(frozen=True)
class SignedCode:
    """x = high * (code(max(x, 0) / high) - code(max(-x, 0) / high)).

    Attributes:
        code: of magnitudes in 0..1.
        high: largest magnitude; what is beyond saturates.
        seed: of a random code.
    """

    code: SpikeCode
    high: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.high < np.inf:
            raise NexusError(f"largest magnitude {self.high} of code '{self.code.name}' is not a positive number")

    def encode(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Numbers of shape (...) to spikes of shape (T, 2, ...): axis 1 is positive, negative."""
        x = np.asarray(values, np.float64) / self.high
        return self.code.encode(np.stack([x, -x]), self.seed)

    def decode(self, spikes: NDArray[Any]) -> NDArray[np.float64]:
        """Spikes of shape (T, 2, ...) to numbers of shape (...)."""
        positive, negative = self.code.decode(spikes)
        return np.asarray(self.high * (positive - negative))

    def synaptic_sums(self, spikes: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
        """What neurons behind synapses of these weights hold after T steps: sum over k of x'[..., k] * weight[n, k].

        Each step adds the weights of the synapses that a spike arrives at, times what a spike at that step is worth;
        the negative neuron's synapses have the opposite sign.

        Shapes: spikes (T, 2, ..., inputs), weight [outputs, inputs], sums (..., outputs).
        """
        membrane = np.zeros((*spikes.shape[2:-1], len(weight)))
        columns = weight.astype(np.float64).T
        for worth, (positive, negative) in zip(self.code.kernel, spikes, strict=True):
            membrane += worth * ((positive.astype(np.float64) - negative) @ columns)
        return self.high * membrane
