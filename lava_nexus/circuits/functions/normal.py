"""erf, the normal distribution function and Mills' ratio in longdouble: what coefficients and tables are computed from.

erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum over n of 2^n x^(2n+1) / (2n+1)!! has no cancellation (Abramowitz and Stegun
7.1.6); for large x, Phi(-x) / phi(x) = 1 / (x + 1 / (x + 2 / (x + 3 / ...))) (26.2.14).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.real import Real

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
