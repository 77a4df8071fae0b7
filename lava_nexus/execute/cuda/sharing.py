"""Columns of weights shared out among GPUs: which words of sums are formed where, and where their results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from lava_nexus.execute.cuda.device import here
from lava_nexus.execute.cuda.tables import WORD, Kept, Matrices, Words
from lava_nexus.execute.shares import shares
from lava_nexus.execute.weights import Remote


@dataclass(frozen=True)
class Share:
    """What one GPU forms.

    Attributes:
        device: its number.
        parts: of which right factors, by their place, which columns, and the matrix that these are.
        words: sums of these, the results of one word behind those of the other.
        taken, into: numbers of the results that are sums, and where in the whole result they go.
    """

    device: int
    parts: list[tuple[int, slice, Matrices]]
    words: Words
    taken: Kept
    into: Kept


_known: WeakKeyDictionary[Words, dict[tuple[int, ...], list[Share]]] = WeakKeyDictionary()


def shared_out(parts: Sequence[tuple[Any, Matrices]], words: Words, devices: tuple[int, ...]) -> list[Share]:
    """A share a GPU; none where there is one GPU, or right factors that are not a matrix each, rows side by side."""
    if len(devices) == 1 or not all(_one(*part) for part in parts):
        return []
    of_words = _known.setdefault(words, {})
    if devices not in of_words:
        found = [_share(parts, words, devices, i) for i in range(len(devices))]
        of_words[devices] = [share for share in found if share is not None]
    return of_words[devices]


def part_of(array: Any, matrices: Matrices, columns: slice) -> Any:
    """Some columns of a matrix: what stands for them, or them on the current GPU."""
    if isinstance(array, Remote):
        return Remote.standing_for(array.of.part(columns), array.source)
    first, terms = int(matrices.entries[0, 0]), int(matrices.entries[4, 0])
    return here(array[first + columns.start * terms : first + columns.stop * terms])


def _one(array: Any, matrices: Matrices) -> bool:
    """Whether it is one matrix, of what stands for weights the whole of it."""
    first, column, term, columns, terms = matrices.entries[:, 0].tolist()
    whole = not isinstance(array, Remote) or (first, columns, terms) == (0, *array.shape[-2:])
    return matrices.entries.shape[1] == 1 and (column, term) == (terms, 1) and whole


def _share(parts: Sequence[tuple[Any, Matrices]], words: Words, devices: tuple[int, ...], which: int) -> Share | None:
    own, tables, behind, now = [], [], 0, 0
    for i, (_, matrices) in enumerate(parts):
        rows, terms = (int(one) for one in matrices.entries[3:, 0])
        spans = shares(rows, len(devices), WORD)
        mine = (words.start >= behind) & (words.start < behind + matrices.size)
        behind += matrices.size
        if which >= len(spans):
            continue
        span = spans[which]
        number, first = span.stop - span.start, span.start // WORD
        mine &= (words.entries["right"] >= first) & (words.entries["right"] < first - (-number // WORD))
        matrix = Matrices(np.array([[0], [terms], [1], [number], [terms]]))
        step = np.full(int(mine.sum()), -(-number // WORD))
        entries = {name: column[mine] for name, column in words.entries.items()}
        tables.append(Words(0 * step + now, **{**entries, "right": entries["right"] - first, "step": step}))
        own.append((i, span, matrix))
        now += matrix.size
    if not own:
        return None
    joined = Words.joined(tables)
    lane = np.arange(WORD)
    live = lane < joined.entries["lanes"][:, None]
    into = (joined.entries["into"][:, None] + lane)[live]
    joined.entries["into"] = WORD * np.arange(joined.number)
    return Share(devices[which], own, joined, Kept(np.flatnonzero(live.reshape(-1))), Kept(into))
