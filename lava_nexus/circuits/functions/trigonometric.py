"""sin(x) and cos(x) for |x| <= 2^20, NaN beyond.

y = |x| * 2 / pi modulo 4 in fixed point gives the quadrant and, folded at 1/2, r in 0 .. 1/2; the result is r * s(r) or
c(r) with s(r) = sin(r * pi / 2) / r and c(r) = cos(r * pi / 2), both by polynomials. r can be tiny and is normalised.
Below |x| = 1/2 nothing is reduced: sin(x) = x * h(|x|), and cos(|x|) is a polynomial of |x| itself.

Error: correctly rounded on every operand of 16 bits and fewer (`tabulated`); within 1 ULP on every FP32 operand and on
10 million of FP64 (`verify/certificates`).
Source: M. Payne and R. Hanek, "Radian reduction for trigonometric functions", SIGNUM Newsletter 18(1), 1983 (only the
bits of 2 / pi that matter modulo 4 are multiplied).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.exponential import fixed_point
from lava_nexus.circuits.functions.fitting import Approximation, fit
from lava_nexus.circuits.functions.function import Argument, FunctionValue, widths_for
from lava_nexus.circuits.functions.integers import Integers, Product, Sum
from lava_nexus.circuits.functions.piecewise import Piecewise, evaluate
from lava_nexus.circuits.functions.real import Real
from lava_nexus.formats import FloatFormat

W = TypeVar("W")

LARGEST = 20  # log2 of the largest |x|
_TWO_OVER_PI = 0xA2F9836E4E441529FC2757D1F534DDC0DB629599  # the first 160 bits below the point
_HALF_PI = 2 * np.arctan(np.longdouble(1))


@dataclass(frozen=True)
class Widths:
    """Widths of the fixed-point program.

    Attributes:
        fraction: fraction bits of y.
        zeros: leading zeros of r that are shifted out.
        kept: bits of r that are multiplied.
        index: fraction bits of r and |x| where they choose a segment.
        precision: fraction bits of the polynomials.
        degree: of the polynomials.
        error: log2 of the largest error of a polynomial.
        longest: log2 of the longest segment.
        product: bits of the product.
    """

    fraction: int
    zeros: int
    kept: int
    index: int
    precision: int
    degree: int
    error: float
    longest: int
    product: int


WIDTHS: dict[int, Widths] = {
    7: Widths(22, 14, 14, 13, 16, 1, -14, -6, 16),
    10: Widths(28, 18, 25, 19, 23, 2, -20, -6, 21),
    23: Widths(56, 31, 36, 33, 36, 3, -36, -5, 38),
    52: Widths(122, 62, 61, 58, 60, 6, -60, -3, 62),
}


def _turned(function: Callable[[NDArray[Any]], NDArray[Any]], x: NDArray[Any]) -> NDArray[Any]:
    """sin(x) or cos(x) of longdouble x with |x| <= 2^20, reduced with enough digits."""
    # x = high * 2^-11 + low; 2 / pi in pieces whose products with both are exact in longdouble.
    turns = np.zeros_like(x)
    for shift in (32, 64, 96, 128):
        piece = np.longdouble((_TWO_OVER_PI >> (160 - shift)) & 0xFFFFFFFF)
        turns = np.fmod(turns + np.fmod(np.ldexp(piece * x, -shift), 4), 4)
    return function(turns * _HALF_PI)


def _over(top: NDArray[Any], r: NDArray[Any], limit: Any) -> NDArray[Any]:
    return np.where(r == 0, limit, top / np.where(r == 0, np.longdouble(1), r))


_ONE = np.longdouble(1)
_SINE = (
    Real(
        "sin(r pi / 2) / r",
        lambda r: _over(np.sin(r * _HALF_PI), r, _HALF_PI),
        lambda mp, r: mp.sinpi(r / 2) / r if r else mp.pi / 2,
    ),
    Real("sin(r) / r", lambda r: _over(np.sin(r), r, _ONE), lambda mp, r: mp.sin(r) / r if r else mp.one),
)
_COSINE = (
    Real("cos(r pi / 2)", lambda r: np.cos(r * _HALF_PI), lambda mp, r: mp.cospi(r / 2)),
    Real("cos(r)", np.cos, lambda mp, r: mp.cos(r)),
)


@lru_cache(maxsize=64)
def _pieces(cosine: bool, widths: Widths) -> Piecewise:
    """Segments over r with s, r + 1 with c, and |x| + 2 with what small operands need."""
    longest = widths.index + widths.longest
    how = Approximation(widths.index, widths.precision, widths.degree, 2.0**widths.error, longest)

    def of(function: Real, anchored: bool) -> Piecewise:
        return fit(function, how, 0.5, anchored=anchored)

    half = 1 << (widths.index - 1)
    regular = of(_SINE[0], False).joined(of(_COSINE[0], True), half)
    return regular.joined(of((_COSINE if cosine else _SINE)[1], True), 2 * half)


@dataclass(frozen=True)
class Turn:
    """The program of sin, or of cos."""

    cosine: bool

    def exact(self, x: NDArray[Any]) -> NDArray[Any]:
        """The function on longdouble arrays."""
        function: Any = np.cos if self.cosine else np.sin
        inside = np.abs(x) <= 2.0**LARGEST
        size = np.where(inside, np.abs(x), np.longdouble(0))
        value = np.where(size < 0.5, function(size), _turned(function, size))
        # Next to 0 longdouble drops what makes sin(x) a little less than x; cos(x) - 1 likewise.
        value = np.where((size < 1e-9) & (size > 0), np.nextafter(value, np.longdouble(0)), value)
        return np.asarray(np.where(inside, value if self.cosine else np.where(np.signbit(x), -value, value), np.nan))

    def __call__(self, on: Integers[W], x: Argument[W], fmt: FloatFormat) -> FunctionValue[W]:
        """The program."""
        widths = widths_for("cos" if self.cosine else "sin", WIDTHS, fmt)
        integer_bits = min(LARGEST + 1, fmt.bias + 1)
        magnitude, _ = fixed_point(on, x, fmt, integer_bits, widths.index)
        small = on.not_(on.at_least(on.value(x.exponent), fmt.bias - 1))
        quadrant, folded, r = self._reduced(on, magnitude, integer_bits, fmt, widths)
        low, high = on.part(quadrant, 0, 1), on.part(quadrant, 1, 2)
        odd = _unlike(on, low, folded)
        with_cosine = on.not_(odd) if self.cosine else odd
        normalised, shift = on.normalise(r, widths.zeros, on.not_(on.any_of(with_cosine, small)), widths.kept)

        near = on.part(magnitude, 0, widths.index - 1)
        place = on.choose(small, near, on.part(r, on.width(r) - widths.index + 1, on.width(r)))
        index = on.join(place, on.all_of(with_cosine, on.not_(small)), small)
        factor = evaluate(on, index, _pieces(self.cosine, widths), widths.precision + 1)
        as_it_is = on.all_of(small, on.constant(0 if self.cosine else 1, 1))
        alone = on.any_of(with_cosine, small) if self.cosine else on.all_of(with_cosine, on.not_(small))
        one = on.join(on.constant(0, widths.kept - 1), on.constant(1, 1))
        significand = on.join(on.constant(0, widths.kept - fmt.significand_bits), x.significand(on))
        operand = on.choose(alone, one, on.choose(as_it_is, significand, normalised))
        cells = Product(operand, factor, widths.product - on.width(operand) - on.width(factor))
        # Of 1 * factor the product leaves out next to nothing.
        reduced = on.not_(on.any_of(alone, as_it_is))
        plain = Product(x.significand(on), factor, cells.shift + widths.kept - fmt.significand_bits)
        mean = on.value(reduced, int(on.loss(cells))) + on.value(on.all_of(as_it_is, x.normal), int(on.loss(plain)))
        product = on.accumulate([cells], mean, widths.product)

        # The first bit of r weighs 1/4 turn / 2, that of 1 and of an operand as it is 1; the product has one bit more.
        exponent = -shift - on.value(reduced, 2) + fmt.bias + 1
        lowest = fmt.bias - 1 - widths.zeros
        if not self.cosine:
            own = on.value(on.keep_if(x.exponent, small)) - on.value(on.all_of(small, x.normal))
            exponent, lowest = exponent + own + on.value(small, 1 - fmt.bias), min(lowest, 2)
        sign = _unlike(on, high, low) if self.cosine else _unlike(on, high, x.sign)
        limit = (fmt.bias + LARGEST) << fmt.fraction_bits
        too_large = [x.at_least(on, limit + 1)] if limit < fmt.exponent_mask else []
        return FunctionValue(
            sign=sign,
            exponent=exponent,
            bounds=(lowest, fmt.bias + 1),
            significand=product,
            most_zeros=2,
            nan=on.any_of(x.nan, x.infinite, *too_large),
            infinite=on.constant(0, 1),
            inexact=on.constant(1, 1),
        )

    def _reduced(
        self, on: Integers[W], magnitude: W, integer_bits: int, fmt: FloatFormat, widths: Widths
    ) -> tuple[W, W, W]:
        """(quadrant; 1 where the rest of y was folded; r, `fraction` - 1 bits below 1/2)."""
        # An operand of 1/2 or more has no bit below 2^-significand_bits.
        bits = integer_bits + fmt.significand_bits
        word = on.part(magnitude, widths.index - fmt.significand_bits, on.width(magnitude))
        wide = widths.fraction + 2
        weights = []
        for i in range(bits):
            exact = _TWO_OVER_PI << i
            drop = 160 + fmt.significand_bits - widths.fraction
            weights.append(((exact + (1 << (drop - 1))) >> drop) % (1 << wide))
        y = on.add_up(Sum([(word, weights)]), wide)
        folded = on.part(y, widths.fraction - 1, widths.fraction)
        r = on.invert_if(on.part(y, 0, widths.fraction - 1), folded)
        return on.part(y, widths.fraction, wide), folded, r


def _unlike(on: Integers[W], a: W, b: W) -> W:
    return on.part(on.invert_if(a, b), 0, 1)


sin = Turn(cosine=False)
cos = Turn(cosine=True)
