"""Circuits evaluated from the definition of their arrays, many operand sets at once and without a compiler."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import STROBE, ThresholdNetwork

_SETS = 8192  # evaluated together: the spikes of a signal stay in the cache


def outputs(network: ThresholdNetwork, operands: list[NDArray[Any]]) -> NDArray[Any]:
    """Patterns [sets] of the first output port for patterns [sets] of each input port."""
    neurons = _as_lists(network)
    parts = [
        _evaluated(network, neurons, [x[start : start + _SETS] for x in operands])
        for start in range(0, len(operands[0]), _SETS)
    ]
    return np.concatenate(parts)


def _as_lists(network: ThresholdNetwork) -> list[tuple[list[tuple[int, int]], int]]:
    sources, weights, offsets = network.sources.tolist(), network.weights.tolist(), network.offsets.tolist()
    terms = [list(zip(sources[i:j], weights[i:j], strict=True)) for i, j in pairwise(offsets)]
    return list(zip(terms, network.thresholds.tolist(), strict=True))


def _evaluated(
    network: ThresholdNetwork, neurons: list[tuple[list[tuple[int, int]], int]], operands: list[NDArray[Any]]
) -> NDArray[Any]:
    sets = len(operands[0])
    spikes = np.zeros((network.n_signals, sets), dtype=np.int16)  # a weighted sum stays below 4096
    spikes[STROBE] = 1
    for port, patterns in zip(network.inputs, operands, strict=True):
        for i, signal in enumerate(port.signals):
            spikes[signal] = patterns >> patterns.dtype.type(port.width - 1 - i) & patterns.dtype.type(1)
    drive = np.empty(sets, dtype=np.int16)
    for k, (terms, threshold) in enumerate(neurons):
        drive.fill(0)
        for source, weight in terms:
            if weight == 1:
                drive += spikes[source]
            elif weight == -1:
                drive -= spikes[source]
            else:
                drive += weight * spikes[source]
        np.greater_equal(drive, threshold, out=spikes[network.n_inputs + k], casting="unsafe")
    port = network.outputs[0]
    word = np.zeros(sets, dtype=port.pattern_dtype)
    for i, signal in enumerate(port.signals):
        word |= spikes[signal].astype(word.dtype) << word.dtype.type(port.width - 1 - i)
    return word
