"""exp(x) = 2^n * 2^f with n + f = x * log2(e), and exp2(x) with n + f = x.

|x| is shifted to fixed point; t = |x| * log2(e); a negative x inverts the bits of t, which is -t less one unit in its
last place.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import TypeVar

import numpy as np

from lava_nexus.circuits.functions.function import Argument, Result, widths_for
from lava_nexus.circuits.functions.integers import Integers
from lava_nexus.circuits.functions.powers import Plan, fixed_point, split, two_to_the
from lava_nexus.formats import FloatFormat

W = TypeVar("W")

# (working bits, table bits, adjustment) by fraction bits of the format.
_EXP = {7: (15, 5, 6), 10: (19, 6, 4), 23: (36, 7, 2)}
_EXP2 = {7: (13, 6, 3), 10: (21, 6, -3), 23: (36, 7, 2)}


@dataclass(frozen=True, eq=False)
class Power:
    """The program of base^x.

    Attributes:
        factor: log2 of the base.
        widths: by fraction bits of the format: working bits, table bits, adjustment.
    """

    factor: np.longdouble
    widths: dict[int, tuple[int, int, int]]

    def plan(self, fmt: FloatFormat) -> Plan:
        """The widths for a format."""
        working, index_bits, adjust = widths_for("exp", self.widths, fmt)
        reach = (fmt.bias + fmt.significand_bits + 1) / float(self.factor)
        return Plan(ceil(log2(reach)), working + (2 if self.factor != 1 else 0), working, index_bits, adjust)

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


exp = Power(1 / np.log(np.longdouble(2)), _EXP)
exp2 = Power(np.longdouble(1), _EXP2)
