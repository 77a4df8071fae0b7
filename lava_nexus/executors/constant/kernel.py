"""The compiled loop over weights: specialise the network, evaluate every neuron left for every operand, count."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import source_digest
from lava_nexus.neurons import propagation

NEURONS, SYNAPSES, SPIKES, SYNOPS, ACTIVE, DEPTH, FIELDS = range(7)
"""What is counted: sums over all weights, but the largest depth."""

# numba keeps compiled functions by what they close over: this ties them to the sources of all the code they draw in.
_VERSION = source_digest(__file__, propagation.__file__)


@numba.njit(nogil=True)
def _load(
    pattern: np.uint64,
    words: NDArray[np.uint64],
    varying: NDArray[np.int32],
    constant: NDArray[np.int32],
    value: NDArray[np.int8],
    spikes: NDArray[np.uint8],
) -> None:
    """The weight's bits into the values of its signals, the operands' bits into the spikes of theirs."""
    value[0] = 1
    for i in range(len(constant)):
        value[constant[i]] = np.int8((pattern >> np.uint64(len(constant) - 1 - i)) & np.uint64(1))
    for i in range(len(varying)):
        value[varying[i]] = -1
        for lane in range(len(words)):
            spikes[varying[i], lane] = np.uint8((words[lane] >> np.uint64(len(varying) - 1 - i)) & np.uint64(1))


@numba.njit(nogil=True)
def _evaluate(
    offsets: NDArray[np.int64],
    sources: NDArray[np.int32],
    weights: NDArray[np.int32],
    counts: NDArray[np.int32],
    thresholds: NDArray[np.int32],
    live: NDArray[np.uint8],
    spikes: NDArray[np.uint8],
    level: NDArray[np.int32],
    inner: NDArray[np.uint8],
    fan_out: NDArray[np.int64],
    totals: NDArray[np.int64],
) -> int:
    """Every neuron that is left, on every lane; returns the depth."""
    n_inputs, lanes = len(spikes) - len(thresholds), spikes.shape[1]
    sums, woken = np.zeros(lanes, np.int32), np.zeros(lanes, np.uint8)
    depth = 1
    for k in range(len(thresholds)):
        signal = n_inputs + k
        if not (live[signal] and counts[k]):
            continue
        totals[NEURONS] += 1
        totals[SYNAPSES] += counts[k]
        if thresholds[k] < 1:  # it fires on silence: a synapse of the strobe
            totals[SYNAPSES] += 1
            totals[SYNOPS] += lanes
        sums[:], woken[:] = 0, 0
        for s in range(offsets[k], offsets[k] + counts[k]):
            source, weight = sources[s], weights[s]
            fan_out[source] += 1
            inner[source] = 1
            level[signal] = max(level[signal], level[source] + 1)
            for lane in range(lanes):
                sums[lane] += weight * spikes[source, lane]
                woken[lane] |= spikes[source, lane]
        fired = 0
        for lane in range(lanes):
            fires = np.uint8(sums[lane] >= thresholds[k])
            spikes[signal, lane] = fires
            fired += fires
            totals[ACTIVE] += 1 if thresholds[k] < 1 else woken[lane] | fires
        totals[SPIKES] += fired
        depth = max(depth, level[signal])
    return depth


@numba.njit(nogil=True)
def _fired(spikes: NDArray[np.uint8], signal: int) -> int:
    total = 0
    for lane in range(spikes.shape[1]):
        total += spikes[signal, lane]
    return total


@numba.njit(nogil=True)
def _leave(
    n_inputs: int,
    outputs: NDArray[np.int32],
    value: NDArray[np.int8],
    stands: NDArray[np.int32],
    spikes: NDArray[np.uint8],
    level: NDArray[np.int32],
    inner: NDArray[np.uint8],
    fan_out: NDArray[np.int64],
    totals: NDArray[np.int64],
) -> int:
    """Counts the neurons that only put out: constants, and what is read inside or is no neuron; returns the depth."""
    lanes, depth = spikes.shape[1], 1
    for i in range(len(outputs)):
        signal, seen = outputs[i], False
        own = stands[signal]
        through = value[signal] < 0 and (inner[own] or own < n_inputs)
        if through:
            depth = max(depth, level[own] + 1)
        for j in range(i):
            same = value[outputs[j]] == value[signal]
            seen |= same and (value[signal] >= 0 or stands[outputs[j]] == own)
        if seen:
            continue
        if value[signal] >= 0:
            totals[NEURONS] += 1
            if value[signal]:
                totals[SYNAPSES] += 1
                totals[SPIKES] += lanes
                totals[SYNOPS] += lanes
                totals[ACTIVE] += lanes
        elif through:
            totals[NEURONS] += 1
            totals[SYNAPSES] += 1
            fan_out[own] += 1
            fired = _fired(spikes, own)
            totals[SPIKES] += fired
            totals[ACTIVE] += fired
    return depth


@numba.njit(nogil=True)
def _read(
    outputs: NDArray[np.int32],
    value: NDArray[np.int8],
    stands: NDArray[np.int32],
    spikes: NDArray[np.uint8],
    results: NDArray[np.uint64],
) -> None:
    """Results [lanes] of the outputs' bits, MSB first."""
    for lane in range(len(results)):
        word = np.uint64(0)
        for i in range(len(outputs)):
            signal = outputs[i]
            bit = spikes[stands[signal], lane] if value[signal] < 0 else np.uint8(value[signal])
            word = (word << np.uint64(1)) | np.uint64(bit)
        results[lane] = word


