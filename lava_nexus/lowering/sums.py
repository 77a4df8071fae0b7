"""Weighted sums rewritten with fewer terms, value for value the same, and what is known of their terms.

What is known is enough to see that two nodes are never 1 together.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import combinations

from lava_nexus.lowering.luts import FALSE, PROJECTIONS, TRUE, LookGraph, compose

Sum = dict[int, int]
"""Node to weight."""


def collected(terms: list[tuple[int, int]]) -> tuple[Sum, int]:
    """The sum of (node, weight) terms as (terms that vary, constant part)."""
    merged: Sum = defaultdict(int)
    for node, weight in terms:
        merged[node] += weight
    constant = merged.pop(TRUE, 0)
    merged.pop(FALSE, None)
    return {node: weight for node, weight in merged.items() if weight}, constant


def folded(graph: LookGraph, total: Sum) -> Sum:
    """Carries drawn back into what they were taken from.

    t x + t y + w m, where the look-up m depends on nothing else than x and y do, is t times one bit for some t and w:
    x + y - 2 (x and y) = x xor y, x + y - (x and y) = x or y, x + y + z - 2 majority(x, y, z) = x xor y xor z.
    """
    result = dict(total)
    for node in sorted(total):
        inputs = graph.inputs(node)
        deeper = {leaf for source in inputs for leaf in graph.inputs(source) or (source,)}
        for leaves in (inputs, tuple(sorted(deeper))):
            if node in result and 2 <= len(leaves) <= 3:
                _fold(graph, result, node, leaves)
    return result


def _fold(graph: LookGraph, total: Sum, node: int, leaves: tuple[int, ...]) -> None:
    """Replaces the node and what it was taken from by one bit, if that can be, all of them functions of the leaves."""
    weight, whole = total[node], graph.table_over(node, leaves)
    if whole is None:
        return
    for share in (-weight // 2, -weight):
        tables = {node: whole}
        for other, of_other in total.items():
            held = of_other >= share > 0 or of_other <= share < 0  # at least the share, of its sign
            if held and other != node and (other in leaves or other >= graph.first):
                table = graph.table_over(other, leaves)
                if table is not None:
                    tables[other] = table
        parts = [other for other in tables if other != node]
        for size in range(min(len(parts), 3), 1, -1):
            for chosen in combinations(parts, size):
                values = [(tables[part], share) for part in chosen] + [(tables[node], weight)]
                bit = _one_bit(values, share)
                if bit is not None:
                    _add(total, node, -weight)
                    for part in chosen:
                        _add(total, part, -share)
                    _add(total, graph.look(bit, *[*leaves, FALSE][:3]), share)
                    return


def _one_bit(terms: list[tuple[int, int]], share: int) -> int | None:
    """The truth table of (sum of weight * table) / share if it is 0 or 1 for all inputs."""
    bit = 0
    for minterm in range(8):
        value = sum(weight for table, weight in terms if table >> minterm & 1)
        if value not in (0, share):
            return None
        bit |= (value == share) << minterm
    return bit


def _add(total: Sum, node: int, weight: int) -> None:
    total[node] = total.get(node, 0) + weight
    if total[node] == 0:
        del total[node]


Literal = int
"""Twice a node, and 1 where it is 1: x ^ 1 is the opposite of x."""

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
        self._implied: dict[Literal, list[Literal]] = defaultdict(list)
        self._known: dict[int, frozenset[Literal]] = {}
        self._against: dict[int, frozenset[Literal]] = {}

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
        self._implied[2 * x + 1].append(2 * y + 1)
        self._implied[2 * y].append(2 * x)

    def exclusive(self, x: int, y: int) -> bool:
        """Whether x and y are known never to be 1 together; False where nothing is known."""
        if x not in self._against:
            self._against[x] = frozenset([literal ^ 1 for literal in self._needed(x)])
        return not self._against[x].isdisjoint(self._needed(y))

    def _needed(self, node: int) -> frozenset[Literal]:
        if node not in self._known:
            found: set[Literal] = set()
            stack = [2 * node + 1]
            first, looks = 2 * self.graph.first, self.graph.looks
            while stack and len(found) < _MOST_LITERALS:
                literal = stack.pop()
                if literal not in found:
                    found.add(literal)
                    if literal >= first:
                        table, inputs = looks[(literal - first) >> 1]
                        stack += [2 * inputs[i] + value for i, value in _inputs_needed(table, len(inputs), literal & 1)]
                    if literal in self._implied:
                        stack += self._implied[literal]
            self._known[node] = frozenset(found)
        return self._known[node]


@cache
def _inputs_needed(table: int, inputs: int, value: int) -> list[tuple[int, int]]:
    """(position, value) of the inputs that a look-up of that value needs."""
    against = 0 if value else 0xFF
    needed = []
    for position in range(inputs):
        for given in (0, 1):
            operands = list(PROJECTIONS)
            operands[position] = 0xFF * given
            if compose(table, *operands) == against:
                needed.append((position, 1 - given))
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
