"""What is known to hold among nodes: enough to see that two of them are never 1 together."""

from __future__ import annotations

from collections import defaultdict

from lava_nexus.executors.bitsliced.luts import PROJECTIONS, LookGraph, compose
from lava_nexus.executors.bitsliced.sums import Sum

Literal = tuple[int, int]
"""A node and the value, 0 or 1, that it has."""

_MOST_LITERALS = 200


class Facts:
    """Literals that follow from a node being 1.

    They are read off truth tables (an `and` needs its inputs), and off gates on the same sum: one with a higher threshold
    implies those with lower ones.
    """

    def __init__(self, graph: LookGraph) -> None:
        self.graph = graph
        self._levels: dict[tuple[tuple[int, int], ...], list[tuple[int, int]]] = defaultdict(list)
        self._sum_of: dict[int, list[tuple[tuple[tuple[int, int], ...], int]]] = defaultdict(list)
        self._known: dict[int, frozenset[Literal]] = {}

    def record(self, node: int, total: Sum, threshold: int) -> None:
        """The node is the gate [total >= threshold]."""
        key = tuple(sorted(total.items()))
        self._levels[key].append((threshold, node))
        self._sum_of[node].append((key, threshold))

    def exclusive(self, x: int, y: int) -> bool:
        """Whether x and y are known never to be 1 together; False where nothing is known."""
        of_y = self._needed(y)
        return any((node, 1 - value) in of_y for node, value in self._needed(x))

    def _needed(self, node: int) -> frozenset[Literal]:
        if node not in self._known:
            found: set[Literal] = set()
            stack = [(node, 1)]
            while stack and len(found) < _MOST_LITERALS:
                literal = stack.pop()
                if literal not in found:
                    found.add(literal)
                    stack += self._inputs_needed(*literal) + self._levels_needed(*literal)
            self._known[node] = frozenset(found)
        return self._known[node]

    def _inputs_needed(self, node: int, value: int) -> list[Literal]:
        if node < self.graph.first:
            return []
        table, inputs = self.graph.looks[node - self.graph.first]
        against = 0 if value else 0xFF
        needed = []
        for position, source in enumerate(inputs):
            for given in (0, 1):
                operands = list(PROJECTIONS)
                operands[position] = 0xFF * given
                if compose(table, *operands) == against:
                    needed.append((source, 1 - given))
        return needed

    def _levels_needed(self, node: int, value: int) -> list[Literal]:
        return [
            (other, value)
            for key, threshold in self._sum_of.get(node, ())
            for level, other in self._levels[key]
            if (level < threshold if value else level > threshold)
        ]


def merged(facts: Facts, total: Sum) -> Sum:
    """The sum with inputs of equal weight that exclude each other replaced by their `or`."""
    groups: dict[int, list[list[int]]] = defaultdict(list)
    for node, weight in sorted(total.items()):
        for group in groups[weight]:
            if all(facts.exclusive(node, member) for member in group):
                group.append(node)
                break
        else:
            groups[weight].append([node])
    result: Sum = {}
    for weight, apart in groups.items():
        for group in apart:
            node = facts.graph.any_of(group)
            result[node] = result.get(node, 0) + weight
    return result
