"""Balanced partitions of a hypergraph: the multilevel partitioner Mt-KaHyPar behind one call.

Its deterministic preset is used, so that a seed stands for one result whatever the threads. Many parts are cut in turns
of a few, which makes the time grow with n log k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError

_ARITY = 8
_MOST_WEIGHT = 255


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
