"""exp(x) = 2^n * 2^f with n + f = x * log2(e), and exp2(x) with n + f = x.

|x| is shifted to fixed point; t = |x| * log2(e); a negative x inverts the bits of t, which is -t less one unit in its
last place.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, log2
from typing import TypeVar

from lava_nexus.circuits.functions.constants import LOG2_E
from lava_nexus.circuits.functions.function import Argument, Result, widths_for
from lava_nexus.circuits.functions.integers import Integers
from lava_nexus.circuits.functions.powers import Plan, fixed_point, split, two_to_the
from lava_nexus.formats import FloatFormat

W = TypeVar("W")


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

    def __call__(self, on: Integers[W], x: Argument[W], fmt: FloatFormat) -> Result[W]:
        """The program."""
        plan = self.plan(fmt)
        magnitude, too_large = fixed_point(on, x, fmt, plan.integer_bits, plan.fraction_bits)
        t = split(on, magnitude, too_large, x.sign, plan, self.factor)
        one = on.constant(1, 1)
        reach = 1 << on.width(t.whole)
        away = on.all_of(too_large, x.sign)
        return Result(
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
