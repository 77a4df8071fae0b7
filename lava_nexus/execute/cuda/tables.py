"""Which sums a kernel forms: a table of words, 32 sums each, and the matrices that their right factors lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.cuda.device import cupy
from lava_nexus.execute.cuda.sum_source import TABLE
from lava_nexus.execute.sampled import GROUPS

WORD = 32
"""Sums to a word and a thread."""
WORDS_A_GROUP = 32
"""Words whose counts go to one group: those of a warp."""

Integers = NDArray[np.int64]


class Kept:
    """An array of integers, copied to each GPU once."""

    def __init__(self, host: NDArray[Any]) -> None:
        self.host = np.ascontiguousarray(host)
        self._on: dict[int, Any] = {}

    def here(self) -> Any:
        """It on the current GPU."""
        device = int(cupy().cuda.Device().id)
        if device not in self._on:
            self._on[device] = cupy().asarray(self.host)
        return self._on[device]


class Matrices:
    """Matrices [columns, terms] in an array, of which planes are made.

    Attributes:
        entries: int64 [5, matrices]: first element, distance of columns, of terms, columns, terms.
        starts: int64 [matrices], planes before those of each, divided by the bits of a pattern.
        size: planes of all, likewise.
    """

    def __init__(self, entries: Integers) -> None:
        self.entries = entries
        threads = entries[4] * -(-entries[3] // WORD)
        ends = np.cumsum(threads)
        self.starts, self.size = ends - threads, int(ends[-1])
        self._tables: dict[int, Kept] = {}

    def table(self, bits: int) -> Any:
        """The table of `sum_source.planes` on the current GPU, for patterns of so many bits."""
        if bits not in self._tables:
            self._tables[bits] = Kept(np.vstack([self.entries, self.starts, self.starts * bits]))
        return self._tables[bits].here()


class Words:
    """The table of sums that a kernel forms, `sum_source.TABLE`.

    Attributes:
        entries: int64 by name of the table's rows; `right` without `start`, a multiple of the bits of a pattern.
        start: int64 [words], of each word its matrix's `Matrices.starts`.
        number: words.
        terms: of the longest sum.
        sums: results.
        products: terms of all sums.
    """

    def __init__(self, start: Integers, **entries: Integers) -> None:
        self.start, self.entries = start, {name: entries[name] for name in TABLE}
        length, lanes = entries["length"], entries["lanes"]
        self.number, self.terms = len(length), int(length.max())
        self.sums, self.products = int(lanes.sum()), int((lanes * length).sum())
        self._tables: dict[int, Kept] = {}
        self._lanes: dict[str, tuple[Integers, Integers]] = {}

    def lanes(self, of: str) -> tuple[Integers, Integers]:
        """Operand sets, and as many of lanes without a sum, by group [GROUPS].

        Args:
            of: "sums", "products", or "later" ones, which all but the first of a sum are.
        """
        if of not in self._lanes:
            length, lanes = self.entries["length"], self.entries["lanes"]
            terms = {"sums": np.ones_like(length), "products": length, "later": length - 1}[of]
            group = np.arange(self.number) // WORDS_A_GROUP % GROUPS
            of_groups = np.zeros((2, GROUPS), np.int64)
            for row, times in zip(of_groups, (lanes, WORD - lanes), strict=True):
                np.add.at(row, group, times * terms)
            self._lanes[of] = of_groups[0], of_groups[1]
        return self._lanes[of]

    def chosen(self, words: Integers) -> Words:
        """Some of the words."""
        return Words(self.start[words], **{name: entries[words] for name, entries in self.entries.items()})

    def table(self, bits: int = 0) -> Any:
        """The table on the current GPU, for right factors of so many bits."""
        if bits not in self._tables:
            entries = {**self.entries, "right": self.entries["right"] + self.start * bits}
            self._tables[bits] = Kept(np.vstack([entries[name] for name in TABLE]))
        return self._tables[bits].here()

    @classmethod
    def of_rows(cls, rows: Integers, terms: int, into: int) -> Words:
        """Sums of rows that begin at elements 0, `terms`, ... from rows[0] on; results from `into` on."""
        first = np.arange(0, len(rows), WORD)
        lanes = np.minimum(WORD, len(rows) - first)
        same = np.ones_like(first)
        return cls(
            0 * first, left=rows[first], right=0 * first, step=terms * same, length=terms * same, lanes=lanes,
            into=into + first,
        )  # fmt: skip

    @classmethod
    def of_products(cls, left: Integers, start: Integers, columns: int, terms: int, into: int) -> Words:
        """Sums of rows of the left factor, beginning at `left`, with all columns of the matrices of these `start`s."""
        words = -(-columns // WORD)
        word = np.arange(words)
        row, word = np.repeat(np.arange(len(left)), words), np.tile(word, len(left))
        same = np.ones_like(row)
        return cls(
            start[row], left=left[row], right=word, step=words * same, length=terms * same,
            lanes=np.minimum(WORD, columns - WORD * word), into=into + row * columns + WORD * word,
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: Sequence[Words]) -> Words:
        """Several tables as one."""
        if len(parts) == 1:
            return parts[0]
        entries = {name: np.concatenate([part.entries[name] for part in parts]) for name in TABLE}
        return cls(np.concatenate([part.start for part in parts]), **entries)


@dataclass(frozen=True)
class Counted:
    """What kernels counted.

    Attributes:
        sets: [GROUPS] operand sets of each group.
        totals: [GROUPS, 3] spikes, SynOps and active updates of them, without what every operand set adds.
    """

    sets: NDArray[Any]
    totals: NDArray[Any]


class Elements:
    """Elements of a buffer in an order.

    Attributes:
        buffer: number.
        first: of them, where they lie side by side.
        size: how many; 1 where all are the same.
        picks: their numbers, where they do not lie side by side.
    """

    def __init__(self, buffer: int, at: NDArray[Any], once: bool = False) -> None:
        self.buffer, self.first, self.size = buffer, int(at[0]), 1 if once else len(at)
        straight = once or bool(at[-1] - at[0] == len(at) - 1 and (np.diff(at) == 1).all())
        self.picks = None if straight else Kept(at)

    def read(self, buffers: Mapping[int, Any]) -> Any:
        """The elements, contiguous on the current GPU."""
        flat = buffers[self.buffer]
        if self.picks is None:
            return flat[self.first : self.first + self.size]
        return flat.take(self.picks.here())


class Spans:
    """Matrices in buffers, each held once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], int] = {}

    def numbers(self, buffer: int, at: Integers) -> Integers:
        """The numbers of the matrices [..., columns, terms] at these elements, which lie at even distances."""
        columns, terms = at.shape[-2:]
        column, term = (max(1, stride // at.itemsize) for stride in at.strides[-2:])
        shape = column, term, columns, terms
        firsts = at[..., 0, 0].reshape(-1).tolist()
        found = [self._known.setdefault((buffer, first, *shape), len(self._known)) for first in firsts]
        return np.array(found).reshape(at.shape[:-2])

    def matrices(self) -> tuple[dict[int, Matrices], Integers]:
        """(matrices by buffer, where the planes of each begin among all, divided by the bits of a pattern)."""
        of: dict[int, list[tuple[int, ...]]] = {}
        for (buffer, *entries), number in self._known.items():
            of.setdefault(buffer, []).append((number, *entries))
        start, behind, found = np.empty(len(self._known), np.int64), 0, {}
        for buffer, rows in of.items():
            number, *entries = np.array(rows).T
            found[buffer] = Matrices(np.array(entries))
            start[number] = behind + found[buffer].starts
            behind += found[buffer].size
        return found, start
