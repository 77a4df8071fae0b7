"""The functions of real numbers: in wide hardware floats, with a bound on the error, and in multiple precision.

Where wide floats have no function of their own it is taken by Taylor series about the middles of short intervals.
Conventions at the edges are IEEE 754-2019's (section 9.2); silu(-inf) and gelu(-inf) are -0, the limit from above -inf;
sin and cos are NaN beyond 2^20, where their circuits end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError

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


LARGEST_ANGLE = 2.0**20

_TANH_CUBE = "0.044715"  # of gelu_tanh (Hendrycks and Gimpel, "Gaussian error linear units", 2016)


@dataclass(frozen=True)
class RealFunction:
    """A function of one operand.

    Attributes:
        wide: values in float64 or longdouble to values of the same dtype.
        exact: (mpmath context, mpf) to mpf, for finite operands other than 0 inside the domain.
        error: bound on the relative error of `wide` in float64 as far as results are not below FP32's range.
        extended: bound on the relative error of `wide` in longdouble (of 64 bits): a number, or a function of values.
        limits: results that are limits of the function: where the rounded result is one of them the input is easy.
        half: f(x) = x/2 + c x^2 + ... with c > 0.
        slope: what has the sign of the derivative on both sides of 0: a number, or a function of values.
        lowest: operand up to which it falls instead, whatever the slope.
    """

    wide: Callable[[Values], Values]
    exact: Callable[[Any, Any], Any]
    error: float = 2.0**-47
    extended: Callable[[Values], Values] | float = 2.0**-61
    limits: tuple[float, ...] = ()
    half: bool = False
    slope: Callable[[Values], Values] | int = 1
    lowest: float = -np.inf


def _bounded(function: Callable[[Values], Values]) -> Callable[[Values], Values]:
    return lambda x: function(np.where(np.abs(x) <= LARGEST_ANGLE, x, x.dtype.type(np.nan)))


def _logistic_times(x: Values, u: Values) -> Values:
    """x / (1 + exp(-u)), -0 at -inf."""
    return np.where(np.isneginf(x), x.dtype.type(-0.0), x / (1 + np.exp(-u)))


def _tanh_argument(x: Values) -> Values:
    kind = x.dtype.type
    u: Values = 2 * np.sqrt(2 / (kind(4) * np.arctan(kind(1)))) * (x + kind(_TANH_CUBE) * x * x * x)
    return u


def _gelu(x: Values) -> Values:
    root_half = np.sqrt(x.dtype.type(0.5))
    if x.dtype == np.longdouble:
        return np.where(np.isneginf(x), x.dtype.type(-0.0), x * _normal_distribution(x))
    return np.where(np.isneginf(x), x.dtype.type(-0.0), x / 2 * _special("erfc", -x * root_half))


def _mills_series(mp: Any, x: Any, n: int) -> list[Any]:
    """Of T(x) = exp(x^2 / 2) Phi(-x), for which T' = x T - 1 / sqrt(2 pi)."""
    series = [mp.exp(x * x / 2) * mp.erfc(x / mp.sqrt(2)) / 2]
    series.append(x * series[0] - 1 / mp.sqrt(2 * mp.pi))
    for k in range(1, n - 1):
        series.append((x * series[k] + series[k - 1]) / (k + 1))
    return series


_MILLS = TaylorGrid(_mills_series, 40)
_ERF_RATIO = TaylorGrid(lambda mp, x, n: mp.taylor(lambda v: mp.erf(v) / v, x, n - 1), 7)


def _normal_distribution(x: Values) -> Values:
    """Phi(x) of longdouble values that are FP64 numbers; x^2 is kept in two exact parts."""
    size = np.minimum(np.abs(x), np.longdouble(40))
    high = (size.astype(np.float64).view(np.uint64) & np.uint64(2**64 - 2**27)).view(np.float64).astype(np.longdouble)
    low = size - high
    tail: Values = _MILLS(size) * np.exp(-high * high / 2) * np.exp(-(2 * high * low + low * low) / 2)
    tail = np.where(size < 40, tail, x.dtype.type(0))  # x times it is below half of the least FP64 number
    return np.where(x > 0, 1 - tail, tail)


def _erf(x: Values) -> Values:
    if x.dtype != np.longdouble:
        return _special("erf", x)
    size = np.minimum(np.abs(x), np.longdouble(7))
    value = np.where(size < 7, size * _ERF_RATIO(size), np.nextafter(np.longdouble(1), np.longdouble(0)))
    return np.copysign(np.where(np.isnan(x), x, value), x)


def _special(name: str, x: Values) -> Values:
    """A function of scipy.special in float64."""
    try:
        values: Values = getattr(import_module("scipy.special"), name)(x.astype(np.float64)).astype(x.dtype)
        return values
    except ImportError:
        raise NexusError("correct rounding of erf and gelu needs the package scipy, which is not installed") from None


def _exact_tanh_argument(mp: Any, x: Any) -> Any:
    return 2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf(_TANH_CUBE) * x**3)


FUNCTIONS: dict[str, RealFunction] = {
    "reciprocal": RealFunction(lambda x: 1 / x, lambda mp, x: 1 / x, slope=-1),
    "rsqrt": RealFunction(lambda x: 1 / np.sqrt(x), lambda mp, x: 1 / mp.sqrt(x), slope=-1),
    "exp": RealFunction(np.exp, lambda mp, x: mp.exp(x), limits=(1.0,)),
    "exp2": RealFunction(np.exp2, lambda mp, x: mp.power(2, x), limits=(1.0,)),
    "log": RealFunction(np.log, lambda mp, x: mp.log(x)),
    "sin": RealFunction(_bounded(np.sin), lambda mp, x: mp.sin(x), slope=np.cos),
    "cos": RealFunction(_bounded(np.cos), lambda mp, x: mp.cos(x), limits=(1.0,), slope=lambda x: -np.sin(x)),
    "sigmoid": RealFunction(lambda x: 1 / (1 + np.exp(-x)), lambda mp, x: 1 / (1 + mp.exp(-x)), limits=(0.5, 1.0)),
    "tanh": RealFunction(np.tanh, lambda mp, x: mp.tanh(x), limits=(-1.0, 1.0)),
    "silu": RealFunction(
        lambda x: _logistic_times(x, x), lambda mp, x: x / (1 + mp.exp(-x)), half=True, lowest=-1.2784645427610738
    ),
    "gelu": RealFunction(  # scipy states 5.7e-14 for erfc; the rounding of its argument adds 2 z^2 2^-53 at z <= 11
        _gelu,
        lambda mp, x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        error=2.0**-42,
        extended=2.0**-60,
        half=True,
        lowest=-0.7517915246935645,
    ),
    "gelu_tanh": RealFunction(
        lambda x: _logistic_times(x, _tanh_argument(x)),
        lambda mp, x: x / (1 + mp.exp(-_exact_tanh_argument(mp, x))),
        error=2.0**-42,
        extended=lambda x: 2.0**-61 * (2 + np.abs(_tanh_argument(np.clip(x, -30, 0)))),  # beyond it has underflown
        half=True,
        lowest=-0.7524614220710162,
    ),
    "erf": RealFunction(_erf, lambda mp, x: mp.erf(x), limits=(-1.0, 1.0)),
}
"""By the names of the operations."""
