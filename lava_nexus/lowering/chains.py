"""Unions of many values, taken in the order in which these come, so that few of them wait for others.

A table's column is the union of many lines, lowered as a tree whose leaves stand in any order: lines and shared parts
of columns then wait for the last column that reads them, more than a thread has registers. As chains over the same
order of leaves all columns grow side by side, and what they read is soon done with. No more look-ups are needed.
"""

from __future__ import annotations

import numpy as np

from lava_nexus.lowering.luts import FALSE, N_CONSTANTS, OR, OR3, Look
from lava_nexus.lowering.ordered import OrderedGraph, sorted_looks

_MANY = 8
"""Values of a union that is made a chain."""


def chained(graph: OrderedGraph) -> OrderedGraph:
    """The graph with unions of many values as chains, in the order that keeps the fewest values alive."""
    unions, inner = _unions(graph)
    if not unions:
        return graph
    looks: dict[int, Look] = {}
    more = graph.first + len(graph.tables)
    for value, (table, read) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True), graph.first):
        if value in unions:
            leaves = unions[value]
            begin = 2 + len(leaves) % 2
            terms = leaves[:begin]
            for at in range(begin, len(leaves), 2):
                looks[more] = _union(terms)
                terms = [more, *leaves[at : at + 2]]
                more += 1
            looks[value] = _union(terms)
        elif value not in inner:
            looks[value] = (table, tuple(read))
    inputs = range(N_CONSTANTS, graph.first)
    return sorted_looks(looks, inputs, graph.outputs.tolist(), graph.signals.tolist(), graph.probes.tolist())


def _union(terms: list[int]) -> Look:
    return OR if len(terms) == 2 else OR3, tuple(terms)


def _unions(graph: OrderedGraph) -> tuple[dict[int, list[int]], set[int]]:
    """Unions of many values, each with these in order, and the values within them, which nothing else reads."""
    first, behind = graph.first, graph.first + len(graph.tables)
    readers = np.bincount(graph.reads.reshape(-1), minlength=behind)
    seen = {*graph.outputs.tolist(), *graph.signals.tolist(), *graph.probes.tolist()}
    leaves: dict[int, set[int]] = {}
    parts: dict[int, list[int]] = {}
    for value, (table, read) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True), first):
        if table in (OR, OR3):
            parts[value] = [one for one in read if one in leaves and readers[one] == 1 and one not in seen]
            own = {one for one in read if one != FALSE and one not in parts[value]}
            leaves[value] = own.union(*(leaves[one] for one in parts[value]))
    whole = set(leaves).difference(*parts.values())
    unions = {value: sorted(leaves[value]) for value in whole if len(leaves[value]) >= _MANY}
    inner: set[int] = set()
    waiting = list(unions)
    while waiting:
        below = parts[waiting.pop()]
        inner.update(below)
        waiting += below
    return unions, inner
