"""Operand sets of the basic operations in the manner of Berkeley TestFloat, what each kind is for in its name.

Half of the pairs are corners crossed with corners: every two fractions of few runs of ones and zeros meet, and every
two classes of exponent with every two signs. The other half is what rounding finds hard.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat
from lava_nexus.verify.operands import (
    Patterns,
    addition_ties,
    corners,
    exponents_at_the_edge,
    near_cancellation,
    near_quotients,
    ordinary,
    singles,
    specials,
    uniform,
)

Pair = tuple[Patterns, Patterns]
Draw = np.random.Generator


def operand_sets(fmt: FloatFormat, operands: int, size: int, seed: int) -> list[Patterns]:
    """`size` sets of 1, 2 or 3 operands; the same seed gives the same sets."""
    rng = np.random.default_rng((seed, fmt.bits, operands))
    if operands == 1:
        return [rng.permutation(np.resize(singles(fmt, size, seed), size))]
    a, b = _joined([crossed_corners(fmt, size - size // 2, rng), *_hard_pairs(fmt, size // 2, rng)], size)
    return [a, b] if operands == 2 else [*_addends(fmt, a, b, rng)]


@cache
def _fields(fmt: FloatFormat) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Signs with classes of exponent, as patterns of a zero fraction; fractions of few runs."""
    patterns = corners(fmt).astype(np.uint64)
    fraction = np.uint64(fmt.fraction_mask)
    return np.unique(patterns & ~fraction), np.unique(patterns & fraction)


