"""The compiled loop over weights: specialise the network, evaluate every neuron left for every operand, count."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import source_digest
from lava_nexus.lowering.compiled import Indices, Integers, Spikes, Words, kept
from lava_nexus.neurons import propagation

NEURONS, SYNAPSES, SPIKES, SYNOPS, ACTIVE, DEPTH, FIELDS = range(7)
"""What is counted: sums over all weights, but the largest depth."""

Values: TypeAlias = NDArray[np.int8]
"""0 or 1, or -1 for what varies."""

# numba keeps compiled functions by what they close over: this ties them to the sources of all the code they draw in.
_VERSION = source_digest(__file__, propagation.__file__)


class _Left(NamedTuple):
    """What `propagate` fills: see there."""

    value: Values
    stands: Integers
    sources: Integers
    weights: Integers
    counts: Integers
    thresholds: Integers
    live: Spikes


class _Run(NamedTuple):
    """What is found of every signal: spikes [signals, lanes], level, whether a neuron reads it, how many do."""

    spikes: Spikes
    level: Integers
    inner: Spikes
    fan_out: Indices


@numba.njit(nogil=True)
def _load(pattern: np.uint64, words: Words, varying: Integers, constant: Integers, left: _Left, run: _Run) -> None:
    """The weight's bits into the values of its signals, the operands' bits into the spikes of theirs."""
    left.value[0] = 1
    for i in range(len(constant)):
        left.value[constant[i]] = np.int8((pattern >> np.uint64(len(constant) - 1 - i)) & np.uint64(1))
    for i in range(len(varying)):
        left.value[varying[i]] = -1
        for lane in range(len(words)):
            run.spikes[varying[i], lane] = np.uint8((words[lane] >> np.uint64(len(varying) - 1 - i)) & np.uint64(1))
    run.fan_out[:], run.inner[:], run.level[:] = 0, 0, 0


@numba.njit(nogil=True)
def _evaluate(offsets: Indices, left: _Left, run: _Run, totals: Indices) -> int:
    """Every neuron that is left, on every lane; returns the depth."""
    spikes, level, thresholds = run.spikes, run.level, left.thresholds
    n_inputs, lanes = len(spikes) - len(thresholds), spikes.shape[1]
    sums, woken = np.zeros(lanes, np.int32), np.zeros(lanes, np.uint8)
    depth = 1
    for k in range(len(thresholds)):
        signal = n_inputs + k
        if not (left.live[signal] and left.counts[k]):
            continue
        totals[NEURONS] += 1
        totals[SYNAPSES] += left.counts[k]
        if thresholds[k] < 1:  # it fires on silence: a synapse of the strobe
            totals[SYNAPSES] += 1
            totals[SYNOPS] += lanes
        sums[:], woken[:] = 0, 0
        for s in range(offsets[k], offsets[k] + left.counts[k]):
            source, weight = left.sources[s], left.weights[s]
            run.fan_out[source] += 1
            run.inner[source] = 1
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
def _fired(spikes: Spikes, signal: int) -> int:
    total = 0
    for lane in range(spikes.shape[1]):
        total += spikes[signal, lane]
    return total


@numba.njit(nogil=True)
def _leave(n_inputs: int, outputs: Integers, left: _Left, run: _Run, totals: Indices) -> int:
    """Counts the neurons that only put out: constants, and what is read inside or is no neuron; returns the depth."""
    lanes, depth = run.spikes.shape[1], 1
    for i in range(len(outputs)):
        signal, seen = outputs[i], False
        own, value = left.stands[signal], left.value[signal]
        through = value < 0 and (run.inner[own] or own < n_inputs)
        if through:
            depth = max(depth, run.level[own] + 1)
        for j in range(i):
            seen |= left.value[outputs[j]] == value and (value >= 0 or left.stands[outputs[j]] == own)
        if seen:
            continue
        if value >= 0:
            totals[NEURONS] += 1
            if value:
                totals[SYNAPSES] += 1
                totals[SPIKES] += lanes
                totals[SYNOPS] += lanes
                totals[ACTIVE] += lanes
        elif through:
            totals[NEURONS] += 1
            totals[SYNAPSES] += 1
            run.fan_out[own] += 1
            fired = _fired(run.spikes, own)
            totals[SPIKES] += fired
            totals[ACTIVE] += fired
    return depth


@numba.njit(nogil=True)
def _read(outputs: Integers, left: _Left, spikes: Spikes, results: Words) -> None:
    """Results [lanes] of the outputs' bits, MSB first."""
    for lane in range(len(results)):
        word = np.uint64(0)
        for i in range(len(outputs)):
            value = left.value[outputs[i]]
            bit = spikes[left.stands[outputs[i]], lane] if value < 0 else np.uint8(value)
            word = (word << np.uint64(1)) | np.uint64(bit)
        results[lane] = word


def _kernel(propagate: Any, version: str) -> Any:
    def run(
        n_inputs: int, offsets: Indices, sources: Integers, weights: Integers, thresholds: Integers, outputs: Integers,
        varying: Integers, constant: Integers, patterns: Words, operands: Words, columns: Indices, results: Words,
        totals: Indices,
    ) -> None:  # fmt: skip
        """Products of rows of operands [rows, lanes] with patterns [n], a specialised network for each pattern.

        Pattern i meets row columns[i]. `varying` and `constant` are the signals of the two ports, MSB first; results
        are [n, lanes].
        """
        assert version
        neurons, n_signals = len(thresholds), n_inputs + len(thresholds)
        left = _Left(
            np.full(n_signals, -1, np.int8), np.zeros(n_signals, np.int32),
            np.zeros_like(sources), np.zeros_like(weights),
            np.zeros(neurons, np.int32), np.zeros(neurons, np.int32), np.zeros(n_signals, np.uint8),
        )  # fmt: skip
        found = _Run(
            np.zeros((n_signals, operands.shape[1]), np.uint8), np.zeros(n_signals, np.int32),
            np.zeros(n_signals, np.uint8), np.zeros(n_signals, np.int64),
        )  # fmt: skip
        found.spikes[0] = 1
        for one in range(len(patterns)):
            _load(patterns[one], operands[columns[one]], varying, constant, left, found)
            propagate(
                n_inputs, offsets, sources, weights, thresholds, outputs,
                left.value, left.stands, left.sources, left.weights, left.counts, left.thresholds, left.live,
            )  # fmt: skip
            depth = _evaluate(offsets, left, found, totals)
            totals[DEPTH] = max(totals[DEPTH], depth, _leave(n_inputs, outputs, left, found, totals))
            for signal in range(1, n_signals):
                if found.fan_out[signal]:
                    totals[SYNOPS] += _fired(found.spikes, signal) * found.fan_out[signal]
            _read(outputs, left, found.spikes, results[one])

    return run


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The compiled function, from numba's cache where there is one."""
    return kept(_kernel(numba.njit(nogil=True)(propagation.propagate), _VERSION))
