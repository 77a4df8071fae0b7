"""Fewer look-ups for the same values: every look-up may be drawn anew over any three values that determine it.

A cut of a node is a set of at most three nodes on which its value depends alone. Technology mapping chooses one cut
for each node that must exist, first by area flow (the cost of a leaf shared among its readers), then by exact area.
Source: A. Mishchenko, S. Chatterjee and R. Brayton, "Improvements to technology mapping for LUT-based FPGAs", IEEE
TCAD 26(2), 2007.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from lava_nexus.lowering.luts import PROJECTIONS, Look, LookGraph, compose, trimmed

Cut = tuple[int, ...]

_CUTS_KEPT = 6
_EXACT_PASSES = 2


def cover(graph: LookGraph, roots: Iterable[int]) -> dict[int, Look]:
    """Look-ups, by node and in topological order, that give the value of every root."""
    required = {root for root in roots if root >= graph.first}
    nodes = graph.reached(required)
    cuts, choice = _by_flow(graph, nodes, required)
    uses = dict.fromkeys(nodes, 0)
    area = _Area(uses, choice)
    for root in required:
        area.take(root)
    for _ in range(_EXACT_PASSES):
        for node in nodes:
            if uses[node]:
                area.improve(node, cuts[node])
    return {node: _table(graph, node, choice[node]) for node in nodes if uses[node]}


def _by_flow(graph: LookGraph, nodes: list[int], required: set[int]) -> tuple[dict[int, list[Cut]], dict[int, Cut]]:
    """The best cuts of every node, and the best of them, by area flow."""
    readers = dict.fromkeys(nodes, 0)
    for node in nodes:
        for source in graph.inputs(node):
            if source in readers:
                readers[source] += 1
    flow: dict[int, float] = {}
    cuts: dict[int, list[Cut]] = {}
    choice: dict[int, Cut] = {}
    for node in nodes:
        ranked = sorted(
            _cuts(graph.inputs(node), cuts), key=lambda cut: (sum(flow.get(leaf, 0.0) for leaf in cut), len(cut), cut)
        )
        cuts[node] = ranked[:_CUTS_KEPT]
        choice[node] = ranked[0]
        cost = 1 + sum(flow.get(leaf, 0.0) for leaf in ranked[0])
        flow[node] = 0.0 if node in required else cost / max(readers[node], 1)
    return cuts, choice


def _cuts(inputs: Cut, cuts: dict[int, list[Cut]]) -> set[Cut]:
    """All cuts that the cuts of the inputs make up, the inputs themselves among them."""
    found: set[Cut] = {()}
    for source in inputs:
        options = [(source,), *cuts.get(source, ())]
        merged = (tuple(sorted({*left, *right})) for left, right in product(found, options))
        found = {cut for cut in merged if len(cut) <= 3}
    return found


class _Area:
    """Look-ups in use under the cuts chosen; `uses` counts the readers of each."""

    def __init__(self, uses: dict[int, int], choice: dict[int, Cut]) -> None:
        self.uses = uses
        self.choice = choice

    def take(self, node: int) -> int:
        """Adds a reader; returns the look-ups that this brings into use."""
        if node not in self.uses:
            return 0
        self.uses[node] += 1
        return 1 + sum(map(self.take, self.choice[node])) if self.uses[node] == 1 else 0

    def drop(self, node: int) -> None:
        """Removes a reader."""
        if node in self.uses:
            self.uses[node] -= 1
            if self.uses[node] == 0:
                for leaf in self.choice[node]:
                    self.drop(leaf)

    def improve(self, node: int, cuts: list[Cut]) -> None:
        """Gives a node in use the cut that brings the fewest others into use."""
        best: tuple[int, int, Cut] | None = None
        for leaf in self.choice[node]:
            self.drop(leaf)
        for cut in cuts:
            area = sum([self.take(leaf) for leaf in cut])
            for leaf in cut:
                self.drop(leaf)
            if best is None or (area, len(cut)) < best[:2]:
                best = area, len(cut), cut
        assert best is not None
        self.choice[node] = best[2]
        for leaf in best[2]:
            self.take(leaf)


def _table(graph: LookGraph, node: int, cut: Cut) -> Look:
    """The node as one look-up of the cut."""
    known = dict(zip(cut, PROJECTIONS, strict=False))

    def value(at: int) -> int:
        if at not in known:
            table, inputs = graph.looks[at - graph.first]
            operands = [value(source) for source in inputs] + [0] * (3 - len(inputs))
            known[at] = compose(table, *operands)
        return known[at]

    return trimmed(value(node), cut)
