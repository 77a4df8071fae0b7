"""What constant propagation leaves of a network, counted for many constants by one compiled loop.

A network of two operands is specialised to one pattern after another of the second; nothing is built. The loop that
evaluates what is left (the word-logic executor's) starts from the same `load` and `survey`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import source_digest
from lava_nexus.neurons import ThresholdNetwork, propagation
from lava_nexus.neurons.compiled import Indices, Integers, Spikes, Words, kept

NEURONS, SYNAPSES, DEPTH, FIELDS = range(4)
"""What is counted: sums over all patterns, but the largest depth."""

CONSTANT, REPEATS = 1, 2
"""An output that needs a neuron of its own: one that always fires, one that repeats another signal."""

Values: TypeAlias = NDArray[np.int8]
"""0 or 1, or -1 for what varies."""

# numba keeps compiled functions by what they close over: this ties them to the sources of all the code they draw in.
_VERSION = source_digest(__file__, propagation.__file__)


class Net(NamedTuple):
    """A network of two operands and one result; `outputs`, `varying` and `constant` are the ports' signals.

    `reach` is how many levels a synapse spans at most, its largest delay + 1; what is further away takes relays.
    """

    n_inputs: int
    offsets: Indices
    sources: Integers
    weights: Integers
    thresholds: Integers
    outputs: Integers
    varying: Integers
    constant: Integers
    reach: int

    @classmethod
    def of(cls, network: ThresholdNetwork) -> Net:
        """The second operand is the constant one."""
        outputs, varying, constant = (np.array(port.signals, np.int32) for port in (*network.outputs, *network.inputs))
        plain = network.n_inputs, network.offsets, network.sources, network.weights, network.thresholds
        return cls(*plain, outputs, varying, constant, network.max_delay + 1)


class Left(NamedTuple):
    """What `propagate` fills: see there."""

    value: Values
    stands: Integers
    sources: Integers
    weights: Integers
    counts: Integers
    thresholds: Integers
    live: Spikes


class Shape(NamedTuple):
    """What is found of every signal: level, whether a neuron reads it, its relays, the synapses of it and of these.

    `exits` [output bits] is CONSTANT, REPEATS, or 0 where no neuron is added.
    """

    level: Integers
    inner: Spikes
    relays: Integers
    fan_out: Indices
    exits: Spikes


@numba.njit(nogil=True)
def room(net: Net) -> tuple[Left, Shape]:
    """Arrays for what is found of a network."""
    neurons, signals = len(net.thresholds), net.n_inputs + len(net.thresholds)
    left = Left(
        np.full(signals, -1, np.int8), np.zeros(signals, np.int32),
        np.zeros_like(net.sources), np.zeros_like(net.weights),
        np.zeros(neurons, np.int32), np.zeros(neurons, np.int32), np.zeros(signals, np.uint8),
    )  # fmt: skip
    shape = Shape(
        np.zeros(signals, np.int32), np.zeros(signals, np.uint8), np.zeros(signals, np.int32),
        np.zeros(signals, np.int64), np.zeros(len(net.outputs), np.uint8),
    )  # fmt: skip
    return left, shape


@numba.njit(nogil=True)
def load(net: Net, pattern: np.uint64, left: Left) -> None:
    """The pattern's bits into the values of its signals, MSB first."""
    varying, constant = net.varying, net.constant
    left.value[0] = 1
    for i in range(len(constant)):
        left.value[constant[i]] = np.int8((pattern >> np.uint64(len(constant) - 1 - i)) & np.uint64(1))
    for i in range(len(varying)):
        left.value[varying[i]] = -1


@numba.njit(nogil=True)
def survey(net: Net, left: Left, shape: Shape, totals: Indices) -> None:
    """Fills `shape` and adds neurons, synapses and depth of what is left, as `levels.balance` would build it."""
    shape.fan_out[:], shape.inner[:], shape.level[:] = 0, 0, 0
    depth = 1
    for k in range(len(left.thresholds)):
        signal = net.n_inputs + k
        if not (left.live[signal] and left.counts[k]):
            continue
        totals[NEURONS] += 1
        totals[SYNAPSES] += left.counts[k]
        if left.thresholds[k] < 1:  # it fires on silence: a synapse of the strobe
            totals[SYNAPSES] += 1
        for s in range(net.offsets[k], net.offsets[k] + left.counts[k]):
            source = left.sources[s]
            shape.fan_out[source] += 1
            shape.inner[source] = 1
            shape.level[signal] = max(shape.level[signal], shape.level[source] + 1)
        depth = max(depth, shape.level[signal])
    depth = max(depth, _leave(net, left, shape, totals))
    totals[DEPTH] = max(totals[DEPTH], depth)
    _relay(net, left, shape, depth, totals)


