"""Look-ups in order where some input bits are known to be 0: the same bits and the same counts by fewer look-ups."""

from __future__ import annotations

from collections.abc import Collection

from lava_nexus.lowering.cover import cover
from lava_nexus.lowering.luts import FALSE, N_CONSTANTS, TRUE, LookGraph
from lava_nexus.lowering.ordered import OrderedGraph, sorted_looks


def restricted(graph: OrderedGraph, zeros: Collection[int]) -> OrderedGraph:
    """The graph for operand sets whose input bits of these numbers are 0.

    It has the same inputs, outputs and counted values; those that are now constant are constants.

    Args:
        graph: to be made smaller.
        zeros: numbers of input bits, ports in order, each LSB first.
    """
    small = LookGraph(graph.n_inputs)
    leaves = [N_CONSTANTS + i for i in range(graph.n_inputs)]
    nodes = [FALSE, TRUE, *(FALSE if i in zeros else leaf for i, leaf in enumerate(leaves))]
    for table, (a, b, c) in zip(graph.tables.tolist(), graph.reads.tolist(), strict=True):
        nodes.append(small.look(table, nodes[a], nodes[b], nodes[c]))
    outputs, signals, probes = ([nodes[v] for v in of.tolist()] for of in (graph.outputs, graph.signals, graph.probes))
    return sorted_looks(cover(small, [*outputs, *signals, *probes]), leaves, outputs, signals, probes)
