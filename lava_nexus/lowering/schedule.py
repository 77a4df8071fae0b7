"""Orders of look-ups in which few values are alive at a time, so that they stay in registers or the nearest cache."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lava_nexus.neurons.compiled import Indices, kept, within

Reads = Mapping[int, Sequence[int]]
"""What each operation reads: operations and sources that are there from the start."""

_MOST_READ = 3


def last_reads(reads: Reads, order: Sequence[int], kept: Iterable[int]) -> dict[int, int]:
    """For every value that is read the place in the order of its last reader; `len(order)` of what is kept."""
    last: dict[int, int] = {}
    for time, node in enumerate(order):
        for source in reads[node]:
            last[source] = time
    for node in kept:
        last[node] = len(order)
    return last


def least_alive(
    reads: Reads, sources: Sequence[int], kept: Sequence[int], hurried: Collection[int]
) -> tuple[list[int], int]:
    """The order that keeps the fewest values at a time, the best of that given and some depth first, and how many.

    Held are sources from the start, a result until it has been read for the last time. Of each order operations are
    drawn forward to where they take no place, because they read a value for the last time; and those that are hurried
    to where what they read is there, whatever they take.

    Args:
        reads: at most three inputs of every operation; each operation behind those that it reads.
        sources: values that are there from the start.
        kept: values that must last to the end.
        hurried: operations.
    """
    names = list(reads)
    number = {name: i for i, name in enumerate(names)}
    for name in (*sources, *kept, *(source for read in reads.values() for source in read)):
        number.setdefault(name, len(number))
    flow = Flow(
        reads=_rows([[number[source] for source in read] for read in reads.values()]),
        distinct=_rows([[number[source] for source in set(read)] for read in reads.values()]),
        sources=np.array([number[source] for source in sources], np.int64),
        kept=np.array([number[value] for value in kept], np.int64),
        hurried=np.array([name in hurried for name in names], np.int64),
        values=len(number),
    )
    best = np.arange(len(names))
    most = int(_kernel(flow, _readers(flow), best))
    return [names[i] for i in best.tolist()], most


def _rows(reads: Sequence[Sequence[int]]) -> Indices:
    return np.array([[*read, -1, -1, -1][:_MOST_READ] for read in reads], np.int64).reshape(-1, _MOST_READ)


class Flow(NamedTuple):
    """Operations 0 .. n - 1 and what they read; other values have the numbers behind.

    Attributes:
        reads: [n, 3], -1 where fewer.
        distinct: the same, each once.
        sources: values that are there from the start.
        kept: values that must last to the end.
        hurried: [n] whether an operation is.
        values: how many there are, operations among them.
    """

    reads: Indices
    distinct: Indices
    sources: Indices
    kept: Indices
    hurried: Indices
    values: int


def _readers(flow: Flow) -> tuple[Indices, Indices]:
    """For each value where its readers begin in a list of them, and the list, ascending for each value."""
    times, places = np.nonzero(flow.distinct >= 0)
    read = flow.distinct[times, places]
    starts = np.cumsum(np.bincount(read + 1, minlength=flow.values + 1))
    return starts.astype(np.int64), times[np.argsort(read, kind="stable")].astype(np.int64)


def _least_alive(flow: Flow, readers: tuple[Indices, Indices], best: Indices) -> int:
    """Puts the best order in place of that of making; how many values it keeps at a time."""
    n = best.shape[0]
    most = _alive(flow, best)
    given, drawn = best.copy(), np.empty(n, np.int64)
    deepest = _deepest_first(flow)
    for number in range(3 * 5):  # five orders, then each with operations drawn forward in two ways
        way = number if number < 5 else (number - 5) >> 1
        if way:
            _depth_first(flow, deepest if way > 2 else flow.reads, way & 1, given, drawn)
            _eager(flow, readers, drawn, given)
        else:
            for i in range(n):
                given[i] = i
        if number >= 5:
            _thrifty(flow, readers, given, drawn, not number & 1)
            for i in range(n):
                given[i] = drawn[i]
        alive = _alive(flow, given)
        if alive < most:
            most = alive
            for i in range(n):
                best[i] = given[i]
    return most


@within
def _alive(flow: Flow, order: Indices) -> int:
    """Values that must be held at once."""
    n = order.shape[0]
    last, there = np.full(flow.values, -1), np.zeros(flow.values, np.int64)
    for time in range(n):
        for i in range(_MOST_READ):
            if flow.reads[order[time], i] >= 0:
                last[flow.reads[order[time], i]] = time
    for i in range(flow.kept.shape[0]):
        last[flow.kept[i]] = n
    alive = 0
    for i in range(flow.sources.shape[0]):
        there[flow.sources[i]] = 1
        alive += last[flow.sources[i]] >= 0
    most = flow.sources.shape[0]
    for time in range(n):
        for i in range(_MOST_READ):
            source = flow.distinct[order[time], i]
            if source >= 0 and last[source] == time and there[source]:
                alive -= 1
        if last[order[time]] >= 0:
            there[order[time]] = 1
            alive += 1
            most = max(most, alive)
    return most


@within
def _deepest_first(flow: Flow) -> Indices:
    """What operations read, first what takes the most operations one after another."""
    n = flow.reads.shape[0]
    depth, deepest = np.zeros(flow.values, np.int64), flow.reads.copy()
    for node in range(n):
        for i in range(_MOST_READ):
            j, source = i, deepest[node, i]
            if source >= 0:
                depth[node] = max(depth[node], depth[source])
                while j and depth[deepest[node, j - 1]] < depth[source]:
                    deepest[node, j] = deepest[node, j - 1]
                    j -= 1
                deepest[node, j] = source
        depth[node] += 1
    return deepest


@within
def _depth_first(flow: Flow, way: Indices, forward: int, seen: Indices, order: Indices) -> None:
    """Operations in post-order from what is kept, each after what it reads; -1 behind them."""
    n, size, roots = order.shape[0], 0, flow.kept.shape[0]
    stack = np.empty(4 * n + 4, np.int64)
    seen[:] = 0
    for i in range(roots):
        stack[0], height = 2 * flow.kept[i if forward else roots - 1 - i], 1
        while height:
            height -= 1
            node, leaving = stack[height] >> 1, stack[height] & 1
            if leaving:
                order[size] = node
                size += 1
            elif node < n and not seen[node]:
                seen[node] = 1
                stack[height] = 2 * node + 1
                height += 1
                for at in range(_MOST_READ):
                    source = way[node, _MOST_READ - 1 - at]
                    if source >= 0:
                        stack[height] = 2 * source
                        height += 1
    order[size:] = -1


@within
def _eager(flow: Flow, readers: tuple[Indices, Indices], order: Indices, result: Indices) -> None:
    """The order with every operation that is not in it put in as soon as what it reads is there."""
    (starts, list_), n, size, height = readers, order.shape[0], 0, 0
    missing, ready = np.zeros(n, np.int64), np.empty(n + 1, np.int64)
    for time in range(n):
        if order[time] >= 0:
            missing[order[time]] = -1
    for node in range(n):
        if missing[node] == 0:
            for i in range(_MOST_READ):
                missing[node] += 0 <= flow.distinct[node, i] < n
            if missing[node] == 0:
                ready[height] = node
                height += 1
    for time in range(-1, n):
        if time >= 0:
            if order[time] < 0:
                break
            ready[height] = order[time]
            height += 1
        while height:
            height -= 1
            done = ready[height]
            result[size] = done
            size += 1
            for at in range(starts[done], starts[done + 1]):
                reader = list_[at]
                if missing[reader] > 0:
                    missing[reader] -= 1
                    if missing[reader] == 0:
                        ready[height] = reader
                        height += 1


@within
def _is_due(flow: Flow, node: int, left: Indices, missing: Indices, hurry: bool) -> bool:
    """Whether an operation that is not done yet can be, and takes no place or is hurried."""
    takes_none = left[node] == 0
    for i in range(_MOST_READ):
        source = flow.reads[node, i]
        takes_none |= source >= 0 and left[source] == 1
    return missing[node] == 0 and (takes_none or (hurry and flow.hurried[node] > 0))


@within
def _thrifty(flow: Flow, readers: tuple[Indices, Indices], order: Indices, result: Indices, hurry: bool) -> None:
    """The order with operations drawn forward to where they take no place; the hurried too, if `hurry`."""
    (starts, list_), n, size = readers, order.shape[0], 0
    left, missing = np.zeros(flow.values, np.int64), np.zeros(n, np.int64)
    done, ready = np.zeros(n, np.int64), np.empty(7 * n + 7, np.int64)
    for i in range(flow.kept.shape[0]):
        left[flow.kept[i]] = 1
    for value in range(left.shape[0]):
        left[value] += starts[value + 1] - starts[value]
    for node in range(n):
        for i in range(_MOST_READ):
            missing[node] += 0 <= flow.distinct[node, i] < n
    for time in range(n):
        ready[0], height = order[time], 1
        while height:
            height -= 1
            node = ready[height]
            if done[node]:
                continue
            done[node] = 1
            result[size] = node
            size += 1
            for i in range(_MOST_READ):
                source = flow.distinct[node, i]
                if source >= 0:
                    left[source] -= 1
                    if left[source] == 1:
                        for at in range(starts[source], starts[source + 1]):
                            if not done[list_[at]] and _is_due(flow, list_[at], left, missing, hurry):
                                ready[height] = list_[at]
                                height += 1
            for at in range(starts[node], starts[node + 1]):
                missing[list_[at]] -= 1
                if _is_due(flow, list_[at], left, missing, hurry):
                    ready[height] = list_[at]
                    height += 1


_kernel = kept(_least_alive)
