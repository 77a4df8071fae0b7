"""The integer operations as neurons of a basis: what builds a fixed-point program.

A word is a list of bits, LSB first; a sum of products is one multi-operand addition of ANDs. Error: none, the
tests hold each operation against that of `evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence

from lava_nexus.circuits import shift
from lava_nexus.circuits.cells import Basis, Bit, Terms, Word
from lava_nexus.circuits.functions.integers import Integers, Product, Sum


class Build(Integers[Word]):
    """The program as neurons.

    Attributes:
        basis: the cells they are made of.
        widest: lines of a table that one neuron reads.
    """

    def __init__(self, basis: Basis, widest: int = 120) -> None:
        self.basis, self.widest = basis, widest

    def constant(self, value: int, width: int) -> Word:
        return [self.basis.one if value >> i & 1 else self.basis.zero for i in range(width)]

    def width(self, word: Word) -> int:
        return len(word)

    def part(self, word: Word, low: int, high: int) -> Word:
        return (word[low:high] + [self.basis.zero] * (high - low))[: high - low]

    def join(self, *words: Word) -> Word:
        return [bit for word in words for bit in word]

    def all_of(self, *bits: Word) -> Word:
        return [self.basis.real(self.basis.and_(*(bit for (bit,) in bits)))]

    def any_of(self, *bits: Word) -> Word:
        return [self.basis.real(self.basis.or_(*(bit for (bit,) in bits)))]

    def not_(self, bit: Word) -> Word:
        return [self.basis.not_(bit[0])]

    def choose(self, condition: Word, a: Word, b: Word) -> Word:
        return self.basis.reals([self.basis.mux(condition[0], x, y) for x, y in zip(a, b, strict=True)])

    def keep_if(self, word: Word, condition: Word) -> Word:
        return self.basis.reals([self.basis.and_(bit, condition[0]) for bit in word])

    def invert_if(self, word: Word, condition: Word) -> Word:
        return [self.basis.xor(bit, condition[0]) for bit in word]

    def at_least(self, total: Sum[Word], threshold: int) -> Word:
        return [self.basis.real(self.basis.at_least(self.terms(total), threshold))]

    def accumulate(self, products: Sequence[Product[Word]], total: Sum[Word], width: int) -> Word:
        cells = [cell for p in products for cell in self._cells(p, width)]
        return self.basis.reals(self.basis.sum_bits([*cells, *self.terms(total)], width))

    def align(self, word: Word, amount: Sum[Word], below: int) -> Word:
        return self.basis.reals(shift.align(self.basis, word, self.terms(amount), self.basis.zero, below)[0])

    def normalise(
        self, word: Word, most: int, allowed: Word | None = None, keep: int | None = None
    ) -> tuple[Word, Sum[Word]]:
        blocked = None if allowed is None else self.basis.not_(allowed[0])
        top, amount, _ = shift.normalise(self.basis, word[::-1], most, keep or len(word), blocked=blocked)
        return self.basis.reals(top[::-1]), Sum([([bit], [unit]) for bit, unit in amount])

    def lookup(
        self,
        index: Word,
        starts: Sequence[int],
        free: Sequence[int],
        columns: Sequence[Sequence[int]],
        widths: Sequence[int],
        place_bits: int,
    ) -> tuple[list[Word], Word]:
        lines = [self._line(index, start, bits) for start, bits in zip(starts, free, strict=True)]
        words = []
        for entries, width in zip(columns, widths, strict=True):
            pairs = list(zip(lines, entries, strict=True))
            words.append([self._any([line for line, entry in pairs if entry >> j & 1]) for j in range(width)])
        place = index[: min(*free, place_bits)] if place_bits else []
        for k in range(len(place), place_bits):
            wide = [line for line, bits in zip(lines, free, strict=True) if bits > k]
            place.append(self.basis.and_(index[k], self._any(wide)))
        return words, place

    def _any(self, bits: Word) -> Bit:
        while len(bits) > self.widest:
            bits = [self.basis.or_(*bits[i : i + self.widest]) for i in range(0, len(bits), self.widest)]
        return self.basis.real(self.basis.or_(*bits))

    def terms(self, total: Sum[Word]) -> Terms:
        """The sum as terms of the basis."""
        pairs = [(bit, w) for word, weights in total.parts for bit, w in zip(word, weights, strict=False)]
        return [*pairs, (self.basis.one, total.constant)]

    def _line(self, index: Word, start: int, free: int) -> Bit:
        bits = (bit if start >> i & 1 else self.basis.not_(bit) for i, bit in enumerate(index) if i >= free)
        return self.basis.real(self.basis.and_(*bits))

    def _cells(self, product: Product[Word], width: int) -> Terms:
        """Terms of the ANDs; those of a square come in equal pairs."""
        square = product.a is product.b
        cells = []
        for i, p in enumerate(product.a):
            sign = -product.sign if product.signed and i == len(product.a) - 1 else product.sign
            for j in range(i if square else 0, len(product.b)):
                column = i + j + product.shift
                if 0 <= column < width:
                    cells.append((self.basis.and_(p, product.b[j]), sign << (column + (square and i != j))))
        return cells
