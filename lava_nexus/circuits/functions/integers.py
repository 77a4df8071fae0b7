"""Fixed-point programs, written once and run twice: on arrays of integers (the golden function) and as neurons.

A program is a function of an `Integers`. Words are unsigned, of a known width, with every result taken modulo 2^width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.cells import Basis, Bit, Word

W = TypeVar("W")


class Integers(ABC, Generic[W]):
    """The integer operations that a fixed-point program may use."""

    @abstractmethod
    def width(self, word: W) -> int:
        """Bits of the word."""

    @abstractmethod
    def part(self, word: W, low: int, high: int) -> W:
        """Bits low .. high - 1."""

    @abstractmethod
    def weigh(self, parts: Sequence[tuple[W, Sequence[int]]], width: int, constant: int = 0) -> W:
        """constant + the sum over all words and bits of bit i * weights[i], modulo 2^width."""

    @abstractmethod
    def rows(self, a: W, b: W, drop: int, width: int, constant: int) -> W:
        """constant + sum over i of a_i * floor(b * 2^i / 2^drop): the product without the columns below `drop`."""

    @abstractmethod
    def table(self, index: W, entries: Sequence[int], width: int) -> W:
        """entries[index]."""

    @abstractmethod
    def invert_if(self, word: W, condition: W) -> W:
        """The word, every bit flipped where the one-bit condition is 1."""

    def sum(self, parts: Sequence[tuple[W, int]], width: int, constant: int = 0) -> W:
        """constant + the sum of word * 2^shift over (word, shift); a negative shift drops low bits."""
        weights = [(word, [_shifted(i, shift) for i in range(self.width(word))]) for word, shift in parts]
        return self.weigh(weights, width, constant)

    def scale(self, word: W, factor: np.longdouble, shift: int, width: int) -> W:
        """About word * factor * 2^shift: each bit weighs its multiple of the factor rounded down; the mean loss is added."""
        exact = [np.ldexp(np.longdouble(factor), i + shift) for i in range(self.width(word))]
        lost = sum(weight - np.floor(weight) for weight in exact) / 2
        return self.weigh([(word, [int(weight) for weight in exact])], width, int(lost))

    def product(self, a: W, b: W, drop: int, width: int) -> W:
        """About a * b / 2^drop: the columns below `drop` are left out and their mean is added."""
        cells = ((i, j) for i in range(self.width(a)) for j in range(self.width(b)) if i + j < drop)
        return self.rows(a, b, drop, width, int(sum(2.0 ** (i + j - drop) for i, j in cells) / 4))


def _shifted(i: int, shift: int) -> int:
    return 1 << (i + shift) if i + shift >= 0 else 0


@dataclass(frozen=True)
class Number:
    """Unsigned integers of a width.

    Attributes:
        values: uint64 [n].
        width: bits, at most 63.
    """

    values: NDArray[np.uint64]
    width: int


class Evaluate(Integers[Number]):
    """The program on arrays: the golden function."""

    def width(self, word: Number) -> int:
        return word.width

    def part(self, word: Number, low: int, high: int) -> Number:
        return _number(word.values >> np.uint64(low), high - low)

    def weigh(self, parts: Sequence[tuple[Number, Sequence[int]]], width: int, constant: int = 0) -> Number:
        total = np.full(parts[0][0].values.shape, constant % 2**64, dtype=np.uint64)
        for word, weights in parts:
            for low in range(0, word.width, 8):
                # Eight bits at a time: the 256 sums of their weights.
                run = [weight % 2**64 for weight in weights[low : low + 8]]
                sums = np.array([sum(w for j, w in enumerate(run) if k >> j & 1) % 2**64 for k in range(256)], np.uint64)
                total += sums[(word.values >> np.uint64(low)) & np.uint64(255)]
        return _number(total, width)

    def rows(self, a: Number, b: Number, drop: int, width: int, constant: int) -> Number:
        total = np.full_like(a.values, constant)
        for i in range(a.width):
            row = b.values >> np.uint64(drop - i) if i <= drop else b.values << np.uint64(i - drop)
            total += row * ((a.values >> np.uint64(i)) & np.uint64(1))
        return _number(total, width)

    def table(self, index: Number, entries: Sequence[int], width: int) -> Number:
        return _number(np.array(entries, dtype=np.uint64)[index.values], width)

    def invert_if(self, word: Number, condition: Number) -> Number:
        return Number(word.values ^ (condition.values * np.uint64(2**word.width - 1)), word.width)


def _number(values: NDArray[Any], width: int) -> Number:
    return Number(values & np.uint64(2**width - 1), width)


class Build(Integers[Word]):
    """The program as neurons of a basis."""

    def __init__(self, basis: Basis) -> None:
        self.basis = basis

    def width(self, word: Word) -> int:
        return len(word)

    def part(self, word: Word, low: int, high: int) -> Word:
        return (word[low:high] + [self.basis.zero] * (high - low))[: high - low]

    def weigh(self, parts: Sequence[tuple[Word, Sequence[int]]], width: int, constant: int = 0) -> Word:
        terms = [(bit, weight) for word, weights in parts for bit, weight in zip(word, weights, strict=False)]
        return self._real(self.basis.sum_bits([*terms, (self.basis.one, constant)], width))

    def rows(self, a: Word, b: Word, drop: int, width: int, constant: int) -> Word:
        terms = [
            (self.basis.and_(p, q), 1 << (i + j - drop))
            for i, p in enumerate(a)
            for j, q in enumerate(b)
            if drop <= i + j < drop + width
        ]
        return self._real(self.basis.sum_bits([*terms, (self.basis.one, constant)], width))

    def table(self, index: Word, entries: Sequence[int], width: int) -> Word:
        return self.basis.table(index, entries, width)

    def invert_if(self, word: Word, condition: Word) -> Word:
        flip: Bit = condition[0]
        return [self.basis.xor(bit, flip) for bit in word]

    def _real(self, word: Word) -> Word:
        return [self.basis.real(bit) for bit in word]
