"""Sums of products of any operands, exact and rounded once: in limbs of integers, specials by their flags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.goldens import exact
from lava_nexus.formats import FloatFormat
from lava_nexus.populations.native.limbs import fields

_CARRY = 1024  # products that limbs hold before their carries are taken up


def rounded_sums(
    factors: Iterable[tuple[NDArray[Any], NDArray[Any]]],
    size: int,
    formats: tuple[FloatFormat, FloatFormat],
    to: FloatFormat,
) -> NDArray[Any]:
    """Patterns [size] of sum_i x_i y_i, rounded once to nearest, ties to even.

    Args:
        factors: patterns (x_i, y_i) [size] each, term by term.
        size: sums.
        formats: of x and y.
        to: of the sums.
    """
    left, right = formats
    limbs = (sum((1 << fmt.exponent_bits) + fmt.significand_bits for fmt in formats) + 64) // 32 + 4
    total = np.zeros((limbs, size), np.int64)
    unit = sum(1 - fmt.bias - fmt.fraction_bits for fmt in formats)
    flags = {name: np.zeros(size, np.bool_) for name in ("plus", "minus", "nan", "positive")}
    for i, (a, b) in enumerate(factors):
        x, y = exact.numbers(a, left), exact.numbers(b, right)
        one, other = fields(a, left), fields(b, right)
        infinite, sign = one.infinite | other.infinite, x.sign ^ y.sign
        none = (one.significand == 0) & ~one.infinite | (other.significand == 0) & ~other.infinite
        flags["nan"] |= one.nan | other.nan | (infinite & none)
        flags["plus"] |= infinite & ~sign
        flags["minus"] |= infinite & sign
        flags["positive"] |= ~sign
        exact.add_product(total, x, y, unit)
        if i % _CARRY == _CARRY - 1:
            exact.carry(total)
    return _rounded(total, unit, flags, to)


def _rounded(total: NDArray[np.int64], unit: int, flags: dict[str, NDArray[np.bool_]], to: FloatFormat) -> NDArray[Any]:
    """The sums in limbs as patterns."""
    number = exact.leading(total, np.full(total.shape[1], unit, np.int64))
    signed = exact.Numbers(number.sign | ~flags["positive"], number.exponent, number.significand, number.inexact)
    word = exact.rounded(signed, to).astype(np.uint64)
    infinity = np.uint64(to.exponent_mask if to.inf else to.canonical_nan)
    minus = flags["minus"].astype(np.uint64) << np.uint64(to.bits - 1)
    word = np.where(flags["plus"] | flags["minus"], infinity | minus, word)
    word = np.where(flags["nan"] | (flags["plus"] & flags["minus"]), np.uint64(to.canonical_nan), word)
    return to.canonical(word.astype(to.pattern_dtype))
