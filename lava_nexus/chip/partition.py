"""Neurons to cores: under every limit of a core at once, with few spikes between cores.

Hypergraphs are cut by the multilevel partitioner Mt-KaHyPar behind one call, `partition`. Its deterministic preset is
used, so that a seed stands for one result whatever the threads. Many parts are cut in turns of a few, which makes the
time grow with n log k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import LIMITS, Chip, demand
from lava_nexus.errors import NexusError, needs_extras
from lava_nexus.neurons import ThresholdNetwork

_ARITY = 8
_MOST_WEIGHT = 255
_FEW, _FILL = 8, 0.98  # beyond a few parts, full ones leave the partitioner nothing to choose


@dataclass(frozen=True, eq=False)
class Hypergraph:
    """Nodes 0 .. nodes - 1, and nets: net i joins pins[offsets[i] : offsets[i + 1]], all different, with a weight."""

    nodes: int
    offsets: NDArray[np.int64]
    pins: NDArray[np.int64]
    weights: NDArray[np.int64]

    @classmethod
    def of_pairs(cls, nodes: int, net: NDArray[Any], pin: NDArray[Any], weights: NDArray[Any]) -> Hypergraph:
        """From (net, pin) pairs, repeated ones counted once; nets of one pin are left out."""
        pairs = np.unique(net.astype(np.int64) * nodes + pin)
        names, sizes = np.unique(pairs // max(1, nodes), return_counts=True)
        keep = np.repeat(sizes > 1, sizes)
        names, sizes = names[sizes > 1], sizes[sizes > 1]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return cls(nodes, offsets, (pairs % max(1, nodes))[keep], np.asarray(weights, np.int64)[names])

    def part(self, members: NDArray[np.bool_]) -> Hypergraph:
        """The hypergraph of some nodes, numbered anew; nets lose the pins of the others."""
        inside = members[self.pins]
        net = np.repeat(np.arange(len(self.weights)), np.diff(self.offsets))[inside]
        number = np.cumsum(members) - 1
        return Hypergraph.of_pairs(int(members.sum()), net, number[self.pins[inside]], self.weights)

    def cost(self, parts: NDArray[Any]) -> int:
        """Sum over nets of weight * (parts touched - 1): messages, a net being a neuron and what it feeds."""
        net = np.repeat(np.arange(len(self.weights)), np.diff(self.offsets))
        touched = np.unique(net * (int(parts.max(initial=0)) + 1) + parts[self.pins])
        count = np.bincount(touched // (int(parts.max(initial=0)) + 1), minlength=len(self.weights))
        return int((self.weights * np.maximum(count - 1, 0)).sum())


def partition(graph: Hypergraph, capacities: Sequence[int], seed: int = 0) -> NDArray[np.int64]:
    """A part for each node, part i of at most capacities[i] nodes, with little `cost`; deterministic by seed.

    Raises:
        NexusError: the parts cannot hold all nodes.
    """
    if sum(capacities) < graph.nodes:
        raise NexusError(
            f"{len(capacities)} parts hold {sum(capacities)} nodes, fewer than the {graph.nodes} there are"
        )
    if len(capacities) == 1 or graph.nodes == 0:
        return np.zeros(graph.nodes, np.int64)
    if len(capacities) <= 2 * _ARITY:
        return _direct(graph, capacities, seed)
    bounds = [len(capacities) * i // _ARITY for i in range(_ARITY + 1)]
    groups = [capacities[a:b] for a, b in pairwise(bounds)]
    coarse = _direct(graph, [sum(group) for group in groups], seed)
    parts = np.zeros(graph.nodes, np.int64)
    for i, group in enumerate(groups):
        members = coarse == i
        parts[members] = bounds[i] + partition(graph.part(members), group, seed)
    return parts


def _direct(graph: Hypergraph, capacities: Sequence[int], seed: int) -> NDArray[np.int64]:
    if not len(graph.weights) or graph.nodes <= 2 * len(capacities):
        return _filled(np.arange(graph.nodes), capacities)
    needs_extras("a partition onto cores", "placing")
    import mtkahypar

    ends = graph.offsets.tolist()
    pins = graph.pins.tolist()
    nets = [pins[a:b] for a, b in pairwise(ends)]
    weights = np.maximum(1, graph.weights * _MOST_WEIGHT // max(1, int(graph.weights.max()))).tolist()
    context = _initializer().context_from_preset(mtkahypar.PresetType.DETERMINISTIC)
    context.set_partitioning_parameters(len(capacities), 0.03, mtkahypar.Objective.KM1)
    context.set_individual_target_block_weights(list(capacities))
    context.logging = False
    mtkahypar.set_seed(seed)
    try:
        made = _initializer().create_hypergraph(context, graph.nodes, len(nets), nets, [1] * graph.nodes, weights)
        parts = np.array(made.partition(context).get_partition(), np.int64)
    except (mtkahypar.InvalidInputError, mtkahypar.InvalidParameterError, mtkahypar.SystemError):
        return _filled(np.arange(graph.nodes), capacities)
    return _filled(np.argsort(parts, kind="stable"), capacities, parts)


def _filled(
    order: NDArray[np.int64], capacities: Sequence[int], parts: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """The parts where all keep their capacity, else those with what is too much moved on to where there is room."""
    room = np.array(capacities, np.int64)
    if parts is None:
        parts = np.full(len(order), -1, np.int64)
        over = order
    else:
        rank = np.arange(len(order)) - np.searchsorted(parts[order], parts[order])
        over = order[rank >= room[parts[order]]]
        parts = parts.copy()
        parts[over] = -1
    free = room - np.bincount(parts[parts >= 0], minlength=len(room))
    parts[over] = np.repeat(np.arange(len(room)), free)[: len(over)]
    return parts


@cache
def _initializer() -> Any:
    """Mt-KaHyPar starts its threads once a process; one is enough, and forked children stay possible."""
    import mtkahypar

    return mtkahypar.initialize(1, False)


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
