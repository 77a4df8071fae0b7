"""Threshold gates as look-ups: a decision diagram over the inputs, or their sum in binary, whichever adds fewer.

gate: [ sum_i weight_i * x_i >= T ]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import gcd
from typing import Literal

from lava_nexus.lowering.luts import AND, FALSE, MAJORITY, NOT, OR, SELECT, TRUE, XOR3, LookGraph
from lava_nexus.lowering.rows import Rows
from lava_nexus.lowering.sums import Facts, Sum, collected, counted, folded, merged

Term = tuple[int, int]
Order = Literal["carries", "terms"]

_ORDERS: tuple[Order, ...] = ("carries", "terms")
_SMALL_DIAGRAM = 20
_LARGEST_HASTY = 100
_WIDE_OR = 16
_LINES_TOGETHER = 4


class GateLowering:
    """Turns gates into nodes of a graph; nodes that a gate was given stay committed, and cost later gates nothing.

    Attributes:
        hasty: whether only the most promising ways are tried, for networks in which all would take minutes.
    """

    def __init__(self, graph: LookGraph, hasty: bool = False) -> None:
        self.graph = graph
        self.hasty = hasty
        self.facts = Facts(graph)
        self.rows = Rows()
        self.committed: set[int] = set()
        self._group: dict[int, int] = {}

    def gate(self, terms: Iterable[Term], threshold: int, top: bool = False) -> int:
        """The node of the gate over (node, weight) terms; commits it and all below it.

        Args:
            terms: of the sum.
            threshold: of the sum.
            top: whether it is the top of a row: later gates read the other digits of its sum.
        """
        total, constant = collected(list(terms))
        total, threshold = self.rows.replaced(total, threshold - constant)
        if top and len(total) > 1:
            return self._top(total, threshold)
        if threshold == 1 and len(total) > _WIDE_OR and set(total.values()) == {1}:
            return self._or(sorted(total))
        simpler = folded(self.graph, merged(self.facts, total))
        roots: list[int] = []
        sums: list[Sum] = []
        for way in (simpler,) if self.hasty else (simpler, counted(self.graph, simpler), total):
            if way not in sums:
                sums.append(way)
                roots += self._ways(way, threshold)
        best = min(roots, key=lambda root: len(self._uncommitted(root)))
        self.committed |= self._uncommitted(best)
        self.facts.record(best, total, threshold)
        return best

    def _top(self, total: Sum, threshold: int) -> int:
        """The gate as the top digit of its sum, all of whose digits are made and kept."""
        digits: list[int] = []
        simpler, constant = collected(list(folded(self.graph, merged(self.facts, total)).items()))
        best = binary_sum(self.graph, list(simpler.items()), threshold - constant, "terms", digits)
        if best > TRUE:
            self.rows.record(total, (1 << len(digits)) - threshold, [*digits, best])
            for digit in (*digits, best):
                self.committed |= self._uncommitted(digit)
        return best

    def _or(self, nodes: list[int]) -> int:
        """The plain OR of many: of what it reads out of each few lines, which other columns of a table read as well."""
        groups: dict[int, list[int]] = defaultdict(list)
        for node in nodes:
            groups[self._group.setdefault(node, len(self._group) // _LINES_TOGETHER)].append(node)
        root = self.graph.any_in_order([self.graph.any_of(group) for _, group in sorted(groups.items())])
        self.committed |= self._uncommitted(root)
        return root

    def _ways(self, total: Sum, threshold: int) -> list[int]:
        """Nodes that all are the gate, made in different ways; a diagram only if it comes near to the sums in size."""
        varying, constant = collected(list(total.items()))
        terms, threshold = list(varying.items()), threshold - constant
        roots = [binary_sum(self.graph, terms, threshold, order) for order in _ORDERS[: 1 if self.hasty else None]]
        best = min(len(self._uncommitted(root)) for root in roots)
        largest = _LARGEST_HASTY if self.hasty else 2 * best + _SMALL_DIAGRAM
        diagram = decision_diagram(self.graph, terms, threshold, largest)
        return roots if diagram is None else [diagram, *roots]

    def _uncommitted(self, root: int) -> set[int]:
        """Look-ups that the root reaches and that no gate has yet."""
        found: set[int] = set()
        stack = [root]
        while stack:
            node = stack.pop()
            if node >= self.graph.first and node not in found and node not in self.committed:
                found.add(node)
                stack.extend(self.graph.inputs(node))
        return found


def decision_diagram(graph: LookGraph, terms: list[Term], threshold: int, largest: int) -> int | None:
    """A selection for each sub-function, largest |weight| outermost, of equal ones the latest; None for too many.

    The earliest inputs stand innermost, so that chains over older signals are shared among gates.
    """
    ordered = sorted(terms, key=lambda term: (-abs(term[1]), -term[0]))
    n = len(ordered)
    most, least, common = [0] * (n + 1), [0] * (n + 1), [0] * (n + 1)
    for i in range(n - 1, -1, -1):
        weight = ordered[i][1]
        most[i] = most[i + 1] + max(weight, 0)
        least[i] = least[i + 1] + min(weight, 0)
        common[i] = gcd(common[i + 1], weight)
    known: dict[tuple[int, int], int] = {}

    def expand(i: int, bound: int) -> int:
        if bound <= least[i]:
            return TRUE
        if bound > most[i]:
            return FALSE
        bound = -(-bound // common[i]) * common[i]
        if (i, bound) not in known:
            if len(known) > largest:
                raise _TooLargeError
            node, weight = ordered[i]
            absent = expand(i + 1, bound)
            known[i, bound] = graph.look(SELECT, node, expand(i + 1, bound - weight), absent)
        return known[i, bound]

    try:
        return expand(0, threshold)
    except _TooLargeError:
        return None


class _TooLargeError(Exception):
    """The diagram has too many sub-functions."""


def binary_sum(
    graph: LookGraph, terms: list[Term], threshold: int, order: Order, digits: list[int] | None = None
) -> int:
    """The carry out of bit m - 1 of sum + (2^m - T), columns reduced by full adders.

    A negative weight -w of x is w of (not x) less w. `order` says which bits of a column are added first: the carries
    from below or its own terms. What constants carry is added last, so that the adders before it are
    those of another gate over the same inputs. `digits` takes bits 0 .. m - 1 of that sum.
    """
    bound = threshold - sum(weight for _, weight in terms if weight < 0)
    most = sum(abs(weight) for _, weight in terms)
    if bound <= 0:
        return TRUE
    if bound > most:
        return FALSE
    m = max((bound - 1).bit_length(), (most - bound).bit_length())
    columns: list[list[int]] = [[] for _ in range(m + 1)]
    for node, weight in sorted(terms):
        literal = node if weight > 0 else graph.look(NOT, node)
        for column in range(m + 1):
            if abs(weight) >> column & 1:
                columns[column].append(literal)
    offset = (1 << m) - bound
    early: list[int] = []
    late: list[int] = []
    for column in range(m):
        own = columns[column]
        groups = [early, own, late] if order == "carries" else [own, early, late]
        early, late = _carries(graph, groups, offset >> column & 1, digits)
    answer = FALSE
    for bit in columns[m] + early + late:
        answer = graph.look(OR, answer, bit)
    return answer


def _carries(
    graph: LookGraph, groups: list[list[int]], ones: int, digits: list[int] | None
) -> tuple[list[int], list[int]]:
    """Carries of a column of groups of bits, added in turn, and a constant bit; those of the last group apart."""
    carries: list[list[int]] = []
    bits: list[int] = []
    for group in groups:
        carry: list[int] = []
        bits, ones = _paired(graph, bits + group, ones, carry)
        while len(bits) > 2:
            a, b, c = bits[:3]
            carry.append(graph.look(MAJORITY, a, b, c))
            bits, ones = _paired(graph, [*bits[3:], graph.look(XOR3, a, b, c)], ones, carry)
        carries.append(carry)
    carries[-1] += [TRUE] * (ones // 2)
    if digits is not None:
        digits.append(graph.look(XOR3, TRUE if ones % 2 else FALSE, *bits))
    if ones % 2:
        carries[-1].append(graph.look(OR, *bits) if bits else FALSE)
    elif len(bits) == 2:
        carries[-1].append(graph.look(AND, *bits))
    early = [node for carry in carries[:-1] for node in carry if node != FALSE]
    return early, [node for node in carries[-1] if node != FALSE]


def _paired(graph: LookGraph, bits: list[int], ones: int, carry: list[int]) -> tuple[list[int], int]:
    """Constants counted, x and (not x) counted as a one, x twice put among the carries."""
    kept: list[int] = []
    for bit in bits:
        complement = graph.complement(bit)
        if bit == TRUE:
            ones += 1
        elif bit == FALSE:
            continue
        elif bit in kept:
            kept.remove(bit)
            carry.append(bit)
        elif complement in kept:
            kept.remove(complement)
            ones += 1
        else:
            kept.append(bit)
    return kept, ones
