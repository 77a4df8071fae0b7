"""Tables as decision diagrams over the bits of their index, the highest first; columns share what they have in common.

Source: R. E. Bryant, "Graph-based algorithms for Boolean function manipulation", IEEE Transactions on Computers 35(8),
1986.
"""

from __future__ import annotations

from collections.abc import Sequence

from lava_nexus.circuits.cells import Bit, Word
from lava_nexus.circuits.functions.build import Build


class Tables(Build):
    """The program of a function in cells of look-ups; tables take multiplexers in place of lines."""

    def lookup(
        self,
        index: Word,
        starts: Sequence[int],
        free: Sequence[int],
        columns: Sequence[Sequence[int]],
        widths: Sequence[int],
        place_bits: int,
    ) -> tuple[list[Word], Word]:
        """One word for each column, and the place inside the segment."""
        low = min(free)
        spans = [(start >> low, 1 << (bits - low)) for start, bits in zip(starts, free, strict=True)]
        known: dict[tuple[int, int], Bit] = {}

        def bit_where(chosen: Sequence[int]) -> Bit:
            mask = 0
            for (start, span), one in zip(spans, chosen, strict=True):
                if one:
                    mask |= ((1 << span) - 1) << start
            return self._diagram(index[low:], mask, known)

        words = [
            [bit_where([entry >> j & 1 for entry in entries]) for j in range(width)]
            for entries, width in zip(columns, widths, strict=True)
        ]
        place = index[: min(low, place_bits)]
        for k in range(len(place), place_bits):
            place.append(self.basis.and_(index[k], bit_where([bits > k for bits in free])))
        return words, place

    def _diagram(self, index: Word, mask: int, known: dict[tuple[int, int], Bit]) -> Bit:
        """Bit `index` of the mask."""
        every = (1 << (1 << len(index))) - 1
        if mask in (0, every):
            return self.basis.one if mask else self.basis.zero
        name = len(index), mask
        if name not in known:
            half = 1 << (len(index) - 1)
            low, high = mask & every >> half, mask >> half
            if (len(index), mask ^ every) in known:
                known[name] = self.basis.not_(known[len(index), mask ^ every])
            elif high == low ^ every >> half:
                known[name] = self.basis.xor(index[-1], self._diagram(index[:-1], low, known))
            else:
                parts = (self._diagram(index[:-1], part, known) for part in (high, low))
                known[name] = self.basis.mux(index[-1], *parts)
        return known[name]