def crossed_corners(fmt: FloatFormat, size: int, rng: Draw) -> Pair:
    """Every pair of fractions of few runs and every pair of signed exponent classes, as often as `size` has room."""
    found = []
    for part in _fields(fmt):
        n = len(part) ** 2
        rounds = [rng.permutation(n) for _ in range(-(-size // n))]
        index = np.concatenate(rounds)[:size]
        found.append((part[index // len(part)], part[index % len(part)]))
    (head_a, head_b), (tail_a, tail_b) = found
    return (head_a | tail_a).astype(fmt.pattern_dtype), (head_b | tail_b).astype(fmt.pattern_dtype)


def _hard_pairs(fmt: FloatFormat, size: int, rng: Draw) -> list[Pair]:
    special, part = specials(fmt), size // 10
    return [
        (np.repeat(special, len(special)), np.tile(special, len(special))),
        near_cancellation(fmt, part, rng),
        addition_ties(fmt, part, rng),
        product_ties(fmt, part, rng),
        tiny_product_ties(fmt, part, rng),
        next_to_the_ends(fmt, part, rng),
        largest_and_half_a_unit(fmt, part // 2, rng),
        exponents_at_the_edge(fmt, part, rng),
        near_quotients(fmt, part, rng),
        (uniform(fmt, part, rng), uniform(fmt, part, rng)),
        (ordinary(fmt, size, rng), ordinary(fmt, size, rng)),  # fills up
    ]


def _joined(kinds: list[Pair], size: int) -> Pair:
    a, b = (np.concatenate([kind[i] for kind in kinds])[:size] for i in (0, 1))
    return a, b


def product_ties(fmt: FloatFormat, size: int, rng: Draw) -> Pair:
    """Products of p + 1 bits, p or p + 1 of them significant: many lie half way between two numbers."""
    a, b = _short_factors(fmt, size, rng)
    exponent = rng.integers(fmt.bias - fmt.bias // 2, fmt.bias + fmt.bias // 2, (2, size))
    return _normalised(fmt, a, exponent[0], rng), _normalised(fmt, b, exponent[1], rng)


def tiny_product_ties(fmt: FloatFormat, size: int, rng: Draw) -> Pair:
    """Subnormal products whose last one is worth half of the least number, or a quarter, or all of it."""
    a, b = _short_factors(fmt, size, rng)
    last = 1 - fmt.bias - fmt.fraction_bits + rng.integers(-2, 1, size)  # log2 of the product's last one
    ends = [_length(x) - 1 for x in (a, b)]  # exponent of the leading one above the last
    first = rng.integers(fmt.bias // 4, fmt.bias // 2, size)
    second = last + ends[0] + ends[1] + 2 * fmt.bias - first
    return _normalised(fmt, a, first, rng), _normalised(fmt, b, second, rng)


def next_to_the_ends(fmt: FloatFormat, size: int, rng: Draw) -> Pair:
    """Products and quotients a few units from the largest, the least normal and the least number, and half of these."""
    p = fmt.significand_bits
    y = (1 + rng.random(size)) * np.exp2(rng.integers(p, 2 * p, size))
    largest = float(fmt.from_patterns(np.array([fmt.max_finite], fmt.pattern_dtype))[0])
    tiny = np.exp2(rng.choice([1 - fmt.bias, 1 - fmt.bias - fmt.fraction_bits], size)) * y * rng.choice([0.5, 1], size)
    kind = rng.integers(0, 4, size)
    a, b = np.choose(kind, [y, y, 1 / y, tiny]), np.choose(kind, [largest / y, y / largest, tiny, y])
    return _signed(fmt, _patterns(fmt, a), rng), _signed(fmt, _nudged(fmt, _patterns(fmt, b), rng), rng)


def largest_and_half_a_unit(fmt: FloatFormat, size: int, rng: Draw) -> Pair:
    """The largest number or the one before it, and half of its unit, give or take two of its own: sums overflow."""
    half = (fmt.max_finite & ~fmt.fraction_mask) - (fmt.significand_bits << fmt.fraction_bits)
    largest = (fmt.max_finite - rng.integers(0, 2, size)).astype(fmt.pattern_dtype)
    return _signed(fmt, largest, rng), _signed(fmt, _nudged(fmt, np.full(size, half, fmt.pattern_dtype), rng), rng)


def _addends(fmt: FloatFormat, a: Patterns, b: Patterns, rng: Draw) -> tuple[Patterns, Patterns, Patterns]:
    """Third operands: corners, what cancels the product but for a few units, and slivers that break its ties.

    A product that is rounded first, or a sum rounded first to more places, gives something else on the last ones.
    """
    n = len(a)
    with np.errstate(all="ignore"):
        product = (fmt.from_patterns(a) * fmt.from_patterns(b)).astype(fmt.dtype)
    product = np.ascontiguousarray(product).view(fmt.pattern_dtype)
    opposite = product ^ fmt.pattern_dtype.type(fmt.sign_mask)
    exponent = (product & fmt.pattern_dtype.type(fmt.exponent_mask)).astype(np.uint64) >> np.uint64(fmt.fraction_bits)
    apart = rng.choice([1, 2, 3], n) * fmt.significand_bits + rng.integers(-3, 4, n)
    heads, tails = (rng.choice(part, n) for part in _fields(fmt))
    below, above = (
        np.clip(exponent.astype(np.int64) + sign * apart, 0, fmt.exponent_mask >> fmt.fraction_bits).astype(np.uint64)
        for sign in (-1, 1)
    )
    sign = heads & np.uint64(fmt.sign_mask)
    few = np.where(rng.random(n) < 0.5, tails, np.uint64(0))
    choices = [
        rng.choice(corners(fmt), n),
        opposite,
        _nudged(fmt, opposite, rng),
        (below << np.uint64(fmt.fraction_bits) | few | sign).astype(fmt.pattern_dtype),
        (above << np.uint64(fmt.fraction_bits) | few | sign).astype(fmt.pattern_dtype),
        uniform(fmt, n, rng),
    ]
    return a, b, np.choose(rng.integers(0, len(choices), n), choices)


def _short_factors(fmt: FloatFormat, size: int, rng: Draw) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Odd integers whose lengths add up to p + 1."""
    length = rng.integers(1, fmt.significand_bits + 1, size)
    return tuple(  # type: ignore[return-value]
        (1 << bits - 1) | rng.integers(0, 1 << bits - 1) | 1 for bits in (length, fmt.significand_bits + 1 - length)
    )


def _length(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)  # no integer here is longer than 53 bits


def _normalised(fmt: FloatFormat, integer: NDArray[np.int64], exponent: NDArray[Any], rng: Draw) -> Patterns:
    """The integer's ones behind a leading one of this biased exponent, with any sign."""
    fraction = (integer << fmt.significand_bits - _length(integer)) & fmt.fraction_mask
    return _signed(fmt, (exponent << fmt.fraction_bits | fraction).astype(np.uint64).astype(fmt.pattern_dtype), rng)


def _patterns(fmt: FloatFormat, values: NDArray[np.float64]) -> Patterns:
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(values.astype(fmt.dtype)).view(fmt.pattern_dtype)


def _nudged(fmt: FloatFormat, patterns: Patterns, rng: Draw) -> Patterns:
    """Up to two units away."""
    return (patterns.astype(np.uint64) + rng.integers(-2, 3, len(patterns)).astype(np.uint64)).astype(fmt.pattern_dtype)


def _signed(fmt: FloatFormat, patterns: Patterns, rng: Draw) -> Patterns:
    sign = rng.integers(0, 2, len(patterns)).astype(np.uint64) << np.uint64(fmt.bits - 1)
    return patterns ^ sign.astype(fmt.pattern_dtype)
