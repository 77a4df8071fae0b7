"""Exact sums of products on arrays of integers: fixed point as wide as the format's range, rounded once.

For any format, whether or not NumPy knows it. The sum is held in limbs of 32 bits that cover all exponents.
Source: U. Kulisch, "Computer Arithmetic and Validity", 2nd edition, 2013, chapter 8 (the complete register).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.evaluate import bit_length, round_integers
from lava_nexus.formats import FloatFormat

_LIMB = 32
_MASK = np.uint64((1 << _LIMB) - 1)
_LEADING = 62  # bits of a sum that are kept for the rounder; what lies lower is sticky


@dataclass(frozen=True)
class Numbers:
    """(-1)^sign * significand * 2^exponent.

    Attributes:
        sign: bool [n].
        exponent: int64 [n].
        significand: uint64 [n].
        inexact: bool [n], True where a positive sliver less than one unit comes on top of the significand.
    """

    sign: NDArray[np.bool_]
    exponent: NDArray[np.int64]
    significand: NDArray[np.uint64]
    inexact: NDArray[np.bool_]


def numbers(patterns: NDArray[Any], fmt: FloatFormat) -> Numbers:
    """The numbers that patterns [n] stand for; infinities and NaNs as if their exponent were an ordinary one."""
    word = patterns.astype(np.uint64)
    field = ((word & np.uint64(fmt.exponent_mask)) >> np.uint64(fmt.fraction_bits)).astype(np.int64)
    hidden = np.where(field > 0, np.uint64(1 << fmt.fraction_bits), np.uint64(0))
    sign = (word >> np.uint64(fmt.bits - 1)) != 0
    exponent = np.maximum(field, 1) - fmt.bias - fmt.fraction_bits
    return Numbers(sign, exponent, word & np.uint64(fmt.fraction_mask) | hidden, np.zeros(len(word), np.bool_))


def rounded(number: Numbers, to: FloatFormat) -> NDArray[Any]:
    """The nearest patterns, ties to even; overflow gives infinity, or NaN where there is none."""
    low = number.significand & np.uint64(3)
    high = number.significand >> np.uint64(_LEADING) != 0  # more bits than the rounder takes
    significand = np.where(high, number.significand >> np.uint64(2), number.significand)
    inexact = number.inexact | (high & (low != 0))
    exponent = number.exponent + 2 * high + to.bias
    sign = number.sign.astype(np.uint64)
    word = round_integers(to, sign, exponent, significand, 0, inexact.astype(np.uint64))
    return to.canonical(word.astype(to.pattern_dtype))


def sum_of_products(pairs: Sequence[tuple[Numbers, Numbers]]) -> Numbers:
    """The exact sum of products, its leading bits at least; +0 where it is 0."""
    places = [x.exponent + y.exponent for x, y in pairs]
    unit = np.minimum.reduce(places)
    spread = int((np.maximum.reduce(places) - unit).max(initial=0))
    limbs = (spread + 128 + len(pairs).bit_length()) // _LIMB + 2
    total = np.zeros((limbs, len(places[0])), dtype=np.int64)
    for x, y in pairs:
        add_product(total, x, y, unit)
    return leading(total, unit)


def add_product(total: NDArray[np.int64], x: Numbers, y: Numbers, unit: NDArray[np.int64] | int) -> None:
    """Adds x * y to limbs in units of 2^unit."""
    for i, p in enumerate(_digits(x.significand)):
        for j, q in enumerate(_digits(y.significand)):
            _accumulate(total, p * q, x.exponent + y.exponent - unit + _LIMB * (i + j), x.sign ^ y.sign)


def leading(total: NDArray[np.int64], unit: NDArray[np.int64]) -> Numbers:
    """The number in limbs in units of 2^unit, its leading bits at least; +0 where it is 0."""
    negative = carry(total) < 0
    total[:, negative] *= -1
    carry(total)
    return _leading(total.astype(np.uint64), negative, unit)


def _digits(significand: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return significand & _MASK, significand >> np.uint64(_LIMB)


def _accumulate(
    total: NDArray[np.int64], values: NDArray[np.uint64], place: NDArray[np.int64], minus: NDArray[np.bool_]
) -> None:
    """Adds values * 2^place to the limbs, with the sign."""
    if not values.any():
        return
    limb, shift = place // _LIMB, (place % _LIMB).astype(np.uint64)
    upper = values >> (np.uint64(_LIMB) - shift)
    columns, factor = np.arange(len(values)), np.where(minus, -1, 1)
    for k, part in enumerate(((values << shift) & _MASK, upper & _MASK, upper >> np.uint64(_LIMB))):
        total[limb + k, columns] += part.astype(np.int64) * factor


def carry(total: NDArray[np.int64]) -> NDArray[np.int64]:
    """Brings all limbs but the last into 0 .. 2^32 - 1; returns the last, which holds the sign."""
    for k in range(len(total) - 1):
        total[k + 1] += total[k] >> _LIMB
        total[k] &= int(_MASK)
    return np.asarray(total[-1])


def _leading(total: NDArray[np.uint64], sign: NDArray[np.bool_], unit: NDArray[np.int64]) -> Numbers:
    """The first 64 bits of the highest three limbs that are not 0, and whether anything lies below."""
    padded = np.concatenate([np.zeros((2, total.shape[1]), np.uint64), total])
    top = len(padded) - 1 - np.argmax(padded[:1:-1] != 0, axis=0)
    first, second, third = (padded[top - k, np.arange(total.shape[1])] for k in range(3))
    used = bit_length(first)
    spare = np.uint64(_LIMB) - used
    significand = (first << (spare + np.uint64(_LIMB))) | (second << spare) | (third >> used)
    below = third & ((np.uint64(1) << used) - np.uint64(1))
    lower = np.arange(len(padded))[:, None] < top - 2
    inexact = (below != 0) | ((padded != 0) & lower).any(axis=0)
    exponent = _LIMB * (top - 4) + used.astype(np.int64) + unit
    zero = first == 0
    return Numbers(sign, np.where(zero, 0, exponent), np.where(zero, np.uint64(0), significand), inexact)
