"""Fewer look-ups for the same values: every look-up may be drawn anew over any three values that determine it.

A cut of a node is a set of at most three nodes on which its value depends alone. Technology mapping chooses one cut
for each node that must exist, first by area flow (the cost of a leaf shared among its readers), then by exact area.
Source: A. Mishchenko, S. Chatterjee and R. Brayton, "Improvements to technology mapping for LUT-based FPGAs", IEEE
TCAD 26(2), 2007.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from lava_nexus.lowering.luts import Look, LookGraph
from lava_nexus.lowering.nodes import FIRST, HEAD, LOOKS, ROW, Memory, place
from lava_nexus.lowering.tables import compose, filled, joined, table_of, trimmed3
from lava_nexus.neurons.compiled import Indices, Reals, kept, within

_CUTS_KEPT = 6
_EXACT_PASSES = 2


def cover(graph: LookGraph, roots: Iterable[int]) -> dict[int, Look]:
    """Look-ups, by node and in topological order, that give the value of every root."""
    required = np.array(sorted({root for root in roots if root >= graph.first}), np.int64)
    found = np.zeros((int(graph.memory[LOOKS]), 5), np.int64)
    size = int(_kernel(graph.memory, required, found))
    return {node: (table, tuple(filter(None, cut))) for node, table, *cut in found[:size].tolist()}


def _covered(g: Memory, required: Indices, found: Indices) -> int:
    """Fills in rows of a node, its table and its inputs, ascending by node; how many there are."""
    first, n, size = g[FIRST], 0, 0
    number = np.full(g[LOOKS], -1, np.int64)
    readers = np.zeros(g[LOOKS], np.int64)
    uses = np.zeros(g[LOOKS], np.int64)
    for i in range(required.shape[0]):
        number[required[i] - first] = 0
    for row in range(g[LOOKS] - 1, -1, -1):
        if number[row] == 0:
            n += 1
            for source in range(1, 4):
                below = g[HEAD + ROW * row + source] - first
                if below >= 0:
                    number[below] = 0
                    readers[below] += 1
    for i in range(required.shape[0]):
        uses[required[i] - first] = 1  # for now: a root
    cuts, choice = np.zeros((n, _CUTS_KEPT + 1, 3), np.int64), np.zeros((g[LOOKS], 3), np.int64)
    flow = np.zeros(g[LOOKS], np.float64)
    n = 0
    for row in range(g[LOOKS]):
        if number[row] == 0:
            number[row] = n
            cost = _enumerated(g, first + row, number, cuts, flow)
            flow[row] = 0.0 if uses[row] else (1 + cost) / max(readers[row], 1)
            for i in range(3):
                choice[row, i] = cuts[n, 0, i]
            n += 1
    stack = np.empty(3 * n + 4, np.int64)
    uses[:] = 0
    for i in range(required.shape[0]):
        _take(first, required[i], uses, choice, stack)
    for row in range(_EXACT_PASSES * g[LOOKS]):
        row %= g[LOOKS]
        if uses[row]:
            _improve(first, row, cuts[number[row]], uses, choice, stack)
    values = np.zeros((g[LOOKS], 2), np.int64)
    for row in range(g[LOOKS]):
        if uses[row]:
            cut = choice[row, 0], choice[row, 1], choice[row, 2]
            look = trimmed3(_table(g, first + row, cut, values, stack), cut[0], cut[1], cut[2])
            found[size, 0], found[size, 1] = first + row, look[0]
            found[size, 2], found[size, 3], found[size, 4] = look[1], look[2], look[3]
            size += 1
    return size


@within
def _enumerated(g: Memory, node: int, number: Indices, cuts: Indices, flow: Reals) -> float:
    """Puts down the best cuts that the cuts of the inputs make up, and how many; what the best of them costs."""
    row, at, size = place(g, node), number[node - g[FIRST]], 0
    costs = np.zeros(_CUTS_KEPT, np.float64)
    a, b, c = g[row + 1], g[row + 2], g[row + 3]
    for i in range(_options(g, a, number, cuts)):
        one = _option(g, a, i, number, cuts)
        for j in range(_options(g, b, number, cuts)):
            two = _united(one, _option(g, b, j, number, cuts))
            if two[0] < 0:
                continue
            for k in range(_options(g, c, number, cuts)):
                cut = _united(two, _option(g, c, k, number, cuts))
                if cut[0] < 0:
                    continue
                cost = 0.0
                for leaf in cut:
                    if leaf >= g[FIRST]:
                        cost += flow[leaf - g[FIRST]]
                size = _ranked(cuts[at], costs, size, cut, cost)
    cuts[at, _CUTS_KEPT, 0] = size
    return costs[0]


@within
def _options(g: Memory, node: int, number: Indices, cuts: Indices) -> int:
    """In how many ways a node may stand in a cut: by itself, or by one of its cuts."""
    return 1 + cuts[number[node - g[FIRST]], _CUTS_KEPT, 0] if node >= g[FIRST] else 1


@within
def _option(g: Memory, node: int, i: int, number: Indices, cuts: Indices) -> Any:
    if i == 0:
        return node, 0, 0
    at = number[node - g[FIRST]]
    return cuts[at, i - 1, 0], cuts[at, i - 1, 1], cuts[at, i - 1, 2]


@within
def _united(cut: Any, other: Any) -> Any:
    return joined(joined(joined(cut, other[0]), other[1]), other[2])


@within
def _ranked(cuts: Indices, costs: Reals, size: int, cut: Any, cost: float) -> int:
    """Puts a cut among the best: least cost, then fewest leaves, then earliest leaves; how many there are then."""
    for i in range(size):
        if cuts[i, 0] == cut[0] and cuts[i, 1] == cut[1] and cuts[i, 2] == cut[2]:
            return size
    at = size
    while at and _before(cut, cost, (cuts[at - 1, 0], cuts[at - 1, 1], cuts[at - 1, 2]), costs[at - 1]):
        if at < _CUTS_KEPT:
            costs[at] = costs[at - 1]
            for i in range(3):
                cuts[at, i] = cuts[at - 1, i]
        at -= 1
    if at < _CUTS_KEPT:
        costs[at] = cost
        for i in range(3):
            cuts[at, i] = cut[i]
    return min(size + 1, _CUTS_KEPT)


@within
def _before(cut: Any, cost: float, other: Any, other_cost: float) -> bool:
    if cost != other_cost:
        return cost < other_cost
    fewer = filled(cut[0], cut[1], cut[2]) - filled(other[0], other[1], other[2])
    if fewer:
        return fewer < 0
    for i in range(3):
        if cut[i] != other[i]:
            return cut[i] < other[i]
    return False


@within
def _take(first: int, node: int, uses: Indices, choice: Indices, stack: Indices) -> int:
    """Adds a reader to a node; the look-ups that this brings into use."""
    stack[0], height, taken = node, 1, 0
    while height:
        height -= 1
        row = stack[height] - first
        if row >= 0:
            uses[row] += 1
            if uses[row] == 1:
                taken += 1
                for i in range(3):
                    stack[height + i] = choice[row, i]
                height += 3
    return taken


@within
def _drop(first: int, node: int, uses: Indices, choice: Indices, stack: Indices) -> None:
    """Removes a reader."""
    stack[0], height = node, 1
    while height:
        height -= 1
        row = stack[height] - first
        if row >= 0 and uses[row]:
            uses[row] -= 1
            if uses[row] == 0:
                for i in range(3):
                    stack[height + i] = choice[row, i]
                height += 3


@within
def _improve(first: int, row: int, cuts: Indices, uses: Indices, choice: Indices, stack: Indices) -> None:
    """Gives a node in use the cut that brings the fewest others into use, of equal ones the one of fewest leaves."""
    best, least = 0, -1
    for i in range(3):
        _drop(first, choice[row, i], uses, choice, stack)
    for at in range(cuts[_CUTS_KEPT, 0]):
        rank = filled(cuts[at, 0], cuts[at, 1], cuts[at, 2])
        for i in range(3):
            rank += 4 * _take(first, cuts[at, i], uses, choice, stack)
        for i in range(3):
            _drop(first, cuts[at, i], uses, choice, stack)
        if least < 0 or rank < least:
            best, least = at, rank
    for i in range(3):
        choice[row, i] = cuts[best, i]
        _take(first, choice[row, i], uses, choice, stack)


@within
def _table(g: Memory, node: int, cut: Any, values: Indices, stack: Indices) -> int:
    """The table of a node over a cut."""
    stack[0], height, first = node, 1, g[FIRST]
    while height:
        row = place(g, stack[height - 1])
        waiting = height
        x, y, z = 0, 0, 0
        for i in range(1, 4):
            source = g[row + i]
            table = table_of(source, cut)
            if not table and source:
                if values[source - first, 0] == node:
                    table = values[source - first, 1]
                else:
                    stack[waiting] = source
                    waiting += 1
            x, y, z = y, z, table
        if waiting == height:
            at = stack[height - 1] - first
            values[at, 0], values[at, 1] = node, compose(g[row], x, y, z)
            height -= 1
        else:
            height = waiting
    return values[node - first, 1]


_kernel = kept(_covered)
