"""Where a gate's physical threshold can stand: between the sums that must not fire and those that must."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons.model import NeuronModel
from lava_nexus.neurons.network import STROBE, ThresholdNetwork


def gap(weights: list[int], threshold: int, constant: int = 0) -> tuple[int, int]:
    """(largest sum below the threshold, smallest sum that reaches it) over all subsets of the weights.

    A side on which there is no sum is given as one unit from the threshold. `constant` is added to every sum.
    """
    low = sum(weight for weight in weights if weight < 0)
    sums = 1  # bit i: low + i can be had
    for weight in weights:
        sums |= sums << abs(weight)  # a negative weight left out stands one |weight| above the lowest sum
    place = threshold - constant - low
    below = sums & ((1 << max(place, 0)) - 1)
    above = sums >> max(place, 0)
    largest = below.bit_length() - 1 + low + constant if below else threshold - 1
    smallest = (above & -above).bit_length() - 1 + max(place, 0) + low + constant if above else threshold
    return largest, smallest


def thetas(network: ThresholdNetwork, model: NeuronModel) -> NDArray[np.float64]:
    """float64 [neurons]: physical thresholds, T - margin or, where the model says so, in the middle of each gap.

    The gaps are those of free inputs, the strobe firing in every step: they hold whatever the circuit computes.
    """
    if model.placement == "margin":
        return np.asarray(network.thresholds - np.float64(model.margin))
    return _middles(network)


@lru_cache(maxsize=32)
def _middles(network: ThresholdNetwork) -> NDArray[np.float64]:
    known: dict[tuple[tuple[int, ...], int, int], float] = {}
    found = np.empty(network.neurons)
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        constant = int(weights[sources == STROBE].sum())
        key = tuple(sorted(weights[sources != STROBE].tolist())), int(network.thresholds[k]), constant
        if key not in known:
            known[key] = sum(gap(list(key[0]), key[1], constant)) / 2
        found[k] = known[key]
    found.setflags(write=False)
    return found
