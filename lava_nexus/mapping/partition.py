"""Neurons to cores: under every limit of a core at once, with few spikes between cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.mapping.chip import LIMITS, Chip
from lava_nexus.mapping.demand import demand
from lava_nexus.mapping.hypergraph import Hypergraph, partition
from lava_nexus.neurons import ThresholdNetwork

_FEW, _FILL = 8, 0.98  # beyond a few parts, full ones leave the partitioner nothing to choose


def neurons_to_cores(
    network: ThresholdNetwork, spikes: NDArray[np.int64], groups: NDArray[np.int64], chip: Chip, seed: int = 0
) -> NDArray[np.int64]:
    """A core for each neuron, numbered from 0 without gaps; deterministic by seed.

    Args:
        network: what to partition.
        spikes: int64 [signals], how often each fires, as weight of what it sends.
        groups: int64 [neurons], population of each neuron.
        chip: limits of a core.
        seed: of the partitioner.

    Raises:
        NexusError: a single neuron breaks a limit.
    """
    if not network.neurons:
        raise NexusError("a network of 0 neurons cannot be placed")
    graph = spike_hypergraph(network, spikes)
    parts = partition(graph, _capacities(network, chip), seed)
    parts = _split_until_fitting(network, parts, groups, chip, graph, seed)
    return _merged(network, parts, groups, chip)


def contiguous(network: ThresholdNetwork, groups: NDArray[np.int64], chip: Chip) -> NDArray[np.int64]:
    """The baseline: cores filled in the order of levels."""
    order = np.argsort(network.levels, kind="stable")
    capacities = _capacities(network, chip)
    parts = np.zeros(network.neurons, np.int64)
    parts[order] = np.repeat(np.arange(len(capacities)), capacities)[: network.neurons]
    return _split_until_fitting(network, parts, groups, chip, None, 0)


def spike_hypergraph(network: ThresholdNetwork, spikes: NDArray[np.int64]) -> Hypergraph:
    """A net a signal: the neuron, if it is one, and all neurons that it feeds; weight 1 + its spikes."""
    first = network.n_inputs
    fired = network.sources >= first
    own = np.unique(network.sources[fired])
    net = np.concatenate([network.sources, own])
    pin = np.concatenate([network.targets, own - first])
    return Hypergraph.of_pairs(network.neurons, net, pin, 1 + spikes)


def fewest_cores(network: ThresholdNetwork, chip: Chip) -> int:
    """Cores below which the neurons, or their synapses, do not fit."""
    holds = chip.neurons_with_delay(int(network.delays.max(initial=0)))
    words = chip.most("synapse_words") * chip.limits.synapses_per_word.most
    return max(1, -(-network.neurons // holds), -(-network.synapses // words))


def _capacities(network: ThresholdNetwork, chip: Chip) -> list[int]:
    holds = chip.neurons_with_delay(int(network.delays.max(initial=0)))
    if holds < 1:
        raise NexusError(
            f"synaptic delay {int(network.delays.max())} needs more than the {chip.most('delay_accumulators')} delay "
            f"accumulators of a core of {chip.name} for one neuron"
        )
    cores = fewest_cores(network, chip)
    if cores > _FEW:
        cores = max(cores, int(np.ceil(network.neurons / (_FILL * holds))))
    return [holds] * cores


def _split_until_fitting(
    network: ThresholdNetwork,
    parts: NDArray[np.int64],
    groups: NDArray[np.int64],
    chip: Chip,
    graph: Hypergraph | None,
    seed: int,
) -> NDArray[np.int64]:
    """Halves every core that breaks a limit, by least cost where there is a graph, else by level."""
    parts = np.unique(parts, return_inverse=True)[1].astype(np.int64)
    while True:
        cores = int(parts.max()) + 1
        use = demand(network, parts, groups, cores, chip)
        broken = np.flatnonzero(use.over(chip))
        if not len(broken):
            return parts
        for core in broken.tolist():
            members = np.flatnonzero(parts == core)
            if len(members) == 1:
                limit, used, most = use.excess(core, chip)
                raise NexusError(
                    f"neuron {members[0]} cannot be placed on {chip.name}: alone on a core it uses {used} of {most} "
                    f"{limit.replace('_', ' ')}, {used - most} too many"
                )
            mixed = use.groups[core] > chip.most("groups")
            parts[members[_upper_half(network, members, groups if mixed else None, graph, seed)]] = cores
            cores += 1


def _upper_half(
    network: ThresholdNetwork,
    members: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    graph: Hypergraph | None,
    seed: int,
) -> NDArray[np.bool_]:
    """Which members go: half of their groups where there are groups to tell apart, else half of them."""
    if groups is not None:
        kinds = np.unique(groups[members])
        return np.asarray(groups[members] >= kinds[len(kinds) // 2])
    half = -(-len(members) // 2)
    if graph is None or len(members) < 4:
        return np.asarray(np.argsort(np.argsort(network.levels[members], kind="stable")) >= half)
    inside = np.zeros(network.neurons, np.bool_)
    inside[members] = True
    return np.asarray(partition(graph.part(inside), [half, half], seed) == 1)


def _merged(
    network: ThresholdNetwork, parts: NDArray[np.int64], groups: NDArray[np.int64], chip: Chip
) -> NDArray[np.int64]:
    """Cores that fit into one another joined, largest first; sums of what they use are a safe bound on the union's."""
    cores = int(parts.max()) + 1
    if cores <= fewest_cores(network, chip):
        return parts
    use = demand(network, parts, groups, cores, chip)
    most = np.array([chip.most(limit) for limit in LIMITS])
    table = np.stack([use.used(limit) for limit in LIMITS], axis=1)
    home = np.arange(cores)
    bits = use.delay_bits.copy()
    open_cores: list[int] = []
    for core in np.argsort(-use.neurons, kind="stable").tolist():
        for other in open_cores:
            both = table[core] + table[other]
            width = max(int(bits[core]), int(bits[other]))
            both[LIMITS.index("delay_accumulators")] = int(both[0]) << width if width else 0
            if (both <= most).all():
                home[core], table[other], bits[other] = other, both, width
                break
        else:
            open_cores.append(core)
    return np.asarray(np.unique(home[parts], return_inverse=True)[1], np.int64)
