"""Real functions and constants that tables and polynomials are computed from: in longdouble, and in multiple precision.

Constants are fractions, exact to `BITS` bits below the point and a few more: ln 2 = 18 artanh(1/26) - 2 artanh(1/4801)
+ 8 artanh(1/8749) and pi = 16 arctan(1/5) - 4 arctan(1/239), in integers. erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum over
n of 2^n x^(2n+1) / (2n+1)!! has no cancellation; for large x, Phi(-x) / phi(x) = 1 / (x + 1 / (x + 2 / (x + ...))).

Error: longdouble serves coefficients of up to 48 fraction bits, 160-bit numbers (mpmath) those of FP64.
Source: Machin's formula; M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 1964, 7.1.6 and 26.2.14.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError

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


LONGDOUBLE_ENOUGH = 48 if np.finfo(np.longdouble).nmant >= 63 else 0
"""Fraction bits of coefficients that come out as in multiple precision; none where longdouble is no wider than FP64."""
_BITS = 160  # of multiple precision


@dataclass(frozen=True, eq=False)
class Real:
    """A real function.

    Attributes:
        name: of the function, no other's.
        wide: on longdouble arrays.
        exact: on (mpmath context, mpf).
    """

    name: str
    wide: Callable[[NDArray[Any]], NDArray[Any]]
    exact: Callable[[Any, Any], Any]

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """The values on a longdouble array."""
        return self.wide(x)

    def doubled(self, times: int) -> Real:
        """The function times 2^times."""
        factor = 2.0**times
        return Real(f"2^{times} {self.name}", lambda x: self.wide(x) * factor, lambda mp, x: self.exact(mp, x) * factor)


class Arithmetic(ABC):
    """Arrays of the numbers that coefficients are computed in."""

    @abstractmethod
    def scaled(self, values: Any, exponent: int) -> NDArray[Any]:
        """values * 2^exponent of integers."""

    @abstractmethod
    def nodes(self, degree: int) -> NDArray[Any]:
        """The Chebyshev points of 0..1."""

    @abstractmethod
    def values(self, function: Real, x: NDArray[Any]) -> NDArray[Any]:
        """The function on each element."""

    @abstractmethod
    def nearest(self, value: Any, shift: int) -> int:
        """value * 2^shift, rounded to an integer."""


class LongDouble(Arithmetic):
    """Extended hardware floats."""

    def scaled(self, values: Any, exponent: int) -> NDArray[Any]:
        """values * 2^exponent of integers."""
        return np.asarray(np.ldexp(np.asarray(values).astype(np.longdouble), exponent))

    def nodes(self, degree: int) -> NDArray[Any]:
        """The Chebyshev points of 0..1."""
        angles = (2 * np.arange(degree + 1) + 1) * np.arccos(-np.longdouble(1)) / (2 * degree + 2)
        return np.asarray((1 - np.cos(angles)) / 2)

    def values(self, function: Real, x: NDArray[Any]) -> NDArray[Any]:
        """The function on each element."""
        return function(x)

    def nearest(self, value: Any, shift: int) -> int:
        """value * 2^shift, rounded to an integer."""
        return int(np.rint(np.ldexp(value, shift)))


class Multiple(Arithmetic):
    """Arrays of mpf."""

    def __init__(self) -> None:
        self.mp = _mpmath().MPContext()
        self.mp.prec = _BITS

    def scaled(self, values: Any, exponent: int) -> NDArray[Any]:
        """values * 2^exponent of integers."""
        return self._each(lambda value: self.mp.ldexp(self.mp.mpf(int(value)), exponent), np.asarray(values))

    def nodes(self, degree: int) -> NDArray[Any]:
        """The Chebyshev points of 0..1."""
        count = 2 * degree + 2
        return self._each(lambda i: (1 - self.mp.cospi(self.mp.mpf(2 * int(i) + 1) / count)) / 2, np.arange(degree + 1))

    def values(self, function: Real, x: NDArray[Any]) -> NDArray[Any]:
        """The function on each element."""
        return self._each(lambda value: self.mp.mpf(function.exact(self.mp, value)), x)

    def nearest(self, value: Any, shift: int) -> int:
        """value * 2^shift, rounded to an integer."""
        return int(self.mp.nint(self.mp.ldexp(value, shift)))

    def _each(self, function: Callable[[Any], Any], x: NDArray[Any]) -> NDArray[Any]:
        found = np.empty(x.size, dtype=object)
        for i, value in enumerate(x.ravel()):
            found[i] = function(value)
        return found.reshape(x.shape)


def arithmetic(precision: int) -> Arithmetic:
    """Numbers in which coefficients of so many fraction bits come out right."""
    return LongDouble() if precision <= LONGDOUBLE_ENOUGH else Multiple()


def ratio(mp: Any, value: Fraction) -> Any:
    """A fraction as an mpf."""
    return mp.mpf(value.numerator) / value.denominator


def _mpmath() -> Any:
    try:
        return import_module("mpmath")
    except ImportError:
        raise NexusError("functions of FP64 need the package mpmath, which is not installed") from None


_PI = 4 * np.arctan(np.longdouble(1))
_SERIES_BELOW = 3.0
_SERIES_TERMS = 80
_FRACTION_TERMS = 64


def _erf_ratio(x: NDArray[Any]) -> NDArray[Any]:
    large = np.maximum(x, np.longdouble(_SERIES_BELOW))
    root = np.sqrt(np.longdouble(2))
    beyond = (1 - 2 * np.exp(-large * large) * _mills_fraction(large * root) / np.sqrt(2 * _PI)) / large
    return np.where(x < _SERIES_BELOW, _erf_series(np.minimum(x, _SERIES_BELOW)), beyond)


def _phi(x: NDArray[Any]) -> NDArray[Any]:
    half = x / np.sqrt(np.longdouble(2))
    return np.asarray((1 + half * _erf_ratio(half)) / 2)


def _tail(x: NDArray[Any]) -> NDArray[Any]:
    near = np.minimum(x, np.longdouble(_SERIES_BELOW))
    half = near / np.sqrt(np.longdouble(2))
    inside = np.exp(near * near / 2) * (1 - half * _erf_series(half)) / 2
    beyond = _mills_fraction(np.maximum(x, np.longdouble(_SERIES_BELOW))) / np.sqrt(2 * _PI)
    return np.where(x < _SERIES_BELOW, inside, beyond)


def _erf_series(x: NDArray[Any]) -> NDArray[Any]:
    square = x * x
    term = np.ones_like(square)
    total = np.ones_like(square)
    for n in range(1, _SERIES_TERMS):
        term = term * (2 * square / (2 * n + 1))
        total = total + term
    return np.asarray(2 / np.sqrt(_PI) * np.exp(-square) * total)


def _mills_fraction(x: NDArray[Any]) -> NDArray[Any]:
    below = x
    for n in range(_FRACTION_TERMS, 0, -1):
        below = x + n / below
    return np.asarray(1 / below)


ERF_RATIO = Real("erf(x) / x", _erf_ratio, lambda mp, x: mp.erf(x) / x if x else 2 / mp.sqrt(mp.pi))
"""erf(x) / x, x >= 0."""
PHI = Real("Phi(x)", _phi, lambda mp, x: mp.erfc(-x / mp.sqrt(2)) / 2)
"""The normal distribution function, x >= 0."""
TAIL = Real("exp(x^2 / 2) Phi(-x)", _tail, lambda mp, x: mp.exp(x * x / 2) * mp.erfc(x / mp.sqrt(2)) / 2)
"""exp(x^2 / 2) * Phi(-x), x >= 0; smooth, 1/2 at 0, about 0.4 / x far out."""
