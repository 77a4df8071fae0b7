"""What one set bit of each value adds to the totals of a run: spikes, SynOps and active updates.

    spikes = sum over neurons of s_k,  SynOps = sum over signals of s_j * fan-out_j,  active = sum over neurons of a_k

where s is 1 for a spike and a for a neuron that received a spike or fired. Signals that share a look-up are one value
of the graph, so a value carries the sum of what they add.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lava_nexus.lowering.luts import FALSE, TRUE
from lava_nexus.lowering.ordered import OrderedGraph
from lava_nexus.neurons import ThresholdNetwork

TOTALS = 3
"""Spikes of neurons, SynOps, active updates."""

Counts = tuple[int, ...]


@dataclass(frozen=True)
class Weights:
    """Totals as weighted sums over values.

    Attributes:
        of: for each value that varies, what a set bit of it adds to spikes, SynOps and active updates.
        always: what every operand set adds, whatever its patterns.
    """

    of: dict[int, Counts]
    always: Counts

    @property
    def most(self) -> int:
        """The most that one operand set adds to any total."""
        return max(sum(weights[i] for weights in self.of.values()) + self.always[i] for i in range(TOTALS))


def weights(network: ThresholdNetwork, graph: OrderedGraph) -> Weights:
    """What the values of a network's graph add; of a graph that counts nothing, nothing."""
    found: dict[int, list[int]] = {}

    def add(value: int, total: int, amount: int) -> None:
        if value != FALSE and amount:
            found.setdefault(value, [0] * TOTALS)[total] += amount

    fan_out = network.fan_out.tolist()
    for signal, value in enumerate(graph.signals.tolist()):
        add(value, 0, int(signal >= network.n_inputs))
        add(value, 1, int(fan_out[signal]))
    for value in graph.probes.tolist():
        add(value, 2, 1)
    always = tuple(found.pop(TRUE, [0] * TOTALS))
    return Weights({value: tuple(counts) for value, counts in sorted(found.items())}, always)


def idle(graph: OrderedGraph, given: Weights) -> Counts:
    """What one operand set of zeros adds, `always` left out: what is taken off again for lanes that pad a word."""
    values = np.zeros(graph.first + len(graph.tables), np.uint8)
    values[TRUE] = 1
    for i, (table, (a, b, c)) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True)):
        values[graph.first + i] = table >> (values[a] + 2 * values[b] + 4 * values[c]) & 1
    fired = [counts for value, counts in given.of.items() if values[value]]
    return tuple(sum(counts[i] for counts in fired) for i in range(TOTALS))