def _kernel(propagate: Any, version: str) -> Any:
    def run(
        n_inputs: int,
        offsets: NDArray[np.int64],
        sources: NDArray[np.int32],
        weights: NDArray[np.int32],
        thresholds: NDArray[np.int32],
        outputs: NDArray[np.int32],
        varying: NDArray[np.int32],
        constant: NDArray[np.int32],
        patterns: NDArray[np.uint64],
        operands: NDArray[np.uint64],
        columns: NDArray[np.int64],
        results: NDArray[np.uint64],
        totals: NDArray[np.int64],
    ) -> None:
        """Products of rows of operands [rows, lanes] with patterns [n], a specialised network for each pattern.

        Pattern i meets row columns[i]. `varying` and `constant` are the signals of the two ports, MSB first; results
        are [n, lanes].
        """
        assert version
        n_signals = n_inputs + len(thresholds)
        value = np.full(n_signals, -1, np.int8)
        stands, live = np.zeros(n_signals, np.int32), np.zeros(n_signals, np.uint8)
        left_sources, left_weights = np.zeros_like(sources), np.zeros_like(weights)
        counts, left = np.zeros(len(thresholds), np.int32), np.zeros(len(thresholds), np.int32)
        level, inner = np.zeros(n_signals, np.int32), np.zeros(n_signals, np.uint8)
        fan_out = np.zeros(n_signals, np.int64)
        spikes = np.zeros((n_signals, operands.shape[1]), np.uint8)
        spikes[0] = 1
        for one in range(len(patterns)):
            _load(patterns[one], operands[columns[one]], varying, constant, value, spikes)
            propagate(
                n_inputs, offsets, sources, weights, thresholds, outputs,
                value, stands, left_sources, left_weights, counts, left, live,
            )  # fmt: skip
            fan_out[:], inner[:], level[:] = 0, 0, 0
            inside = _evaluate(
                offsets, left_sources, left_weights, counts, left, live, spikes, level, inner, fan_out, totals
            )
            behind = _leave(n_inputs, outputs, value, stands, spikes, level, inner, fan_out, totals)
            totals[DEPTH] = max(totals[DEPTH], inside, behind)
            for signal in range(1, n_signals):
                if fan_out[signal]:
                    totals[SYNOPS] += _fired(spikes, signal) * fan_out[signal]
            _read(outputs, value, stands, spikes, results[one])

    return run


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The compiled function, from numba's cache where there is one."""
    compiled = numba.njit(nogil=True)(propagation.propagate)
    try:
        return numba.njit(nogil=True, cache=True)(_kernel(compiled, _VERSION))
    except RuntimeError:  # no directory for numba's cache can be written
        return numba.njit(nogil=True)(_kernel(compiled, _VERSION))
