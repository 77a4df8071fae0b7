"""Functions by chords: K segments of an interval, a slope of 8 bits and an intercept of 16 bits each, as synapses.

Segment j is addressed by thermometer neurons [x >= edge_j]; its slope is the weight of a graded neuron that carries
x - edge_j where j is the last edge reached, its intercept that of a one-hot neuron. Source: NLSpike, arXiv 2605.20289
(64 chords of exp on [-5, 5], a table of K values of 8 and 16 bits). Ours: a slope is 8 bits with an exponent of its
own, and the intercept is the value at the segment's left edge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.populations.builder import Cells, PopulationBuilder, Term, each, matrix
from lava_nexus.populations.fixed_point import LIF_WIDTH, WIDTH, Integers, constant

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

TABLE_BITS = (8, 16)


@dataclass(frozen=True, eq=False)
class ChordTable:
    """Chords of a positive function on [low, high], in fixed point.

    Attributes:
        edges: int64 [K]; left edges in steps of the operand above `low`, the first is 0.
        length: steps of the whole interval.
        slopes: for each part of a slope (8 bits each), mantissas [K] and shifts [K].
        intercepts: int64 [K]; values at the edges in steps of the result.
    """

    edges: Integers
    length: int
    slopes: tuple[tuple[Integers, Integers], ...]
    intercepts: Integers

    def __call__(self, offset: Integers) -> Integers:
        """Values at offset - 1 steps above `low`, clamped above; 0 where the offset is 0 or less, below `low`."""
        x = np.minimum(offset, self.length + 1) - 1
        j = np.searchsorted(self.edges, x, side="right") - 1
        rest = x - self.edges[j]
        value = self.intercepts[j]
        for mantissa, shift in self.slopes:
            up, down = np.maximum(-shift, 0)[j], np.maximum(shift, 0)[j]
            value = value + ((rest * mantissa[j] << up) >> down)
        return np.where(offset > 0, value, 0)


def chord_table(
    function: Function,
    low: float,
    high: float,
    segments: int,
    in_fraction: int,
    out_fraction: int,
    slope_bits: int = 8,
    intercept_bits: int = 16,
) -> ChordTable:
    """Chords of `function` between the edges of equal segments; operand and result in fixed point.

    Raises:
        NexusError: an interval, number of segments or width that makes no table.
    """
    length = round((high - low) * 2**in_fraction)
    if not 1 <= segments <= min(1024, max(length, 1)):
        raise NexusError(f"table of {segments} chords is outside 1..{min(1024, max(length, 1))}")
    if slope_bits not in TABLE_BITS or intercept_bits not in TABLE_BITS:
        raise NexusError(f"table of {slope_bits}-bit slopes and {intercept_bits}-bit intercepts: each must be 8 or 16")
    if length >= 1 << LIF_WIDTH:
        raise NexusError(
            f"table over {length} steps is longer than the {(1 << LIF_WIDTH) - 1} that LIF neurons can take"
        )
    edges = np.round(np.arange(segments + 1) * length / segments).astype(np.int64)
    values = function(low + edges / 2**in_fraction) * 2**out_fraction
    if values.max() >= 1 << WIDTH:
        raise NexusError(f"table value {values.max():.0f} does not fit {WIDTH} bits")
    slopes = np.diff(values) / np.diff(edges)
    if (slopes < 0).any() and (slopes > 0).any():
        raise NexusError("chords of a function that is not monotonic do not fit weights of one sign")
    return ChordTable(
        edges[:-1],
        length,
        _slope_parts(slopes, slope_bits),
        np.array([_rounded(v, intercept_bits) for v in values[:-1]], np.int64),
    )


def _slope_parts(slopes: NDArray[np.float64], bits: int) -> tuple[tuple[Integers, Integers], ...]:
    parts = [constant(abs(s), bits).parts if s else () for s in slopes]
    sign = -1 if (slopes < 0).any() else 1
    found = []
    for i in range(max((len(p) for p in parts), default=0)):
        chosen = [p[i] if i < len(p) else (0, 0) for p in parts]
        found.append((np.array([sign * m for m, _ in chosen]), np.array([s for _, s in chosen])))
    return tuple(found)


def _rounded(value: float, bits: int) -> int:
    """The value as an integer of so many significant bits."""
    whole = round(value)
    spare = max(0, whole.bit_length() - bits)
    return (whole + (1 << spare >> 1)) >> spare << spare


def look_up(b: PopulationBuilder, x: Cells, table: ChordTable, bounded: bool) -> list[Term]:
    """Terms that add up to table(x), for x [n] in steps from `low`, plus 1; x = 0 gives 0.

    Args:
        bounded: whether x is at most length + 1; without, one more neuron a value cuts it.
    """
    n, k = x.size, len(table.edges)
    beyond = [] if bounded else [b.graded("beyond", n, each(x), matrix(b.strobe, range(n), 0, -(table.length + 1)))]
    rows = np.arange(n * k)
    value, j = np.divmod(rows, k)
    inner = j < k - 1
    gate = 1 << (table.length + 1).bit_length()
    less = [matrix(cells, rows, value, -1) for cells in beyond]
    reached = b.bits("edge", n * k, matrix(x, rows, value, 1), *less, matrix(b.strobe, rows, 0, -table.edges[j]))
    offset = b.graded(
        "offset",
        n * k,
        matrix(x, rows, value, 1),
        *less,
        matrix(b.strobe, rows, 0, -(1 + table.edges[j] + gate)),
        matrix(reached, rows, rows, gate),
        matrix(reached, rows[inner], rows[inner] + 1, -gate),
    )
    chosen = b.bits("segment", n * k, matrix(reached, rows, rows, 1), matrix(reached, rows[inner], rows[inner] + 1, -1))
    terms = [matrix(chosen, value, rows, table.intercepts[j])]
    for mantissa, shift in table.slopes:
        left = shift[j] <= 0
        up = mantissa[j] * (1 << np.maximum(-shift[j], 0))
        terms.append(matrix(offset, value[left], rows[left], up[left]))
        for right in np.unique(shift[shift > 0]):
            here = (shift[j] == right) & (mantissa[j] != 0)
            terms.append(matrix(offset, value[here], rows[here], mantissa[j][here], int(right)))
    return terms
