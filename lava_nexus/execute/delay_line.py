"""Every neuron of a network, step by step, with its synaptic delays: the state behind the vectorised models."""

from __future__ import annotations

from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.wired import Wired
from lava_nexus.errors import NexusError
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.neurons.compiled import kept
from lava_nexus.neurons.split import Subnetwork

_INT16_MAX = 32767
_RING = "Tuple((i1[:,::1], i8[::1], i8[::1], i8[::1]))"
_SYNAPSES = "Tuple((i8[::1], i4[::1], i2[::1], i8[::1]))"

Ring: TypeAlias = tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Spikes [slots, lanes], lanes innermost for the vector unit; each signal's first slot, slots and slot of this step."""
Synapses: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16], NDArray[np.int64]]
"""Where each neuron's begin, then sources, weights and delays."""


class DelayLine:
    """spike_k(t) = [ sum_j weight_j * spike_source_j(t - 1 - delay_j) >= threshold_k ], for all lanes at once.

    A ring of past spikes is kept for each signal, as long as its longest synapse needs. Serial, and compiled when
    this module is imported, hence before Lava forks.

    Attributes:
        counts: int64 [signals], spikes of each signal so far, over all lanes.
    """

    def __init__(
        self, network: ThresholdNetwork | Subnetwork | Wired, lanes: int, counts: NDArray[np.int64] | None = None
    ) -> None:
        worst = np.bincount(network.targets, np.abs(network.weights), network.neurons).max(initial=0)
        if worst > _INT16_MAX:
            raise NexusError(f"network has a neuron of absolute weights {worst:.0f} in sum, above {_INT16_MAX}")
        self.n_inputs = network.n_inputs
        self.counts = np.zeros(network.n_signals, np.int64) if counts is None else counts
        longest = np.zeros(network.n_signals, np.int64)
        np.maximum.at(longest, network.sources, network.delays)
        size = longest + 2  # the slot being written, and 1 + delay steps back
        start = np.concatenate([[0], np.cumsum(size)])[:-1]
        slots = np.zeros((int(size.sum()), lanes), np.int8)
        self._ring: Ring = (slots, start, size, np.zeros(network.n_signals, np.int64))
        weights, delays = network.weights.astype(np.int16), network.delays.astype(np.int64)
        self._synapses: Synapses = (network.offsets, network.sources, weights, delays)
        self._thresholds = network.thresholds.astype(np.int16)

    def advance(self) -> None:
        """Begins the next time step: every neuron spikes or not, from spikes of earlier steps alone."""
        _advance(self._ring, self._synapses, self._thresholds, self.n_inputs, self.counts)

    def feed(self, spikes: NDArray[Any]) -> None:
        """The inputs' spikes of this step, [lanes, n_inputs], strobe first; non-zero is a spike."""
        fired = (spikes != 0).T
        self._ring[0][self._now(slice(self.n_inputs))] = fired
        self.counts[: self.n_inputs] += fired.sum(axis=1)

    def drive(self, neurons: NDArray[np.int64]) -> NDArray[np.int32]:
        """Potentials of this step, before the reset, int32 [lanes, len(neurons)] in unit weights."""
        found = np.zeros((len(neurons), self._ring[0].shape[1]), np.int32)
        _driven(self._ring, self._synapses, neurons, found)
        return np.ascontiguousarray(found.T)

    def read(self, signals: NDArray[np.int64]) -> NDArray[np.int8]:
        """Spikes of this step, int8 [lanes, len(signals)]."""
        return np.ascontiguousarray(self._ring[0][self._now(signals)].T)

    def _now(self, signals: NDArray[np.int64] | slice) -> NDArray[np.int64]:
        _, start, _, head = self._ring
        return start[signals] + head[signals]


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def _add(ring: Ring, synapses: Synapses, neuron: int, potential: NDArray[Any]) -> None:
    """What arrives at a neuron in this step, added to the potentials of its lanes."""
    slots, start, size, head = ring
    offsets, sources, weights, delays = synapses
    for j in range(offsets[neuron], offsets[neuron + 1]):
        source = sources[j]
        slot = head[source] - 1 - delays[j]
        if slot < 0:
            slot += size[source]
        slot += start[source]
        weight = weights[j]
        for lane in range(slots.shape[1]):
            potential[lane] += weight * slots[slot, lane]


def _step(
    ring: Ring, synapses: Synapses, thresholds: NDArray[np.int16], n_inputs: int, counts: NDArray[np.int64]
) -> None:
    slots, start, size, head = ring
    potential = np.empty(slots.shape[1], np.int16)
    for signal in range(head.shape[0]):
        head[signal] += 1
        if head[signal] == size[signal]:
            head[signal] = 0
    for k in range(thresholds.shape[0]):
        potential[:] = 0
        _add(ring, synapses, k, potential)
        slot = start[n_inputs + k] + head[n_inputs + k]
        fired = np.int64(0)
        for lane in range(slots.shape[1]):
            spike = potential[lane] >= thresholds[k]
            slots[slot, lane] = spike
            fired += spike
        counts[n_inputs + k] += fired


def _drive(ring: Ring, synapses: Synapses, neurons: NDArray[np.int64], found: NDArray[np.int32]) -> None:
    for row in range(neurons.shape[0]):
        _add(ring, synapses, neurons[row], found[row])


_advance = kept(_step, f"void({_RING}, {_SYNAPSES}, i2[::1], i8, i8[::1])")
_driven = kept(_drive, f"void({_RING}, {_SYNAPSES}, i8[::1], i4[:,::1])")
