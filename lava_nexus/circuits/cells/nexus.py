"""Cells of AND, OR and NOT neurons alone, as published: XOR and MUX of 5 neurons, full adder of 13, ripple carry.

Source: NEXUS, arXiv 2601.21279, appendix (neuron counts). The circuits are this project's; only the cells are the
paper's, so counts differ from the printed and from the coded totals.
"""

from __future__ import annotations

from lava_nexus.circuits.cells.basis import Basis, Bit, Form, Terms, Word
from lava_nexus.neurons import FALSE, TRUE, Signal


class Nexus(Basis):
    """The `nexus` basis: every neuron is a two-input AND, a two-input OR or a NOT."""

    name = "nexus"

    def real(self, bit: Bit) -> Signal:
        if isinstance(bit, Form):
            raise TypeError(f"the nexus basis has no virtual bits, and {bit} is one")
        return bit

    def not_(self, a: Bit) -> Bit:
        return self.builder.gate([(self.real(a), -1)], 0)

    def and_(self, *bits: Bit) -> Bit:
        return self._tree(bits, 2, TRUE)

    def or_(self, *bits: Bit) -> Bit:
        return self._tree(bits, 1, FALSE)

    def one_of(self, *bits: Bit) -> Bit:
        return self.or_(*bits)

    def xor(self, a: Bit, b: Bit) -> Bit:
        return self.or_(self.and_(a, self.not_(b)), self.and_(self.not_(a), b))

    def and_not(self, a: Bit, *others: Bit) -> Bit:
        return self.and_(a, self.not_(self.or_(*others)))

    def mux(self, condition: Bit, a: Bit, b: Bit) -> Bit:
        # Five neurons: c a + b (NOT c + a) holds the term a b, which keeps the output still while c changes.
        return self.or_(self.and_(condition, a), self.and_(b, self.or_(self.not_(condition), a)))

    def swap(self, condition: Bit, a: Bit, b: Bit) -> tuple[Bit, Bit]:
        return self.mux(condition, a, b), self.mux(condition, b, a)

    def at_least(self, terms: Terms, threshold: int) -> Bit:
        least = sum(weight for _, weight in terms if weight < 0)
        most = sum(weight for _, weight in terms if weight > 0)
        top = max(threshold - least, most - threshold, 1).bit_length()
        return self.sum_bits([*terms, (TRUE, (1 << top) - threshold)], top + 1)[top]

    def sum_bits(self, terms: Terms, width: int, most: int | None = None) -> Word:
        columns: list[Word] = [[] for _ in range(width)]
        constant = 0
        for bit, weight in terms:
            if bit == TRUE:
                constant += weight
            elif bit != FALSE:
                constant += min(weight, 0)
                _place(columns, self.not_(bit) if weight < 0 else bit, abs(weight))
        _place(columns, TRUE, constant % (1 << width))
        while max(map(len, columns)) > 2:
            columns = self._carry_save(columns)
        return self._ripple(columns)

    def full_adder(self, a: Bit, b: Bit, c: Bit) -> tuple[Bit, Bit]:
        """(sum, carry): two XOR, two AND, one OR."""
        half = self.xor(a, b)
        return self.xor(half, c), self.or_(self.and_(a, b), self.and_(half, c))

    def _tree(self, bits: tuple[Bit, ...], threshold: int, empty: Bit) -> Bit:
        level = [self.real(bit) for bit in bits or (empty,)]
        while len(level) > 1:
            pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
            level = [self.builder.gate([(p[0], 1), (p[1], 1)], threshold) if len(p) == 2 else p[0] for p in pairs]
        return level[0]

    def _carry_save(self, columns: list[Word]) -> list[Word]:
        """One Wallace layer: three bits of a column become a sum bit and a carry."""
        after: list[Word] = [[] for _ in columns]
        for i, column in enumerate(columns):
            for start in range(0, len(column), 3):
                part = column[start : start + 3]
                if len(part) < 3:
                    after[i] += part
                    continue
                total, carry = self.full_adder(*part)
                after[i].append(total)
                if i + 1 < len(columns):
                    after[i + 1].append(carry)
        return [[bit for bit in column if bit != FALSE] for column in after]

    def _ripple(self, columns: list[Word]) -> Word:
        carry: Bit = FALSE
        word: Word = []
        for column in columns:
            a, b = [*column, FALSE, FALSE][:2]
            total, carry = self.full_adder(a, b, carry)
            word.append(total)
        return word


def _place(columns: list[Word], bit: Bit, weight: int) -> None:
    """Adds the bit to every column in which the weight has a 1."""
    for i, column in enumerate(columns):
        if weight >> i & 1:
            column.append(bit)
