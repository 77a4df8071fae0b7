"""sigmoid(x) = 1 / (1 + exp(-x)) and silu(x) = x * sigmoid(x).

z = exp(-|x|) = 2^-n * m as in exp; then sigmoid is 1 / (1 + z) for a positive x and 2^-n * m / (1 + z) for a negative one:
one restoring array, whose rows get shorter as the digits that are still to come weigh less.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, log2
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.function import Argument, Result
from lava_nexus.circuits.functions.integers import Integers, Sum
from lava_nexus.circuits.functions.powers import Plan, fixed_point, split, two_to_the
from lava_nexus.circuits.functions.significand import multiplied
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat

W = TypeVar("W")


@dataclass(frozen=True)
class Widths:
    """Attributes:
    working: fraction bits of m.
    index: address bits of the table.
    adjust: what is added to m, in units of a quarter of its last place.
    digits: of the quotient.
    guard: bits of the divisor in the last row.
    product: bits of x * sigmoid(x).
    """

    working: int
    index: int
    adjust: int
    digits: int
    guard: int
    product: int = 0


SIGMOID: dict[int, Widths] = {
    7: Widths(21, 5, 2, 18, 4),
    10: Widths(26, 6, 2, 22, 4),
    23: Widths(36, 7, 2, 36, 5),
}
SILU: dict[int, Widths] = {
    7: Widths(21, 5, 2, 18, 4, 18),
    10: Widths(26, 6, 2, 22, 4, 22),
    23: Widths(36, 7, 2, 36, 5, 37),
}


def _sigmoid(on: Integers[W], x: Argument[W], fmt: FloatFormat, widths: Widths) -> tuple[W, Sum[W], int]:
    """(quotient, its first bit 1; exponent of that bit; how far that can go below 0)."""
    bits, index, guard = widths.working, widths.index, widths.guard
    reach = (fmt.bias + fmt.significand_bits + 1) * log(2)
    plan = Plan(ceil(log2(reach)), bits + 2, bits, index, widths.adjust)
    magnitude, too_large = fixed_point(on, x, fmt, plan.integer_bits, plan.fraction_bits)
    t = split(on, magnitude, too_large, on.constant(0, 1), plan, 1 / np.log(np.longdouble(2)))
    m = two_to_the(on, on.invert_if(t.fraction, on.constant(1, 1)), plan)
    # z = 2^-(whole + 1) * 1.m, to one bit more than the dividend has
    below = widths.digits + guard - 1
    kept = on.join(on.part(m, max(bits - below, 0), bits), on.constant(1, 1))
    z = on.align(kept, on.value(t.whole) + on.value(too_large, 2 * below), max(below - on.width(kept), 0))
    divisor = on.join(z, on.constant(1, 1))
    fraction = on.keep_if(on.part(kept, on.width(kept) - 1 - min(below, bits), on.width(kept) - 1), x.sign)
    dividend = on.join(on.constant(0, on.width(z) - on.width(fraction)), fraction, on.constant(1, 1))
    quotient = on.divide(dividend, divisor, widths.digits, on.width(divisor) - widths.digits - guard + 2)
    reach_2 = 1 << on.width(t.whole)
    whole = on.keep_if(t.whole, x.sign)
    away = on.all_of(too_large, x.sign)
    exponent = -on.value(whole) - on.value(x.sign) - on.value(away, 2 * reach_2)
    return quotient, exponent, 3 * reach_2


def _widths(name: str, table: dict[int, Widths], fmt: FloatFormat) -> Widths:
    if fmt.fraction_bits not in table:
        raise NexusError(f"{name} has no widths for {fmt}; it is there for fractions of {sorted(table)} bits")
    return table[fmt.fraction_bits]


def sigmoid(on: Integers[W], x: Argument[W], fmt: FloatFormat) -> Result[W]:
    """1 / (1 + exp(-x))."""
    quotient, exponent, reach = _sigmoid(on, x, fmt, _widths("sigmoid", SIGMOID, fmt))
    zero = on.constant(0, 1)
    return Result(
        sign=zero,
        exponent=exponent + fmt.bias,
        bounds=(fmt.bias - reach, fmt.bias),
        significand=quotient,
        most_zeros=1,
        nan=x.nan,
        infinite=zero,
        inexact=on.constant(1, 1),
    )


def silu(on: Integers[W], x: Argument[W], fmt: FloatFormat) -> Result[W]:
    """x * sigmoid(x); -0 at minus infinity."""
    widths = _widths("silu", SILU, fmt)
    quotient, exponent, reach = _sigmoid(on, x, fmt, widths)
    return Result(
        sign=x.sign,
        exponent=exponent + x.scale(on) + 1,
        bounds=(2 - reach, (1 << fmt.exponent_bits) + 1),
        significand=multiplied(on, x, quotient, widths.product),
        most_zeros=2,
        nan=x.nan,
        infinite=on.all_of(x.infinite, on.not_(x.sign)),
        inexact=on.constant(1, 1),
    )


def exact_sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """The function on longdouble arrays."""
    return np.asarray(np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x))))


def exact_silu(x: NDArray[Any]) -> NDArray[Any]:
    """The function on longdouble arrays."""
    product = np.where(x == -np.inf, -np.longdouble(0), x * exact_sigmoid(x))
    # x / 2 + x^2 / 4 where longdouble holds no more than the first
    return np.asarray(np.where((np.abs(x) < 1e-18) & (x != 0), np.nextafter(x / 2, np.longdouble(np.inf)), product))
