"""A smooth function of a fixed-point word by polynomials over segments: f(x) = a0 + a1 * u + a2 * u^2 + ...

The leading bits of x choose a segment with its coefficients, u is the place inside it. Segments are dyadic and as wide
as the tolerance lets them be; a wider one masks fewer bits of u. Up to degree 3 the powers of u are formed side by
side; beyond, where they would cost more, by Horner's rule, t_k = a_k + u * t_(k+1). There t_k carries no sign bit where
its sign is the same in all segments, and its width is that of the largest value it takes. Products leave out low
columns, whose mean is added to a0.

Error: that of the polynomials (`fitting`), and what cut products miss: below `_SLACK` units of the last place.
Source: J.-M. Muller, "Elementary Functions: Algorithms and Implementation", 3rd edition, 2016 (tables and polynomials).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lava_nexus.circuits.functions.integers import Integers, Product, Sum

W = TypeVar("W")

_MOST_POWERS = 3  # degree up to which the powers of u are formed
_SLACK = 64  # units of the last place by which cut products can miss


@dataclass(frozen=True)
class Piecewise:
    """Segments of an index word and their coefficients.

    Attributes:
        starts: first index of each segment.
        free: log2 of its length.
        columns: coefficients a0, a1, ... in units of 2^-precision, one for each segment.
        precision: fraction bits of coefficients and result.
        place_bits: bits of the place inside a segment; longer segments hold constants.
        exact: the segments whose a0 stands as it is; to the others what products lose on the average is added.
    """

    starts: tuple[int, ...]
    free: tuple[int, ...]
    columns: tuple[tuple[int, ...], ...]
    precision: int
    place_bits: int
    exact: tuple[bool, ...]

    def with_constant(self, value: int, start: int, end: int) -> Piecewise:
        """These segments and a constant over start .. end - 1."""
        starts, free = list(self.starts), list(self.free)
        while start < end:
            bits = min((start & -start).bit_length() - 1 if start else end.bit_length(), (end - start).bit_length() - 1)
            starts, free, start = [*starts, start], [*free, bits], start + (1 << bits)
        more = len(starts) - len(self.starts)
        columns = tuple((*column, *[value if i == 0 else 0] * more) for i, column in enumerate(self.columns))
        exact = (*self.exact, *[True] * more)
        return Piecewise(tuple(starts), tuple(free), columns, self.precision, self.place_bits, exact)

    def joined(self, other: Piecewise, offset: int) -> Piecewise:
        """These segments and, at indices `offset` higher, those of another function of the same precision."""
        if self.precision != other.precision or len(self.columns) != len(other.columns):
            raise ValueError("segments of unlike polynomials cannot be joined")
        place_bits = max(self.place_bits, other.place_bits)
        both = zip(self._rescaled(place_bits), other._rescaled(place_bits), strict=True)
        starts = (*self.starts, *(start + offset for start in other.starts))
        columns = tuple((*p, *q) for p, q in both)
        exact = (*self.exact, *other.exact)
        return Piecewise(starts, (*self.free, *other.free), columns, self.precision, place_bits, exact)

    def _rescaled(self, place_bits: int) -> list[list[int]]:
        """The coefficients of u^i for a u in units of 2^place_bits."""
        more = place_bits - self.place_bits
        return [[entry << (i * more) for entry in column] for i, column in enumerate(self.columns)]


def evaluate(on: Integers[W], index: W, pieces: Piecewise, width: int, adjust: int = 0) -> W:
    """f(index) in units of 2^-precision, `width` bits; `adjust` is added."""
    if len(pieces.columns) > _MOST_POWERS + 1:
        return _by_horner(on, index, pieces, width, adjust)
    encoded = [_encoded(column) for column in pieces.columns[1:]]
    sizes = [bits for _, _, bits in encoded]
    powers, lost = _powers(on, on.constant(0, pieces.place_bits), sizes)
    dropped = [_dropped(column, on.width(power)) for column, power in zip(encoded, powers, strict=True)]
    base = []
    rows = zip(pieces.columns[0], pieces.exact, zip(*dropped, strict=True), *pieces.columns[1:], strict=True)
    for entry, exact, mean, *high in rows:
        loss = sum(mean) + sum(a * loss for a, loss in zip(high, lost, strict=True)) + adjust
        base.append(entry if exact else entry + int(np.rint(loss)))
    columns = [base, *(entries for _, entries, _ in encoded)]
    words, place = on.lookup(index, pieces.starts, pieces.free, columns, [width, *sizes], pieces.place_bits)
    powers, _ = _powers(on, place, sizes)
    return on.accumulate(_products(on, words[1:], powers, encoded), on.value(words[0]), width)


def _products(
    on: Integers[W], coefficients: list[W], powers: list[W], encoded: list[tuple[int, list[int], int]]
) -> list[Product[W]]:
    return [
        Product(coefficient, power, -on.width(power), sign or 1, signed=sign == 0)
        for coefficient, power, (sign, _, _) in zip(coefficients, powers, encoded, strict=True)
    ]


def _dropped(column: tuple[int, list[int], int], columns: int) -> list[float]:
    """For each coefficient the mean of the cells of so many low columns of it times random bits."""
    sign, entries, width = column
    bits = np.array(entries, dtype=object)[:, None] >> np.arange(width, dtype=object) & 1
    means = np.maximum(1 - 2.0 ** (np.arange(width) - columns), 0) / 2
    means[-1] *= 1 if sign else -1
    found: list[float] = (bits.astype(np.float64) @ means * (sign or 1)).tolist()
    return found


def _powers(on: Integers[W], place: W, sizes: list[int]) -> tuple[list[W], list[float]]:
    """(u, u^2, ... each cut to one bit more than its coefficient has; the mean of what each lacks)."""
    powers, lost = [place], [0.0]
    for size in sizes[1:]:
        kept = min(size + 1, on.width(powers[-1]) + on.width(place))
        a, b = (on.part(w, max(on.width(w) - kept, 0), on.width(w)) for w in (place, powers[-1]))
        cells = Product(a, a if len(powers) == 1 else b, min(kept - on.width(a) - on.width(b), 0))
        powers.append(on.accumulate([cells], Sum([]), kept))
        lost.append(float(np.ldexp(on.loss(cells), -kept)) + lost[-1] / 2)
    return powers, lost


def _encoded(column: tuple[int, ...]) -> tuple[int, list[int], int]:
    """(sign, or 0 for two's complement; entries; width) of a coefficient."""
    low, high = min(column), max(column)
    if low >= 0 or high <= 0:
        return (1 if low >= 0 else -1), [abs(entry) for entry in column], max(high, -low).bit_length()
    width = max(high.bit_length(), (-low - 1).bit_length()) + 1
    return 0, [entry % (1 << width) for entry in column], width


@dataclass(frozen=True)
class _Level:
    """How t_k is written.

    Attributes:
        sign: of all its values; 0 for two's complement.
        width: bits.
    """

    sign: int
    width: int

    @property
    def frame(self) -> int:
        """What t_k is multiplied by before it is written."""
        return self.sign or 1


def _by_horner(on: Integers[W], index: W, pieces: Piecewise, width: int, adjust: int) -> W:
    """t_k = a_k + u * t_(k+1) for k = degree .. 0."""
    shortest, longest = min(pieces.free), pieces.place_bits
    coefficients = _of_whole_segments(pieces)
    levels = [_Level(1, width), *_levels(coefficients)]
    blank = on.constant(0, longest)
    columns = [[longest - min(bits, longest) for bits in pieces.free]]
    for k, level in enumerate(levels):
        column, above = coefficients[k], levels[k + 1 :]
        lost = round(on.loss(_times(on, on.constant(0, above[0].width), blank, level, above[0]))) if above else 0
        moving = [any(rest) for rest in zip(*coefficients[k + 1 :], strict=True)] if above else [False] * len(column)
        entries = [level.frame * entry + (lost if some else 0) for entry, some in zip(column, moving, strict=True)]
        if k == 0:
            exact = zip(column, entries, pieces.exact, strict=True)
            entries = [plain if as_it_is else entry + adjust for plain, entry, as_it_is in exact]
        columns.append([entry % (1 << level.width) for entry in entries])
    sizes = [max(*column, 1).bit_length() for column in columns]
    (up, *words), u = on.lookup(index, pieces.starts, pieces.free, columns, sizes, longest)
    if shortest < longest:
        u = on.part(on.align(u, -on.value(up) + (longest - shortest), longest - shortest), 0, longest)
    total = words[-1]
    for k in range(len(levels) - 2, -1, -1):
        product = _times(on, total, u, levels[k], levels[k + 1])
        total = on.accumulate([product], on.value(words[k]), levels[k].width)
    return total


def _times(on: Integers[W], t: W, u: W, into: _Level, level: _Level) -> Product[W]:
    """The part of t_k that t_(k+1) brings."""
    return Product(t, u, -on.width(u), into.frame * level.frame, signed=level.sign == 0)


def _of_whole_segments(pieces: Piecewise) -> list[list[int]]:
    """The coefficients of u that goes from 0 to 1 in every segment."""
    shorter = [max(pieces.place_bits - bits, 0) for bits in pieces.free]
    return [
        [(entry + ((1 << (k * less)) >> 1)) >> (k * less) for entry, less in zip(column, shorter, strict=True)]
        for k, column in enumerate(pieces.columns)
    ]


def _levels(coefficients: list[list[int]]) -> list[_Level]:
    """How t_1, t_2, ... are written."""
    low = high = [0] * len(coefficients[0])
    levels: list[_Level] = []
    for column in reversed(coefficients[1:]):
        low = [c + min(0, t) for c, t in zip(column, low, strict=True)]
        high = [c + max(0, t) for c, t in zip(column, high, strict=True)]
        levels.append(_level(low, high, _SLACK if levels else 0))
    return levels[::-1]


def _level(low: Sequence[int], high: Sequence[int], slack: int) -> _Level:
    some = [(a, b) for a, b in zip(low, high, strict=True) if a or b]
    least, most = min(a for a, _ in some) - slack, max(b for _, b in some) + slack
    size = max(most, -least).bit_length()
    return _Level(1, size) if least >= 0 else _Level(-1, size) if most <= 0 else _Level(0, size + 1)
