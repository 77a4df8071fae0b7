"""What is known to hold among nodes: enough to see that two of them are never 1 together."""

from __future__ import annotations

from collections import defaultdict

from lava_nexus.lowering.luts import PROJECTIONS, LookGraph, compose
from lava_nexus.lowering.sums import Sum

NodeValue = tuple[int, int]
"""A node and the value, 0 or 1, that it has."""

_MOST_LITERALS = 200
_FEWEST_TERMS = 4
_MOST_ALIKE = 12


class Facts:
    """Literals that follow from a node being 1.

    They are read off truth tables (an `and` needs its inputs), and off gates on nearly the same sum: [A >= S] implies
    [B >= T] if B - A is never below T - S.
    """

    def __init__(self, graph: LookGraph) -> None:
        self.graph = graph
        self._recent: dict[int, list[tuple[int, Sum, int]]] = defaultdict(list)
        self._implied: dict[NodeValue, list[NodeValue]] = defaultdict(list)
        self._known: dict[int, frozenset[NodeValue]] = {}

    def record(self, node: int, total: Sum, threshold: int) -> None:
        """The node is the gate [total >= threshold]."""
        if len(total) < _FEWEST_TERMS:
            return
        alike = self._recent[min(total)]
        for other, sum_of_other, other_threshold in alike[-_MOST_ALIKE:]:
            if _least_difference(sum_of_other, total) >= threshold - other_threshold:
                self._imply(other, node)
            if _least_difference(total, sum_of_other) >= other_threshold - threshold:
                self._imply(node, other)
        alike.append((node, total, threshold))

    def _imply(self, x: int, y: int) -> None:
        self._implied[x, 1].append((y, 1))
        self._implied[y, 0].append((x, 0))

    def exclusive(self, x: int, y: int) -> bool:
        """Whether x and y are known never to be 1 together; False where nothing is known."""
        of_y = self._needed(y)
        return any((node, 1 - value) in of_y for node, value in self._needed(x))

    def _needed(self, node: int) -> frozenset[NodeValue]:
        if node not in self._known:
            found: set[NodeValue] = set()
            stack = [(node, 1)]
            while stack and len(found) < _MOST_LITERALS:
                literal = stack.pop()
                if literal not in found:
                    found.add(literal)
                    stack += self._inputs_needed(*literal) + self._implied.get(literal, [])
            self._known[node] = frozenset(found)
        return self._known[node]

    def _inputs_needed(self, node: int, value: int) -> list[NodeValue]:
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


def _least_difference(a: Sum, b: Sum) -> int:
    """The least value of b - a over all inputs."""
    return sum(min(b.get(node, 0) - a.get(node, 0), 0) for node in {*a, *b})


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
