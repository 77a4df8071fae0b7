"""Polynomials over segments by Horner's rule, t_k = a_k + u * t_(k+1): where powers of u would cost more.

t_k carries no sign bit where its sign is the same in all segments; its width is that of the largest value it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from lava_nexus.circuits.functions.integers import Integers, Product

if TYPE_CHECKING:
    from lava_nexus.circuits.functions.piecewise import Piecewise

W = TypeVar("W")

_SLACK = 64  # units of the last place by which cut products can miss


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


def evaluate(on: Integers[W], index: W, pieces: Piecewise, width: int, adjust: int = 0) -> W:
    """f(index) in units of 2^-precision, `width` bits; `adjust` is added."""
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
