"""The compiled loop over a bank's weights: specialise the network, evaluate every neuron left for every operand."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import census
from lava_nexus.circuits.bank import Bank
from lava_nexus.circuits.census import Left, Net, Shape, load, room, survey
from lava_nexus.disk_cache import source_digest
from lava_nexus.neurons import propagation
from lava_nexus.neurons.compiled import Indices, Integers, Spikes, Words, kept

SPIKES, SYNOPS, ACTIVE, FIELDS = range(4)
"""What is counted, summed over all weights."""

# numba keeps compiled functions by what they close over: this ties them to the sources of all the code they draw in.
_VERSION = source_digest(__file__, census.__file__, propagation.__file__)


def run_members(
    bank: Bank, patterns: NDArray[Any], operands: NDArray[Any], rows: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Every neuron of the circuits specialised to patterns [n] on operands[rows[i]], for operands [rows, lanes].

    Returns:
        Results [n, lanes], and counts as SPIKES, SYNOPS and ACTIVE number them.
    """
    results, totals = np.zeros((len(patterns), operands.shape[1]), np.uint64), np.zeros(FIELDS, np.int64)
    _kernel()(Net.of(bank.network), patterns.astype(np.uint64), operands.astype(np.uint64), rows, results, totals)
    return results.astype(bank.output.pattern_dtype), totals


@numba.njit(nogil=True)
def _feed(words: Words, varying: Integers, spikes: Spikes) -> None:
    """The operands' bits into the spikes of their signals."""
    for i in range(len(varying)):
        for lane in range(len(words)):
            spikes[varying[i], lane] = np.uint8((words[lane] >> np.uint64(len(varying) - 1 - i)) & np.uint64(1))


@numba.njit(nogil=True)
def _evaluate(offsets: Indices, left: Left, spikes: Spikes, totals: Indices) -> None:
    """Every neuron that is left, on every lane."""
    n_inputs, lanes = len(spikes) - len(left.thresholds), spikes.shape[1]
    sums, woken = np.zeros(lanes, np.int32), np.zeros(lanes, np.uint8)
    for k in range(len(left.thresholds)):
        signal, threshold = n_inputs + k, left.thresholds[k]
        if not (left.live[signal] and left.counts[k]):
            continue
        if threshold < 1:  # it fires on silence: a synapse of the strobe
            totals[SYNOPS] += lanes
        sums[:], woken[:] = 0, 0
        for s in range(offsets[k], offsets[k] + left.counts[k]):
            source, weight = left.sources[s], left.weights[s]
            for lane in range(lanes):
                sums[lane] += weight * spikes[source, lane]
                woken[lane] |= spikes[source, lane]
        fired = 0
        for lane in range(lanes):
            fires = np.uint8(sums[lane] >= threshold)
            spikes[signal, lane] = fires
            fired += fires
            totals[ACTIVE] += 1 if threshold < 1 else woken[lane] | fires
        totals[SPIKES] += fired


@numba.njit(nogil=True)
def _fired(spikes: Spikes, signal: int) -> int:
    total = 0
    for lane in range(spikes.shape[1]):
        total += spikes[signal, lane]
    return total


@numba.njit(nogil=True)
def _count(outputs: Integers, left: Left, shape: Shape, spikes: Spikes, totals: Indices) -> None:
    """Spikes of the neurons that only put out and of relays, and what all spikes reach."""
    lanes = spikes.shape[1]
    for i in range(len(outputs)):
        if shape.exits[i]:
            fired = lanes if shape.exits[i] == census.CONSTANT else _fired(spikes, left.stands[outputs[i]])
            totals[SPIKES] += fired
            totals[ACTIVE] += fired
            totals[SYNOPS] += fired if shape.exits[i] == census.CONSTANT else 0
    for signal in range(len(spikes)):
        if shape.fan_out[signal]:
            fired = _fired(spikes, signal)
            totals[SPIKES] += fired * shape.relays[signal]
            totals[ACTIVE] += fired * shape.relays[signal]
            totals[SYNOPS] += fired * shape.fan_out[signal]


@numba.njit(nogil=True)
def _read(outputs: Integers, left: Left, spikes: Spikes, results: Words) -> None:
    """Results [lanes] of the outputs' bits, MSB first."""
    for lane in range(len(results)):
        word = np.uint64(0)
        for i in range(len(outputs)):
            value = left.value[outputs[i]]
            bit = spikes[left.stands[outputs[i]], lane] if value < 0 else np.uint8(value)
            word = (word << np.uint64(1)) | np.uint64(bit)
        results[lane] = word


def _running(propagate: Any, version: str) -> Any:
    def run(net: Net, patterns: Words, operands: Words, rows: Indices, results: Words, totals: Indices) -> None:
        """Products of rows of operands [rows, lanes] with patterns [n], a specialised network for each pattern.

        Pattern i meets row rows[i]; results are [n, lanes].
        """
        assert version
        left, shape = room(net)
        spikes = np.zeros((len(left.value), operands.shape[1]), np.uint8)
        spikes[0] = 1
        built = np.zeros(census.FIELDS, np.int64)
        for one in range(len(patterns)):
            load(net, patterns[one], left)
            propagate(
                net.n_inputs, net.offsets, net.sources, net.weights, net.thresholds, net.outputs,
                left.value, left.stands, left.sources, left.weights, left.counts, left.thresholds, left.live,
            )  # fmt: skip
            survey(net, left, shape, built)
            _feed(operands[rows[one]], net.varying, spikes)
            _evaluate(net.offsets, left, spikes, totals)
            _count(net.outputs, left, shape, spikes, totals)
            _read(net.outputs, left, spikes, results[one])

    return run


@lru_cache(maxsize=1)
def _kernel() -> Any:
    """The compiled function, from numba's cache where there is one."""
    return kept(_running(numba.njit(nogil=True)(propagation.propagate), _VERSION))
