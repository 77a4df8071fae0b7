"""References: what a basic operation must answer, taken from IEEE hardware through numpy and ml_dtypes.

They are functions of bit patterns. Formats narrower than FP32 are computed in FP32 by ml_dtypes and rounded again,
which is exact for +, -, *, / and sqrt because 24 >= 2p + 2 (Figueroa, "When is double rounding innocuous?", 1995).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Golden
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT64, FloatFormat

Values = NDArray[Any]


def on_values(function: Callable[..., Values], fmt: FloatFormat) -> Golden:
    """The pattern reference of a function that numpy evaluates on the format's own values."""

    def golden(*patterns: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            values = function(*(fmt.from_patterns(p) for p in patterns))
        return fmt.canonical(np.ascontiguousarray(values, dtype=fmt.dtype).view(fmt.pattern_dtype))

    return golden


def widening_multiply(fmt: FloatFormat, to: FloatFormat) -> Golden:
    """a * b of one format, rounded once to another: the product is exact in FP64 for FP32 and narrower.

    Raises:
        NexusError: the operands are FP64, whose product FP64 cannot hold.
    """
    if fmt == FLOAT64:
        raise NexusError(f"operation 'mul' on {fmt} has no result in {to}: its reference would be rounded twice")

    def golden(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            exact = fmt.from_patterns(a).astype(np.float64) * fmt.from_patterns(b).astype(np.float64)
        return convert(FLOAT64, to)(exact.view(np.uint64))

    return golden


def sign_bit(keep: int, flip: int, fmt: FloatFormat) -> Golden:
    """The reference of neg and abs: (pattern & keep) ^ flip, NaN canonical."""

    def golden(patterns: NDArray[Any]) -> NDArray[Any]:
        dtype = fmt.pattern_dtype.type
        return np.where(fmt.is_nan(patterns), dtype(fmt.canonical_nan), (patterns & dtype(keep)) ^ dtype(flip))

    return golden


def extremum(fmt: FloatFormat, largest: bool) -> Golden:
    """IEEE 754-2019 maximum or minimum: NaN wins, -0 is below +0."""

    def golden(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            x, y = (fmt.from_patterns(p).astype(np.float64) for p in (a, b))
            minus_a = np.signbit(x)
            a_wins = (x > y) | ((x == y) & ~minus_a) if largest else (x < y) | ((x == y) & minus_a)
        chosen = np.where(a_wins, a, b)
        nan = fmt.is_nan(a) | fmt.is_nan(b)
        return np.where(nan, fmt.pattern_dtype.type(fmt.canonical_nan), chosen).astype(fmt.pattern_dtype)

    return golden


def comparison(function: Callable[[Values, Values], Values], fmt: FloatFormat) -> Golden:
    """1 where the comparison holds, 0 where it does not or an operand is NaN."""

    def golden(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            x, y = (fmt.from_patterns(p).astype(np.float64) for p in (a, b))
            return np.asarray(function(x, y)).astype(np.uint8)

    return golden


def convert(fmt: FloatFormat, to: FloatFormat) -> Golden:
    """Conversion between formats.

    From FP64 to formats of 16 bits and fewer ml_dtypes would round twice (through FP32), so FP64 is first brought to
    FP32 by rounding to odd, which makes the second rounding exact (Boldo and Melquiond, 2008).
    """

    def golden(patterns: NDArray[Any]) -> NDArray[Any]:
        values = fmt.from_patterns(patterns)
        with np.errstate(all="ignore"):
            if fmt == FLOAT64 and to.fraction_bits < 23:
                values = _to_odd(values)
            result = values.astype(to.dtype)
        return to.canonical(np.ascontiguousarray(result).view(to.pattern_dtype))

    return golden


def _to_odd(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """FP64 to FP32, rounded to odd: an inexact result gets a last bit of 1."""
    nearest = values.astype(np.float32)
    back = nearest.astype(np.float64)
    bits = nearest.view(np.uint32)
    away = (np.abs(back) > np.abs(values)).astype(np.uint32)
    truncated = bits - away
    inexact = (back != values) & np.isfinite(values)
    return np.where(inexact, truncated | np.uint32(1), bits).astype(np.uint32).view(np.float32)
