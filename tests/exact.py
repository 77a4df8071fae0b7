"""What IEEE 754-2019 asks of every basic operation, on rational numbers, one operand set at a time.

No float is involved: patterns are taken apart into fractions, the operation is exact, and one rounding puts the result
together. NaN results are the canonical NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import isqrt

from lava_nexus.formats import FloatFormat


@dataclass(frozen=True)
class Real:
    """A number, an infinity or a NaN: `sign` is 1 for negative, `size` the magnitude, None for infinite."""

    sign: int
    size: Fraction | None
    nan: bool = False

    @property
    def value(self) -> Fraction:
        assert self.size is not None
        return -self.size if self.sign else self.size

    @property
    def zero(self) -> bool:
        return self.size == 0


NAN = Real(0, Fraction(0), nan=True)


def real(pattern: int, fmt: FloatFormat) -> Real:
    """The number that a pattern stands for."""
    sign, exponent = pattern >> (fmt.bits - 1), pattern >> fmt.fraction_bits & ((1 << fmt.exponent_bits) - 1)
    fraction = pattern & fmt.fraction_mask
    if exponent == (1 << fmt.exponent_bits) - 1:
        if fmt.inf:
            return Real(sign, None) if fraction == 0 else NAN
        if fraction == fmt.fraction_mask:
            return NAN
    significand = fraction | (1 << fmt.fraction_bits if exponent else 0)
    return Real(sign, Fraction(significand) * Fraction(2) ** (max(exponent, 1) - fmt.bias - fmt.fraction_bits))


def rounded(x: Real, fmt: FloatFormat) -> int:
    """The nearest pattern, ties to even, sign kept; beyond the largest number infinity, or NaN where there is none."""
    if x.nan:
        return fmt.canonical_nan
    sign = x.sign << (fmt.bits - 1)
    if x.size is None:
        return sign | fmt.exponent_mask if fmt.inf else fmt.canonical_nan
    exponent = max(_floor_log2(x.size), 1 - fmt.bias) if x.size else 1 - fmt.bias
    significand = _nearest_even(x.size / Fraction(2) ** (exponent - fmt.fraction_bits))
    if significand >> fmt.significand_bits:
        significand, exponent = significand >> 1, exponent + 1
    biased = exponent + fmt.bias if significand >> fmt.fraction_bits else 0
    magnitude = biased << fmt.fraction_bits | significand & fmt.fraction_mask
    return sign | magnitude if magnitude <= fmt.max_finite else rounded(Real(x.sign, None), fmt)


def add(x: Real, y: Real, flip: int = 0) -> Real:
    y = Real(y.sign ^ flip, y.size, y.nan)
    if x.nan or y.nan or (x.size is None and y.size is None and x.sign != y.sign):
        return NAN
    if x.size is None or y.size is None:
        return x if x.size is None else y
    total = x.value + y.value
    sign = x.sign & y.sign if total == 0 else int(total < 0)
    return Real(sign, abs(total))


def subtract(x: Real, y: Real) -> Real:
    return add(x, y, flip=1)


def multiply(x: Real, y: Real) -> Real:
    if x.nan or y.nan or (x.size is None and y.zero) or (y.size is None and x.zero):
        return NAN
    sign = x.sign ^ y.sign
    return Real(sign, None if x.size is None or y.size is None else x.size * y.size)


def divide(x: Real, y: Real) -> Real:
    if x.nan or y.nan or (x.size is None and y.size is None) or (x.zero and y.zero):
        return NAN
    sign = x.sign ^ y.sign
    if x.size is None or y.zero:
        return Real(sign, None)
    return Real(sign, Fraction(0) if y.size is None else x.size / y.size)


def reciprocal(x: Real) -> Real:
    return divide(Real(0, Fraction(1)), x)


def fused_multiply_add(x: Real, y: Real, z: Real) -> Real:
    return add(multiply(x, y), z)


def total(*terms: Real) -> Real:
    """The sum of any number of terms; a zero of them is negative where every term is."""
    infinite = {x.sign for x in terms if x.size is None}
    if any(x.nan for x in terms) or len(infinite) == 2:
        return NAN
    if infinite:
        return Real(infinite.pop(), None)
    value = sum(x.value for x in terms)
    sign = int(value < 0) if value else int(all(x.sign for x in terms))
    return Real(sign, Fraction(abs(value)))


def dot(*factors: Real) -> Real:
    return total(*(multiply(x, y) for x, y in zip(factors[::2], factors[1::2], strict=True)))


def square_root(x: Real) -> Real:
    """The root to 2^-4000 of itself, with a last odd digit where it is not exact: rounds as the root does."""
    if x.nan or (x.sign and not x.zero):
        return NAN
    if x.size is None or x.zero:
        return x
    scale = 4000
    radicand = x.size * (1 << 2 * scale)
    root = isqrt(int(radicand))
    exact = Fraction(root) ** 2 == radicand
    return Real(0, Fraction(2 * root + (not exact), 2 << scale))


def minimum(x: Real, y: Real) -> Real:
    return _extremum(x, y, largest=False)


def maximum(x: Real, y: Real) -> Real:
    return _extremum(x, y, largest=True)


def negate(x: Real) -> Real:
    return NAN if x.nan else Real(1 - x.sign, x.size)


def absolute(x: Real) -> Real:
    return NAN if x.nan else Real(0, x.size)


def same(x: Real) -> Real:
    return x


VALUES: dict[str, Callable[..., Real]] = {
    "add": add,
    "sub": subtract,
    "mul": multiply,
    "div": divide,
    "reciprocal": reciprocal,
    "sqrt": square_root,
    "fma": fused_multiply_add,
    "dot_exact": dot,
    "sum_exact": total,
    "min": minimum,
    "max": maximum,
    "neg": negate,
    "abs": absolute,
    "convert": same,
}
PREDICATES: dict[str, Callable[[Real, Real], bool]] = {
    "compare_lt": lambda x, y: _order(x) < _order(y),
    "compare_le": lambda x, y: _order(x) <= _order(y),
    "compare_eq": lambda x, y: _order(x) == _order(y),
}


def expected(operation: str, patterns: tuple[int, ...], fmt: FloatFormat, to: FloatFormat | None = None) -> int:
    """The pattern (or the bit) that the operation must answer with."""
    formats = [fmt, fmt, to or fmt] if operation == "fma" else [fmt] * len(patterns)
    numbers = [real(pattern, of) for pattern, of in zip(patterns, formats, strict=True)]
    if operation in PREDICATES:
        return int(not any(x.nan for x in numbers) and PREDICATES[operation](*numbers))
    return rounded(VALUES[operation](*numbers), to or fmt)


def is_tie(size: Fraction, fmt: FloatFormat) -> bool:
    """Half way between two neighbouring numbers of the format."""
    if size == 0:
        return False
    nearest = rounded(Real(0, size), fmt)
    if nearest > fmt.max_finite or nearest == 0:
        return False
    sides = [real(p, fmt).size for p in (nearest - 1, nearest, nearest + 1) if p <= fmt.max_finite]
    return any(2 * size == p + q for p, q in pairwise(sides))


def _order(x: Real) -> tuple[int, Fraction]:
    """A key that orders infinities outside of numbers."""
    return (0, x.value) if x.size is not None else (1 - 2 * x.sign, Fraction(0))


def _extremum(x: Real, y: Real, largest: bool) -> Real:
    if x.nan or y.nan:
        return NAN
    # -0 stands before +0
    first, second = sorted((x, y), key=lambda r: (_order(r), not r.sign))
    return second if largest else first


def _floor_log2(x: Fraction) -> int:
    guess = x.numerator.bit_length() - x.denominator.bit_length()
    return guess if x >= Fraction(2) ** guess else guess - 1


def _nearest_even(x: Fraction) -> int:
    return round(x)  # Fraction rounds half to even
