"""exp(x) = 2^n * 2^f with n + f = x * log2(e), and exp2(x) with n + f = x.

|x| is shifted to fixed point; t = |x| * log2(e); a negative x inverts the bits of t, which is -t less one unit in its
last place. 2^f: T = 2^i by table for the leading bits i of f; u = r * ln 2 for the rest r; 2^f = T + T * (u + u^2/2 +
u^3/6 + ...). Where that is too coarse each i has a polynomial of its own, whose coefficients are all positive. Products
and multiples leave out their low columns and add the mean of what those hold. `gated` takes 2^-t from here.

Error: correctly rounded on every operand of 16 bits and fewer (`tabulated`); within 1 ULP on every FP32 operand and on
10 million of FP64 (`verify/certificates`).
Source: P. T. P. Tang, "Table-driven implementation of the exponential function in IEEE floating-point arithmetic", ACM
TOMS 15(2), 1989 (range reduction by a table of 2^i; here in fixed point).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, log2
from typing import Generic, TypeVar

import numpy as np

from lava_nexus.circuits.functions.fitting import Approximation, fit
from lava_nexus.circuits.functions.function import Argument, FunctionValue, widths_for
from lava_nexus.circuits.functions.integers import Integers
from lava_nexus.circuits.functions.piecewise import Piecewise, evaluate
from lava_nexus.circuits.functions.real import LN2, LOG2_E, Real, nearest, roots_of_two
from lava_nexus.formats import FloatFormat

W = TypeVar("W")

_GROWTH = Real("2^f - 1", lambda f: np.exp2(f) - 1, lambda mp, f: mp.expm1(f * mp.ln2))
_AS_IT_COMES = 1.0  # the degree and the length of the segments are chosen together


@dataclass(frozen=True)
class Plan:
    """Widths of the fixed-point program.

    Attributes:
        integer_bits: of |x|; from 2^integer_bits on the caller answers.
        fraction_bits: of |x|.
        working_bits: fraction bits of t = |x| * factor and of 2^f.
        index_bits: address bits of the table.
        adjust: what is added to the result, in units of a quarter of its last place (2 rounds it), or with a polynomial
            of its last place.
        guard: further bits while t is summed.
        degree: of a polynomial for each entry of the table; 0 for the series.
        order: of the series.
    """

    integer_bits: int
    fraction_bits: int
    working_bits: int
    index_bits: int = 7
    adjust: int = 2
    guard: int = 3
    degree: int = 0
    order: int = 3

    def whole_bits(self, factor: Fraction) -> int:
        """Integer bits of t."""
        return self.integer_bits + (factor > 1)


@dataclass(frozen=True)
class Exponent(Generic[W]):
    """t = |x| * factor, or -t where it was inverted, split.

    Attributes:
        whole: its integer part; where inverted, that plus 2^width(whole).
        fraction: its fraction bits.
        too_large: 1 where |x| is 2^integer_bits or more.
    """

    whole: W
    fraction: W
    too_large: W


def fixed_point(
    on: Integers[W], x: Argument[W], fmt: FloatFormat, integer_bits: int, fraction_bits: int
) -> tuple[W, W]:
    """(|x| in fixed point, cut off; 1 where |x| is 2^integer_bits or more and the first is meaningless)."""
    highest = fmt.bias + integer_bits - 1
    amount = -x.scale(on) + highest
    below = integer_bits + fraction_bits - fmt.significand_bits
    magnitude = on.align(x.significand(on), amount, below)
    return magnitude, on.at_least(on.value(x.exponent), highest + 1)


def split(on: Integers[W], magnitude: W, too_large: W, invert: W, plan: Plan, factor: Fraction) -> Exponent[W]:
    """|x| * factor, every bit inverted where `invert` is 1: -t less one unit in its last place."""
    working, whole_bits = plan.working_bits, plan.whole_bits(factor)
    if factor == 1:
        t = on.part(magnitude, plan.fraction_bits - working, plan.fraction_bits + whole_bits)
    else:
        wide = whole_bits + working + plan.guard
        t = on.scale(magnitude, factor, working + plan.guard - plan.fraction_bits, wide)
        t = on.part(t, plan.guard, wide)
    t = on.invert_if(t, invert)
    return Exponent(on.part(t, working, working + whole_bits), on.part(t, 0, working), too_large)


@lru_cache(maxsize=64)
def _table(index_bits: int, working: int) -> Sequence[int]:
    """2^working * (2^(i / 2^index_bits) - 1), rounded, for each i."""
    return [nearest(root - 1, working) for root in roots_of_two(index_bits)]


def two_to_the(on: Integers[W], fraction: W, plan: Plan) -> W:
    """The fraction bits of 2^f, `working_bits` of them."""
    working = plan.working_bits
    if plan.degree:
        return evaluate(on, fraction, _pieces(working, plan.index_bits, plan.degree), working, plan.adjust)
    low_bits = working - plan.index_bits
    entry = on.table(on.part(fraction, low_bits, working), _table(plan.index_bits, working), working)
    growth = _growth(on, on.part(fraction, 0, low_bits), plan)
    # entry * growth, where the leading 1 of 1.entry adds growth itself.
    product = on.product(growth, entry, working - 2, low_bits + 2)
    total = on.sum([(entry, 2), (growth, 2), (product, 0)], working + 2, constant=plan.adjust)
    return on.part(total, 2, working + 2)


@lru_cache(maxsize=64)
def _pieces(working: int, index_bits: int, degree: int) -> Piecewise:
    """2^f - 1 by polynomials over 2^index_bits segments."""
    how = Approximation(working, working, degree, _AS_IT_COMES, working - index_bits)
    return fit(_GROWTH, how, 1.0, anchored=True)


def _growth(on: Integers[W], rest: W, plan: Plan) -> W:
    """2^r - 1 for r = rest / 2^working < 2^-index_bits, in units of 2^-working: u + u^2/2 + u^3/6 (+ u^4/24)."""
    working, index_bits = plan.working_bits, plan.index_bits
    low_bits = working - index_bits
    u = on.scale(rest, LN2, 2, low_bits + 2)  # two more bits than `rest`
    top = working - 2 * index_bits + 1  # u^2/2 < 2^(-2 index_bits - 2): what of u can be seen in it
    if top < 2:
        return on.part(u, 2, low_bits + 2)
    high = on.part(u, low_bits + 2 - top - 1, low_bits + 2)
    square_width = top + 2
    square = on.product(high, high, 2 * (top + 1) - square_width, square_width)
    # square is u^2 * 2^(2 index_bits) in `square_width` bits below the point.
    parts = [(u, 0), (square, working + 2 - 2 * index_bits - square_width - 1)]
    cube_top = working - 3 * index_bits + 1
    if cube_top >= 2:
        a = on.part(square, square_width - cube_top, square_width)
        b = on.part(high, top + 1 - cube_top, top + 1)
        cube = on.product(a, b, cube_top - 2, cube_top + 2)
        sixth = on.scale(cube, Fraction(1, 6), working + 2 - 3 * index_bits - cube_top - 2, cube_top + 1)
        parts.append((sixth, 0))
    fourth_top = working - 4 * index_bits + 1
    if plan.order >= 4 and fourth_top >= 2:
        a = on.part(square, square_width - fourth_top, square_width)
        fourth = on.product(a, a, fourth_top - 2, fourth_top + 2)
        shift = working + 2 - 4 * index_bits - fourth_top - 2
        parts.append((on.scale(fourth, Fraction(1, 24), shift, fourth_top + 1), 0))
    return on.part(on.sum(parts, low_bits + 2, constant=2), 2, low_bits + 2)


@dataclass(frozen=True)
class Widths:
    """Widths of the fixed-point program.

    Attributes:
        working: fraction bits of t and 2^f.
        index: address bits of the table.
        adjust: what is added to 2^f, as in `Plan`.
        degree: of the polynomials of 2^f; 0 for the series.
        order: of the series.
    """

    working: int
    index: int
    adjust: int
    degree: int = 0
    order: int = 3


_EXP = {7: Widths(15, 5, 6), 10: Widths(19, 6, 4), 23: Widths(36, 7, 2), 52: Widths(60, 8, 0, 4)}
_EXP2 = {7: Widths(13, 6, 3), 10: Widths(21, 6, -3), 23: Widths(36, 7, 2), 52: Widths(60, 8, 0, 4)}
_PRECISE = {23: Widths(46, 8, 2, order=4)}


@dataclass(frozen=True, eq=False)
class Power:
    """The program of base^x.

    Attributes:
        factor: log2 of the base.
        widths: by fraction bits of the format.
    """

    factor: Fraction
    widths: dict[int, Widths]

    def plan(self, fmt: FloatFormat) -> Plan:
        """The widths for a format."""
        widths = widths_for("exp", self.widths, fmt)
        reach = (fmt.bias + fmt.significand_bits + 1) / float(self.factor)
        fraction_bits = widths.working + (2 if self.factor != 1 else 0)
        shape = (widths.working, widths.index, widths.adjust)
        return Plan(ceil(log2(reach)), fraction_bits, *shape, degree=widths.degree, order=widths.order)

    def __call__(self, on: Integers[W], x: Argument[W], fmt: FloatFormat) -> FunctionValue[W]:
        """The program."""
        plan = self.plan(fmt)
        magnitude, too_large = fixed_point(on, x, fmt, plan.integer_bits, plan.fraction_bits)
        t = split(on, magnitude, too_large, x.sign, plan, self.factor)
        one = on.constant(1, 1)
        reach = 1 << on.width(t.whole)
        away = on.all_of(too_large, x.sign)
        return FunctionValue(
            sign=on.constant(0, 1),
            exponent=on.value(t.whole) + on.value(x.sign, -reach) + on.value(away, -2 * reach) + fmt.bias,
            bounds=(fmt.bias - 3 * reach, fmt.bias + reach),
            significand=on.join(two_to_the(on, t.fraction, plan), one),
            most_zeros=0,
            nan=x.nan,
            infinite=on.all_of(too_large, on.not_(x.sign)),
            inexact=one,
        )


exp = Power(LOG2_E, _EXP)
exp_precise = Power(LOG2_E, _PRECISE)
exp2 = Power(Fraction(1), _EXP2)
