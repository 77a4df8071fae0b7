"""Threshold gates as look-ups: a decision diagram over the inputs, or their sum in binary, whichever adds fewer.

gate: [ sum_i weight_i * x_i >= T ]

Rows of neurons take a sum apart: its binary digits are made once for all the gates that read it. A row over the terms S
has neurons b_n = [S >= 2^n - c], b_i = [S - 2^n b_n - ... >= 2^i - c] and, without a neuron, the lowest digit
S + c - 2^n b_n - ... - 2 b_1. Full adders over the columns of S give all digits at once:

    sum_j weight_j * x_j + c = sum_i 2^i * b_i

so wherever a later gate holds q S among its terms, the digits stand for it, and those that it takes off drop out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.lowering.luts import TRUE, LookGraph
from lava_nexus.lowering.nodes import uncommitted
from lava_nexus.lowering.sums import Facts, Sum, collected, folded, merged
from lava_nexus.lowering.ways import gate_kernel
from lava_nexus.neurons import ThresholdNetwork

Term = tuple[int, int]

_WIDE_OR = 16
_LINES_TOGETHER = 4
_NO_DIGITS = np.empty(0, np.int64)


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
        best = self.graph.run(gate_kernel, _terms(simpler), _terms(total), threshold, self.hasty, _NO_DIGITS)
        self.facts.record(best, total, threshold)
        return best

    def _top(self, total: Sum, threshold: int) -> int:
        """The gate as the top digit of its sum, all of whose digits are made and kept."""
        digits = np.zeros(64, np.int64)
        simpler = folded(self.graph, merged(self.facts, total))
        best = self.graph.run(gate_kernel, _terms(simpler), _terms(total), threshold, self.hasty, digits)
        if best > TRUE:
            below = digits[1 : 1 + digits[0]].tolist()
            self.rows.record(total, (1 << len(below)) - threshold, [*below, best])
        return best

    def _or(self, nodes: list[int]) -> int:
        """The plain OR of many: of what it reads out of each few lines, which other columns of a table read as well."""
        groups: dict[int, list[int]] = defaultdict(list)
        for node in nodes:
            groups[self._group.setdefault(node, len(self._group) // _LINES_TOGETHER)].append(node)
        root = self.graph.any_in_order([self.graph.any_of(group) for _, group in sorted(groups.items())])
        self.graph.run(uncommitted, root, True)
        return root


def _terms(total: Sum) -> NDArray[np.int64]:
    """The sum as int64 [terms, 2] of nodes and weights, ascending by node."""
    return np.array(sorted(total.items()), np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class Row:
    """A sum and its digits.

    Attributes:
        total: terms; weights of any sign.
        constant: added to them.
        digits: nodes, the lowest first.
    """

    total: Sum
    constant: int
    digits: Sequence[int]


class Rows:
    """The rows made so far, found by the latest node among their terms."""

    def __init__(self) -> None:
        self._of: dict[int, list[Row]] = defaultdict(list)

    def record(self, total: Sum, constant: int, digits: Sequence[int]) -> None:
        """Keeps a row; digits are nodes, the lowest first, the top one no constant."""
        constant -= sum(1 << place for place, digit in enumerate(digits) if digit == TRUE)
        self._of[max(total)].append(Row(total, constant, digits))

    def replaced(self, total: Sum, threshold: int) -> tuple[Sum, int]:
        """The gate [total >= threshold] with digits in place of sums wherever that leaves fewer terms."""
        result = dict(total)
        used: list[Row] = []
        waiting = sorted(result, reverse=True)
        while waiting:
            node = waiting.pop()
            for row in self._of.get(node, ()):
                if any(row is one for one in used):
                    continue
                share, taken_off = _share(row, result, node)
                fewer = _swapped(row, result, share) if share else result
                if len(fewer) < len(result) + taken_off:
                    threshold += share * row.constant
                    waiting += sorted(fewer.keys() - result.keys(), reverse=True)
                    result = fewer
                    used.append(row)
                    break
        return result, threshold


def _share(row: Row, total: Sum, node: int) -> tuple[int, bool]:
    """How many times the row stands in the total, all of its terms or its top digit taken off, and whether that is."""
    share, rest = divmod(total.get(node, 0), row.total[node])
    if rest or not share:
        return 0, False
    if total.get(row.digits[-1], 0) == -share << (len(row.digits) - 1):
        return share, True
    held = all(0 < share * weight * total.get(other, 0) >= (share * weight) ** 2 for other, weight in row.total.items())
    return (share if held else 0), False


def _swapped(row: Row, total: Sum, share: int) -> Sum:
    result = dict(total)
    for node, weight in row.total.items():
        result[node] = result.get(node, 0) - share * weight
    for place, digit in enumerate(row.digits):
        if digit > TRUE:
            result[digit] = result.get(digit, 0) + (share << place)
    return {node: weight for node, weight in result.items() if weight}


def tops(network: ThresholdNetwork) -> set[int]:
    """Neurons at the top of a row: a later gate reads all of their terms alike, and takes them off."""
    n_inputs = network.n_inputs
    terms: dict[int, dict[int, int]] = {}
    found: set[int] = set()

    def of(k: int) -> dict[int, int]:
        if k not in terms:
            sources, weights = network.synapses_of(k)
            terms[k] = dict(zip(sources.tolist(), weights.tolist(), strict=True))
        return terms[k]

    heavy = (network.sources >= n_inputs) & (np.abs(network.weights) != 1)
    synapses = network.targets, network.sources - n_inputs, network.weights
    for k, below, weight in zip(*(array[heavy].tolist() for array in synapses), strict=True):
        if below not in found and _taken_off(of(below), of(k), weight):
            found.add(below)
    return found


def _taken_off(below: dict[int, int], own: dict[int, int], weight: int) -> bool:
    """Whether `own` holds the terms of a neuron times q, and the neuron itself at -q 2^n."""
    if len(below) < 2 or len(below) > len(own):
        return False
    share = 0
    for source, factor in below.items():
        if source not in own:
            return False
        if not share:
            share, rest = divmod(own[source], factor)
            if rest or share * weight >= 0 or weight % share:
                return False
        elif own[source] != share * factor:
            return False
    size = abs(weight // share)
    return size & (size - 1) == 0
