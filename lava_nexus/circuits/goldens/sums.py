"""What fused multiply-add, exact sums and exact dot products must answer: many terms, one rounding.

FP32 and narrower take FP64 hardware with rounding to odd, everything else exact integers (`exact`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.goldens import exact
from lava_nexus.circuits.goldens.basic import convert, hardware, integers
from lava_nexus.formats import FLOAT64, FORMATS, FloatFormat
from lava_nexus.neurons.built import Golden

_SLIVER = 256  # places: more than the bits of a product and of a result with its guard bit
_CHUNK = 1 << 14  # operand sets at a time: the limbs of FP64 take 1 KB a set


@dataclass(frozen=True)
class Term:
    """A product of a sum.

    Attributes:
        factors: the two numbers; an addend has the factor 1.
        infinite: bool [n].
        nan: bool [n]; infinity times 0 included.
    """

    factors: tuple[exact.Numbers, exact.Numbers]
    infinite: NDArray[np.bool_]
    nan: NDArray[np.bool_]

    @property
    def sign(self) -> NDArray[np.bool_]:
        """bool [n], True for negative."""
        return self.factors[0].sign ^ self.factors[1].sign


def fused_multiply_add(fmt: FloatFormat, to: FloatFormat) -> Golden:
    """a * b + c, c and the result in `to`, rounded once.

    For FP32 and narrower the product is exact in FP64; the FP64 sum is rounded to odd, and then to the format, which is
    one rounding as long as FP64 has two bits more (S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded
    sums: proved algorithms using rounding to odd", IEEE Transactions on Computers 57(4), 2008). FP64 goes by exact
    integers.
    """
    if fmt in FORMATS.values() and fmt != FLOAT64 and to in FORMATS.values():
        return _by_doubles(fmt, to)

    @_in_chunks
    def golden(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> NDArray[Any]:
        return rounded_sum(_near(product(a, b, fmt), addend(c, to)), to)

    return golden


def dot(fmt: FloatFormat, to: FloatFormat) -> Golden:
    """a0 * b0 + a1 * b1 + ... in exact integers, rounded once."""

    @_in_chunks
    def golden(*patterns: NDArray[Any]) -> NDArray[Any]:
        return rounded_sum([product(a, b, fmt) for a, b in zip(patterns[::2], patterns[1::2], strict=True)], to)

    return golden


def total(fmt: FloatFormat, to: FloatFormat) -> Golden:
    """a0 + a1 + ... in exact integers, rounded once."""

    @_in_chunks
    def golden(*patterns: NDArray[Any]) -> NDArray[Any]:
        return rounded_sum([addend(a, fmt) for a in patterns], to)

    return golden


def product(a: NDArray[Any], b: NDArray[Any], fmt: FloatFormat) -> Term:
    """a * b as a term."""
    x, y = exact.numbers(a, fmt), exact.numbers(b, fmt)
    infinite = _infinite(a, fmt) | _infinite(b, fmt)
    invalid = infinite & ((x.significand == 0) | (y.significand == 0))
    return Term((x, y), infinite, fmt.is_nan(a) | fmt.is_nan(b) | invalid)


def addend(c: NDArray[Any], fmt: FloatFormat) -> Term:
    """c as a term."""
    z = exact.numbers(c, fmt)
    no = np.zeros(len(c), dtype=np.bool_)
    one = exact.Numbers(no, np.zeros(len(c), np.int64), np.ones(len(c), np.uint64), no)
    return Term((z, one), _infinite(c, fmt), fmt.is_nan(c))


def _near(first: Term, second: Term) -> list[Term]:
    """Two terms brought so close that few limbs hold them, and no closer than where the smaller is but a sliver."""
    (x, y), (z, one) = first.factors, second.factors
    place, other = x.exponent + y.exponent, z.exponent
    place = np.where((x.significand == 0) | (y.significand == 0), other, place)
    other = np.where(z.significand == 0, place, other)
    place, other = np.maximum(place, other - _SLIVER), np.maximum(other, place - _SLIVER)
    return [
        replace(first, factors=(replace(x, exponent=place - y.exponent), y)),
        replace(second, factors=(replace(z, exponent=other), one)),
    ]


def rounded_sum(terms: Sequence[Term], to: FloatFormat) -> NDArray[Any]:
    """The sum rounded once; where it is 0 it is -0 if every term is -0, else +0."""
    signs = [term.sign for term in terms]
    found = exact.sum_of_products([term.factors for term in terms])
    all_minus = np.logical_and.reduce(signs)
    number = exact.Numbers(found.sign | all_minus, found.exponent, found.significand, found.inexact)
    plus = np.logical_or.reduce([term.infinite & ~term.sign for term in terms])
    minus = np.logical_or.reduce([term.infinite & term.sign for term in terms])
    nan = np.logical_or.reduce([term.nan for term in terms]) | (plus & minus)
    word = exact.rounded(number, to).astype(np.uint64)
    infinity = np.uint64(to.exponent_mask if to.inf else to.canonical_nan)
    word = np.where(plus | minus, infinity | minus.astype(np.uint64) << np.uint64(to.bits - 1), word)
    return to.canonical(np.where(nan, np.uint64(to.canonical_nan), word).astype(to.pattern_dtype))


def _infinite(patterns: NDArray[Any], fmt: FloatFormat) -> NDArray[np.bool_]:
    magnitude = patterns.astype(np.uint64) & np.uint64(fmt.sign_mask - 1)
    return np.asarray((magnitude == fmt.exponent_mask) & fmt.inf)


def _by_doubles(fmt: FloatFormat, to: FloatFormat) -> Golden:
    finish = convert(FLOAT64, to)

    @hardware
    def golden(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            x, y = (fmt.from_patterns(p).astype(np.float64) for p in (a, b))
            z = to.from_patterns(c).astype(np.float64)
            result = x * y + z if to == FLOAT64 else _sum_to_odd(x * y, z)
        return finish(np.ascontiguousarray(result).view(np.uint64))

    return golden


def _sum_to_odd(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """x + y where an inexact sum gets a last bit of 1; Knuth's error-free sum says which way it was rounded."""
    s = x + y
    part = s - x
    error = (x - (s - part)) + (y - part)
    inexact = np.isfinite(s) & (error != 0)
    bits = np.asarray(s).view(np.uint64)
    even = (bits & np.uint64(1)) == 0
    grow = (error > 0) == (s > 0)
    odd = np.where(grow, bits + np.uint64(1), bits - np.uint64(1))
    return np.where(inexact & even, odd, bits).view(np.float64)


def _in_chunks(function: Callable[..., NDArray[Any]]) -> Golden:
    """The function on operands of any shapes that broadcast, part after part."""

    @integers
    def whole(*patterns: NDArray[Any]) -> NDArray[Any]:
        operands = np.broadcast_arrays(*patterns)
        flat = [np.ravel(operand) for operand in operands]
        starts = range(0, max(1, flat[0].size), _CHUNK)
        parts = [function(*(operand[start : start + _CHUNK] for operand in flat)) for start in starts if flat[0].size]
        return (np.concatenate(parts) if parts else function(*flat)).reshape(operands[0].shape)

    return whole
