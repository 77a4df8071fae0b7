"""Fixed point in graded spikes: widths, constants of 8-bit weights, and the common left shift of a key and its values.

Each is there twice, as populations and as the integer program that these must equal (`scale` and `scaled`, `normalise`
and `normalised`). The shift: thermometer t_k = [key >= 2^k]; one-hot [t_k and not t_k+1] opens gate k,
relu(x + 2^22 (t_k - t_k+1 - 1)), of every value; the gates' outputs are summed with weights 2^(top - 1 - k). Ours: the
published ladder (NLSpike, arXiv 2605.20289) shifts by a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons.rules import POTENTIALS
from lava_nexus.populations.builder import Cells, PopulationBuilder, Term, each, matrix, spread

Integers = NDArray[np.int64]

# Graded values have 22 bits: a gate that subtracts 2^22 from a value, or adds it, stays within 24 bits with sign.
WIDTH = 22
GATE = 1 << WIDTH
_HALF = 11  # bits of the halves that a wide value is scaled in
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


@dataclass(frozen=True)
class CommonShift:
    """A key and values, shifted together.

    Attributes:
        key: [1], 2^(top - 1) .. 2^top - 1, or 0.
        values: [values].
        valid: bit [1], whether the key is not 0.
    """

    key: Cells
    values: Cells
    valid: Cells


def normalise(b: PopulationBuilder, key: Cells, values: Cells, width: int, top: int, saturate: bool) -> CommonShift:
    """Shifts a key of up to `width` bits to `top` bits, and the values with it.

    Args:
        saturate: values above the key become the key; without, they must fit by themselves.
    """
    thermometer = _thermometer(b, key, width)
    over = [b.graded("over", values.size, each(values), matrix(key, range(values.size), 0, -1))] if saturate else []
    gates = _gates(b, "gate", values, over, thermometer, width)
    key_gates = _gates(b, "key_gate", key, [], thermometer, width)
    return CommonShift(
        b.graded("key", 1, *_shifts(key_gates, 1, width, top)),
        b.graded("shifted", values.size, *_shifts(gates, values.size, width, top)),
        b.bits("valid", 1, matrix(thermometer, 0, 0, 1)),
    )


def normalised(key: Integers, values: Integers, top: int, saturate: bool) -> tuple[Integers, Integers]:
    """`normalise` in integers: key [sets], values [sets, n]."""
    length = bit_length(key)
    moved = top - length
    if saturate:
        values = np.minimum(values, key[:, None])
    by = moved[:, None]
    result = np.where(by >= 0, values << np.maximum(by, 0), values >> np.maximum(-by, 0))
    shifted_key = np.where(moved >= 0, key << np.maximum(moved, 0), key >> np.maximum(-moved, 0))
    return shifted_key, np.where(key[:, None] > 0, result, 0)


def bit_length(x: Integers) -> Integers:
    """int.bit_length of integers from 0 to 2^52."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


def _thermometer(b: PopulationBuilder, key: Cells, width: int) -> Cells:
    """Bits [key >= 2^k]; a key beyond what LIF neurons can receive is cut for the low bits, shifted for the high."""
    steps = 1 - (1 << np.arange(width, dtype=np.int64))
    if width <= LIF_WIDTH:
        return b.bits("thermometer", width, spread(key, np.ones(width)), spread(b.strobe, steps))
    drop = width - LIF_WIDTH
    beyond = b.graded("beyond", 1, each(key), each(b.strobe, 1 - (1 << LIF_WIDTH)))
    low, high = np.arange(LIF_WIDTH), np.arange(LIF_WIDTH, width)
    lowered = b.graded("lowered", 1, each(key, 1, drop))
    return b.bits(
        "thermometer",
        width,
        matrix(key, low, 0, 1),
        matrix(beyond, low, 0, -1),
        matrix(lowered, high, 0, 1),
        spread(b.strobe, np.concatenate([steps[low], 1 - (1 << (high - drop))])),
    )


def _gates(b: PopulationBuilder, name: str, x: Cells, less: list[Cells], thermometer: Cells, width: int) -> Cells:
    """Graded [x.size * width], gate k of value i at i * width + k."""
    n = x.size
    rows = np.arange(n * width)
    value, k = np.divmod(rows, width)
    inner = k < width - 1
    return b.graded(
        name,
        n * width,
        matrix(x, rows, value, 1),
        *(matrix(cells, rows, value, -1) for cells in less),
        matrix(thermometer, rows, k, GATE),
        matrix(thermometer, rows[inner], k[inner] + 1, -GATE),
        matrix(b.strobe, rows, 0, -GATE),
    )


def _shifts(gates: Cells, n: int, width: int, top: int) -> list[Term]:
    value, k = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(width), indexing="ij"))
    left = k < top
    terms = [matrix(gates, value[left], (value * width + k)[left], 1 << (top - 1 - k[left]))]
    for right in range(top, width):
        here = k == right
        terms.append(matrix(gates, value[here], (value * width + k)[here], 1, right - top + 1))
    return terms
