"""Circuits whose cells are look-ups of three inputs: starts for the optimiser that no neurons stand behind.

A multiplexer is one look-up, a full adder two. A product of two words sums digits of radix 4 instead of an array of
ANDs: d_k = y_(k-1) + y_k - 2 y_(k+1) for even k, each -2 .. 2, so that

    x * y = sum over even k of 2^k * d_k * x

takes half the rows at two look-ups a bit. Source: A. D. Booth, "A signed binary multiplication technique", QJMAM 4(2),
1951, in the form of O. L. MacSorley, "High-speed arithmetic in binary computers", Proc. IRE 49(1), 1961.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from unittest.mock import patch

from lava_nexus.circuits.cells import Basis, Bit, Form, Terms, Word
from lava_nexus.circuits.functions import function
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.formats import FloatFormat
from lava_nexus.lowering.cover import cover
from lava_nexus.lowering.luts import AND, FALSE, MAJORITY, N_CONSTANTS, NOT, OR, OR3, SELECT, TRUE, XOR3, LookGraph
from lava_nexus.lowering.ordered import OrderedGraph, sorted_looks
from lava_nexus.neurons import Signal
from words.products import LEAST_ROWS, Block, Conjunction, blocks
from words.tables import Tables

_AND3, _XOR, _ALIKE, _SIGN, _SIGNED = 0x80, 0x66, 0x81, 0x70, 0x78


class Looks(Basis):
    """Cells over a graph of look-ups; bits are its nodes.

    Attributes:
        graph: the look-ups.
        recodes: whether products of two words sum digits of radix 4.
    """

    name = "looks"
    zero: Bit = Signal(FALSE)
    one: Bit = Signal(TRUE)

    def __init__(self, leaves: int, recodes: bool = True) -> None:
        super().__init__()
        self.graph = LookGraph(leaves)
        self.recodes = recodes

    def look(self, table: int, *inputs: Bit) -> Signal:
        """A look-up."""
        assert not any(isinstance(bit, Form) for bit in inputs)
        return Signal(self.graph.look(table, *inputs))  # type: ignore[arg-type]

    def real(self, bit: Bit) -> Signal:
        assert not isinstance(bit, Form)
        return bit

    def not_(self, a: Bit) -> Bit:
        return self.look(NOT, a)

    def and_(self, *bits: Bit) -> Bit:
        found = self._tree(_AND3, AND, bits, self.one)
        if len(bits) != 2:
            return found
        both = Conjunction(found)  # type: ignore[arg-type]
        both.factors = bits[0], bits[1]
        return Signal(both)

    def or_(self, *bits: Bit) -> Bit:
        return self._tree(OR3, OR, bits, self.zero)

    def one_of(self, *bits: Bit) -> Bit:
        return self.or_(*bits)

    def xor(self, a: Bit, b: Bit) -> Bit:
        return self.look(_XOR, a, b)

    def mux(self, condition: Bit, a: Bit, b: Bit) -> Bit:
        return self.look(SELECT, condition, a, b)

    def swap(self, condition: Bit, a: Bit, b: Bit) -> tuple[Bit, Bit]:
        return self.mux(condition, a, b), self.mux(condition, b, a)

    def pick(self, sources: Word, reach: Word, hidden: Word) -> Bit:
        found = sources[0]
        for bit, source in zip(reach, sources[1:], strict=True):
            found = self.mux(bit, source, found)
        return found

    def at_least(self, terms: Terms, threshold: int) -> Bit:
        least = sum(weight for _, weight in terms if weight < 0)
        most = sum(weight for _, weight in terms if weight > 0)
        top = max(threshold - least, most - threshold, 1).bit_length()
        return self._added([*terms, (self.one, (1 << top) - threshold)], top + 1)[top]

    def sum_bits(self, terms: Terms, width: int, most: int | None = None) -> Word:
        return self._added(self._recoded(terms) if self.recodes else terms, width)

    def _tree(self, three: int, two: int, bits: Sequence[Bit], empty: Bit) -> Bit:
        waiting = list(dict.fromkeys(bits)) or [empty]
        while len(waiting) > 1:
            part, waiting = waiting[:3], waiting[3:]
            waiting.append(self.look(three if len(part) == 3 else two, *part))
        return waiting[0]

    def _added(self, terms: Terms, width: int) -> Word:
        """The sum modulo 2^width: full adders until a column has one bit left, from the lowest column on."""
        columns, constant = self._columns(terms, width)
        word: Word = []
        for i, column in enumerate(columns):
            if constant >> i & 1:
                column.append(self.one)
            while len(column) > 1:
                part, column = (*column[:3], self.zero)[:3], column[3:]
                column.append(self.look(XOR3, *part))
                carry = self.look(MAJORITY, *part)
                if i + 1 < width and carry != self.zero:
                    columns[i + 1].append(carry)
            word += column or [self.zero]
        return word

    def _columns(self, terms: Terms, width: int) -> tuple[list[Word], int]:
        """Bits by the power of two that they weigh, and the constant, for -w x = w (1 - x) - w."""
        columns: list[Word] = [[] for _ in range(width)]
        merged: dict[Bit, int] = defaultdict(int)
        for bit, weight in terms:
            merged[bit] += weight
        merged.pop(self.zero, None)
        constant = merged.pop(self.one, 0)
        for bit, weight in merged.items():
            for i, digit in enumerate(_signed_digits(weight, width)):
                constant -= (digit < 0) << i
                if digit:
                    columns[i].append(self.not_(bit) if digit < 0 else bit)
        return columns, constant % (1 << width)

    def _recoded(self, terms: Terms) -> Terms:
        """The terms with digits in place of the ANDs of products."""
        result: list[tuple[Bit, int]] = []
        for block, plain in blocks(terms):
            small = block is None or min(len(block.x), len(block.y)) < LEAST_ROWS
            result += plain if small or block is None else self._digits(block)
        return result

    def _digits(self, block: Block) -> Terms:
        """Terms of a product: the bits of |d_k| * x, all flipped where d_k < 0, and what flipping leaves out.

        Where the product lacks its low columns, digits bring bits into its lowest that are not there: taken off again.
        """
        terms: list[tuple[Bit, int]] = []
        x = [*block.x, self.zero]
        y = [self.zero, *block.y, self.zero, self.zero]
        for k in range(0, len(block.y) + 1, 2):
            below, own, higher = y[k : k + 3]
            single, some = self.xor(below, own), self.not_(self.look(_ALIKE, below, own, higher))
            negative = self.look(_SIGN, below, own, higher)
            start, place = block.start(k), block.place + k
            for j in range(start, len(x)):
                size = self.mux(single, x[j], x[j - 1] if j else self.zero)
                terms.append((self.look(_SIGNED, some, size, negative), 1 << (place + j)))
            lowest, beyond = 1 << (place + start), 1 << (place + len(x))
            terms += [(negative, lowest), (self.not_(negative), beyond), (self.one, -beyond)]
            if start:
                terms.append((self.and_(x[start - 1], self.look(MAJORITY, below, own, higher)), -lowest))
            if k and block.start(k - 1):
                terms.append((self.and_(x[start], below), -lowest))
        return [(bit, weight * block.sign) for bit, weight in terms]


def _signed_digits(weight: int, width: int) -> list[int]:
    """The weight modulo 2^width by digits -1, 0 and 1 with zeros between; in binary where that is no longer."""
    plain = [(weight > 0) - (weight < 0) if abs(weight) >> i & 1 else 0 for i in range(width)]
    digits: list[int] = []
    while weight and len(digits) < width:
        digit = 2 - weight % 4 if weight % 2 else 0
        digits.append(digit)
        weight = (weight - digit) >> 1
    return min(plain, digits, key=lambda found: sum(map(abs, found)))


@dataclass(frozen=True)
class Drawn:
    """An operation drawn in look-ups.

    Attributes:
        basis: its cells.
        word: nodes of the result, LSB first.
    """

    basis: Looks
    word: Word


def drawn(name: str, fmt: FloatFormat, recodes: bool = True, basis: type[Looks] = Looks, more: int = 0) -> Drawn:
    """An operation on leaves that are the bits of its operands, each LSB first, and `more` behind them."""
    operation = OPERATIONS[name]
    widths = [of.bits for _, of in operation.inputs(fmt, fmt)]
    cells = basis(sum(widths) + more, recodes)
    leaves = iter(range(N_CONSTANTS, N_CONSTANTS + sum(widths)))
    words: list[Word] = [[Signal(next(leaves)) for _ in range(width)] for width in widths]
    with patch.object(function, "Build", Tables):
        return Drawn(cells, operation.build(cells, words, fmt, fmt))


def graph_of(one: Drawn, word: Word | None = None) -> OrderedGraph:
    """The look-ups of what was drawn, or of a word over the same cells."""
    nodes = [int(bit) for bit in word or one.word]  # type: ignore[arg-type]
    leaves = range(N_CONSTANTS, one.basis.graph.first)
    return sorted_looks(cover(one.basis.graph, nodes), leaves, nodes, [], [])
