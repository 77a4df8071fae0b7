"""The cells that circuits are written in; a basis says what neurons each is made of.

A bit is opaque to a circuit: it comes out of one cell and goes into another. It is the spike of a neuron, or a virtual
bit (`Form`). Words are lists of bits, LSB first. Terms are (bit, weight) pairs that stand for the integer sum of
weight * bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lava_nexus.formats import NumberFormat
from lava_nexus.neurons import FALSE, TRUE, Builder, Signal, ThresholdNetwork


@dataclass(frozen=True)
class Form:
    """The virtual bit constant + sum weight * signal, which is 0 or 1 whenever the circuit runs."""

    terms: tuple[tuple[Signal, int], ...]
    constant: int = 0


Bit: TypeAlias = Signal | Form
Word: TypeAlias = list[Bit]
Terms: TypeAlias = Sequence[tuple[Bit, int]]


class Basis(ABC):
    """Cells over one builder.

    Attributes:
        name: "threshold" or "nexus".
        builder: where the neurons go.
        zero, one: the constant bits.
        style: "neurons" where cells are made for least neurons, "depth" for least depth.
        stage_cost: what one more stage of a shifter counts for, in neurons.
        nested_sums: whether the normaliser of an addition shares each AND between two places.
        pick_saving: how many neurons fewer than sources `pick` takes, where its neighbours share them.
    """

    name: str
    zero: Bit = FALSE
    one: Bit = TRUE
    style: str = "neurons"
    stage_cost: int = 0
    pick_saving: int = 0
    nested_sums: bool = False

    def __init__(self) -> None:
        self.builder = Builder()

    def input(self, name: str, fmt: NumberFormat | None = None, width: int = 0) -> Word:
        """An input port as a word."""
        return list(self.builder.input(name, fmt, width))

    def finish(self, name: str, word: Word, fmt: NumberFormat | None, max_delay: int) -> ThresholdNetwork:
        """The network whose one output port carries the word."""
        return self.builder.finish([(name, [self.real(bit) for bit in word], fmt)], max_delay)

    @abstractmethod
    def real(self, bit: Bit) -> Signal:
        """The bit as the spike of one neuron (or an input), for a bit that many cells read."""

    def reals(self, word: Iterable[Bit]) -> Word:
        """Each bit of a word as a spike."""
        return [self.real(bit) for bit in word]

    @abstractmethod
    def not_(self, a: Bit) -> Bit:
        """1 - a."""

    @abstractmethod
    def and_(self, *bits: Bit) -> Bit:
        """1 where all bits are 1."""

    @abstractmethod
    def or_(self, *bits: Bit) -> Bit:
        """1 where a bit is 1."""

    @abstractmethod
    def one_of(self, *bits: Bit) -> Bit:
        """The OR of bits of which never two are 1."""

    @abstractmethod
    def xor(self, a: Bit, b: Bit) -> Bit:
        """1 where one of the two is 1."""

    @abstractmethod
    def swap(self, condition: Bit, a: Bit, b: Bit) -> tuple[Bit, Bit]:
        """(a, b) where the condition is 1, else (b, a)."""

    @abstractmethod
    def at_least(self, terms: Terms, threshold: int) -> Bit:
        """1 where the sum of the terms is at least the threshold."""

    @abstractmethod
    def sum_bits(self, terms: Terms, width: int, most: int | None = None) -> Word:
        """The sum of the terms modulo 2^width; `most` is the caller's word that the sum never exceeds it."""

    def increment(self, word: Word, carry: Bit, clear: Bit, ones: Bit) -> tuple[Word, Bit]:
        """(word + carry, carry out); where `clear` is 1 all bits are 0, where `ones` is 1 all are 1 (`ones` wins)."""
        out: Word = []
        for bit in word:
            total, carry = self.xor(bit, carry), self.and_(bit, carry)
            out.append(self.or_(self.and_not(total, clear), ones))
        return out, carry

    def subtract_if_not_less(self, a: Word, b: Word) -> tuple[Bit, Word]:
        """(q, a - q * b) for q = [a >= b] and a < 2 * b, the difference as wide as b."""
        width = len(b)
        difference = self.sum_bits([*weighted(a), *weighted(b, -1), (self.one, 1 << len(a))], len(a) + 1)
        taken = self.real(difference[-1])
        return taken, [self.mux(taken, d, r) for d, r in zip(difference[:width], a[:width], strict=True)]

    def and_not(self, a: Bit, *others: Bit) -> Bit:
        """1 where a is 1 and none of the others is."""
        return self.and_(a, *(self.not_(b) for b in others))

    def between(self, low: Bit, high: Bit) -> Bit:
        """low AND NOT high, for a `high` that is 1 only where `low` is."""
        return self.and_not(low, high)

    def and_any(self, alls: Sequence[Bit], anys: Sequence[Bit]) -> Bit:
        """1 where all of the first are 1 and at least one of the second."""
        return self.and_(*alls, self.or_(*anys))

    def mux(self, condition: Bit, a: Bit, b: Bit) -> Bit:
        """a where the condition is 1, else b."""
        return self.one_of(self.and_(condition, a), self.and_not(b, condition))

    def pick(self, sources: Word, reach: Word, hidden: Word) -> Bit:
        """sources[d] for the number d of ones in `reach`, which are its first.

        hidden[d] is what sources[d] is known to be where reach[d] is 1.
        """
        parts: Word = []
        for d, source in enumerate(sources):
            here = [reach[d - 1]] if d else []
            beyond = [self.not_(reach[d])] if d < len(reach) and hidden[d] != self.zero else []
            parts.append(self.and_(source, *here, *beyond))
        return self.one_of(*parts)

    def table(self, index: Word, entries: Sequence[int], width: int) -> Word:
        """entries[index] as a word: a line for each index, and an OR for each bit."""
        lines = [
            self.real(self.and_(*(bit if k >> i & 1 else self.not_(bit) for i, bit in enumerate(index))))
            for k in range(len(entries))
        ]
        return [
            self.real(self.or_(*(line for line, entry in zip(lines, entries, strict=True) if entry >> j & 1)))
            for j in range(width)
        ]

    def greater(self, a: Word, b: Word) -> Bit:
        """1 where the unsigned a > b."""
        return self.at_least([*weighted(a), *weighted(b, -1)], 1)

    def add(self, a: Word, b: Word, carry: Bit = FALSE, width: int | None = None) -> Word:
        """a + b + carry, one bit wider than the wider of the two unless `width` says otherwise."""
        terms = [*weighted(a), *weighted(b), (carry, 1)]
        return self.sum_bits(terms, width if width is not None else max(len(a), len(b)) + 1)


def weighted(word: Iterable[Bit], scale: int = 1) -> list[tuple[Bit, int]]:
    """The terms of a word: bit i weighs scale * 2^i."""
    return [(bit, scale << i) for i, bit in enumerate(word)]
