"""Spikes between cores: one message for each core that a spike reaches, however many synapses it has there."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.mapping.chip import Mesh
from lava_nexus.mapping.mesh import Links, hops
from lava_nexus.neurons import ThresholdNetwork


@dataclass(frozen=True)
class Traffic:
    """Spikes of a run, as messages.

    Attributes:
        sets: operand sets of the run.
        messages: from a core to another one.
        local: within a core.
        from_outside: of inputs and strobe, one for each core that they reach.
        inter_chip: those of `messages` that leave their chip.
        hops_east_west, hops_north_south: between routers, by XY routing, along rows and along columns.
    """

    sets: int
    messages: int
    local: int
    from_outside: int
    inter_chip: int
    hops_east_west: int
    hops_north_south: int

    def to_dict(self) -> dict[str, int]:
        """Plain values."""
        return asdict(self)


def core_links(network: ThresholdNetwork, assignment: NDArray[np.int64], spikes: NDArray[np.int64]) -> Links:
    """Messages between pairs of cores, pairs of a core with itself included, ascending."""
    cores = int(assignment.max(initial=-1)) + 1
    fired = network.sources >= network.n_inputs
    source = network.sources[fired].astype(np.int64)
    pairs = np.unique(source * cores + assignment[network.targets[fired]])
    source, target = pairs // cores, pairs % cores
    links, where = np.unique(assignment[source - network.n_inputs] * cores + target, return_inverse=True)
    messages = np.bincount(where, spikes[source], len(links)).astype(np.int64)
    return links // cores, links % cores, messages


def traffic(
    network: ThresholdNetwork,
    assignment: NDArray[np.int64],
    places: NDArray[np.int64],
    spikes: NDArray[np.int64],
    sets: int,
    mesh: Mesh,
) -> Traffic:
    """Counts of a run of `sets` operand sets in which each signal fired `spikes` times."""
    links = core_links(network, assignment, spikes)
    source, target, messages = links
    outside = network.sources < network.n_inputs
    cores = int(assignment.max(initial=-1)) + 1
    pairs = np.unique(network.sources[outside].astype(np.int64) * cores + assignment[network.targets[outside]])
    east_west, north_south = hops(places, links, mesh)
    return Traffic(
        sets=sets,
        messages=int(messages[source != target].sum()),
        local=int(messages[source == target].sum()),
        from_outside=int(spikes[pairs // cores].sum()),
        inter_chip=int(messages[places[source, 0] != places[target, 0]].sum()),
        hops_east_west=east_west,
        hops_north_south=north_south,
    )
