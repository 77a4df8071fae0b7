"""Every neuron of a network of one operand by its definition, [ sum of weight * spike >= threshold ]; no lowering."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import STROBE, ThresholdNetwork

LANES = 128


def simulate(network: ThresholdNetwork, patterns: NDArray[Any]) -> NDArray[Any]:
    """Output patterns of the operands."""
    port, out = network.inputs[0], network.outputs[0]
    assert network.n_inputs > STROBE
    reach = np.concatenate([[0], np.cumsum(np.abs(network.weights.astype(np.int64)))])[network.offsets]
    assert (np.diff(reach) < 2**15).all()
    results = np.empty(len(patterns), out.pattern_dtype)
    _simulate(
        network.offsets.astype(np.int64),
        network.sources.astype(np.int64),
        network.weights.astype(np.int16),
        network.thresholds.astype(np.int16),
        network.n_inputs,
        np.array(port.signals, np.int64),
        np.array(out.signals, np.int64),
        patterns.astype(np.uint64),
        results,
    )
    return results


@numba.njit(cache=True, nogil=True)  # type: ignore[misc]
def _simulate(offsets, sources, weights, thresholds, first, inputs, outputs, patterns, results):  # type: ignore[no-untyped-def]
    neurons = len(thresholds)
    spikes = np.zeros((first + neurons, LANES), dtype=np.int8)
    potential = np.zeros(LANES, dtype=np.int16)
    spikes[STROBE, :] = 1
    for start in range(0, len(patterns), LANES):
        count = min(LANES, len(patterns) - start)
        for bit in range(len(inputs)):
            for lane in range(count):
                place = np.uint64(len(inputs) - 1 - bit)
                spikes[inputs[bit], lane] = (patterns[start + lane] >> place) & np.uint64(1)
        for k in range(neurons):
            potential[:] = 0
            j, end = offsets[k], offsets[k + 1]
            while j + 4 <= end:
                a, b, c, d = spikes[sources[j]], spikes[sources[j + 1]], spikes[sources[j + 2]], spikes[sources[j + 3]]
                u, v, w, x = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
                for lane in range(LANES):
                    potential[lane] += u * a[lane] + v * b[lane] + w * c[lane] + x * d[lane]
                j += 4
            while j < end:
                a, u = spikes[sources[j]], weights[j]
                for lane in range(LANES):
                    potential[lane] += u * a[lane]
                j += 1
            for lane in range(LANES):
                spikes[first + k, lane] = potential[lane] >= thresholds[k]
        for lane in range(count):
            word = np.uint64(0)
            for bit in range(len(outputs)):
                word = word << np.uint64(1) | np.uint64(spikes[outputs[bit], lane] > 0)
            results[start + lane] = word
