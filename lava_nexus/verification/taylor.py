"""A smooth function on longdouble arrays by Taylor series about the middles of short intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]

_PARTS = 16  # intervals to 1
_TERMS = 12  # what follows is below 2^-66 for functions whose coefficients fall like those of erf
_BITS = 160


@dataclass(frozen=True, eq=False)
class TaylorGrid:
    """A function on 0 .. end, good to a few units of longdouble's last place.

    Attributes:
        series: (mpmath context, middle, n) to the first n Taylor coefficients there.
        end: largest operand; a whole number.
    """

    series: Callable[[Any, Any, int], list[Any]]
    end: int

    def __call__(self, x: Values) -> Values:
        """Values for a longdouble array of operands in 0 .. end; those above count as `end`."""
        near = np.fmin(x, np.longdouble(self.end))  # a NaN counts as `end` too
        place = np.minimum((near * _PARTS).astype(np.int64), self.end * _PARTS - 1)
        step = near - (place + np.longdouble(0.5)) / _PARTS
        total: Values = self._coefficients[-1][place]
        for column in self._coefficients[-2::-1]:
            total = total * step + column[place]
        return total

    @cached_property
    def _coefficients(self) -> Values:
        """[terms, intervals]."""
        mp = import_module("mpmath").MPContext()
        mp.prec = _BITS
        middles = ((mp.mpf(2 * i + 1)) / (2 * _PARTS) for i in range(self.end * _PARTS))
        series = [self.series(mp, middle, _TERMS) for middle in middles]
        return np.array([[_longdouble(value) for value in one] for one in series], dtype=np.longdouble).T.copy()


def _longdouble(value: Any) -> np.longdouble:
    high = float(value)
    return np.longdouble(high) + np.longdouble(float(value - high))
