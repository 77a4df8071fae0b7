"""Sums of products of FP32 or narrower numbers, exact and rounded once, by way of FP64 and an error bound.

A product of two such numbers is exact in FP64. A sum of n of them formed in FP64, in any order, fused or not, is off by
at most n u / (1 - n u) * sum |a b|, u = 2^-53 (N. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd
edition, 2002, section 3.1), and sum |a b| <= |a| |b| (Cauchy and Schwarz). Where all numbers within the bound round to
one, that is the result. The few other sums are formed exactly: `math.fsum` rounds to nearest in FP64, the sign of what
it leaves makes that a rounding to odd, and a second rounding is then innocuous (S. Boldo and G. Melquiond, IEEE
Transactions on Computers 57(4), 2008).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.goldens.basic import convert
from lava_nexus.formats import FLOAT64, FORMATS, FloatFormat

Doubles: TypeAlias = NDArray[np.float64]
Multiply: TypeAlias = Callable[[Doubles, Doubles], Doubles]

_UNIT = 2.0**-53
_SLACK = 1 + 2.0**-20  # for the bound's own rounding
_GATHERED = 1 << 22  # terms of sums that are formed exactly, at a time
_HELD = 1 << 24  # sums in FP64 at a time


def takes(*formats: FloatFormat) -> bool:
    """Whether numbers of all formats have products that FP64 holds."""
    return all(fmt in FORMATS.values() and fmt != FLOAT64 for fmt in formats)


def _multiplied(left: Doubles, right: Doubles) -> Doubles:
    return np.asarray(left @ np.swapaxes(right, -1, -2))


def exact_dot(
    left: NDArray[Any], right: NDArray[Any], to: FloatFormat, multiply: Multiply = _multiplied
) -> NDArray[Any]:
    """The sum over k of left[..., row, k] * right[..., column, k], rounded once; -0 where all products are -0.

    Args:
        left: values [..., rows, terms] of a format that `takes` accepts; infinities and NaN as IEEE-754 has them.
        right: values [..., columns, terms]; axes in front broadcast.
        to: format of the results.
        multiply: what forms the sums in FP64, without rounding products.

    Returns:
        Patterns [..., rows, columns].
    """
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    result = np.empty((*lead, left.shape[-2], right.shape[-2]), to.pattern_dtype)
    with np.errstate(all="ignore"):
        a = left.astype(np.float64)
        for columns in _spans(right.shape[-2], result.size):
            b = right[..., columns, :].astype(np.float64)
            result[..., columns] = _rounded(a, b, to, multiply)
    return result


def _spans(columns: int, sums: int) -> list[slice]:
    step = max(1, columns * _HELD // max(1, sums))
    return [slice(start, start + step) for start in range(0, columns, step)]


def _rounded(a: Doubles, b: Doubles, to: FloatFormat, multiply: Multiply) -> NDArray[Any]:
    found, terms = multiply(a, b), a.shape[-1]
    of_a, of_b = (np.sqrt(np.einsum("...k,...k->...", x, x)) for x in (a, b))
    least = (terms + 4) * _UNIT / (1 - (terms + 4) * _UNIT) * _SLACK
    bound = least * of_a[..., :, None] * of_b[..., None, :]
    low, high = (_narrowed(found + side, to) for side in (-bound, bound))
    open_ = np.nonzero((low != high) | ~(bound > 0))
    each = max(1, _GATHERED // terms)
    for start in range(0, len(open_[0]), each):
        some = tuple(axis[start : start + each] for axis in open_)
        high[some] = _narrowed(_exactly(_picked(a, some, -2) * _picked(b, some, -1)), to)
    return high


def _picked(x: Doubles, at: tuple[NDArray[np.intp], ...], axis: int) -> Doubles:
    """Rows [sums, terms] of x that sums at these places have; axes in front are broadcast."""
    lead = tuple(i if size > 1 else 0 * i for i, size in zip(at[-x.ndim : -2], x.shape[:-2], strict=True))
    place = (*lead, at[axis])
    return np.asarray(x[place])


def _exactly(terms: Doubles) -> Doubles:
    """Sums of terms [sums, terms] rounded to odd in FP64; where one is no number, what IEEE-754 gives."""
    total: Doubles = terms.sum(1)
    finite = np.isfinite(terms).all(1)
    none = (terms == 0).all(1)
    total[none] = np.where(np.signbit(terms[none]).all(1), -0.0, 0.0)
    for i in np.flatnonzero(finite & ~none):
        total[i] = _to_odd(terms[i].tolist())
    return total


def _to_odd(terms: list[float]) -> float:
    nearest = math.fsum(terms)
    rest = math.fsum([*terms, -nearest])
    if rest == 0 or math.frexp(nearest)[0] * 2**53 % 2:
        return nearest
    return math.nextafter(nearest, math.copysign(math.inf, rest))


def _narrowed(values: Doubles, to: FloatFormat) -> NDArray[Any]:
    if to.name == "float32":
        return to.canonical(values.astype(np.float32).view(np.uint32))
    return convert(FLOAT64, to)(np.ascontiguousarray(values).view(np.uint64))
