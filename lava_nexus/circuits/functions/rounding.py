"""The reference rounder, on integers. No neuron is made of this code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.evaluate import bit_length
from lava_nexus.formats import FloatFormat


def round_integers(
    fmt: FloatFormat,
    sign: NDArray[np.uint64],
    exponent: NDArray[np.int64],
    significand: NDArray[np.uint64],
    fraction_bits: int,
    inexact: NDArray[np.uint64],
) -> NDArray[np.uint64]:
    """Patterns of (-1)^sign * (significand + sliver) / 2^fraction_bits * 2^(exponent - bias), to nearest, ties to even.

    Args:
        sign: 0 or 1 [n].
        exponent: biased exponent of a significand of 1 [n].
        significand: any [n]; below 2^62.
        inexact: 1 where there is a sliver, positive and less than one unit [n].
    """
    first = bit_length(significand).astype(np.int64) - 1
    biased = exponent + first - fraction_bits  # of the highest 1
    drop = np.minimum(first - fmt.fraction_bits + np.maximum(1 - biased, 0), 63)
    left, right = np.maximum(-drop, 0).astype(np.uint64), np.maximum(drop, 0).astype(np.uint64)
    kept = (significand << left) >> right
    one = np.uint64(1)
    guard = np.where(drop > 0, (significand >> (np.maximum(right, one) - one)) & one, np.uint64(0))
    below = significand & ((one << (np.maximum(right, one) - one)) - one)
    up = guard & ((below > 0) | (inexact > 0) | ((kept & one) > 0))
    base = np.maximum(biased - 1, 0).astype(np.uint64) << np.uint64(fmt.fraction_bits)
    magnitude = np.where(significand > 0, base + kept + up, np.uint64(0))
    if fmt.inf:
        magnitude = np.minimum(magnitude, np.uint64(fmt.exponent_mask))
    else:
        magnitude = np.where(magnitude > np.uint64(fmt.max_finite), np.uint64(fmt.canonical_nan), magnitude)
    result: NDArray[np.uint64] = magnitude | (sign << np.uint64(fmt.bits - 1))
    return result
