"""Odd functions that go to 1: tanh(x) and erf(x) as x * h(|x|), with h(x) = f(x) / x by polynomials over segments.

h is smooth and never near 0, so the product keeps the relative accuracy of a result however small; from where f rounds
to 1 the result is 1.

Error: correctly rounded on every operand of 16 bits and fewer (`tabulated`); within 1 ULP on every FP32 operand and on
10 million of FP64 (`verify/certificates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log2
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.exponential import fixed_point
from lava_nexus.circuits.functions.fitting import Approximation, fit, in_binades
from lava_nexus.circuits.functions.function import Argument, FunctionValue, widths_for
from lava_nexus.circuits.functions.integers import Integers
from lava_nexus.circuits.functions.piecewise import Piecewise, evaluate
from lava_nexus.circuits.functions.real import ERF_RATIO, Real
from lava_nexus.circuits.functions.saturation import in_steps, multiplied, scale_below_one
from lava_nexus.circuits.functions.tabulated import rounded
from lava_nexus.formats import FloatFormat

W = TypeVar("W")

_NARROW = 32  # bits of a format in which h is fitted as it is


@dataclass(frozen=True)
class Widths:
    """Widths of the fixed-point program.

    Attributes:
        fraction: fraction bits of |x|.
        precision: fraction bits of h.
        degree: of the polynomials.
        error: log2 of the largest error of a polynomial.
        longest: log2 of the longest segment of |x|.
        product: bits of x * h.
        adjust: what is added to h, in units of its last place.
        growth: log2 of what the function grows by from one operand told apart to the next; None tells all apart.
    """

    fraction: int
    precision: int
    degree: int
    error: float
    longest: int
    product: int
    adjust: int = 0
    growth: int | None = None


TANH: dict[int, Widths] = {
    7: Widths(8, 14, 2, -16, -4, 15),
    10: Widths(17, 20, 2, -19, -5, 23, 1),
    23: Widths(31, 38, 3, -37.5, -4, 41, growth=-33),
    52: Widths(59, 61, 6, -60, -3, 62, growth=-56),
}
TANH_PRECISE = {23: Widths(40, 47, 4, -47, -6, 50)}
ERF: dict[int, Widths] = {
    7: Widths(10, 15, 2, -17, -5, 20),
    10: Widths(18, 18, 1, -18, -6, 21, 2),
    23: Widths(31, 37, 3, -36.5, -4, 39, growth=-33),
    52: Widths(59, 61, 6, -60, -3, 62, growth=-56),
}


def _tanh_ratio(x: NDArray[Any]) -> NDArray[Any]:
    some = np.where(x == 0, np.longdouble(1), x)
    return np.where(x == 0, np.longdouble(1), np.tanh(some) / some)


@dataclass(frozen=True, eq=False)
class Odd:
    """The program of an odd function.

    Attributes:
        name: for messages.
        ratio: f(x) / x, x >= 0.
        widths: by fraction bits of the format.
    """

    name: str
    ratio: Real
    widths: dict[int, Widths]

    def exact(self, x: NDArray[Any]) -> NDArray[Any]:
        """The function on longdouble arrays."""
        size = np.minimum(np.abs(x), np.longdouble(32))
        return np.asarray(np.copysign(np.where(np.isnan(x), x, size * self.ratio(size)), x))

    def __call__(self, on: Integers[W], x: Argument[W], fmt: FloatFormat) -> FunctionValue[W]:
        """The program."""
        widths, end = widths_for(self.name, self.widths, fmt), _saturation(self, fmt)
        limit = float(fmt.from_patterns(np.array(end, fmt.pattern_dtype)))
        whole = x
        if widths.growth is not None:
            x = in_steps(on, x, fmt, self.exact, 2.0**widths.growth)
        integer_bits = max(ceil(log2(limit)), 1)
        magnitude, _ = fixed_point(on, x, fmt, integer_bits, widths.fraction)
        binades = integer_bits if fmt.bits > _NARROW else 0
        pieces = _pieces(self.ratio, widths, limit, binades)
        h = evaluate(on, magnitude, pieces, widths.precision + 1, widths.adjust)
        return FunctionValue(
            sign=x.sign,
            exponent=(scale_below_one(on, x, fmt) if binades else x.scale(on)) + 1,
            bounds=(2, fmt.bias + integer_bits + 2),
            significand=multiplied(on, x, h, widths.product),
            most_zeros=2 if binades else integer_bits + 1,
            nan=x.nan,
            infinite=on.constant(0, 1),
            inexact=on.constant(1, 1),
            instead=[(whole.at_least(on, end), fmt.bias << fmt.fraction_bits)],
        )


@lru_cache(maxsize=64)
def _pieces(ratio: Real, widths: Widths, limit: float, binades: int) -> Piecewise:
    """Segments of h(|x|); where |x| is 1 or more, of the first `binades` binades, of h times 2 to the binade."""
    longest = widths.fraction + widths.longest
    how = Approximation(widths.fraction, widths.precision, widths.degree, 2.0**widths.error, longest)

    def of(function: Real, start: float, end: float) -> Piecewise:
        return fit(function, how, end, start, anchored=start == 0)

    return in_binades(ratio, limit, binades, of)


@lru_cache(maxsize=64)
def _saturation(function: Odd, fmt: FloatFormat) -> int:
    """The smallest pattern whose result rounds to 1."""
    low, high, one = 0, fmt.max_finite, fmt.bias << fmt.fraction_bits
    while low < high:
        middle = (low + high) // 2
        value = fmt.from_patterns(np.array([middle], fmt.pattern_dtype)).astype(np.float64).astype(np.longdouble)
        if int(rounded(function.exact(value), fmt)[0]) >= one:
            high = middle
        else:
            low = middle + 1
    return low


_TANH_RATIO = Real("tanh(x) / x", _tanh_ratio, lambda mp, x: mp.tanh(x) / x if x else mp.one)
tanh = Odd("tanh", _TANH_RATIO, TANH)
tanh_precise = Odd("tanh", _TANH_RATIO, TANH_PRECISE)
erf = Odd("erf", ERF_RATIO, ERF)
