"""log(x) = E * ln 2 + d * h(d), where x = 2^E * (1 + d), -1/4 <= d < 1/2, and h(d) = log(1 + d) / d by polynomials.

Where E is 0 the result is d * h(d) alone, with d normalised: the relative accuracy holds next to 1.

Error: correctly rounded on every operand of 16 bits and fewer (`tabulated`); within 1 ULP on every FP32 operand and on
10 million of FP64 (`verify/certificates`).
Source: J.-M. Muller, "Elementary Functions: Algorithms and Implementation", 3rd edition, 2016 (range reduction of log).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log, log2
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.fitting import Approximation, fit
from lava_nexus.circuits.functions.function import Argument, FunctionValue, widths_for
from lava_nexus.circuits.functions.integers import Integers, Product
from lava_nexus.circuits.functions.piecewise import Piecewise, evaluate
from lava_nexus.circuits.functions.real import LN2, Real, nearest
from lava_nexus.formats import FloatFormat

W = TypeVar("W")


@dataclass(frozen=True)
class Widths:
    """Widths of the fixed-point program.

    Attributes:
        precision: fraction bits of h.
        degree: of the polynomials.
        error: log2 of the largest error of a polynomial.
        longest: log2 of the longest segment of the significand.
        sum: fraction bits of the sum.
    """

    precision: int
    degree: int
    error: float
    longest: int
    sum: int


WIDTHS: dict[int, Widths] = {
    7: Widths(12, 1, -12, -4, 15),
    10: Widths(17, 2, -17, -6, 20),
    23: Widths(36, 3, -36, -6, 37),
    52: Widths(60, 6, -60, -4, 62),
}


def exact(x: NDArray[Any]) -> NDArray[Any]:
    """The function on longdouble arrays."""
    return np.asarray(np.log(x))


def _wide_ratio(d: NDArray[Any]) -> NDArray[Any]:
    some = np.where(d == 0, np.longdouble(1), d)
    return np.where(d == 0, np.longdouble(1), np.log1p(some) / some)


def _exact_ratio(mp: Any, d: Any) -> Any:
    return mp.log1p(d) / d if d else mp.one


# A significand of 1 + v means d = v below 1/2, and d = (v - 1) / 2 = (w - 1/2) / 2 from there on.
_LOW = Real("log1p(v) / v", _wide_ratio, _exact_ratio)
_HIGH = Real(
    "log1p(d) / d, d = (w - 1/2) / 2",
    lambda w: _wide_ratio((w - 0.5) / 2),
    lambda mp, w: _exact_ratio(mp, (w - 0.5) / 2),
)


@lru_cache(maxsize=64)
def _pieces(bits: int, widths: Widths) -> Piecewise:
    how = Approximation(bits, widths.precision, widths.degree, 2.0**widths.error, bits + widths.longest)
    return fit(_LOW, how, 0.5).joined(fit(_HIGH, how, 0.5), 1 << (bits - 1))


def logarithm(on: Integers[W], x: Argument[W], fmt: FloatFormat) -> FunctionValue[W]:
    """log(x): minus infinity for a zero, NaN below."""
    widths, bits = widths_for("log", WIDTHS, fmt), fmt.fraction_bits
    significand, shift = on.normalise(x.significand(on), bits, on.not_(x.normal))
    fraction, some = on.part(significand, 0, bits), on.part(significand, bits, bits + 1)
    below = on.part(fraction, bits - 1, bits)  # 1 + v >= 3/2: taken as (1 + v) / 2 < 1
    power = on.add_up(x.scale(on) - shift + on.value(below) - fmt.bias, fmt.exponent_bits + 2)
    minus = on.part(power, fmt.exponent_bits + 1, fmt.exponent_bits + 2)
    low = on.part(power, 0, fmt.exponent_bits + 1)
    none = on.not_(on.any_of(*(on.part(power, i, i + 1) for i in range(fmt.exponent_bits + 2))))
    negative = on.any_of(minus, on.all_of(none, below))

    # |d| in units of 2^-(bits + 1): 2 v or 1 - v.
    away = on.add_up(on.value(on.invert_if(fraction, on.constant(1, 1))) + 1, bits)
    doubled = on.join(on.constant(0, 1), on.part(fraction, 0, bits - 1))
    d, raised = on.normalise(on.choose(below, away, doubled), bits - 1, none)
    h = evaluate(on, fraction, _pieces(bits, widths), widths.precision + 1)
    cells = Product(d, h, widths.sum - bits - 1 - widths.precision)
    nonzero = on.any_of(*(on.part(d, i, i + 1) for i in range(bits)))
    product = on.accumulate([cells], on.value(nonzero, int(on.loss(cells))), widths.sum)

    whole_bits = ceil(log2((fmt.bias + fmt.significand_bits) * log(2)))
    differ = on.any_of(on.all_of(below, on.not_(negative)), on.all_of(negative, on.not_(below)))
    ln2 = [nearest(LN2, widths.sum + i) for i in range(fmt.exponent_bits + 1)]
    size = on.invert_if(low, minus)
    weighed = type(shift)([(size, ln2), (minus, ln2[:1])])
    signed = on.value(on.invert_if(product, differ)) + on.value(differ, 1 - (1 << widths.sum))
    total = on.add_up(weighed + signed, whole_bits + widths.sum)
    return FunctionValue(
        sign=negative,
        exponent=-raised + fmt.bias + whole_bits - 1,
        bounds=(fmt.bias + whole_bits - bits, fmt.bias + whole_bits - 1),
        significand=total,
        most_zeros=whole_bits + 3,
        nan=on.any_of(x.nan, on.all_of(x.sign, some)),
        infinite=on.any_of(x.infinite, on.not_(some)),
        inexact=on.constant(1, 1),
    )
