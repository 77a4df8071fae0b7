"""What the operators' networks and their golden integer programs share: widths, and constants of 8-bit weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons.limits import POTENTIALS
from lava_nexus.neurons.population_builder import Cells, PopulationBuilder, Term, each

Integers = NDArray[np.int64]

# Graded values have 22 bits: a gate that subtracts 2^22 from a value, or adds it, stays within 24 bits with sign.
WIDTH = 22
GATE = 1 << WIDTH
# What a LIF neuron can receive has 17 bits.
LIF_WIDTH = (POTENTIALS.bit_input + 1).bit_length() - 1


@dataclass(frozen=True)
class Constant:
    """sum over parts of floor(x * mantissa / 2^shift): a factor in synapses of 8 bits.

    Attributes:
        parts: (mantissa 1..255, shift); a shift below 0 multiplies.
    """

    parts: tuple[tuple[int, int], ...]

    @property
    def value(self) -> float:
        """The factor."""
        return sum(mantissa / 2.0**shift for mantissa, shift in self.parts)

    def __call__(self, x: Integers) -> Integers:
        """The product, in integers."""
        return np.asarray(sum(shifted(x * mantissa, shift) for mantissa, shift in self.parts), np.int64)

    def terms(self, cells: Cells) -> list[Term]:
        """The product, in synapses, neuron by neuron."""
        return [each(cells, mantissa << max(0, -shift), max(0, shift)) for mantissa, shift in self.parts]


def shifted(x: Integers, shift: int) -> Integers:
    """floor(x / 2^shift)."""
    return x >> shift if shift >= 0 else x << -shift


def constant(factor: float, bits: int = 16) -> Constant:
    """The factor > 0, rounded to 8 or 16 significant bits."""
    mantissa, exponent = math.frexp(factor)
    whole, shift = round(mantissa * 2**bits), bits - exponent
    if bits == 8:
        return Constant(_part(whole, shift))
    return Constant((*_part(whole >> 8, shift - 8), *_part(whole & 255, shift)))


def _part(mantissa: int, shift: int) -> tuple[tuple[int, int], ...]:
    while mantissa > 255:
        mantissa, shift = mantissa >> 1, shift - 1
    return ((mantissa, shift),) if mantissa else ()


_HALF = 11


def scale(b: PopulationBuilder, x: Cells, factor: float) -> Cells:
    """factor * x for x of up to 22 bits, in two halves of 11 bits, so that products fit; two levels."""
    high = b.graded("high", x.size, each(x, 1, _HALF))
    low = b.graded("low", x.size, each(x), each(high, -(1 << _HALF)))
    c = constant(factor)
    parts = [Constant(((m, s - _HALF),)).terms(high)[0] for m, s in c.parts]
    return b.graded("scaled", x.size, *parts, *c.terms(low))


def scaled(x: Integers, factor: float) -> Integers:
    """`scale` in integers."""
    c = constant(factor)
    high, low = x >> _HALF, x & ((1 << _HALF) - 1)
    return np.asarray(sum(shifted(high * m, s - _HALF) for m, s in c.parts) + c(low), np.int64)
