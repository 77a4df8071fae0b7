"""Correct rounding of the elementary functions: float64 where both ends of its error round alike, else 400 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray
from scipy import special

from lava_nexus.formats import FLOAT16, FLOAT32, FLOAT64, FloatFormat
from tests import exact

_BEYOND = 4_000  # 400 bits times 2^4000 or 2^-4000 are beyond every format
_SLOPE = np.sqrt(8 / np.pi)


def _cubic(x: Any) -> Any:
    return _SLOPE * (x + 0.044715 * x * x * x)


def _precise_sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _precise_gelu_tanh(x: Any) -> Any:
    return x * _precise_sigmoid(mpmath.sqrt(8 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))


@dataclass(frozen=True)
class Function:
    """A function in float64 with a relative error far below 2^-40, and in multiple precision.

    Attributes:
        screen: on float64 arrays.
        precise: on one mpf.
        limits: results that are constant where the function is flat.
        increasing: whether it never decreases.
    """

    screen: Callable[[Any], Any]
    precise: Callable[[Any], Any]
    limits: tuple[float, ...] = ()
    increasing: bool = False


FUNCTIONS: dict[str, Function] = {
    "rsqrt": Function(lambda x: 1 / np.sqrt(x), lambda x: 1 / mpmath.sqrt(x)),
    "exp": Function(np.exp, mpmath.exp, (1.0,), increasing=True),
    "exp2": Function(np.exp2, lambda x: mpmath.power(2, x), (1.0,), increasing=True),
    "log": Function(np.log, mpmath.log),
    "sin": Function(np.sin, mpmath.sin),
    "cos": Function(np.cos, mpmath.cos, (1.0,)),
    "sigmoid": Function(special.expit, _precise_sigmoid, (0.5, 1.0), increasing=True),
    "tanh": Function(np.tanh, mpmath.tanh, (1.0, -1.0), increasing=True),
    "silu": Function(lambda x: x * special.expit(x), lambda x: x * _precise_sigmoid(x)),
    "gelu": Function(lambda x: x * special.ndtr(x), lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2),
    "gelu_tanh": Function(lambda x: x * special.expit(_cubic(x)), _precise_gelu_tanh),
    "erf": Function(special.erf, mpmath.erf, (1.0, -1.0), increasing=True),
}


def domain(name: str, patterns: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    """The patterns at which the function is a plain number: not zero, not infinite, and where it is defined."""
    with np.errstate(all="ignore"):
        x = fmt.from_patterns(patterns).astype(np.float64)
    keep = np.isfinite(x) & (x != 0)
    if name in ("sin", "cos"):
        keep &= np.abs(x) <= 2.0**20
    if name in ("log", "rsqrt"):
        keep &= x > 0
    return patterns[keep]


def correctly_rounded(name: str, patterns: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    """Patterns of the results over patterns of the `domain`."""
    function = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        x = fmt.from_patterns(patterns).astype(np.float64)
        y = function.screen(x)
        direct = fmt in (FLOAT16, FLOAT32)
        # Wider than FP32 rounds, through which ml_dtypes takes float64 to narrower formats.
        slack = 2.0**-40 if direct else 2.0**-22
        low, high = ((y * (1 + s)).astype(fmt.dtype) for s in (-slack, slack))
    answer, other = (fmt.canonical(v.view(fmt.pattern_dtype)) for v in (low, high))
    # The way through FP32 hides ties of subnormal results.
    tiny = (np.abs(y) < 2.0 ** (3 - fmt.bias)) & (y != 0) & (not direct)
    undecided = np.flatnonzero((answer != other) | tiny | ((fmt == FLOAT64) & (np.abs(x) < 2_000)))
    with mpmath.workprec(400):
        for i in undecided.tolist():
            value = function.precise(mpmath.mpf(float(x[i])))
            man, exponent = abs(value).man_exp
            within = min(max(int(exponent), -_BEYOND), _BEYOND)
            answer[i] = exact.rounded(exact.Real(int(value < 0), Fraction(int(man)) * Fraction(2) ** within), fmt)
    return answer
