"""Circuits evaluated by the definition of their arrays, [ sum of weight * spike >= threshold ]; no lowering."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import STROBE, ThresholdNetwork

LANES = 128


def outputs(network: ThresholdNetwork, operands: list[NDArray[Any]]) -> NDArray[Any]:
    """Patterns [sets] of the first output port for patterns [sets] of each input port."""
    assert network.n_inputs > STROBE
    reach = np.concatenate([[0], np.cumsum(np.abs(network.weights.astype(np.int64)))])[network.offsets]
    assert (np.diff(reach) < 2**15).all()
    assert (np.abs(network.thresholds.astype(np.int64)) < 2**15).all()
    places = [(k, port.width - 1 - i, s) for k, port in enumerate(network.inputs) for i, s in enumerate(port.signals)]
    out = network.outputs[0]
    results = np.empty(len(operands[0]), np.uint64)
    _evaluate(
        network.offsets.astype(np.int64),
        network.sources.astype(np.int64),
        network.weights.astype(np.int16),
        network.thresholds.astype(np.int16),
        network.n_inputs,
        np.array(places, np.int64),
        np.array(out.signals, np.int64),
        np.stack([x.astype(np.uint64) for x in operands]),
        results,
    )
    return results.astype(out.pattern_dtype)


@numba.njit(cache=True, nogil=True)  # type: ignore[misc]
def _evaluate(offsets, sources, weights, thresholds, first, places, outputs, operands, results):  # type: ignore[no-untyped-def]
    neurons = len(thresholds)
    spikes = np.zeros((first + neurons, LANES), dtype=np.int8)
    potential = np.zeros(LANES, dtype=np.int16)
    spikes[STROBE, :] = 1
    for start in range(0, len(results), LANES):
        count = min(LANES, len(results) - start)
        for row in range(len(places)):
            port, place, signal = places[row]
            for lane in range(count):
                spikes[signal, lane] = (operands[port, start + lane] >> np.uint64(place)) & np.uint64(1)
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
