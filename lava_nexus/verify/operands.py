"""Operand sets in the manner of Berkeley TestFloat: corners of every format in all pairs, and what rounding finds hard.

Everything is a bit pattern of the format's `pattern_dtype`; the same seed gives the same operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import Port

Patterns = NDArray[Any]


@cache
def corners(fmt: FloatFormat) -> Patterns:
    """Every class of exponent times every run of ones and zeros in the fraction, with both signs."""
    return _patterns(fmt, np.array([0, 1]), np.array(_exponents(fmt)), np.array(_fractions(fmt), dtype=np.uint64))


@cache
def specials(fmt: FloatFormat) -> Patterns:
    """Zeros, ends of the subnormal and normal ranges, one and its neighbours, infinities, NaNs of every kind."""
    one = fmt.bias << fmt.fraction_bits
    smallest_normal = 1 << fmt.fraction_bits
    edges = [0, 1, 2, smallest_normal - 1, smallest_normal, smallest_normal + 1, one - 1, one, one + 1, one << 1 & ~1]
    edges += [fmt.max_finite - 1, fmt.max_finite, fmt.canonical_nan]
    if fmt.inf:
        signalling = fmt.exponent_mask | 1
        edges += [fmt.exponent_mask, signalling, fmt.exponent_mask | fmt.fraction_mask]
    magnitudes = np.array(sorted({e & (fmt.sign_mask - 1) for e in edges}), dtype=np.uint64)
    both: Patterns = np.concatenate([magnitudes, magnitudes | np.uint64(fmt.sign_mask)]).astype(fmt.pattern_dtype)
    return both


def every(fmt: FloatFormat) -> Patterns:
    """All patterns of a format of 16 bits or fewer."""
    assert fmt.bits <= 16
    return np.arange(1 << fmt.bits, dtype=np.uint32).astype(fmt.pattern_dtype)


def every_pair(fmt: FloatFormat) -> list[Patterns]:
    """All pairs of patterns of an 8-bit format."""
    assert fmt.bits <= 8
    one = every(fmt)
    return [np.repeat(one, len(one)), np.tile(one, len(one))]


def operands(fmt: FloatFormat, count: int, size: int, seed: int = 0) -> list[Patterns]:
    """About `size` operand sets of 1, 2 or 3 operands; all there are of 1 and 2 where the format is narrow enough."""
    if count == 1:
        return [every(fmt) if fmt.bits <= 16 else singles(fmt, size, seed)]
    if count == 2:
        return every_pair(fmt) if fmt.bits <= 8 else pairs(fmt, size, seed)
    return triples(fmt, size, seed)


def port_corners(port: Port) -> Patterns:
    """Corners of the port's format; of plain bits and integers every run of ones at either end, and its neighbours."""
    if isinstance(port.format, FloatFormat):
        return np.union1d(corners(port.format), specials(port.format))
    full = (1 << port.width) - 1
    ends = [end for i in range(port.width + 1) for end in ((1 << i) - 1, full ^ ((1 << i) - 1))]
    found = {(end + step) & full for end in ends for step in (-1, 0, 1)}
    return np.array(sorted(found), dtype=np.uint64).astype(port.pattern_dtype)


def hard(ports: Sequence[Port], size: int, seed: int) -> list[Patterns]:
    """`size` operand sets: of one to three operands of one format those made for them, else each operand by itself."""
    fmt = ports[0].format
    if isinstance(fmt, FloatFormat) and len(ports) <= 3 and all(port.format == fmt for port in ports):
        made = [singles(fmt, size, seed)] if len(ports) == 1 else _several(fmt, len(ports), size, seed)
        order = np.random.default_rng(seed + 2).permutation(len(made[0]))
        return [one[np.resize(order, size)] for one in made]
    rng = np.random.default_rng(seed)
    return [_mixed(port, size, rng) for port in ports]


def _several(fmt: FloatFormat, count: int, size: int, seed: int) -> list[Patterns]:
    return pairs(fmt, size, seed) if count == 2 else triples(fmt, size, seed)


