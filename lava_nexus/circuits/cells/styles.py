"""The threshold cells in two further styles: "energy" for fewer synapses, "depth" for fewest time steps.

Energy: a group of columns is narrower, so that fewer neurons read each of its spikes; a carry of an increment reads few
bits and the carry before it; the normaliser of an addition shares its ANDs; a few more neurons.

Depth: carries by look-ahead, every bit of a group at once. The carry into column i of a group is the number of k >= 1
with [sum of the columns below >= k * 2^i]: a thermometer of gates that do not wait for each other. The sum bit is then
the virtual bit column + carry in - 2 * carry out.
"""

from __future__ import annotations

from lava_nexus.circuits.cells.basis import Basis, Bit, Terms, Word
from lava_nexus.circuits.cells.columns import (
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
from lava_nexus.circuits.cells.threshold import Threshold
from lava_nexus.neurons import FALSE, TRUE, Signal


class Frugal(Threshold):
    """The `threshold` basis in the style "energy"."""

    style = "energy"
    largest_sum = 63
    run = 2
    nested_sums = True


_ROWS = 2  # columns are brought to this height before carries look ahead
_RIPPLED = 2  # as many groups as this take each other's carries without look-ahead


class Shallow(Threshold):
    """The threshold basis in the style of least depth."""

    style = "depth"
    run = 64
    stage_cost = 80
    pick_saving = 0

    def pick(self, sources: Word, reach: Word, hidden: Word) -> Bit:
        return Basis.pick(self, sources, reach, hidden)

    def at_least(self, terms: Terms, threshold: int) -> Bit:
        terms = capped(terms, threshold)
        if fits(terms):
            return self.gate(terms, threshold)
        columns, constant = positive(terms)
        top = max(0, threshold - constant, largest(columns) + constant - threshold).bit_length()
        columns.append((TRUE, constant - threshold + (1 << top)))
        return self._look_ahead(split(columns, odd=1), top)[1]

    def sum_bits(self, terms: Terms, width: int, most: int | None = None) -> Word:
        columns, least = positive(terms)
        columns.append((TRUE, least % (1 << width)))
        return self._look_ahead(split(columns, odd=1), width)[0]

    def _look_ahead(self, columns: Columns, width: int) -> tuple[Word, Bit]:
        """(the sum modulo 2^width, [sum >= 2^width] where it is below 2^(width + 1))."""
        columns = (columns + [[] for _ in range(width + 1)])[: width + 1]
        groups = self._groups(columns, width)
        if len(groups) > _RIPPLED:
            columns = self._counted(columns, width + 1)
            groups = self._groups(columns, width)
        ahead = len(groups) > _RIPPLED and all(len(column) <= _ROWS for column in columns)
        entering: list[list[Bit]] = self._carries(columns, groups) if ahead else []
        word: Word = []
        carry: list[Bit] = []
        for j, (start, span) in enumerate(groups):
            carry = entering[j] if ahead else carry
            bits, carry = self._parallel(columns, start, span, carry)
            word += bits
        # What the columns themselves hold at 2^width excludes a carry into it.
        return word, self.or_(*(bit for bit, _ in columns[width]), *carry[:1])

    def _groups(self, columns: Columns, width: int) -> list[tuple[int, int]]:
        """(start, columns) of runs whose weights one neuron can carry."""
        groups: list[tuple[int, int]] = []
        start = 0
        while start < width:
            carried: dict[Signal, int] = {}
            span = 0
            while start + span < width and (
                (load(carried, columns[start + span], span) <= LARGEST_WEIGHT and 1 << span <= LARGEST_WEIGHT)
                or not span
            ):
                span += 1
            groups.append((start, span))
            start += span
        return groups

    def _counted(self, columns: Columns, width: int) -> Columns:
        """Columns of at most two bits with the same sum: a counter for each taller one, layer after layer."""
        while max(map(len, columns)) > _ROWS:
            after: Columns = [[] for _ in range(width)]
            for i, column in enumerate(columns):
                if len(column) <= _ROWS:
                    after[i] += column
                    continue
                while column:
                    part = first_that_fit(column)
                    column = column[len(part) :]
                    for j, bit in enumerate(self._extract(part, 0, largest(part), width - i)):
                        if bit != FALSE:
                            after[i + j].append((bit, 1))
            columns = after
        return columns

    def _carries(self, columns: Columns, groups: list[tuple[int, int]]) -> list[list[Bit]]:
        """The carry into each group: [sum of 2^j * (generate_j + propagate_j) >= 2^n] over the n groups j below."""
        lines: list[tuple[Bit, Bit]] = []
        for start, span in groups[:-1]:
            terms = joined(columns, start, span)
            lines.append((self.gate(terms, 1 << span), self.gate(terms, (1 << span) - 1)))
        out: list[list[Bit]] = [[]]
        for n in range(1, len(groups)):
            low = max(0, n - 7)
            terms = [(line, 1 << (j - low)) for j in range(low, n) for line in lines[j]]
            if low:
                terms += [(bit, 1) for bit in out[low]]
            out.append([self.gate(terms, 1 << (n - low))])
        return out

    def _parallel(self, columns: Columns, start: int, span: int, entering: list[Bit]) -> tuple[Word, list[Bit]]:
        """(sum bits, carry out as a thermometer) of one group, all of its carries at once."""
        carry = entering
        word: Word = []
        for i in range(span):
            terms = [*((bit, 1) for bit in entering), *joined(columns, start, i + 1)]
            most = sum(weight for _, weight in terms)
            thermometer = [self.gate(terms, k << (i + 1)) for k in range(1, (most >> (i + 1)) + 1)]
            following: Word = [bit for bit in thermometer if bit != FALSE]
            here = [*columns[start + i], *((bit, 1) for bit in carry), *((bit, -2) for bit in following)]
            word.append(self.form(here))
            carry = following
        return word, carry
