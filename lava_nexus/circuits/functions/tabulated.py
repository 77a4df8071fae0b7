"""Functions of 8-bit formats by steps: two levels of neurons, correctly rounded on every input by construction.

Over the patterns in order the result is a staircase. One neuron for each step says whether the operand has reached it;
a bit of the result is the OR of the intervals in which it is 1. Where the result's magnitude does not depend on the
sign of the operand, one staircase over magnitudes serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.cells import Basis, Bit, Word, weighted
from lava_nexus.circuits.circuit import Golden
from lava_nexus.circuits.reference import convert
from lava_nexus.formats import FLOAT64, FloatFormat

Exact = Callable[[NDArray[Any]], NDArray[Any]]


@lru_cache(maxsize=64)
def table(exact: Exact, fmt: FloatFormat) -> tuple[int, ...]:
    """The rounded result of every pattern, for a function of longdouble arrays."""
    patterns = np.arange(1 << fmt.bits, dtype=fmt.pattern_dtype)
    with np.errstate(all="ignore"):
        values = exact(fmt.from_patterns(patterns).astype(np.float64).astype(np.longdouble))
    return tuple(int(p) for p in rounded(values, fmt))


def rounded(values: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    """Longdouble values to patterns, rounded once: for formats narrower than FP64 through FP64 rounded to odd."""
    if fmt == FLOAT64:
        return fmt.canonical(values.astype(np.float64).view(np.uint64))
    with np.errstate(all="ignore"):
        nearest = values.astype(np.float64)
        inexact = (nearest != values) & np.isfinite(values)
        truncated = nearest.view(np.uint64) - (np.abs(nearest) > np.abs(values))
    odd = np.where(inexact, truncated | np.uint64(1), nearest.view(np.uint64))
    return convert(FLOAT64, fmt)(odd)


def golden(exact: Exact, fmt: FloatFormat) -> Golden:
    """Patterns to patterns by the table."""
    entries = np.array(table(exact, fmt), dtype=fmt.pattern_dtype)
    return lambda patterns: entries[patterns]


def staircase(basis: Basis, a: Word, exact: Exact, fmt: FloatFormat) -> Word:
    """The function's neurons."""
    entries, half = table(exact, fmt), 1 << (fmt.bits - 1)
    plus, minus = entries[:half], entries[half:]
    sign, low = a[-1], half - 1
    if all((p ^ m) & low == 0 for p, m in zip(plus, minus, strict=True)):
        word = _bits(_reached(basis, a[:-1], [], basis.one, plus, low), fmt.bits - 1, basis)
        return [*word, _sign_bit(basis, a, plus, minus, low)]
    steps = _reached(basis, a[:-1], [(sign, -half)], basis.not_(sign), plus, 2 * half - 1)
    steps += _reached(basis, a[:-1], [(sign, half), (basis.one, -half)], sign, minus, 2 * half - 1)
    return _bits(steps, fmt.bits, basis)


def _sign_bit(basis: Basis, a: Word, plus: Sequence[int], minus: Sequence[int], low: int) -> Bit:
    """The sign of the result: that of the operand, of a constant, or a staircase of its own."""
    top = [[entry > low for entry in side] for side in (plus, minus)]
    numbers = [i for i, entry in enumerate(plus) if entry & low != plus[-1] & low]  # the last pattern is a NaN
    if all(not top[0][i] and top[1][i] for i in numbers):
        nan = len(plus) - min(i for i in range(len(plus)) if i > max(numbers))
        return basis.and_(a[-1], basis.not_(basis.at_least(weighted(a[:-1]), len(plus) - nan)))
    signs = [[int(bit) for bit in side] for side in top]
    half = len(plus)
    steps = _reached(basis, a[:-1], [(a[-1], -half)], basis.not_(a[-1]), signs[0], 1)
    steps += _reached(basis, a[:-1], [(a[-1], half), (basis.one, -half)], a[-1], signs[1], 1)
    return _bits(steps, 1, basis)[0]


def _reached(
    basis: Basis, magnitude: Word, side: Sequence[tuple[Bit, int]], inside: Bit, entries: Sequence[int], mask: int
) -> list[tuple[Bit, int]]:
    """(interval, result in it) for each run of equal results; `side` are terms below 0 on the other side of zero."""
    starts = [k for k in range(len(entries)) if k == 0 or (entries[k] ^ entries[k - 1]) & mask]
    reached = [inside if k == 0 else basis.at_least([*weighted(magnitude), *side], k) for k in starts]
    ends = [*reached[1:], basis.zero]
    return [(basis.between(low, high), entries[k] & mask) for low, high, k in zip(reached, ends, starts, strict=True)]


def _bits(runs: Sequence[tuple[Bit, int]], width: int, basis: Basis) -> Word:
    return [basis.real(basis.or_(*(run for run, entry in runs if entry >> j & 1))) for j in range(width)]
