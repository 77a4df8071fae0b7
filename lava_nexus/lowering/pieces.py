"""Graphs that are too large for one stretch of code, cut into pieces that run one after another.

A value that a later piece reads goes through memory, or is worked out there once more: memory passes a word in the time
of many look-ups. Of each piece's look-ups and words that it reads the least that yields what is wanted of it is a
minimum cut: either a value is passed, which costs `PASSED` to write and to read, or computed, which costs 1, and then
all that it reads is passed or computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import Arrays, Metadata
from lava_nexus.lowering.luts import FALSE, N_CONSTANTS, OR, OR3, TRUE
from lava_nexus.lowering.ordered import OrderedGraph
from lava_nexus.lowering.schedule import least_alive

PASSED = 15
"""Look-ups that take as long as a word to memory or back: 535 T look-ups a second of 32 sets, 4.3 TB/s."""
_STEP = 50
"""Look-ups between places where a graph may be cut."""
_NEVER = 1 << 24


@dataclass(frozen=True)
class Piece:
    """Part of a graph.

    Attributes:
        values: look-ups in order of execution; some may be those of earlier pieces once more.
        own: those of them that no earlier piece has.
    """

    values: Sequence[int]
    own: frozenset[int]


@dataclass(frozen=True)
class Cut:
    """A graph in pieces. The first one has the inputs, the last one all outputs.

    Attributes:
        pieces: in order of execution.
        slots: where what is passed on lies, by value; inputs of the graph among them.
        size: places for it.
    """

    pieces: tuple[Piece, ...]
    slots: dict[int, int]
    size: int


def cut(graph: OrderedGraph, most: int, counted: Collection[int] = ()) -> Cut:
    """The graph in pieces of some `most` look-ups, those of earlier pieces left out.

    Args:
        graph: to be cut.
        most: a graph of so many is one piece.
        counted: values that have to be some piece's own.
    """
    behind = graph.first + len(graph.tables)
    if len(graph.tables) <= most:
        every = range(graph.first, behind)
        return Cut((Piece(every, frozenset(every)),), {}, 0)
    bounds = [graph.first, *(graph.first + at for at in _bounds(graph, most)), behind]
    owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    outputs = set(graph.outputs.tolist()) - {FALSE, TRUE}
    wanted = [{value for value in range(*ends) if value in counted} for ends in pairwise(bounds)]
    wanted[-1] |= outputs
    parts: list[_Part] = []
    passed: set[int] = set()
    for number in range(len(wanted) - 1, -1, -1):
        computed, read = _chosen(graph, wanted[number], bounds[number], passed)
        passed.update(read)
        for value in read:
            if value >= graph.first:
                wanted[owner[value - graph.first]].add(value)
        own = frozenset(value for value in computed if value >= bounds[number])
        kept = sorted(wanted[number] & (passed | outputs))
        if computed or number in (0, len(wanted) - 1):
            parts.append(_Part(computed, own, read, kept))
    return _placed(graph, parts[::-1])


class _Part(NamedTuple):
    """What a piece computes, which of it is its own, what it reads, and what others need of it."""

    computed: list[int]
    own: frozenset[int]
    read: list[int]
    kept: list[int]


def alive(graph: OrderedGraph) -> NDArray[np.int64]:
    """Values that must be held before each look-up, and after the last."""
    n = len(graph.tables)
    last = np.full(graph.first + n, -1)
    np.maximum.at(last, graph.reads.reshape(-1), np.repeat(np.arange(n), graph.reads.shape[1]))
    last[graph.outputs] = n
    last[:N_CONSTANTS] = -1
    made = np.maximum(np.arange(graph.first + n) - graph.first, -1) + 1
    there = last >= 0
    begin, end = (np.bincount(at[there], minlength=n + 2) for at in (made, last + 1))
    held: NDArray[np.int64] = np.cumsum(begin - end)[: n + 1]
    return held


def _bounds(graph: OrderedGraph, most: int) -> list[int]:
    """Look-ups before which to cut: where the fewest values are alive, pieces of at most that many."""
    n, held = len(graph.tables), alive(graph)
    places = [*range(0, n, _STEP), n]
    reach, cost, before = max(most // _STEP, 1), [0], [0]
    for i in range(1, len(places)):
        nearest = max(0, i - reach)
        least = min(range(nearest, i), key=lambda j: cost[j])
        cost.append(cost[least] + int(held[places[i]]))
        before.append(least)
    found, at = [], before[-1]
    while at:
        found.append(places[at])
        at = before[at]
    return found[::-1]


def _chosen(
    graph: OrderedGraph, wanted: Collection[int], begin: int, passed: Collection[int]
) -> tuple[list[int], list[int]]:
    """What a piece computes and what it reads, so that all that is wanted is computed at the least cost.

    Args:
        graph: that is cut.
        wanted: values that the piece has to compute.
        begin: its first value; those before it can be read.
        passed: values that are written in any case, and cost only reading.
    """
    from scipy.sparse import coo_array  # type: ignore[import-untyped]
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow  # type: ignore[import-untyped]

    needed = np.zeros(begin if not wanted else max(*wanted, begin) + 1, bool)
    needed[list(wanted)] = True
    for value in range(len(needed) - 1, graph.first - 1, -1):
        if needed[value]:
            needed[graph.reads[value - graph.first]] = True
    needed[:N_CONSTANTS] = False
    values = np.flatnonzero(needed)
    node = np.cumsum(needed) - 1
    n = len(values)
    source, sink = 2 * n, 2 * n + 1
    looks = values[values >= graph.first]
    price = np.where(np.isin(values, list(passed)), PASSED, 2 * PASSED)
    price[values >= begin] = _NEVER
    reads = graph.reads[looks - graph.first].reshape(-1)
    readers = np.repeat(node[looks], graph.reads.shape[1])[reads >= N_CONSTANTS]
    reads = reads[reads >= N_CONSTANTS]
    # Nodes 2 i: value i is there; 2 i + 1: it is computed. What lies on the source's side is, and is paid for.
    edges = [
        (np.full(len(wanted), source), 2 * node[list(wanted)], np.full(len(wanted), _NEVER)),
        (2 * node[looks], 2 * node[looks] + 1, price[node[looks]]),
        (2 * node[looks] + 1, np.full(len(looks), sink), np.ones(len(looks), np.int64)),
        (2 * readers + 1, 2 * node[reads], np.full(len(reads), _NEVER)),
        (2 * node[values[values < graph.first]], np.full(n - len(looks), sink), price[values < graph.first]),
    ]
    tails, heads, room = (np.concatenate(part) for part in zip(*edges, strict=True))
    network = coo_array((np.minimum(room, _NEVER).astype(np.int32), (tails, heads)), shape=(2 * n + 2,) * 2).tocsr()
    network.data = np.minimum(network.data, _NEVER)
    left = network - maximum_flow(network, source, sink).flow
    left.eliminate_zeros()
    ours = np.zeros(2 * n + 2, bool)
    ours[breadth_first_order(left, source, return_predecessors=False)] = True
    computed = ours[1 : 2 * n : 2]
    return values[computed].tolist(), values[ours[: 2 * n : 2] & ~computed].tolist()


def _placed(graph: OrderedGraph, parts: Sequence[_Part]) -> Cut:
    """Pieces with their look-ups in order and a slot for every value that is passed on, free again once it is read."""
    last = {value: number for number, part in enumerate(parts) for value in part.read}
    ending: dict[int, list[int]] = {}
    free: list[int] = []
    slots: dict[int, int] = {}
    size, pieces = 0, []
    for number, part in enumerate(parts):
        free += ending.pop(number - 1, [])
        inputs: Iterable[int] = range(N_CONSTANTS, graph.first) if number == 0 else ()
        for value in (*inputs, *part.kept):
            if last.get(value, 0) > number:
                if not free:
                    free.append(size)
                    size += 1
                slots[value] = free.pop()
                ending.setdefault(last[value], []).append(slots[value])
        pieces.append(Piece(_in_order(graph, part), part.own))
    return Cut(tuple(pieces), slots, size)


def _in_order(graph: OrderedGraph, part: _Part) -> list[int]:
    """Look-ups of a piece so that few values are alive, those read among them from where they are first used."""
    reads: dict[int, Sequence[int]] = {value: () for value in part.read}
    for value in part.computed:
        reads[value] = [source for source in graph.reads[value - graph.first].tolist() if source >= N_CONSTANTS]
    ors = {value for value in part.computed if graph.tables[value - graph.first] in (OR, OR3)}
    given = set(part.read)
    return [value for value in least_alive(reads, [], part.kept, ors)[0] if value not in given]


def to_arrays(parts: Cut) -> tuple[Arrays, Metadata]:
    """A cut as plain arrays, for the disk cache."""
    values = [(value, value in piece.own) for piece in parts.pieces for value in piece.values]
    arrays = {
        "values": np.array(values, np.int32).reshape(-1, 2),
        "sizes": np.array([len(piece.values) for piece in parts.pieces], np.int32),
        "slots": np.array(sorted(parts.slots.items()), np.int32).reshape(-1, 2),
    }
    return arrays, {"size": parts.size}


def from_arrays(arrays: Arrays, metadata: Metadata) -> Cut:
    """The inverse of `to_arrays`.

    Raises:
        ValueError: an array has another shape.
        KeyError: one is missing.
    """
    if len(arrays["values"]) != arrays["sizes"].sum():
        raise ValueError("pieces of other sizes")
    pieces = []
    for values in np.split(arrays["values"], np.cumsum(arrays["sizes"])[:-1]):
        pieces.append(Piece(values[:, 0].tolist(), frozenset(values[values[:, 1] > 0, 0].tolist())))
    return Cut(tuple(pieces), dict(arrays["slots"].tolist()), int(metadata["size"]))
