"""Polynomials over segments fitted to a real function: max |f(x) - p(x)| <= tolerance, sampled on each segment.

Coefficients interpolate f at the Chebyshev points of a segment, which comes near the minimax polynomial; a segment that
misses the tolerance is halved. Those in multiple precision are kept on disk. Source: J.-M. Muller, "Elementary
Functions: Algorithms and Implementation", 3rd edition, 2016 (Chebyshev interpolation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.piecewise import Piecewise
from lava_nexus.circuits.functions.real import LONGDOUBLE_ENOUGH, Arithmetic, Real, arithmetic
from lava_nexus.disk_cache import cached, source_digest


@dataclass(frozen=True)
class Approximation:
    """How a function is approximated over an index word.

    Attributes:
        index_bits: fraction bits of the index word.
        precision: fraction bits of coefficients and result.
        degree: of the polynomials.
        tolerance: largest error of a polynomial.
        widest: log2 of the longest segment, in units of the index.
    """

    index_bits: int
    precision: int
    degree: int
    tolerance: float
    widest: int


def in_binades(function: Real, end: float, binades: int, of: Callable[[Real, float, float], Piecewise]) -> Piecewise:
    """Segments of 0 .. end by `of` (function, start, end); in the first `binades` from 1 on times 2 to the binade."""
    pieces = of(function, 0.0, min(end, 1.0) if binades else end)
    for k in range(binades):
        if 2.0**k < end:
            pieces = pieces.joined(of(function.doubled(k), 2.0**k, min(end, 2.0 ** (k + 1))), 0)
    return pieces


def fit(function: Real, how: Approximation, end: float, start: float = 0.0, anchored: bool = False) -> Piecewise:
    """Segments of [start, end) on which polynomials stay within the tolerance of the function.

    Args:
        function: of a real number.
        how: widths, degree and tolerance.
        end: above `start`.
        start: of the first segment.
        anchored: whether f(start) itself is to come out exactly (rounded to the precision).
    """
    if how.precision <= LONGDOUBLE_ENOUGH:
        return _fitted(function, how, end, start, anchored)
    key = f"{function.name} {how} {end} {start} {anchored} {_sources()}"

    def build() -> Piecewise:
        return _fitted(function, how, end, start, anchored)

    return cached("polynomials", key, build, _save, _load, f"fitting {function.name}")


def _fitted(function: Real, how: Approximation, end: float, start: float, anchored: bool) -> Piecewise:
    fraction_bits, precision, degree, widest = how.index_bits, how.precision, how.degree, how.widest
    numbers, step = arithmetic(precision), 1 << widest
    first, last = int(np.ldexp(start, fraction_bits)) // step, ceil(np.ldexp(end, fraction_bits) / step)
    pending = np.array([i * step for i in range(first, last)], dtype=object)
    free = widest
    found: list[tuple[int, int, NDArray[Any]]] = []
    while len(pending):
        coefficients, error = _interpolate(numbers, function, pending, free, fraction_bits, degree)
        good = (error <= how.tolerance).astype(bool) | (free <= 1)
        found += [(int(s), free, c) for s, c in zip(pending[good], coefficients[good], strict=True)]
        rest = pending[~good]
        free -= 1
        pending = np.sort(np.concatenate([rest, rest + (1 << free)]))
    found.sort(key=lambda segment: segment[0])
    place_bits = max(bits for _, bits, _ in found)
    columns = []
    for i in range(degree + 1):
        columns.append([numbers.nearest(c[i], precision + i * (place_bits - bits)) for _, bits, c in found])
    if anchored:
        at = numbers.scaled([[first * step]], -fraction_bits)
        columns[0][0] = numbers.nearest(numbers.values(function, at)[0, 0], precision)
    starts, lengths = tuple(s for s, _, _ in found), tuple(b for _, b, _ in found)
    as_it_is = tuple(anchored and i == 0 for i in range(len(found)))
    return Piecewise(starts, lengths, tuple(map(tuple, columns)), precision, place_bits, as_it_is)


def _interpolate(
    numbers: Arithmetic, function: Real, starts: NDArray[Any], free: int, fraction_bits: int, degree: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(coefficients of u in 0..1, [segments, degree + 1]; largest sampled error) for segments of one length."""
    nodes, zero = numbers.nodes(degree), numbers.scaled(0, 0)
    origin = numbers.scaled(starts, -fraction_bits)[:, None]
    length = numbers.scaled(1, free - fraction_bits)
    values = numbers.values(function, origin + length * nodes)
    # Newton's divided differences, then the powers of u.
    differences = [values[:, i] for i in range(degree + 1)]
    for order in range(1, degree + 1):
        for i in range(degree, order - 1, -1):
            differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - order])
    powers = np.full((len(starts), degree + 1), zero)
    for i in range(degree, -1, -1):
        shifted = np.concatenate([np.full((len(starts), 1), zero), powers[:, :-1]], axis=1)
        powers = shifted - nodes[i] * powers
        powers[:, 0] += differences[i]
    samples = numbers.scaled(np.arange(4 * degree + 5), 0) / (4 * degree + 4)
    error = np.abs(numbers.values(function, origin + length * samples) - _horner(powers, samples))
    return powers, np.asarray(error.max(axis=1))


def _horner(powers: NDArray[Any], u: NDArray[Any]) -> NDArray[Any]:
    total = np.repeat(powers[:, -1:], len(u), axis=1)
    for i in range(powers.shape[1] - 2, -1, -1):
        total = total * u + powers[:, i : i + 1]
    return total


@lru_cache(maxsize=1)
def _sources() -> str:
    return source_digest(*map(str, sorted(Path(__file__).parent.glob("*.py"))))


def _save(pieces: Piecewise) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    return {}, asdict(pieces)


def _load(_: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Piecewise:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in metadata.items()
    }
    return Piecewise(**{**fields, "columns": tuple(map(tuple, metadata["columns"]))})
