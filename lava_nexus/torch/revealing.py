"""Finds from outside in what order a kernel adds: the tree of additions from sums of numbers that cancel.

A sum of ones in which term i is M and term j is -M, M so large that M + 1 = M, loses every one that is added before M
and -M meet: n - result is the number of terms below the addition where i and j meet. The tree follows from these.
Source: P. Xie et al., "FPRev: revealing the order of floating-point summation", 2024, arXiv 2411.00442.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lava_nexus.programs.order import Part, Sum, ranges

Meeting = Callable[[NDArray[np.int64]], NDArray[np.int64]]
"""Pairs of terms [pairs, 2] to the number of terms below the addition in which each pair meets."""

Group = list[int]


def revealed(length: int, meeting: Meeting) -> Sum | None:
    """The tree of additions of `length` terms, or None where the numbers are those of no tree."""
    groups: dict[int, list[Group]] = {}  # by first term: what meets it, nearest first
    pending: list[Group] = [list(range(length))]
    while pending:
        pairs = np.array([(group[0], term) for group in pending for term in group[1:]], np.int64).reshape(-1, 2)
        sizes = iter(meeting(pairs).tolist() if len(pairs) else [])
        following: list[Group] = []
        for group in pending:
            met = _met(group[1:], [next(sizes) for _ in group[1:]])
            if met is None:
                return None
            groups[group[0]] = met
            following += [inner for inner in met if len(inner) > 1]
        pending = following
    return _assembled(groups)


def _met(terms: Group, sizes: list[int]) -> list[Group] | None:
    """The terms in groups that meet the first term together; None where sizes do not add up."""
    by_size: dict[int, Group] = {}
    for term, size in zip(terms, sizes, strict=True):
        by_size.setdefault(size, []).append(term)
    found, total = [], 1
    for size in sorted(by_size):
        total += len(by_size[size])
        if total != size:
            return None
        found.append(by_size[size])
    return found


def _assembled(groups: dict[int, list[Group]]) -> Sum:
    """Nested sums, inner ones first: a group's first term is above that of what it lies in."""
    made: dict[int, Sum] = {}
    for first in sorted(groups, reverse=True):
        parts: list[Part] = [range(first, first + 1)]
        for group in groups[first]:
            if len(group) > 1 and len(parts) == 1 and parts[0] == range(first, first + 1):
                parts = [*made[group[0]].parts, *parts]  # what there is comes first, the single term is added to it
            elif len(group) > 1:
                parts.append(made[group[0]])
            else:
                parts.append(range(group[0], group[0] + 1))
        made[first] = Sum(tuple(ranges(parts)))
    return made[min(made)]


def questions(tree: Sum) -> list[tuple[int, int]]:
    """(term, other): whether the term is fused with what holds the other one decides how each term enters its sum."""
    found: list[tuple[int, int]] = []
    _ask(tree, found)
    return found


def _ask(tree: Sum, found: list[tuple[int, int]]) -> int:
    """Appends the questions of a sum; returns a term that it holds."""
    held: int | None = None
    for i, part in enumerate(_singles(tree)):
        if isinstance(part, Sum):
            inner = _ask(part, found)
            held = inner if held is None else held
            continue
        if held is not None:
            found += [(part, held)] if i != 1 else [(part, held), (held, part)]
        held = part if held is None else held
    assert held is not None
    return held


def refined(tree: Sum, fused: set[tuple[int, int]]) -> Sum:
    """The tree with terms that are rounded before they are added as sums of their own, and starts in their place."""
    parts: list[Part] = []
    held: int | None = None
    for part in _singles(tree):
        if isinstance(part, Sum):
            parts.append(refined(part, fused))
            held = next(part.terms()) if held is None else held
            continue
        single = range(part, part + 1)
        if held is None:
            held = part
            parts.append(single)
        elif (part, held) in fused:
            parts.append(single)
        elif len(parts) == 1 and (held, part) in fused:
            parts.insert(0, single)
        else:
            parts.append(Sum((single,)))
    return Sum(tuple(ranges(parts)))


def _singles(tree: Sum) -> list[int | Sum]:
    return [piece for part in tree.parts for piece in (part if isinstance(part, range) else [part])]
