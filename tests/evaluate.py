"""A slow oracle: a threshold network evaluated straight from the definition of its flat arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import STROBE, ThresholdNetwork


def evaluate(network: ThresholdNetwork, inputs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """spike_k = [ sum_j weight_j * spike_source_j >= threshold_k ] for every neuron, in order.

    Takes bool [sets, n_inputs], strobe first; returns bool [sets, n_signals], the inputs copied in front.
    """
    spikes = np.zeros((network.n_signals, len(inputs)), dtype=np.bool_)
    spikes[: network.n_inputs] = np.asarray(inputs, dtype=np.bool_).T
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        drive = weights.astype(np.int64) @ spikes[sources].astype(np.int64)
        spikes[network.n_inputs + k] = drive >= network.thresholds[k]
    return np.ascontiguousarray(spikes.T)


def input_spikes(network: ThresholdNetwork, operands: list[NDArray[Any]]) -> NDArray[np.bool_]:
    """Patterns [sets] of each input port as bool [sets, n_inputs], the strobe set."""
    spikes = np.zeros((len(operands[0]) if operands else 1, network.n_inputs), dtype=np.bool_)
    spikes[:, STROBE] = True
    for port, patterns in zip(network.inputs, operands, strict=True):
        for i, signal in enumerate(port.signals):
            spikes[:, signal] = [int(p) >> (port.width - 1 - i) & 1 for p in patterns.tolist()]
    return spikes


def output_patterns(network: ThresholdNetwork, spikes: NDArray[np.bool_], port: int = 0) -> NDArray[Any]:
    """Patterns [sets] of an output port out of bool [sets, n_signals]."""
    out = network.outputs[port]
    words = [sum(int(b) << (out.width - 1 - i) for i, b in enumerate(row)) for row in spikes[:, list(out.signals)]]
    return np.array(words, dtype=out.pattern_dtype)
