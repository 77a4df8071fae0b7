"""SiLU and GELU of LIF populations: x / (1 + r(x)), r by chords.

SiLU: r(x) = exp(-x), as published (NLSpike, arXiv 2605.20289). GELU: r(x) = P(X > x) / P(X < x) of a normal X, which
makes x / (1 + r) exactly x P(X < x); ours, the paper has no GELU. Beyond -H the result is 0, beyond H it is x,
rounded down.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.built import Computed
from lava_nexus.populations.builder import PopulationBuilder, each
from lava_nexus.populations.chords import Function, look_up
from lava_nexus.populations.division import divide, quotient, quotient_terms
from lava_nexus.populations.fixed_point import GATE, Integers, shifted
from lava_nexus.populations.normalisation import exponent_fraction
from lava_nexus.populations.operator import Operator, Options

IN_BITS = 17  # a LIF neuron can compare what has 17 bits with sign with any bound


def silu(size: int, options: Options) -> Operator:
    """x / (1 + exp(-x)), element by element."""
    return _gated("silu", np.exp, options, 5.0)


def gelu(size: int, options: Options) -> Operator:
    """x P(X < x), X normal, element by element."""
    return _gated("gelu", normal_ratio, options, 3.0)


def normal_ratio(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(X < a) / P(X > a)."""
    return np.array([math.erfc(-v / math.sqrt(2)) / math.erfc(v / math.sqrt(2)) for v in a])


def _gated(name: str, ratio: Function, options: Options, default: float) -> Operator:
    high = options.interval(default)
    fraction = exponent_fraction(1 + float(ratio(np.array([high]))[0]))
    table = options.chords(ratio, high, fraction)
    bound = round(high * 2 ** options.fraction())
    room = math.ceil(math.log2(high)) if high > 1 else 0
    ladders = options.ladders(options.grid_bits + room)
    up = fraction - options.fraction() - room
    spare = options.fraction() - options.grid_bits

    def golden(x: Integers) -> Integers:
        inside = np.abs(x) <= bound
        divisor = table(bound - x + 1) + (1 << fraction)
        q = quotient(shifted(np.where(inside, np.abs(x), 0), -up)[..., None].reshape(-1, 1), divisor.ravel(), ladders)
        q = q.reshape(x.shape)
        return np.where(x > bound, shifted(x, spare), np.where(x > 0, q, np.where((x < 0) & inside, -q - 1, 0)))

    b = PopulationBuilder()
    x = b.input("x", 1)
    plus, minus = b.graded("plus", 1, each(x)), b.graded("minus", 1, each(x, -1))
    above = b.bits("above", 1, each(x), each(b.strobe, -bound))
    below = b.bits("below", 1, each(x, -1), each(b.strobe, -bound))
    negative = b.bits("negative", 1, each(x, -1))
    offset = b.graded("offset", 1, each(x, -1), each(b.strobe, bound + 1))
    divisor = b.graded("divisor", 1, *look_up(b, offset, table, bounded=False), each(b.strobe, 1 << fraction))
    inside = b.graded("inside", 1, each(plus), each(minus), each(above, -GATE), each(below, -GATE))
    dividend = b.graded("dividend", 1, each(inside, 1 << max(up, 0), max(-up, 0)))
    beyond = b.graded("beyond", 1, each(plus), each(above, GATE), each(b.strobe, -GATE))
    within = b.bits("within", 1, each(negative), each(below, -1))
    q = quotient_terms(divide(b, dividend, divisor, ladders), 1)
    bypass = each(beyond, 1 << max(-spare, 0), max(spare, 0))
    y = b.graded("y", 1, *q, bypass, each(negative, -GATE))
    y_negative = b.graded("y_negative", 1, *q, each(within, GATE + 1), each(b.strobe, -GATE))
    return Operator(
        name,
        1,
        1,
        b.finish([("y", y, y_negative)]),
        Computed(golden, "program"),
        IntegerFormat(IN_BITS),
        IntegerFormat(IN_BITS + max(0, -spare) + 1),
        options.fraction(),
        options.grid_bits,
        options.changed(),
    )
