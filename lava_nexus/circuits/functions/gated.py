"""x * h(x), and h(x) alone, for a gate h that goes from 0 to 1: the program of sigmoid, silu, gelu and gelu_tanh.

For x >= 0 the gate lies in 1/2 .. 1; for x < 0 it is 2^-t * g(|x|), where t grows and g is smooth. Both smooth factors
are polynomials over segments of |x| (`piecewise`); 2^-t is that of `exponential`, and multiplies only where x is
negative, so that a small result keeps its relative accuracy.

Error: see `activations`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log2
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.exponential import Plan, fixed_point, split, two_to_the
from lava_nexus.circuits.functions.fitting import Approximation, fit, in_binades
from lava_nexus.circuits.functions.function import Argument, FunctionValue, widths_for
from lava_nexus.circuits.functions.integers import Integers, Product
from lava_nexus.circuits.functions.piecewise import Piecewise, evaluate
from lava_nexus.circuits.functions.real import LOG2_E, Real
from lava_nexus.circuits.functions.saturation import in_middle, in_steps, multiplied, scale_below_one
from lava_nexus.formats import FloatFormat

W = TypeVar("W")

_NARROW = 32  # bits of a format in which g is fitted as it is
Decay = Callable[[Integers[Any], Any, int, int], Any]


@dataclass(frozen=True)
class Widths:
    """Widths of the fixed-point program.

    Attributes:
        fraction: fraction bits of |x|.
        precision: fraction bits of the smooth factors.
        error: log2 of the largest error of a polynomial.
        longest: log2 of the longest segment of |x|.
        working: fraction bits of t and 2^-t.
        index: address bits of the table of 2^-t.
        product: bits of x * h.
        degree: of the polynomials.
        adjust: what is added to the smooth factors, in units of their last place.
        adjust_power: what is added to 2^-t, as in `Plan`.
        power_degree: of the polynomials of 2^-t; 0 for the series.
        order: of the series.
        one: log2 of the distance from 1 at which the gate of a positive operand counts as 1.
        growth: log2 of what the function grows by from one positive operand told apart to the next; None tells all
            apart.
    """

    fraction: int
    precision: int
    error: float
    longest: int
    working: int
    index: int
    product: int
    degree: int = 3
    adjust: int = 0
    adjust_power: int = 2
    power_degree: int = 0
    order: int = 3
    one: int | None = None
    growth: int | None = None


@dataclass(frozen=True, eq=False)
class Gated:
    """The program of a gate, or of its operand times the gate.

    Attributes:
        name: for messages.
        plus: the gate for x >= 0.
        minus: the smooth factor g(|x|) for x < 0.
        decay: |x| as a fixed-point word of so many fraction bits to s in fixed point of so many, where 2^-t = exp(-s).
        exponent: s for a float |x|.
        widths: by fraction bits of the format.
        times_operand: whether the gate multiplies x.
        falls: whether g falls like 1 / |x|.
    """

    name: str
    plus: Real
    minus: Real
    decay: Decay
    exponent: Callable[[NDArray[Any]], NDArray[Any]]
    widths: dict[int, Widths]
    times_operand: bool = True
    falls: bool = False

    def exact(self, x: NDArray[Any]) -> NDArray[Any]:
        """The function on longdouble arrays."""
        size = np.minimum(np.abs(x), np.longdouble(200))
        gate = np.where(x < 0, np.exp(-self.exponent(size)) * self.minus(size), self.plus(size))
        if not self.times_operand:
            return np.asarray(np.where(np.isnan(x), x, gate))
        # Near 0 it is x / 2 + c * x^2, where longdouble holds no more than the first.
        tiny = (np.abs(x) < 1e-18) & (x != 0)
        product = np.where(x == -np.inf, -np.longdouble(0), x * gate)
        return np.asarray(np.where(tiny, np.nextafter(x / 2, np.longdouble(np.inf)), product))

    def __call__(self, on: Integers[W], x: Argument[W], fmt: FloatFormat) -> FunctionValue[W]:
        """The program."""
        widths, integer_bits = widths_for(self.name, self.widths, fmt), _integer_bits(self, fmt)
        if widths.growth is not None:
            x = in_steps(on, x, fmt, self.exact, 2.0**widths.growth, on.not_(x.sign))
        magnitude, too_large = fixed_point(on, x, fmt, integer_bits, widths.fraction)
        if widths.growth is not None:
            small = on.not_(on.at_least(on.value(x.exponent), fmt.bias - 2))
            magnitude = in_middle(on, magnitude, widths.fraction + widths.growth + 2, small)
        pieces, least = _pieces(self, fmt, widths)
        index = on.join(magnitude, too_large, *([] if self.plus is self.minus else [x.sign]))
        gate = evaluate(on, index, pieces, widths.precision, widths.adjust)
        power_bits = widths.working + 2
        s = self.decay(on, magnitude, widths.fraction, power_bits)
        plan = Plan(
            on.width(s) - power_bits,
            power_bits,
            widths.working,
            widths.index,
            widths.adjust_power,
            degree=widths.power_degree,
            order=widths.order,
        )
        t = split(on, s, too_large, on.constant(0, 1), plan, LOG2_E)
        power = two_to_the(on, on.invert_if(t.fraction, on.constant(1, 1)), plan)
        if self.times_operand:
            gate = multiplied(on, x, gate, widths.product)
        significand = _scaled(on, gate, on.keep_if(power, x.sign), on.all_of(x.sign, x.normal))
        far = 2 << on.width(t.whole)
        away = on.all_of(too_large, x.sign)
        exponent = -on.value(on.keep_if(t.whole, x.sign)) - on.value(x.sign) - on.value(away, far) + 1
        lowest, highest = 2 - far - (far >> 1), 1
        zero = on.constant(0, 1)
        if self.times_operand:
            scale = scale_below_one(on, x, fmt, x.sign) if _binades(self, fmt) else x.scale(on)
            exponent, highest = exponent + scale, (1 << fmt.exponent_bits) + 1
        else:
            exponent, lowest, highest = exponent + fmt.bias - 1, lowest + fmt.bias - 2, fmt.bias
        return FunctionValue(
            sign=x.sign if self.times_operand else zero,
            exponent=exponent,
            bounds=(lowest, highest),
            significand=significand,
            most_zeros=1 + ceil(-log2(least)),
            nan=x.nan,
            infinite=on.all_of(x.infinite, on.not_(x.sign)) if self.times_operand else zero,
            inexact=on.constant(1, 1),
        )


def _scaled(on: Integers[W], value: W, fraction: W, compensate: W) -> W:
    """value * (1 + fraction), one bit wider; the mean of what is left out is added where the bit is 1."""
    cells = Product(fraction, value, -on.width(fraction))
    total = on.value(value) + on.value(compensate, int(on.loss(cells)))
    return on.accumulate([cells], total, on.width(value) + 1)


@lru_cache(maxsize=64)
def _integer_bits(gated: Gated, fmt: FloatFormat) -> int:
    """Of |x|: where exp(-s) * |x| has underflown and the gate of a positive operand is 1."""
    need = (fmt.bias + fmt.significand_bits + 1) * np.log(2.0) + 3
    return next(bits for bits in range(1, 12) if gated.exponent(np.array(1 << bits, dtype=np.longdouble)) > need)


@lru_cache(maxsize=64)
def _pieces(gated: Gated, fmt: FloatFormat, widths: Widths) -> tuple[Piecewise, float]:
    """(segments over magnitude, too_large bit and sign; the least value of a smooth factor)."""
    top = 1 << (_integer_bits(gated, fmt) + widths.fraction)
    reach = float(1 << _integer_bits(gated, fmt))
    grid = np.linspace(0, reach, 4097, dtype=np.longdouble)
    one = -fmt.significand_bits - 2 if widths.one is None else widths.one
    near_one = float(grid[np.argmax(1 - gated.plus(grid) < 2.0**one)])
    longest = widths.fraction + widths.longest

    how = Approximation(widths.fraction, widths.precision, widths.degree, 2.0**widths.error, longest)

    def of(function: Real, start: float, end: float) -> Piecewise:
        return fit(function, how, end, start, anchored=start == 0)

    plus = of(gated.plus, 0.0, near_one)
    end = plus.starts[-1] + (1 << plus.free[-1])
    plus = plus.with_constant((1 << widths.precision) - 1, end, 2 * top)
    if gated.plus is gated.minus:
        return plus, 0.5
    underflow = float(grid[np.argmax(gated.exponent(grid) > (fmt.bias + fmt.significand_bits + 1) * np.log(2.0) + 3)])
    binades = _binades(gated, fmt)
    minus = in_binades(gated.minus, underflow, binades, of)
    least = float(gated.minus(np.array([1.0 if binades else underflow], np.longdouble))[0])
    return plus.joined(minus, 2 * top), least


def _binades(gated: Gated, fmt: FloatFormat) -> int:
    """Binades from 1 upwards in which g is fitted times 2 to the binade."""
    return _integer_bits(gated, fmt) if gated.falls and fmt.bits > _NARROW else 0
