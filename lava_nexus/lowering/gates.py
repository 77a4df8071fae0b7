"""Threshold gates as look-ups: a decision diagram over the inputs, or their sum in binary, whichever adds fewer.

gate: [ sum_i weight_i * x_i >= T ]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lava_nexus.lowering.luts import TRUE, LookGraph
from lava_nexus.lowering.nodes import uncommitted
from lava_nexus.lowering.rows import Rows
from lava_nexus.lowering.sums import Facts, Sum, collected, folded, merged
from lava_nexus.lowering.ways import gate_kernel

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
