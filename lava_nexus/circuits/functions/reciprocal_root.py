"""rsqrt(x) = 1 / sqrt(x) by polynomials over the normalised significand and the parity of the exponent.

x = 2^e * (1 + v); with n = floor(e / 2) and an e that is even the result is 2^(-n - 1) * 2 / sqrt(1 + v), with one that
is odd 2^(-n - 1) * sqrt(2) / sqrt(1 + v). It is never subnormal.

Error: correctly rounded on every operand of 16 bits and fewer (`tabulated`); within 1 ULP on every FP32 operand and on
10 million of FP64 (`verify/certificates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.fitting import Approximation, fit
from lava_nexus.circuits.functions.function import Argument, FunctionValue, widths_for
from lava_nexus.circuits.functions.integers import Integers
from lava_nexus.circuits.functions.piecewise import Piecewise, evaluate
from lava_nexus.circuits.functions.real import Real
from lava_nexus.formats import FloatFormat

W = TypeVar("W")


@dataclass(frozen=True)
class Widths:
    """Widths of the fixed-point program.

    Attributes:
        precision: fraction bits of the result.
        degree: of the polynomials.
        error: log2 of the largest error of a polynomial.
        longest: log2 of the number of values of v in the longest segment.
        adjust: what is added to the result, in units of its last place.
    """

    precision: int
    degree: int
    error: float
    longest: int
    adjust: int = -1


WIDTHS: dict[int, Widths] = {
    7: Widths(14, 2, -13, 2),
    10: Widths(18, 2, -20, 5),
    23: Widths(35, 3, -34, 16),
    52: Widths(60, 6, -60, 48, 0),
}


_TWO = np.longdouble(2)
_EVEN = Real("2 / sqrt(1 + v)", lambda v: _TWO / np.sqrt(1 + v), lambda mp, v: 2 / mp.sqrt(1 + v))
_ODD = Real(
    "sqrt(2) / sqrt(1 + v)", lambda v: np.sqrt(_TWO) / np.sqrt(1 + v), lambda mp, v: mp.sqrt(2) / mp.sqrt(1 + v)
)


@lru_cache(maxsize=64)
def _pieces(fraction_bits: int, widths: Widths) -> Piecewise:
    how = Approximation(fraction_bits, widths.precision, widths.degree, 2.0**widths.error, widths.longest)
    return fit(_EVEN, how, 1.0).joined(fit(_ODD, how, 1.0), 1 << fraction_bits)


def exact(x: NDArray[Any]) -> NDArray[Any]:
    """The function on longdouble arrays."""
    return np.asarray(1 / np.sqrt(x))


def rsqrt(on: Integers[W], x: Argument[W], fmt: FloatFormat) -> FunctionValue[W]:
    """1 / sqrt(x): infinity of the same sign for a zero, NaN below."""
    widths, bits = widths_for("rsqrt", WIDTHS, fmt), fmt.fraction_bits
    significand, shift = on.normalise(x.significand(on), bits, on.not_(x.normal))
    doubled = on.add_up(x.scale(on) + (-shift) + fmt.bias, fmt.exponent_bits + 1)
    odd, half = on.part(doubled, 0, 1), on.part(doubled, 1, fmt.exponent_bits + 1)
    index = on.join(on.part(significand, 0, bits), odd)
    result = evaluate(on, index, _pieces(bits, widths), widths.precision + 1, widths.adjust)
    some = on.part(significand, bits, bits + 1)
    largest, one = (1 << fmt.exponent_bits) - 1, on.constant(1, 1)
    return FunctionValue(
        sign=x.sign,
        exponent=-on.value(half) + 2 * fmt.bias - 1,
        bounds=(2 * fmt.bias - 1 - (largest + fmt.bias) // 2, 2 * fmt.bias - 1),
        significand=result,
        most_zeros=0,
        nan=on.any_of(x.nan, on.all_of(x.sign, some)),
        infinite=on.not_(some),
        inexact=one,
        instead=[(x.infinite, 0)] if fmt.inf else [],
    )
