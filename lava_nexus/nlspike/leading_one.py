"""The common left shift: a leading-one detector on a key moves values left until its top bit is in place.

Thermometer t_k = [key >= 2^k]; one-hot [t_k and not t_k+1] opens gate k, relu(x + 2^22 (t_k - t_k+1 - 1)), of every
value; the gates' outputs are summed with weights 2^(top - 1 - k). Ours: the published ladder shifts by a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lava_nexus.neurons.population_builder import Cells, PopulationBuilder, Term, each, matrix, spread
from lava_nexus.nlspike.fixed_point import GATE, LIF_WIDTH, Integers


@dataclass(frozen=True)
class Normalised:
    """A key and values, shifted together.

    Attributes:
        key: [1], 2^(top - 1) .. 2^top - 1, or 0.
        values: [values].
        valid: bit [1], whether the key is not 0.
    """

    key: Cells
    values: Cells
    valid: Cells


def normalise(b: PopulationBuilder, key: Cells, values: Cells, width: int, top: int, saturate: bool) -> Normalised:
    """Shifts a key of up to `width` bits to `top` bits, and the values with it.

    Args:
        saturate: values above the key become the key; without, they must fit by themselves.
    """
    thermometer = _thermometer(b, key, width)
    over = [b.graded("over", values.size, each(values), matrix(key, range(values.size), 0, -1))] if saturate else []
    gates = _gates(b, "gate", values, over, thermometer, width)
    key_gates = _gates(b, "key_gate", key, [], thermometer, width)
    return Normalised(
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
