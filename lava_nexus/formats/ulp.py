"""Distance in units in the last place, as the distance of ordered integers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats.float_format import FloatFormat


@dataclass(frozen=True)
class UlpSummary:
    """How far two arrays of one format are apart.

    Attributes:
        max: largest distance in ULP.
        mean: mean distance in ULP.
        zero_rate: share (0..1) of elements 0 ULP apart.
        unequal_bits: elements whose patterns differ; counts +0 against -0, which are 0 ULP apart.
        count: elements compared.
    """

    max: int
    mean: float
    zero_rate: float
    unequal_bits: int
    count: int

    def as_dict(self) -> dict[str, float | int]:
        """The fields as a plain dict for a report."""
        return asdict(self)


def ordered(patterns: NDArray[Any], fmt: FloatFormat) -> NDArray[np.int64]:
    """Signed integers in the order of the numbers; +0 and -0 are both 0, infinity follows the largest number."""
    magnitude = (patterns & fmt.pattern_dtype.type(fmt.sign_mask - 1)).astype(np.int64)
    return np.where(patterns >> fmt.pattern_dtype.type(fmt.bits - 1) != 0, -magnitude, magnitude)


def ulp_distance(a: NDArray[Any], b: NDArray[Any], fmt: FloatFormat) -> NDArray[np.uint64]:
    """ULP between two arrays of patterns; two NaNs are 0 apart, a NaN and a number the largest uint64."""
    x, y = ordered(a, fmt), ordered(b, fmt)
    # |x - y| can pass 2^63 for FP64: take it modulo 2^64, where it is exact.
    distance = np.where(x > y, x.view(np.uint64) - y.view(np.uint64), y.view(np.uint64) - x.view(np.uint64))
    nan_a, nan_b = fmt.is_nan(a), fmt.is_nan(b)
    distance = np.where(nan_a & nan_b, np.uint64(0), distance)
    return np.where(nan_a ^ nan_b, np.uint64(2**64 - 1), distance)


def summarise(a: NDArray[Any], b: NDArray[Any], fmt: FloatFormat) -> UlpSummary:
    """Summary of the distances between two arrays of patterns of one shape; empty arrays are 0 apart."""
    distance = ulp_distance(a, b, fmt)
    if distance.size == 0:
        return UlpSummary(0, 0.0, 1.0, 0, 0)
    return UlpSummary(
        max=int(distance.max()),
        mean=float(distance.mean(dtype=np.float64)),
        zero_rate=float((distance == 0).mean()),
        unequal_bits=int((fmt.canonical(a) != fmt.canonical(b)).sum()),
        count=int(distance.size),
    )
