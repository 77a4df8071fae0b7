"""x * h for a factor h near 1: the last step of functions that go through zero as a multiple of their operand."""

from __future__ import annotations

from typing import TypeVar

from lava_nexus.circuits.functions.function import Argument
from lava_nexus.circuits.functions.integers import Integers, Product, Sum
from lava_nexus.formats import FloatFormat

W = TypeVar("W")


def scale_below_one(on: Integers[W], x: Argument[W], fmt: FloatFormat, *where: W) -> Sum[W]:
    """The biased exponent of the operand, but that of 1 where it is 1 or more and all the bits `where` are 1."""
    large = on.all_of(on.at_least(on.value(x.exponent), fmt.bias), *where)
    own = on.keep_if(x.exponent, on.not_(large))
    return on.value(own) + on.value(large, fmt.bias) + (-on.value(x.normal)) + 1


def multiplied(on: Integers[W], x: Argument[W], factor: W, bits: int) -> W:
    """The top `bits` bits of significand * factor, about; the first of them weighs twice as much as both first bits.

    The mean of what is left out is added for normal operands only: the product of a subnormal one, which may come next
    to a tie, is cut off.
    """
    significand = x.significand(on)
    cells = Product(significand, factor, min(bits - on.width(significand) - on.width(factor), 0))
    bits = min(bits, on.width(significand) + on.width(factor))
    return on.accumulate([cells], on.value(x.normal, int(on.loss(cells))), bits)
