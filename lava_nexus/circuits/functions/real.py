"""Real functions that polynomials are fitted to: on longdouble arrays, and in multiple precision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError

LONGDOUBLE_ENOUGH = 48  # fraction bits of coefficients
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
