"""Cells of weighted threshold gates.

A bit may be virtual: a linear form over spikes whose value is always 0 or 1, with no neuron of its own. Whatever reads
it takes the spikes with the form's weights. NOT x = 1 - x, the sum bit of a full adder a + b + c - 2 * carry, the
smaller of a swapped pair a + b - larger, and the OR of exclusive bits cost nothing that way; XOR costs one neuron.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lava_nexus.circuits.cells.basis import Basis, Bit, Form, Terms, Word, weighted
from lava_nexus.circuits.cells.columns import (
    LARGEST_SUM,
    LARGEST_WEIGHT,
    Columns,
    capped,
    first_that_fit,
    fits,
    joined,
    largest,
    load,
    positive,
    split,
)
from lava_nexus.neurons import FALSE, TRUE, Signal

_LONG, _LONG_TALLEST = 192, 3  # a sum of more columns has lower ones: bits that wait long for its carries take relays


class Threshold(Basis):
    """The `threshold` basis.

    Attributes:
        widest_form: a virtual bit of more spikes than this gets a neuron.
        tallest: columns of more bits are compressed before the rippling pass; less is shallower, more is smaller.
        chain: bits taken off one sum, one after the other, before the chain is cut in two; less is shallower.
    """

    name = "threshold"
    pick_saving = 1
    largest_sum = LARGEST_SUM  # of a group of columns that one row of neurons takes apart
    run = 8  # carries of an increment that read the bits themselves before one reads a carry

    def __init__(self, widest_form: int = 6, tallest: int = 8, chain: int = 4) -> None:
        super().__init__()
        self.widest_form, self.tallest, self.chain = widest_form, tallest, chain

    def gate(self, terms: Terms, threshold: int) -> Signal:
        """One neuron [sum weight * bit >= threshold] over real and virtual bits."""
        flat: list[tuple[Signal, int]] = []
        for bit, weight in terms:
            if isinstance(bit, Form):
                flat += [(signal, weight * factor) for signal, factor in bit.terms]
                threshold -= weight * bit.constant
            else:
                flat.append((bit, weight))
        return self.builder.gate(flat, threshold)

    def form(self, terms: Iterable[tuple[Bit, int]], constant: int = 0) -> Bit:
        """The virtual bit of a linear form, or a neuron where the form is wide."""
        merged: dict[Signal, int] = {}
        for bit, weight in terms:
            parts = bit if isinstance(bit, Form) else Form(((bit, 1),))
            constant += weight * parts.constant
            for signal, factor in parts.terms:
                if signal == TRUE:
                    constant += weight * factor
                elif signal != FALSE:
                    merged[signal] = merged.get(signal, 0) + weight * factor
        left = tuple(sorted((signal, weight) for signal, weight in merged.items() if weight))
        if not left:
            return TRUE if constant else FALSE
        form = Form(left, constant)
        if len(left) > self.widest_form or (constant == 0 and left == ((left[0][0], 1),)):
            return self.real(form)
        return form

    def real(self, bit: Bit) -> Signal:
        return self.gate([(bit, 1)], 1) if isinstance(bit, Form) else bit

    def not_(self, a: Bit) -> Bit:
        return self.form([(a, -1)], 1)

    def and_(self, *bits: Bit) -> Bit:
        return self.gate([(bit, 1) for bit in bits], len(bits))

    def or_(self, *bits: Bit) -> Bit:
        return self.gate([(bit, 1) for bit in bits], 1)

    def and_any(self, alls: Sequence[Bit], anys: Sequence[Bit]) -> Bit:
        if len(anys) > LARGEST_WEIGHT:
            anys = [self.or_(*anys)]
        return self.gate([*((bit, len(anys)) for bit in alls), *((bit, 1) for bit in anys)], len(anys) * len(alls) + 1)

    def one_of(self, *bits: Bit) -> Bit:
        return self.form([(bit, 1) for bit in bits])

    def between(self, low: Bit, high: Bit) -> Bit:
        return self.form([(low, 1), (high, -1)])

    def pick(self, sources: Word, reach: Word, hidden: Word) -> Bit:
        # A bit ANDed with reach[d] is added where the shift brings it to and taken off where it was: one neuron.
        parts: list[tuple[Bit, int]] = []
        for d, source in enumerate(sources):
            parts.append((self.and_(source, reach[d - 1]) if d else source, 1))
            if d < len(reach):
                parts.append((self.and_(hidden[d], reach[d]), -1))
        return self.form(parts)

    def xor(self, a: Bit, b: Bit) -> Bit:
        return self.form([(a, 1), (b, 1), (self.and_(a, b), -2)])

    def swap(self, condition: Bit, a: Bit, b: Bit) -> tuple[Bit, Bit]:
        first = self.mux(condition, a, b)
        return first, self.form([(a, 1), (b, 1), (first, -1)])

    def at_least(self, terms: Terms, threshold: int) -> Bit:
        terms = capped(terms, threshold)
        if fits(terms):
            return self.gate(terms, threshold)
        columns, constant = positive(terms)
        top = max(0, threshold - constant, largest(columns) + constant - threshold).bit_length()
        columns.append((TRUE, constant - threshold + (1 << top)))
        return self._ripple(self._compress(split(columns), top + 1), top + 1, only_top=True)[-1]

    def sum_bits(self, terms: Terms, width: int, most: int | None = None) -> Word:
        columns, least = positive(terms)
        highest = largest(columns) + least if most is None else min(most, largest(columns) + least)
        # Modulo 2^width: start from the smallest non-negative constant.
        constant = least % (1 << width)
        highest += constant - least
        if highest <= LARGEST_SUM and fits(columns):
            return self._extract(columns, constant, highest, width)
        columns.append((TRUE, constant))
        return self._ripple(self._compress(split(columns), width), width)

    def subtract_if_not_less(self, a: Word, b: Word) -> tuple[Bit, Word]:
        # The borrows between groups do not wait for q; those inside, already ANDed with q, follow in one level.
        size, width = 6, len(b)
        padded = [*b, *[FALSE] * (len(a) - width)]
        starts = range(0, len(a), size)
        entering: dict[int, Bit] = {0: FALSE}
        for start in starts:
            entering[start + size] = self.gate([*_difference(padded, a, start, start + size), (entering[start], 1)], 1)
        taken = self.real(self.not_(entering[starts[-1] + size]))
        borrow: Word = [FALSE]
        for i in range(1, width + 1):
            start = (i - 1) // size * size
            terms = [*_difference(padded, a, start, i), (entering[start], 1), (taken, 1 << size)]
            borrow.append(self.gate(terms, (1 << size) + 1))
        # r - q * d - borrow + 2 * following, where q AND d counts half for each of the two spikes.
        return taken, [
            self.gate([(a[i], 2), (taken, -1), (b[i], -1), (borrow[i], -2), (borrow[i + 1], 4)], 1)
            for i in range(width)
        ]

    def increment(self, word: Word, carry: Bit, clear: Bit, ones: Bit) -> tuple[Word, Bit]:
        out: Word = []
        start, entering = 0, carry
        for i, bit in enumerate(word):
            if i - start == self.run:
                start, entering = i, carry
            run = [(b, 1) for b in word[start : i + 1]]
            following = self.gate([*run, (entering, 1)], len(run) + 1)
            out.append(self.gate([(bit, 1), (carry, 1), (following, -2), (clear, -2), (ones, 4)], 1))
            carry = following
        return out, carry

    def _extract(
        self, terms: Terms, constant: int, highest: int, width: int, taken: Sequence[tuple[Bit, int]] = ()
    ) -> Word:
        """Bits of constant + sum of terms, 0..highest, from the top: [sum - higher bits >= 2^i]; the lowest is virtual.

        `taken` holds bits above `highest` that are known already, with the negative weights that take them off.
        """
        off = list(taken)
        bits: Word = []
        for i in range(highest.bit_length() - 1, 0, -1):
            bit = self.gate([*terms, *off], (1 << i) - constant)
            off.append((bit, -(1 << i)))
            bits.append(bit)
        if highest:
            bits.append(self.form([*terms, *off], constant))
        word = bits[::-1]
        return (word + [FALSE] * width)[:width]

    def _group(self, columns: Columns, start: int, entering: Terms, width: int) -> tuple[int, int]:
        """(columns, largest sum) of the longest run from `start` whose sum one row of neurons can take apart."""
        total, span = sum(weight for _, weight in entering), 0
        carried: dict[Signal, int] = {}
        while start + span < width:
            column = columns[start + span]
            more = total + (sum(weight for _, weight in column) << span)
            heaviest = load(carried, column, span)
            if span and (more > self.largest_sum or heaviest > LARGEST_WEIGHT):
                break
            total, span = more, span + 1
        return span, total

    def _compress(self, columns: Columns, width: int) -> Columns:
        """Columns of at most `tallest` bits with the same sum modulo 2^width."""
        columns = (columns + [[] for _ in range(width)])[:width]
        tallest = min(self.tallest, _LONG_TALLEST) if width > _LONG else self.tallest
        while max(map(len, columns)) > tallest:
            after: Columns = [[] for _ in range(width)]
            start = 0
            while start < width:
                if len(columns[start]) <= tallest:
                    after[start] += columns[start]
                    start += 1
                    continue
                part = first_that_fit(columns[start], self.largest_sum)
                if len(part) < len(columns[start]):
                    span, terms, total = 0, part, largest(part)
                    columns[start] = columns[start][len(part) :]
                else:
                    span, total = self._group(columns, start, [], width)
                    terms = joined(columns, start, span)
                for i, bit in enumerate(self._extract(terms, 0, total, width - start)):
                    if bit != FALSE:
                        after[start + i].append((bit, 1))
                start += span
            columns = after
        return columns

    def _ripple(self, columns: Columns, width: int, only_top: bool = False) -> Word:
        """The sum of the columns modulo 2^width, group after group, each taking what the one below carries."""
        columns = (columns + [[] for _ in range(width)])[:width]
        word: Word = []
        entering: Terms = []
        start = 0
        while start < width:
            span, total = self._group(columns, start, entering, width)
            terms = [*entering, *joined(columns, start, span)]
            if only_top and start + span >= width:
                return [self.gate(terms, 1 << (span - 1))]
            bits = self._group_bits(columns, start, span, entering, total, width)
            word += bits[:span]
            entering = [(bit, 1 << i) for i, bit in enumerate(bits[span:]) if bit != FALSE]
            start += span
        return word

    def _group_bits(self, columns: Columns, start: int, span: int, entering: Terms, total: int, width: int) -> Word:
        """The bits of one group; a chain longer than `chain` is cut in two by the carry between its halves."""
        terms = [*entering, *joined(columns, start, span)]
        low = span // 2
        low_terms = [*entering, *joined(columns, start, low)]
        low_total = sum(weight for _, weight in low_terms)
        if span <= self.chain or low_total >= 2 << low or total >= 2 << span:
            return self._extract(terms, 0, total, width - start)
        # Virtual bits can look heavier than they are: a carry that cannot be gets no neuron.
        carry = self.gate(low_terms, 1 << low) if low_total >> low else FALSE
        high_terms = [
            (carry, 1),
            *((bit, weight >> low) for bit, weight in joined(columns, start + low, span - low, low)),
        ]
        off: list[tuple[Bit, int]] = []
        out: Word = []
        if total >= 1 << span and start + span <= width:
            out = [self.gate(terms, 1 << span)]
            off = [(out[0], -(1 << (span - low)))]
        high_total = min(sum(weight for _, weight in high_terms), (1 << (span - low)) - 1)
        lower = self._extract(low_terms, 0, min(low_total, (1 << low) - 1), low, [(carry, -(1 << low))])
        upper = self._extract(high_terms, 0, high_total, span - low, off)
        return ([*lower, *upper, *out] + [FALSE] * width)[: width - start]


def _difference(a: Word, b: Word, start: int, end: int) -> list[tuple[Bit, int]]:
    """Terms of a - b over the bits start..end - 1, the first of weight 1."""
    return [*weighted(a[start:end]), *weighted(b[start:end], -1)]