def _mixed(port: Port, size: int, rng: np.random.Generator) -> Patterns:
    """Corners, uniform patterns and, of a floating-point format, numbers of ordinary size, a third each."""
    full = (1 << port.width) - 1
    choices = [
        rng.choice(port_corners(port), size),
        rng.integers(0, full, size, dtype=np.uint64, endpoint=True).astype(port.pattern_dtype),
    ]
    if isinstance(port.format, FloatFormat):
        choices.append(ordinary(port.format, size, rng))
    return np.choose(rng.integers(0, len(choices), size), choices)


def singles(fmt: FloatFormat, size: int, seed: int = 0) -> Patterns:
    """Corners, neighbours of squares, numbers of ordinary size, those where functions are curved, uniform patterns."""
    rng = np.random.default_rng(seed)
    part = size // 5
    kinds = [
        np.concatenate([specials(fmt), corners(fmt)]),
        near_squares(fmt, part, rng),
        ordinary(fmt, part, rng),
        curved(fmt, part, rng),
        uniform(fmt, part, rng),
    ]
    return np.concatenate(kinds)


def pairs(fmt: FloatFormat, size: int, seed: int = 0) -> list[Patterns]:
    """About `size` pairs: half of them corners with corners, the other half a share of each hard kind."""
    rng = np.random.default_rng(seed)
    special, corner = specials(fmt), corners(fmt)
    part = size // 12
    kinds = [
        (np.repeat(special, len(special)), np.tile(special, len(special))),
        crossed(corner, corner, size // 2, rng),
        near_cancellation(fmt, part, rng),
        addition_ties(fmt, part, rng),
        exponents_at_the_edge(fmt, part, rng),
        near_quotients(fmt, part, rng),
        (ordinary(fmt, part, rng), ordinary(fmt, part, rng)),
        (uniform(fmt, part, rng), uniform(fmt, part, rng)),
    ]
    return [np.concatenate([kind[i] for kind in kinds]) for i in (0, 1)]


def triples(fmt: FloatFormat, size: int, seed: int = 0) -> list[Patterns]:
    """Pairs with a third operand: a corner, uniform, or close to the negative of their product."""
    rng = np.random.default_rng(seed + 1)
    a, b = pairs(fmt, size, seed)
    n = len(a)
    corner = corners(fmt)
    with np.errstate(all="ignore"):
        product = (fmt.from_patterns(a) * fmt.from_patterns(b)).astype(fmt.dtype)
    opposite = np.ascontiguousarray(product).view(fmt.pattern_dtype) ^ fmt.pattern_dtype.type(fmt.sign_mask)
    nudged = (opposite.astype(np.int64) + rng.integers(-2, 3, n)).astype(np.uint64)
    shifted = nudged + (rng.integers(-3, 4, n) << fmt.fraction_bits).astype(np.uint64)
    choices = [rng.choice(corner, n), uniform(fmt, n, rng), opposite, nudged, shifted]
    mask = np.uint64(2 * fmt.sign_mask - 1)
    third = np.choose(rng.integers(0, len(choices), n), [c.astype(np.uint64) & mask for c in choices])
    return [a, b, third.astype(fmt.pattern_dtype)]


def crossed(a: Patterns, b: Patterns, size: int, rng: np.random.Generator) -> tuple[Patterns, Patterns]:
    """All pairs of the two lists, or `size` of them drawn at random where there are more."""
    if len(a) * len(b) <= size:
        return np.repeat(a, len(b)), np.tile(b, len(a))
    return rng.choice(a, size), rng.choice(b, size)


def uniform(fmt: FloatFormat, size: int, rng: np.random.Generator) -> Patterns:
    """Patterns with every bit drawn evenly."""
    return rng.integers(0, 2 * fmt.sign_mask - 1, size, dtype=np.uint64, endpoint=True).astype(fmt.pattern_dtype)


def ordinary(fmt: FloatFormat, size: int, rng: np.random.Generator) -> Patterns:
    """Numbers as networks hold them: N(0, 1) scaled by 2^-8 .. 2^7, rounded to the format."""
    values = rng.standard_normal(size) * np.exp2(rng.integers(-8, 8, size))
    return np.ascontiguousarray(values.astype(fmt.dtype)).view(fmt.pattern_dtype)


def curved(fmt: FloatFormat, size: int, rng: np.random.Generator) -> Patterns:
    """Numbers of 2^-30 .. 2^20 as far as the format has them, their exponents drawn evenly."""
    low, high = max(1, fmt.bias - 30), min(fmt.bias + 20, (fmt.exponent_mask >> fmt.fraction_bits) - 1)
    fraction = rng.integers(0, fmt.fraction_mask, size, dtype=np.uint64, endpoint=True)
    return _compose(fmt, rng.integers(0, 2, size), rng.integers(low, high + 1, size), fraction)


def near_cancellation(fmt: FloatFormat, size: int, rng: np.random.Generator) -> tuple[Patterns, Patterns]:
    """Pairs of opposite sign a few units in the last place apart, across powers of two as well."""
    a = np.concatenate([uniform(fmt, size - size // 2, rng), rng.choice(corners(fmt), size // 2)]).astype(np.int64)
    magnitude = a & (fmt.sign_mask - 1)
    near = np.clip(magnitude + rng.integers(-3, 4, size), 0, fmt.max_finite)
    flipped = rng.random(size) < 0.9
    sign = ((a < 0) if fmt.bits == 64 else (a & fmt.sign_mask) != 0) ^ flipped
    b = near.astype(np.uint64) | (sign.astype(np.uint64) << np.uint64(fmt.bits - 1))
    return a.astype(np.uint64).astype(fmt.pattern_dtype), b.astype(fmt.pattern_dtype)


def addition_ties(fmt: FloatFormat, size: int, rng: np.random.Generator) -> tuple[Patterns, Patterns]:
    """a and about half a unit in its last place: exponents p - 1 .. p + 2 apart, fractions of few ones."""
    top = (fmt.exponent_mask >> fmt.fraction_bits) - (1 if fmt.inf else 0)
    exponent = rng.integers(1, top + 1, size)
    apart = rng.integers(fmt.significand_bits - 2, fmt.significand_bits + 3, size)
    fraction = rng.integers(0, fmt.fraction_mask, size, dtype=np.uint64, endpoint=True)
    few = rng.choice(np.array([0, 0, 1, fmt.fraction_mask, 1 << (fmt.fraction_bits - 1)], dtype=np.uint64), size)
    a = _compose(fmt, rng.integers(0, 2, size), exponent, fraction)
    b = _compose(fmt, rng.integers(0, 2, size), np.maximum(exponent - apart, 0), few)
    return a, b


def exponents_at_the_edge(fmt: FloatFormat, size: int, rng: np.random.Generator) -> tuple[Patterns, Patterns]:
    """Pairs whose product, or quotient, lies about where numbers turn subnormal, vanish or overflow."""
    top = fmt.exponent_mask >> fmt.fraction_bits
    a = rng.integers(0, top + 1, size)
    low = fmt.bias + rng.integers(-fmt.significand_bits - 2, 4, size)
    high = fmt.bias + top - rng.integers(0, 4, size)
    total = np.where(rng.random(size) < 0.6, low, high)
    quotient = rng.random(size) < 0.5
    b = np.clip(np.where(quotient, a + 2 * fmt.bias - total, total - a), 0, top)
    drawn = [rng.integers(0, fmt.fraction_mask, size, dtype=np.uint64, endpoint=True) for _ in range(2)]
    runs = [rng.choice(np.array(_fractions(fmt), dtype=np.uint64), size) for _ in range(2)]
    pick = rng.random((2, size)) < 0.5
    f = [np.where(pick[i], drawn[i], runs[i]) for i in range(2)]
    return tuple(_compose(fmt, rng.integers(0, 2, size), e, f[i]) for i, e in enumerate((a, b)))  # type: ignore[return-value]


def near_quotients(fmt: FloatFormat, size: int, rng: np.random.Generator) -> tuple[Patterns, Patterns]:
    """(a, b) with a the rounded product of b and another number, give or take a unit: quotients near short numbers."""
    b, q = (_compose(fmt, rng.integers(0, 2, size), *_middling(fmt, size, rng)) for _ in range(2))
    with np.errstate(all="ignore"):
        product = (fmt.from_patterns(b) * fmt.from_patterns(q)).astype(fmt.dtype)
    a = np.ascontiguousarray(product).view(fmt.pattern_dtype).astype(np.int64) + rng.integers(-1, 2, size)
    return a.astype(np.uint64).astype(fmt.pattern_dtype), b


def near_squares(fmt: FloatFormat, size: int, rng: np.random.Generator) -> Patterns:
    """Squares of short numbers, give or take a unit in the last place; any exponent."""
    bits = fmt.significand_bits // 2
    root = rng.integers(1, 1 << bits, size).astype(np.float64)
    square = root * root
    value = square / np.exp2(np.floor(np.log2(square)))
    fraction = (
        np.rint((value - 1) * 2.0**fmt.fraction_bits).astype(np.int64)
        if fmt.fraction_bits < 52
        else (value.view(np.int64) & fmt.fraction_mask)
    )
    exponent = rng.integers(0, fmt.exponent_mask >> fmt.fraction_bits, size)
    nudged = np.clip(fraction + rng.integers(-1, 2, size), 0, fmt.fraction_mask)
    return _compose(fmt, (rng.random(size) < 0.05).astype(np.int64), exponent, nudged.astype(np.uint64))


def _middling(fmt: FloatFormat, size: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Exponents whose products stay in range, fractions of any bits."""
    span = fmt.bias // 2
    exponent = rng.integers(fmt.bias - span, fmt.bias + span, size)
    return exponent, rng.integers(0, fmt.fraction_mask, size, dtype=np.uint64, endpoint=True)


def _exponents(fmt: FloatFormat) -> list[int]:
    """The biased exponents at which a circuit changes what it does."""
    top, p, bias = fmt.exponent_mask >> fmt.fraction_bits, fmt.significand_bits, fmt.bias
    wanted = {0, 1, 2, 3, p - 1, p, p + 1, bias // 2, bias - p - 1, bias - p, bias - 2, bias - 1, bias, bias + 1}
    wanted |= {bias + 2, bias + p - 1, bias + p, bias + p + 1, bias + bias // 2, top - 2, top - 1, top}
    return sorted(e for e in wanted if 0 <= e <= top)


def _fractions(fmt: FloatFormat) -> list[int]:
    """Fractions of few runs: one bit, one hole, ones above or below a place, an end at a side, alternating bits."""
    n, full = fmt.fraction_bits, fmt.fraction_mask
    found = {0, full, full // 3, full - full // 3, 1 << (n - 1) | 1, full >> 1 & ~1}
    for i in range(n):
        found |= {1 << i, full ^ 1 << i, (1 << i) - 1, full ^ ((1 << i) - 1), 1 << i | 1, full ^ (1 << i | 1)}
    return sorted(found)


def _compose(fmt: FloatFormat, sign: NDArray[Any], exponent: NDArray[Any], fraction: NDArray[Any]) -> Patterns:
    word = sign.astype(np.uint64) << np.uint64(fmt.bits - 1)
    word |= exponent.astype(np.uint64) << np.uint64(fmt.fraction_bits)
    return (word | fraction.astype(np.uint64)).astype(fmt.pattern_dtype)


def _patterns(fmt: FloatFormat, signs: NDArray[Any], exponents: NDArray[Any], fractions: NDArray[Any]) -> Patterns:
    s, e, f = np.meshgrid(signs, exponents, fractions, indexing="ij")
    return np.unique(_compose(fmt, s.ravel(), e.ravel(), f.ravel()))
