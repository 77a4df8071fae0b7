"""References on integers: an operand taken apart, and a result rounded. No neuron is made of this code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat


@dataclass(frozen=True)
class Fields:
    """Patterns taken apart.

    Attributes:
        sign: bool [n].
        exponent: int64 [n], biased; 1 for zeros and subnormals.
        significand: uint64 [n], hidden bit included.
    """

    sign: NDArray[np.bool_]
    exponent: NDArray[np.int64]
    significand: NDArray[np.uint64]


def fields(patterns: NDArray[Any], fmt: FloatFormat) -> Fields:
    """The fields of patterns (any class of number)."""
    p = patterns.astype(np.uint64)
    exponent = ((p >> np.uint64(fmt.fraction_bits)) & np.uint64((1 << fmt.exponent_bits) - 1)).astype(np.int64)
    normal = exponent > 0
    fraction = p & np.uint64(fmt.fraction_mask)
    significand = np.where(normal, fraction | np.uint64(1 << fmt.fraction_bits), fraction)
    return Fields((p >> np.uint64(fmt.bits - 1)) != 0, np.where(normal, exponent, 1), significand)


def round_integers(
    fmt: FloatFormat,
    sign: NDArray[np.bool_],
    exponent: NDArray[np.int64],
    significand: NDArray[np.uint64],
    fraction_bits: int,
) -> NDArray[Any]:
    """(-1)^sign * (significand + a sliver) / 2^fraction_bits * 2^(exponent - bias), to nearest; 1 <= significand < 2.

    The sliver, positive and below one unit, means that there are no ties.
    """
    drop = fraction_bits - fmt.fraction_bits + np.maximum(1 - exponent, 0)
    drop = np.minimum(drop, 63).astype(np.uint64)
    kept = significand >> drop
    up = (significand >> (drop - np.uint64(1))) & np.uint64(1)
    base = (np.maximum(exponent - 1, 0).astype(np.uint64)) << np.uint64(fmt.fraction_bits)
    magnitude = base + kept + up
    largest = np.uint64(fmt.max_finite)
    over = np.uint64(fmt.exponent_mask if fmt.inf else fmt.canonical_nan)
    magnitude = np.where(magnitude > largest, over, magnitude)
    return (magnitude | (sign.astype(np.uint64) << np.uint64(fmt.bits - 1))).astype(fmt.pattern_dtype)
