"""Results in float64, rounded to a narrower format once.

A sum or product of two FP32 numbers, their quotient and a square root survive the detour through float64 unharmed,
because 53 >= 2 * 24 + 2 (Figueroa, 1995); a function of float64 is off by about 2^-53 itself, so that about one result
in 2^28 may fall on the wrong side of a tie.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import reference
from lava_nexus.formats import FLOAT64, FloatFormat

Values = NDArray[Any]


def rounded_once(values: NDArray[np.float64], fmt: FloatFormat) -> NDArray[Any]:
    """Patterns of the nearest numbers of the format, ties to even."""
    return reference.convert(FLOAT64, fmt)(FLOAT64.to_patterns(values))


def fused_multiply_add(a: Values, b: Values, c: Values) -> NDArray[np.float64]:
    """a * b + c of FP32 or narrower numbers, in float64 rounded to odd, so that one more rounding is the only one.

    The product is exact; the error of the sum is that of Knuth's TwoSum. Source: Boldo and Melquiond, "Emulation of FMA
    and correctly rounded sums: proved algorithms using rounding to odd", 2008.
    """
    product, addend = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    total = product + addend
    part = total - product
    error = (product - (total - part)) + (addend - part)
    even = total.view(np.uint64) % np.uint64(2) == 0
    towards = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where((error != 0) & even & np.isfinite(total), towards, total)
