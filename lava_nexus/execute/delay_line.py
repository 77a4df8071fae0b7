"""Every neuron of a network, step by step, with its synaptic delays: the state behind the vectorised models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.neurons.compiled import kept
from lava_nexus.neurons.split import Subnetwork

_INT16_MAX = 32767
_DRIVE = "void(i1[:,::1], i8[::1], i8[::1], i8[::1], i8[::1], i4[::1], i2[::1], i8[::1], i8[::1], i4[:,::1])"
_TYPES = "void(i1[:,::1], i8[::1], i8[::1], i8[::1], i8[::1], i4[::1], i2[::1], i8[::1], i2[::1], i8, i8[::1])"


class DelayLine:
    """spike_k(t) = [ sum_j weight_j * spike_source_j(t - 1 - delay_j) >= threshold_k ], for all lanes at once.

    A ring of past spikes is kept for each signal, as long as its longest synapse needs. Serial, and compiled when
    this module is imported, hence before Lava forks.

    Attributes:
        counts: int64 [signals], spikes of each signal so far, over all lanes.
    """

    def __init__(
        self, network: ThresholdNetwork | Subnetwork, lanes: int, counts: NDArray[np.int64] | None = None
    ) -> None:
        worst = np.bincount(network.targets, np.abs(network.weights), network.neurons).max(initial=0)
        if worst > _INT16_MAX:
            raise NexusError(f"network has a neuron of absolute weights {worst:.0f} in sum, above {_INT16_MAX}")
        self.n_inputs = network.n_inputs
        self.counts = np.zeros(network.n_signals, np.int64) if counts is None else counts
        longest = np.zeros(network.n_signals, np.int64)
        np.maximum.at(longest, network.sources, network.delays)
        self._size = longest + 2  # the slot being written, and 1 + delay steps back
        self._start = np.concatenate([[0], np.cumsum(self._size)])[:-1]
        self._ring = np.zeros((int(self._size.sum()), lanes), np.int8)
        self._synapses = (
            network.offsets,
            network.sources,
            network.weights.astype(np.int16),
            network.delays.astype(np.int64),
            network.thresholds.astype(np.int16),
        )
        self._head = np.zeros(network.n_signals, np.int64)

    def advance(self) -> None:
        """Begins the next time step: every neuron spikes or not, from spikes of earlier steps alone."""
        _advance(self._ring, self._start, self._size, self._head, *self._synapses, self.n_inputs, self.counts)

    def feed(self, spikes: NDArray[Any]) -> None:
        """The inputs' spikes of this step, [lanes, n_inputs], strobe first; non-zero is a spike."""
        fired = (spikes != 0).T
        self._ring[self._start[: self.n_inputs] + self._head[: self.n_inputs]] = fired
        self.counts[: self.n_inputs] += fired.sum(axis=1)

    def drive(self, neurons: NDArray[np.int64]) -> NDArray[np.int32]:
        """Potentials of this step, before the reset, int32 [lanes, len(neurons)] in unit weights."""
        found = np.zeros((len(neurons), self._ring.shape[1]), np.int32)
        _driven(self._ring, self._start, self._size, self._head, *self._synapses[:4], neurons, found)
        return np.ascontiguousarray(found.T)

    def read(self, signals: NDArray[np.int64]) -> NDArray[np.int8]:
        """Spikes of this step, int8 [lanes, len(signals)]."""
        return np.ascontiguousarray(self._ring[self._start[signals] + self._head[signals]].T)


def _step(
    ring: NDArray[np.int8],
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    head: NDArray[np.int64],
    offsets: NDArray[np.int64],
    sources: NDArray[np.int32],
    weights: NDArray[np.int16],
    delays: NDArray[np.int64],
    thresholds: NDArray[np.int16],
    n_inputs: int,
    counts: NDArray[np.int64],
) -> None:
    """`head` is the slot of the current step in each signal's ring; lanes are innermost, for the vector unit."""
    lanes = ring.shape[1]
    potential = np.empty(lanes, np.int16)
    for signal in range(head.shape[0]):
        head[signal] += 1
        if head[signal] == size[signal]:
            head[signal] = 0
    for k in range(thresholds.shape[0]):
        potential[:] = 0
        for j in range(offsets[k], offsets[k + 1]):
            source = sources[j]
            slot = head[source] - 1 - delays[j]
            if slot < 0:
                slot += size[source]
            slot += start[source]
            weight = weights[j]
            for lane in range(lanes):
                potential[lane] += weight * ring[slot, lane]
        slot = start[n_inputs + k] + head[n_inputs + k]
        fired = np.int64(0)
        for lane in range(lanes):
            spike = potential[lane] >= thresholds[k]
            ring[slot, lane] = spike
            fired += spike
        counts[n_inputs + k] += fired


def _drive(
    ring: NDArray[np.int8],
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    head: NDArray[np.int64],
    offsets: NDArray[np.int64],
    sources: NDArray[np.int32],
    weights: NDArray[np.int16],
    delays: NDArray[np.int64],
    neurons: NDArray[np.int64],
    found: NDArray[np.int32],
) -> None:
    """As `_step` of some neurons, without a step."""
    for row in range(neurons.shape[0]):
        for j in range(offsets[neurons[row]], offsets[neurons[row] + 1]):
            source = sources[j]
            slot = head[source] - 1 - delays[j]
            if slot < 0:
                slot += size[source]
            slot += start[source]
            for lane in range(ring.shape[1]):
                found[row, lane] += weights[j] * ring[slot, lane]


_advance = kept(_step, _TYPES)
_driven = kept(_drive, _DRIVE)