@numba.njit(nogil=True)
def _leave(net: Net, left: Left, shape: Shape, totals: Indices) -> int:
    """Counts the neurons that only put out: constants, and what is read inside or is no neuron; returns the depth."""
    depth, outputs = 1, net.outputs
    for i in range(len(outputs)):
        signal, seen = outputs[i], False
        own, value = left.stands[signal], left.value[signal]
        through = value < 0 and (shape.inner[own] or own < net.n_inputs)
        if through:
            depth = max(depth, shape.level[own] + 1)
        for j in range(i):
            seen |= left.value[outputs[j]] == value and (value >= 0 or left.stands[outputs[j]] == own)
        shape.exits[i] = 0
        if seen or not (through or value >= 0):
            continue
        totals[NEURONS] += 1
        if value > 0:
            totals[SYNAPSES] += 1
            shape.exits[i] = CONSTANT
        elif through:
            totals[SYNAPSES] += 1
            shape.fan_out[own] += 1
            shape.exits[i] = REPEATS
    return depth


@numba.njit(nogil=True)
def _relay(net: Net, left: Left, shape: Shape, depth: int, totals: Indices) -> None:
    """Relays of every signal: a chain as long as its furthest reader needs, shared by all of its readers."""
    shape.relays[:] = 0
    for i in range(len(net.outputs)):
        own = left.stands[net.outputs[i]]
        if shape.exits[i]:
            source = 0 if shape.exits[i] == CONSTANT else own
            shape.relays[source] = max(shape.relays[source], (depth - shape.level[source] - 1) // net.reach)
        elif left.value[net.outputs[i]] < 0 and not shape.inner[own]:
            shape.level[own] = depth  # a gate that only puts out stands at the last level
    for k in range(len(left.thresholds)):
        signal = net.n_inputs + k
        if not (left.live[signal] and left.counts[k]):
            continue
        if left.thresholds[k] < 1:
            shape.relays[0] = max(shape.relays[0], (shape.level[signal] - 1) // net.reach)
        for s in range(net.offsets[k], net.offsets[k] + left.counts[k]):
            source = left.sources[s]
            steps = (shape.level[signal] - shape.level[source] - 1) // net.reach
            shape.relays[source] = max(shape.relays[source], steps)
    for signal in range(len(shape.relays)):
        totals[NEURONS] += shape.relays[signal]
        totals[SYNAPSES] += shape.relays[signal]
        shape.fan_out[signal] += shape.relays[signal]


def _counting(propagate: Any, version: str) -> Any:
    def count(net: Net, patterns: Words, totals: Indices) -> None:
        """Adds up what is left of the network for each pattern of the port `constant`."""
        assert version
        left, shape = room(net)
        for pattern in patterns:
            load(net, pattern, left)
            propagate(
                net.n_inputs, net.offsets, net.sources, net.weights, net.thresholds, net.outputs,
                left.value, left.stands, left.sources, left.weights, left.counts, left.thresholds, left.live,
            )  # fmt: skip
            survey(net, left, shape, totals)

    return count


@lru_cache(maxsize=1)
def _counter() -> Any:
    """The compiled function, from numba's cache where there is one."""
    return kept(_counting(numba.njit(nogil=True)(propagation.propagate), _VERSION))


def census(network: ThresholdNetwork, patterns: NDArray[Any]) -> tuple[int, int, int]:
    """(neurons, synapses, largest depth) of a network specialised to each pattern of its second operand, together."""
    totals = np.zeros(FIELDS, np.int64)
    _counter()(Net.of(network), patterns.astype(np.uint64), totals)
    return int(totals[NEURONS]), int(totals[SYNAPSES]), int(totals[DEPTH])
