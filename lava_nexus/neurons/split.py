"""A network cut into parts, one a core: each knows its neurons, and the signals that reach it from outside."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons.network import SynapseLists, ThresholdNetwork


@dataclass(frozen=True, eq=False)
class Subnetwork(SynapseLists):
    """Neurons of a network that live together.

    spike_k(t) = [ sum_j weight_j * spike_source_j(t - 1 - delay_j) >= threshold_k ]. Signals are numbered anew: first
    the axons, then the neurons. Unlike in a network, an axon may carry spikes of any level.

    Attributes:
        axons: int32 [n_inputs]; signals of the whole network that come in from outside, ascending.
        members: int32 [neurons]; numbers of the neurons in the whole network (0-based), ascending.
        offsets: int64 [neurons + 1]; the synapses of neuron k are offsets[k] .. offsets[k + 1].
        sources: int32 [synapses]; signals of this part.
        weights, delays: int32 [synapses].
        thresholds: int32 [neurons].
    """

    axons: NDArray[np.int32]
    members: NDArray[np.int32]
    offsets: NDArray[np.int64]
    sources: NDArray[np.int32]
    weights: NDArray[np.int32]
    delays: NDArray[np.int32]
    thresholds: NDArray[np.int32]

    @property
    def n_inputs(self) -> int:
        """Axons that come in from outside."""
        return len(self.axons)


def split(network: ThresholdNetwork, assignment: NDArray[np.int64]) -> tuple[Subnetwork, ...]:
    """The parts of an assignment of each neuron to a core 0, 1, ...; a core without neurons is empty.

    Raises:
        NexusError: the assignment does not name a core for each neuron.
    """
    cores = np.asarray(assignment)
    if cores.shape != (network.neurons,) or (cores.size and cores.min() < 0):
        raise NexusError(f"assignment of shape {cores.shape} names no core for each of {network.neurons} neurons")
    order = np.argsort(cores, kind="stable").astype(np.int32)
    bounds = np.searchsorted(cores[order], np.arange(int(cores.max(initial=-1)) + 2))
    return tuple(_subnetwork(network, order[a:b]) for a, b in pairwise(bounds))


def _subnetwork(network: ThresholdNetwork, members: NDArray[np.int32]) -> Subnetwork:
    sizes = network.offsets[members + 1] - network.offsets[members]
    ends = np.cumsum(sizes)
    synapses = np.repeat(network.offsets[members] - (ends - sizes), sizes) + np.arange(int(sizes.sum()))
    sources = network.sources[synapses]
    own = network.n_inputs + members
    inside = np.isin(sources, own)
    axons = np.unique(sources[~inside])
    local = np.where(
        inside, len(axons) + np.searchsorted(own, sources), np.searchsorted(axons, np.where(inside, -1, sources))
    )
    return Subnetwork(
        axons=axons.astype(np.int32),
        members=members,
        offsets=np.concatenate([[0], ends]).astype(np.int64),
        sources=local.astype(np.int32),
        weights=network.weights[synapses],
        delays=network.delays[synapses],
        thresholds=network.thresholds[members],
    )
