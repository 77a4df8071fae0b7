"""Fixed-point programs, written once and run twice: on arrays of integers (the golden function) and as neurons.

A program is a function of an `Integers`. Words are unsigned, of a known width, with every result taken modulo 2^width;
a bit is a word of width 1. A `Sum` is a signed linear combination of bits that nobody has added up yet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from lava_nexus.circuits.functions.real import floor_of

W = TypeVar("W")


@dataclass(frozen=True)
class Sum(Generic[W]):
    """constant + the sum over (word, weights) and bits i of bit i * weights[i].

    Attributes:
        parts: (word, a weight for each of its bits).
        constant: the integer added.
    """

    parts: Sequence[tuple[W, Sequence[int]]]
    constant: int = 0

    def __add__(self, other: Sum[W] | int) -> Sum[W]:
        if isinstance(other, int):
            return Sum(self.parts, self.constant + other)
        return Sum([*self.parts, *other.parts], self.constant + other.constant)

    def __sub__(self, other: Sum[W] | int) -> Sum[W]:
        return self + (-other)

    def __neg__(self) -> Sum[W]:
        return Sum([(word, [-w for w in weights]) for word, weights in self.parts], -self.constant)


@dataclass(frozen=True)
class Product(Generic[W]):
    """sign * a * b * 2^shift without the cells of weight below 1 (column i + j + shift < 0).

    Attributes:
        a, b: the factors; one word given twice is a square.
        shift: power of two of the lowest cell.
        sign: 1 or -1.
        signed: whether the top bit of `a` weighs negative (two's complement).
    """

    a: W
    b: W
    shift: int
    sign: int = 1
    signed: bool = False


class Integers(ABC, Generic[W]):
    """The integer operations that a fixed-point program may use."""

    @abstractmethod
    def constant(self, value: int, width: int) -> W:
        """The value as a word."""

    @abstractmethod
    def width(self, word: W) -> int:
        """Bits of the word."""

    @abstractmethod
    def part(self, word: W, low: int, high: int) -> W:
        """Bits low .. high - 1."""

    @abstractmethod
    def join(self, *words: W) -> W:
        """The words side by side, the first lowest."""

    @abstractmethod
    def all_of(self, *bits: W) -> W:
        """1 where every bit is 1."""

    @abstractmethod
    def any_of(self, *bits: W) -> W:
        """1 where a bit is 1."""

    @abstractmethod
    def not_(self, bit: W) -> W:
        """1 - bit."""

    @abstractmethod
    def choose(self, condition: W, a: W, b: W) -> W:
        """a where the bit is 1, else b; both of one width."""

    @abstractmethod
    def keep_if(self, word: W, condition: W) -> W:
        """The word where the bit is 1, else 0."""

    @abstractmethod
    def invert_if(self, word: W, condition: W) -> W:
        """The word, every bit flipped where the one-bit condition is 1."""

    @abstractmethod
    def at_least(self, total: Sum[W], threshold: int) -> W:
        """1 where the sum is at least the threshold."""

    @abstractmethod
    def accumulate(self, products: Sequence[Product[W]], total: Sum[W], width: int) -> W:
        """The sum of the products and of `total`, modulo 2^width."""

    @abstractmethod
    def align(self, word: W, amount: Sum[W], below: int) -> W:
        """word * 2^below shifted right by the amount (at or below 0: not at all); below + width(word) bits."""

    @abstractmethod
    def normalise(self, word: W, most: int, allowed: W | None = None, keep: int | None = None) -> tuple[W, Sum[W]]:
        """The word shifted left past its leading zeros, by at most `most` places, where `allowed`.

        Returns (its top `keep` bits; by how many places).
        """

    @abstractmethod
    def lookup(
        self,
        index: W,
        starts: Sequence[int],
        free: Sequence[int],
        columns: Sequence[Sequence[int]],
        widths: Sequence[int],
        place_bits: int,
    ) -> tuple[list[W], W]:
        """Tables over segments of the index: segment s holds starts[s] .. starts[s] + 2^free[s] - 1.

        Returns (one word for each column, 0 outside all segments; the place inside the segment, its low `place_bits`
        bits).
        """

    def table(self, index: W, entries: Sequence[int], width: int) -> W:
        """entries[index]."""
        count = len(entries)
        return self.lookup(index, range(count), [0] * count, [entries], [width], 0)[0][0]

    def value(self, word: W, scale: int = 1) -> Sum[W]:
        """The unsigned value of a word, times `scale`."""
        return Sum([(word, [scale << i for i in range(self.width(word))])])

    def add_up(self, total: Sum[W], width: int) -> W:
        """The sum as a word, modulo 2^width."""
        return self.accumulate([], total, width)

    def sum(self, parts: Sequence[tuple[W, int]], width: int, constant: int = 0) -> W:
        """constant + the sum of word * 2^shift over (word, shift); a negative shift drops low bits."""
        weights = [(word, [_shifted(i, shift) for i in range(self.width(word))]) for word, shift in parts]
        return self.add_up(Sum(weights, constant), width)

    def scale(self, word: W, factor: Fraction, shift: int, width: int, constant: int = 0) -> W:
        """About word * factor * 2^shift: each bit weighs its multiple of the factor cut off; the mean loss is added."""
        bits = range(self.width(word))
        weights = [floor_of(factor, i + shift) for i in bits]
        lost = sum(factor * Fraction(2) ** (i + shift) - weight for i, weight in zip(bits, weights, strict=True)) / 2
        return self.add_up(Sum([(word, weights)], int(lost) + constant), width)

    def product(self, a: W, b: W, drop: int, width: int) -> W:
        """About a * b / 2^drop: the columns below `drop` are left out and their mean is added."""
        cells = Product(a, b, -drop)
        return self.accumulate([cells], Sum([], int(self.loss(cells))), width)

    def loss(self, cells: Product[W]) -> float:
        """Mean of the cells that a product leaves out, for factors of random bits."""
        total = 0.0
        for i in range(self.width(cells.a)):
            negative = cells.signed and i == self.width(cells.a) - 1
            for j in range(min(self.width(cells.b), -cells.shift - i)):
                mean = 0.5 if cells.a is cells.b and i == j else 0.25
                total += mean * 2.0 ** (i + j + cells.shift) * (-1 if negative else 1)
        return total * cells.sign


def _shifted(i: int, shift: int) -> int:
    return 1 << (i + shift) if i + shift >= 0 else 0
