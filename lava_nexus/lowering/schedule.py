"""Orders of look-ups in which few values are alive at a time, so that they stay in registers or the nearest cache."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

Reads = Mapping[int, Sequence[int]]
"""What each operation reads: operations and sources that are there from the start."""


def depth_first(reads: Reads, roots: Iterable[int]) -> list[int]:
    """Operations in post-order from the roots: each after what it reads."""
    order: list[int] = []
    seen: set[int] = set()
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                order.append(node)
            elif node in reads and node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((source, False) for source in reversed(reads[node]))
    return order


def deepest_first(reads: Reads) -> Reads:
    """The same operations, each reading first what takes the most operations one after another."""
    depth: dict[int, int] = {}
    for node, sources in reads.items():
        depth[node] = 1 + max((depth.get(source, 0) for source in sources), default=0)
    return {node: sorted(sources, key=lambda source: -depth.get(source, 0)) for node, sources in reads.items()}


def eager(reads: Reads, order: Sequence[int]) -> list[int]:
    """The order with every operation that is not in it put in as soon as what it reads is there."""
    placed = set(order)
    readers: dict[int, list[int]] = {node: [] for node in reads}
    missing: dict[int, int] = {}
    for node in reads:
        if node not in placed:
            sources = {source for source in reads[node] if source in reads}
            missing[node] = len(sources)
            for source in sources:
                readers[source].append(node)
    result: list[int] = []
    ready = [node for node, count in missing.items() if count == 0]
    for due in [[], *([node] for node in order)]:
        ready += due
        while ready:
            done = ready.pop()
            result.append(done)
            for reader in readers[done]:
                missing[reader] -= 1
                if missing[reader] == 0:
                    ready.append(reader)
    return result


def most_alive(reads: Reads, order: Sequence[int], sources: Sequence[int], kept: Iterable[int]) -> int:
    """Values that must be held at once: sources from the start, a result until it has been read for the last time.

    Args:
        reads: inputs of every operation.
        order: operations in order of execution.
        sources: values that are there from the start.
        kept: values that must last to the end.
    """
    last = last_reads(reads, order, kept)
    known = set(sources)
    alive, most = sum(source in last for source in known), len(known)
    for time, node in enumerate(order):
        alive -= sum(last[source] == time and source in known for source in set(reads[node]))
        if node in last:
            known.add(node)
            alive += 1
            most = max(most, alive)
    return most


def last_reads(reads: Reads, order: Sequence[int], kept: Iterable[int]) -> dict[int, int]:
    """For every value that is read the place in the order of its last reader; `len(order)` of what is kept."""
    last: dict[int, int] = {}
    for time, node in enumerate(order):
        for source in reads[node]:
            last[source] = time
    for node in kept:
        last[node] = len(order)
    return last


def thrifty(reads: Reads, order: Sequence[int], kept: Iterable[int], hurried: Collection[int]) -> list[int]:
    """The order with operations drawn forward to where they take no slot, because they read a value for the last time.

    Those that are `hurried` are drawn forward to where what they read is there, whatever they take.
    """
    readers: dict[int, list[int]] = defaultdict(list)
    left: dict[int, int] = defaultdict(int, dict.fromkeys(kept, 1))
    missing: dict[int, int] = {}
    for node in reads:
        sources = set(reads[node])
        missing[node] = len(sources & reads.keys())
        for source in sources:
            readers[source].append(node)
            left[source] += 1
    result: dict[int, None] = {}

    def is_due(node: int) -> bool:
        takes_none = not left[node] or any(left[source] == 1 for source in reads[node])
        return not missing[node] and (takes_none or node in hurried)

    for due in order:
        ready = [due]
        while ready:
            node = ready.pop()
            if node in result:
                continue
            result[node] = None
            for source in set(reads[node]):
                left[source] -= 1
                if left[source] == 1:
                    ready += [reader for reader in readers[source] if reader not in result and is_due(reader)]
            for reader in readers[node]:
                missing[reader] -= 1
                if is_due(reader):
                    ready.append(reader)
    return list(result)
