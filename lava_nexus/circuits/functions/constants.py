"""Constants of the fixed-point programs as fractions, exact to `BITS` bits below the point and a few more.

ln 2 = 18 artanh(1/26) - 2 artanh(1/4801) + 8 artanh(1/8749) and pi = 16 arctan(1/5) - 4 arctan(1/239) (Machin), in
integers.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

BITS = 320
_ONE = 1 << (BITS + 32)


def _inverse_tangent(n: int, alternate: int) -> int:
    """artanh(1/n), or arctan(1/n) where `alternate` is -1, in units of 1 / _ONE."""
    total, power, k = 0, _ONE // n, 1
    while power:
        total += power // k
        power = power // (n * n) * alternate
        k += 2
    return total


def square_root(value: Fraction) -> Fraction:
    """The square root, cut off."""
    return Fraction(isqrt(value.numerator * _ONE * _ONE // value.denominator), _ONE)


LN2 = Fraction(18 * _inverse_tangent(26, 1) - 2 * _inverse_tangent(4801, 1) + 8 * _inverse_tangent(8749, 1), _ONE)
LOG2_E = 1 / LN2
PI = Fraction(16 * _inverse_tangent(5, -1) - 4 * _inverse_tangent(239, -1), _ONE)
TANH_SLOPE = square_root(8 / PI)  # gelu_tanh(x) = x * sigmoid(TANH_SLOPE * (x + 0.044715 x^3))
TANH_CUBIC = TANH_SLOPE * Fraction("0.044715")


def floor_of(value: Fraction, shift: int = 0) -> int:
    """value * 2^shift, cut off."""
    return int((value * 2**shift) // 1) if shift >= 0 else int(value // 2**-shift)


def nearest(value: Fraction, shift: int = 0) -> int:
    """value * 2^shift to the nearest integer."""
    return round(value * Fraction(2) ** shift)


def roots_of_two(bits: int) -> list[Fraction]:
    """2^(i / 2^bits) for each i below 2^bits."""
    root = Fraction(2)
    for _ in range(bits):
        root = square_root(root)
    roots = [Fraction(1)]
    for _ in range((1 << bits) - 1):
        roots.append(Fraction(floor_of(roots[-1] * root, BITS), 1 << BITS))
    return roots
